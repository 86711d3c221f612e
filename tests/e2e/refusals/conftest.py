"""What a user can get wrong: one line that says what, where and how to mend it, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tomoscout.cli import main

Refuse = Callable[..., str]


def tree(folder: Path) -> dict[str, int]:
    """Every file and folder below, with its time: what a command must leave as it was."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def say(
    shelf: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Type a command in the shelf's folder; ``{out}`` is a path of the test's own."""
    monkeypatch.chdir(shelf)

    def typed(command: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([word.format(out=out) for word in command.split()])
        return code, capsys.readouterr().err

    return typed


@pytest.fixture
def refuse(shelf: Path, tmp_path: Path, say: Callable[[str], tuple[int, str]]) -> Refuse:
    """Type a command that must be refused in one line with all these words, and leave no trace."""

    def typed(command: str, *words: str) -> str:
        before = tree(shelf), tree(tmp_path)
        code, error = say(command)
        assert code == 2, error
        lines = error.splitlines()
        assert len(lines) == 1, error
        assert lines[0].startswith("tomoscout: ")
        for word in words:
            assert word in lines[0]
        assert (tree(shelf), tree(tmp_path)) == before
        return lines[0]

    return typed
