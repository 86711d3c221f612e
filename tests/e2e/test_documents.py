"""Documents are true: their commands and snippets run, in the folder where the demo was made."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tomoscout.cli import VERBS, main

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text("utf-8")
    return [body for kind, body in BLOCK.findall(text) if kind == language]


@pytest.mark.parametrize("name", ["README.md", "docs/guide.md"])
def test_every_tomoscout_command_runs(name, demo, monkeypatch):
    monkeypatch.chdir(demo)
    commands = [
        line
        for block in blocks(name, "console")
        for line in block.splitlines()
        if line.startswith("tomoscout")
    ]
    assert len(commands) >= 6
    for command in commands:
        assert main([*shlex.split(command)[1:], "--quiet"]) == 0, command


def test_the_python_lines_run_and_write_the_star_file(demo, monkeypatch, capsys):
    monkeypatch.chdir(demo)
    (snippet,) = blocks("README.md", "python")
    assert sum(1 for line in snippet.splitlines() if line.strip()) <= 10
    exec(compile(snippet, "README.md", "exec"), {})
    assert (demo / "simulated.star").exists()
    assert "weighted F4" in capsys.readouterr().out


def test_the_readme_names_every_verb():
    text = (ROOT / "README.md").read_text("utf-8")
    for verb in VERBS:
        assert f"| `{verb}` |" in text


def test_no_document_names_a_flag_that_does_not_exist(capsys):
    """Each --flag in a command of the documents stands in that verb's help."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in blocks(str(path), "console"):
            for line in block.splitlines():
                if not line.startswith("tomoscout"):
                    continue
                verb = line.split()[1]
                main([verb, "--help"])
                text = capsys.readouterr().out
                for flag in re.findall(r"(--[a-z-]+)(?=\s)", line):
                    assert flag in text, f"{flag} in: {line}"
