import numpy as np
import pytest

from tomoscout.commands._molecules import read_molecules
from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.io.volumes import write_volume
from tomoscout.simulation.density import Blobs, Density
from tomoscout.simulation.molecules import from_atoms, realise

PDB = """ATOM      1  CA  GLY A   1       1.000   2.000   3.000  1.00  0.00           C
ATOM      2  O   GLY A   1       4.000   6.000   8.000  1.00  0.00           O
END
"""


def a_map(voxel_spacing: float = 5.0) -> Volume:
    """Return a lump of 29 kDa of protein."""
    zyx = np.random.default_rng(0).normal(size=(2000, 3)) * 11
    blobs = from_atoms(Atoms(zyx, "C"), resolution=12)
    density = realise(blobs, voxel_spacing=5.0)
    return Volume(np.pad(density.data, 4), voxel_spacing)


@pytest.fixture
def lump(tmp_path):
    path = tmp_path / "lump.mrc"
    write_volume(a_map(), path)
    return path


def test_maps_and_models_are_told_apart_and_take_a_mass(tmp_path, lump):
    pytest.importorskip("gemmi")
    model = tmp_path / "two.pdb"
    model.write_text(PDB)
    texts = (f"map={lump}@30", f"model={model}", f"whole = {model}@0.05kDa")
    molecules = read_molecules(texts, resolution=20)
    assert list(molecules) == ["map", "model", "whole"]
    assert isinstance(molecules["map"], Density)
    assert molecules["map"].mass == pytest.approx(30)
    assert isinstance(molecules["model"], Blobs)
    assert molecules["model"].mass == pytest.approx((12.01 + 16 + 2 * 1.008) / 1000, rel=1e-3)
    assert molecules["model"].sigma == pytest.approx(20 / (np.pi * np.sqrt(2)))
    assert molecules["whole"].mass == 0.05


def test_the_mass_of_a_molecule_of_ours_need_not_be_given(tmp_path):
    path = tmp_path / "map.mrc"
    write_volume(a_map(voxel_spacing=12.5), path)
    assert read_molecules([f"apo-ferritin={path}"])["apo-ferritin"].mass == pytest.approx(480)


def test_a_map_of_unknown_mass_asks_for_it_and_suggests_one(lump):
    with pytest.raises(UserError, match=r"mine=.*lump\.mrc@\d+ .which is what its size") as caught:
        read_molecules([f"mine={lump}"])
    assert "give it in kDa" in str(caught.value)


@pytest.mark.parametrize("written", [0.0, 1.0])
def test_a_map_without_voxel_size_asks_for_it_and_takes_it(tmp_path, written):
    path = tmp_path / "map.mrc"
    write_volume(a_map(voxel_spacing=1.0), path)
    if written == 0:
        content = bytearray(path.read_bytes())
        content[40:52] = bytes(12)
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"voxel size: give it .* as in mine=.*map\.mrc@30@4\.3"):
        read_molecules([f"mine={path}@30"])
    assert read_molecules([f"mine={path}@30@5"])["mine"].voxel_spacing == 5
    assert read_molecules([f"thyroglobulin={path}@@12"])["thyroglobulin"].voxel_spacing == 12


def test_a_folder_with_an_at_sign_is_no_mass(tmp_path):
    folder = tmp_path / "me@home"
    folder.mkdir()
    write_volume(a_map(), folder / "lump.mrc")
    assert read_molecules([f"mine={folder / 'lump.mrc'}@30"])["mine"].mass == pytest.approx(30)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ribosome", "expected name=file, as in"),
        ("=lump.mrc", "expected name=file, as in"),
        ("mine=", "expected name=file, as in"),
        ("mine=none.mrc@30", "none.mrc: no such file"),
        ("mine=none.cif", "none.cif: no such file"),
        ("mine=lump.mrc@heavy", "after '@' goes the mass in kDa.*found 'heavy'"),
        ("mine=lump.mrc@-30", "after '@' goes the mass in kDa.*found '-30'"),
        ("mine=lump.mrc@0", "must be above 0"),
        ("mine=notes.txt@30", "neither a map .* nor an atomic model"),
        ("mine=two.pdb@30@5", "an atomic model has no voxels"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, monkeypatch, lump, text, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no molecule")
    (tmp_path / "two.pdb").write_text(PDB)
    with pytest.raises(UserError, match=complaint) as caught:
        read_molecules([text])
    assert "\n" not in str(caught.value)


def test_a_name_given_twice_is_refused(lump):
    with pytest.raises(UserError, match="a second molecule for 'mine'"):
        read_molecules([f"mine={lump}@30", f"mine={lump}@30"])
