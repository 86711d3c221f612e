"""What a user can get wrong with ``simulate``: one line, exit code 2, nothing half-written."""

from __future__ import annotations

import json

import mrcfile
import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.volumes import write_volume

SMALL = "--set scene.shape=40,72,72 --runs 1 --set physics=quick"
EMPTY_CIF = """data_EMPTY
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
"""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of inputs with something wrong in each."""
    root = tmp_path_factory.mktemp("shelf")
    lump = np.zeros((24, 24, 24), np.float32)
    lump[6:18, 6:18, 6:18] = 1
    write_volume(Volume(lump, 5.0), root / "good.mrc")
    with mrcfile.new(root / "unsized.mrc", lump) as file:
        file.voxel_size = 0
    (root / "empty.cif").write_text(EMPTY_CIF)
    (root / "atoms.xyz").write_text("1\n\nC 0 0 0\n")
    (root / "empty.yaml").write_text("")
    (root / "none.yaml").write_text("objects: []\n")
    (root / "mine.yaml").write_text("scene: {bead: 3}\n")
    for name, zyx, kind in (
        ("outside.csv", [[200.0, 300, 300], [200, 300, 5000]], "ribosome"),
        ("edge.csv", [[200.0, 300, 72 * 10.012444 - 1]], "ribosome"),
        ("foreign.csv", [[200.0, 300, 300]], "ribosom"),
        ("good.csv", [[200.0, 300, 300]], "ribosome"),
    ):
        write_picks(Picks(np.array(zyx), kind, run="TS_1"), root / name)
    write_picks(Picks.empty("TS_1"), root / "nothing.csv")
    return root


@pytest.fixture
def refuse(shelf, tmp_path, monkeypatch, capsys):
    """Type a command that must be refused in one line with all these words, leaving no trace."""
    monkeypatch.chdir(shelf)

    def typed(command, *words):
        before = sorted(path.name for path in shelf.rglob("*"))
        capsys.readouterr()
        code = main(command.format(out=tmp_path / "out").split())
        error = capsys.readouterr().err
        assert code == 2, error
        (line,) = error.splitlines()
        assert line.startswith("tomoscout: ")
        for word in words:
            assert word in line
        assert sorted(path.name for path in shelf.rglob("*")) == before
        assert list(tmp_path.iterdir()) == []
        return line

    return typed


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--objects nowhere.yaml", "nowhere.yaml: no such file"),
        ("--objects empty.yaml", "empty.yaml: expected a list under 'objects'"),
        ("--objects none.yaml", "none.yaml: 'objects'|at least 1 item"),
        ("--molecule mine=unsized.mrc@100", "unsized.mrc: does not know its voxel size: give it"),
        ("--molecule ribosome=atoms.xyz", "atoms.xyz: neither a map (|nor an atomic model"),
        ("--molecule ribosome=nowhere.mrc", "nowhere.mrc: no such file"),
        ("--molecule ribosome", "'ribosome': expected name=file"),
        ("--molecule mine=good.mrc", "the mass of 'mine' is not known: give it in kDa"),
        ("--max-tilt 0 60", "'full.max_tilt': must be above 0 and at most 85 degrees"),
        ("--max-tilt 40 86", "'full.max_tilt': must be above 0 and at most 85 degrees"),
        ("--max-tilt 60 40", "the lowest value comes first, so (40, 60)"),
        ("--quick.max-tilt 40,90", "'quick.max_tilt': must be above 0 and at most 85 degrees"),
        (
            "--picks outside.csv",
            "--picks: 1 of 2 picks of run 'TS_1' lie outside|400 x 721 x 721 Å",
        ),
        ("--picks edge.csv", "--picks: 1 of 1 picks of run 'TS_1' lie outside|larger --shape"),
        ("--picks foreign.csv", "foreign.csv: picks of ribosom,|Did you mean 'ribosome'?"),
        ("--picks nothing.csv", "nothing.csv: no picks in it"),
        ("--picks nowhere.csv", "nowhere.csv: no such file"),
        ("--object-name ribosome", "--object-name is for the file of --picks"),
        ("--preset czii-twin", "--preset czii-twin makes twins of given picks: give them by"),
        ("--preset chii", "no preset 'chii': choose from czii,|Did you mean 'czii'?"),
        ("--preset mine.yaml", "mine.yaml: unknown setting 'scene.bead'.|Did you mean 'beads'?"),
        ("--scene.bead 3", "unknown setting 'scene.bead'.|Did you mean 'beads'?"),
        ("--ful.dose 3,4", "unknown setting 'ful'.|Did you mean 'full'?"),
        ("--kinds denoise", "'kinds.0'|'denoised'|found 'denoise'"),
        ("--kinds wbp", "the quick microscope makes 'denoised' only, not wbp: choose --physics"),
        ("--physics slow", "'physics'|found 'slow'"),
        ("--device abacus", "abacus"),
        ("--shape 0 72 72", "'scene.shape.0'|greater than 0, found 0"),
        ("--voxel-spacing 0", "'scene.voxel_spacing'|greater than 0"),
        ("--crowding 0", "'scene.crowding'|greater than 0"),
        ("--seed -1", "--seed: 0 or above, found -1"),
        ("--scene.counts.ribosom 3", "'ribosom' is none of the objects|Did you mean 'ribosome'?"),
        ("--debri 1", "--debri"),
    ],
)
def test_it_is_refused_before_anything_is_written(refuse, flags, words):
    refuse(f"simulate {{out}} {SMALL} {flags}", *words.split("|"))


def test_no_tomogram_at_all_is_refused(refuse):
    refuse("simulate {out} --runs 0", "--runs: at least 1 tomogram, found 0")


def test_an_atomic_model_without_atoms_is_refused(refuse):
    pytest.importorskip("gemmi")
    refuse(f"simulate {{out}} {SMALL} --molecule mine=empty.cif", "empty.cif: no atoms in it")


def test_a_folder_of_other_things_is_left_alone(shelf, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("all of it")
    for flags in ("", " --overwrite"):
        assert main(f"simulate {tmp_path} {SMALL}{flags}".split()) == 2
        assert "holds other things" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_results_survive_a_mistake_with_overwrite(shelf, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(shelf)
    out = tmp_path / "out"
    assert main(f"simulate {out} {SMALL} -q".split()) == 0
    before = sorted(path.stat().st_mtime_ns for path in out.rglob("*"))
    for flags in ("--picks outside.csv", "--molecule mine=unsized.mrc@9", "--scene.counts.x 3"):
        assert main(f"simulate {out} {SMALL} {flags} --overwrite -q".split()) == 2
    assert sorted(path.stat().st_mtime_ns for path in out.rglob("*")) == before
    assert json.loads((out / "simulation.json").read_text())["runs"]


def test_a_run_that_fails_leaves_nothing(shelf, tmp_path, monkeypatch, capsys):
    from tomoscout.core.errors import UserError
    from tomoscout.simulation import preset

    def fail(*arguments, **settings):
        raise UserError("the tomogram could not be made")

    monkeypatch.setattr(preset, "simulate", fail)
    assert main(f"simulate {tmp_path / 'out'} {SMALL} -q".split()) == 2
    assert list(tmp_path.iterdir()) == []
