"""docs/tuning.md is true: its commands run one after the other, and its Python after them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from samples.planted import save_weights
from tomoscout.cli import main
from tomoscout.core.parameters import read_parameters

TEXT = (Path(__file__).parents[3] / "docs" / "tuning.md").read_text("utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)


def test_every_command_and_the_python_lines_run(shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shelf / "project", "project")
    for name, seen in {"fold0": ("run0",), "fold1": ("run0", "run1")}.items():
        Path(name).mkdir()
        save_weights(Path(name, "model.safetensors"), seed=len(seen), trained_on=seen)
    commands = [
        line
        for kind, body in BLOCK.findall(TEXT)
        if kind == "console"
        for line in body.splitlines()
    ]
    assert len(commands) == 10
    for command in commands:
        assert main([*shlex.split(command)[1:], "--quiet"]) == 0, command
    assert read_parameters("guess.json").thresholds["small"] < 0.04
    assert set(read_parameters("blend.json").shares) == {"large", "small"}
    (snippet,) = (body for kind, body in BLOCK.findall(TEXT) if kind == "python")
    exec(compile(snippet, "tuning.md", "exec"), {"__name__": "tuning"})
    assert "weighted" in capsys.readouterr().out


def test_values_named_in_the_text_are_those_of_the_code():
    from tomoscout.tuning._sweep import FEW
    from tomoscout.tuning.candidates import LEVELS
    from tomoscout.tuning.expected import expected_threshold

    words = " ".join(TEXT.split())
    assert f"fewer than {FEW}" in words
    assert LEVELS == 12
    assert "picked anew at twelve thresholds" in words
    assert f"{expected_threshold(0.78):.3f} for an F4 of 0.78" in words
