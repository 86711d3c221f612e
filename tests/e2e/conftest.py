"""A miniature of the demo, run once through the command line, for whatever needs its results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscout.cli import main


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which ``tomoscout demo`` has run, small and short."""
    from tomoscout.commands import demo as module

    folder = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHAPE", (64, 128, 128))
        patch.setattr(module, "CROWDING", 12.0)
        patch.chdir(folder)
        assert main(["demo", "-o", "demo", "--steps", "3", "--quiet"]) == 0
    return folder
