"""How the command line behaves besides its results: quick help, quiet, progress, logging."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tomoscout
from tomoscout.cli import VERBS, main
from tomoscout.commands._console import status

SOURCES = sorted(Path(tomoscout.__file__).parent.rglob("*.py"))


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a snippet in a Python of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_help_imports_nothing_heavy():
    """It answers in under half a second, most of which is Python's own start."""
    code = """
import sys
from tomoscout.cli import VERBS, main
for verb in ["", *VERBS]:
    assert main([*verb.split(), "--help"]) == 0
    heavy = {"numpy", "torch", "pandas", "scipy", "zarr", "pydantic"} & set(sys.modules)
    assert not heavy, (verb, heavy)
"""
    told = python(code).stdout
    for verb, line in VERBS.items():
        assert f"Usage: tomoscout {verb}" in told
        assert line.split(":")[0].split(",")[0] in told


def test_quiet_silences_progress_and_keeps_results(shelf, tmp_path, capsys):
    command = ["convert", str(shelf / "good.mrc"), str(tmp_path / "a.zarr"), "--overwrite"]
    assert main([*command, "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == f"volume: {tmp_path / 'a.zarr'}\n"
    assert main(["-q", "convert", str(shelf / "none.csv"), str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().err == ""
    # One quiet command does not silence the next.
    assert main(command) == 0
    assert "100/100" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".mrc", ".zarr"])
def test_converting_a_volume_shows_its_progress_to_the_end(suffix, shelf, tmp_path, capsys):
    assert main(["convert", str(shelf / "good.mrc"), str(tmp_path / f"a{suffix}")]) == 0
    error = capsys.readouterr().err
    assert f"write a{suffix}" in error
    assert "100/100" in error


def test_nothing_stays_set_after_a_command(shelf, capsys):
    package = logging.getLogger("tomoscout")
    before = package.handlers[:], package.level, logging.getLogger().level
    main(["evaluate", str(shelf / "nowhere"), str(shelf / "project"), "--quiet"])
    assert (package.handlers, package.level, logging.getLogger().level) == before
    assert not logging.root.manager.disable
    assert not status.quiet


def test_training_says_its_own_words_only(shelf, tmp_path):
    """Lightning would tell of GPUs, TPUs and checkpoints, some of it twice."""
    command = [sys.executable, "-m", "tomoscout.cli", "train", "project", "--recipe", "tiny.yaml"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "out")],
        cwd=shelf,
        capture_output=True,
        text=True,
        check=True,
    )
    remark, bar = done.stderr.splitlines()
    assert remark == "settings: defaults < recipe tiny.yaml < flags: none"
    assert re.match(r"train .* 2/2 .* loss \d", bar)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["F4", "weights:", "next:"]


def test_libraries_do_not_print_or_configure_logging():
    wanted = re.compile(r"(?<![\w.])print\(|addHandler|basicConfig|StreamHandler")
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        if path.name != "cli.py"
        for line in path.read_text("utf-8").splitlines()
        if wanted.search(line)
    ]
    assert found == []
