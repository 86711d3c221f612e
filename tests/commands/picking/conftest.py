"""A folder with two sets of weights and a tomogram, and a short way to type commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from samples.detectors import save_tomogram, save_weights
from tomoscout.cli import main

Type = Callable[..., int]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("w", "v")):
        save_weights(tmp_path / f"{name}.safetensors", seed=seed)
    save_tomogram(tmp_path / "a/t1.mrc", seed=0)
    return tmp_path


@pytest.fixture
def run(place: Path) -> Type:
    """Type a verb with the weights w and the folder out, unless others are given."""

    def typed(verb: str, *words: object) -> int:
        given = list(map(str, words))
        if not {"--model", "--scores"} & set(given):
            given += ["--model", "w.safetensors"]
        if "-o" not in given:
            given += ["-o", "out"]
        return main([verb, *given, "--quiet"])

    return typed


@pytest.fixture
def refused(run: Type, place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Type what must be refused in one line, before anything is written."""

    def typed(verb: str, *words: object) -> str:
        before = sorted(place.rglob("*"))
        capsys.readouterr()
        assert run(verb, *words) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert sorted(place.rglob("*")) == before
        return line

    return typed
