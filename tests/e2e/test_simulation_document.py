"""docs/simulation.md is true: its short commands run, its long ones name flags that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.volumes import write_volume
from tomoscout.simulation.preset import preset_names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "simulation.md").read_text("utf-8")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)


def commands(*languages: str) -> list[list[str]]:
    """Words of each tomoscout command in blocks of these languages, the first left out."""
    return [
        shlex.split(line)[1:]
        for kind, body in BLOCK.findall(TEXT)
        if kind in languages
        for line in body.splitlines()
        if line.startswith("tomoscout")
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the commands name: a ball of 480 kDa as atoms and as a map, and picks."""
    root = tmp_path_factory.mktemp("simulation")
    at = np.indices((32, 32, 32)) - 16
    ball = ((at**2).sum(axis=0) <= 5.2**2).astype(np.float32)
    write_volume(Volume(ball, 10.0), root / "mine.mrc")
    names = ["group_PDB", "id", "type_symbol", "label_atom_id", "label_comp_id", "label_asym_id"]
    names += ["label_alt_id", "label_seq_id", "label_entity_id", "Cartn_x", "Cartn_y", "Cartn_z"]
    names += ["occupancy", "B_iso_or_equiv", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num"]
    rows = [
        f"ATOM {i} C CA GLY A . {i} 1 {x} {y} {z} 1.0 0 {i} A 1"
        for i, (x, y, z) in enumerate((np.argwhere(ball > 0) * 10).tolist(), 1)
    ]
    head = "data_mine\nloop_\n" + "".join(f"_atom_site.{name}\n" for name in names)
    (root / "mine.cif").write_text(head + "\n".join(rows) + "\n")
    picks = Picks(np.array([[300.0, 500, 500], [320.0, 900, 700]]), "ribosome", run="TS_1")
    write_picks(picks, root / "found.csv")
    return root


@pytest.mark.parametrize("words", commands("console"), ids=lambda words: words[1])
def test_every_short_command_runs(words, folder, monkeypatch):
    if any(".cif" in word for word in words):
        pytest.importorskip("gemmi")
    monkeypatch.chdir(folder)
    assert main([*words, "--quiet"]) == 0


def test_no_command_names_a_flag_that_does_not_exist(capsys):
    for words in commands("console", "sh"):
        main([words[0], "--help"])
        text = capsys.readouterr().out
        for word in words[1:]:
            if word.startswith("--") and "." not in word:
                assert word in text, f"{word} in: {' '.join(words)}"


def test_every_preset_and_picture_is_there():
    for name in preset_names():
        assert f"| `{name}` |" in TEXT
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", TEXT):
        assert (ROOT / "docs" / path).stat().st_size < 300_000
