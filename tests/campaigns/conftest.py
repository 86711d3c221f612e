"""A campaign in miniature: two experiments of three folds, and runs they know and do not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.weights import write_campaign, write_crossval, write_project

RUNS = ["run0", "run1", "run2"]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the experiments ``good`` and ``astray``, the projects, and campaign.yaml."""
    root = tmp_path_factory.mktemp("bench")
    write_project(root / "home", {name: seed for seed, name in enumerate(RUNS)})
    write_project(root / "away", {"new0": 10, "new1": 11})
    write_crossval(root / "good", RUNS)
    write_crossval(root / "astray", RUNS, astray=0.5)
    write_campaign(root)
    return root
