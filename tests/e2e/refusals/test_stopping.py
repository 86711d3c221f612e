"""Ctrl-C, bugs of ours, and errors in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PICK = "pick {} --model model.safetensors -o {{out}}"
TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"


def tree(folder: Path) -> dict[str, int]:
    """Every file and folder below, with its time: what a command must leave as it was."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_ctrl_c_is_one_line_and_leaves_nothing(say, shelf, out: Path, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tomoscout.inference.detect.predict", stop)
    before = tree(shelf)
    code, error = say(PICK.format("good.mrc"))
    assert (code, error) == (
        130,
        "tomoscout: stopped; run the same command again to go on\n",
    )
    assert tree(shelf) == before
    assert not out.exists()


def test_ctrl_c_while_training_can_be_pressed_again_later(say, monkeypatch):
    """Lightning answers the first one with exit code 1, and ignores all that follow."""
    import signal

    from tomoscout.training.detection import DetectionModule

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(DetectionModule, "training_step", stop)
    code, error = say(TRAIN)
    assert code == 130
    assert error.splitlines()[-1] == "tomoscout: stopped; run the same command again to go on"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_bug_of_ours_is_told_from_a_mistake_of_the_users(say, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("tomoscout.io.project.open_project", fail)
    monkeypatch.delenv("TOMOSCOUT_DEBUG", raising=False)
    code, error = say(PICK.format("good.mrc"))
    assert code == 1
    assert error.splitlines() == [
        "tomoscout: internal error, ZeroDivisionError: division by zero",
        "This is a bug of ours: please report it with the output of TOMOSCOUT_DEBUG=1.",
    ]
    monkeypatch.setenv("TOMOSCOUT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        say(PICK.format("good.mrc"))


def test_an_error_is_not_broken_into_lines_in_a_pipe(shelf: Path, tmp_path: Path):
    command = [sys.executable, "-m", "tomoscout.cli", "pick", "cut.mrc"]
    done = subprocess.run(
        [*command, "--model", "model.safetensors", "-o", str(tmp_path / "out")],
        cwd=shelf,
        env={**os.environ, "COLUMNS": "20"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"tomoscout: {shelf}/cut.mrc: truncated: its header asks for 154624 bytes, found 154524: "
        "copy the file again\n"
    )
    assert not (tmp_path / "out").exists()
