import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from samples.mmcif import ATOMS
from tomoscout.core.errors import UserError
from tomoscout.io.structures import is_structure, read_structure

HEAD = """data_TEST
loop_
_pdbx_struct_assembly.id
_pdbx_struct_assembly.details
1 author_defined_assembly
2 author_defined_assembly
loop_
_pdbx_struct_assembly_gen.assembly_id
_pdbx_struct_assembly_gen.oper_expression
_pdbx_struct_assembly_gen.asym_id_list
1 1,2 A
2 1 A
loop_
_pdbx_struct_oper_list.id
_pdbx_struct_oper_list.matrix[1][1]
_pdbx_struct_oper_list.matrix[1][2]
_pdbx_struct_oper_list.matrix[1][3]
_pdbx_struct_oper_list.vector[1]
_pdbx_struct_oper_list.matrix[2][1]
_pdbx_struct_oper_list.matrix[2][2]
_pdbx_struct_oper_list.matrix[2][3]
_pdbx_struct_oper_list.vector[2]
_pdbx_struct_oper_list.matrix[3][1]
_pdbx_struct_oper_list.matrix[3][2]
_pdbx_struct_oper_list.matrix[3][3]
_pdbx_struct_oper_list.vector[3]
1 1 0 0 0 0 1 0 0 0 0 1 0
2 -1 0 0 0 0 -1 0 0 0 0 1 40
"""
TWO = """ATOM 1 C CA . GLY A 1 1 1.0 2.0 3.0 1.0 0 1 A 1
ATOM 2 O O . GLY A 1 1 4.0 6.0 8.0 1.0 0 1 A 1
"""
# (x, y, z) of both atoms, as written and turned about z and lifted by 40.
ASSEMBLY = [(1, 2, 3), (4, 6, 8), (-1, -2, 43), (-4, -6, 48)]

gemmi_is_here = pytest.mark.usefixtures("gemmi")


@pytest.fixture
def gemmi():
    return pytest.importorskip("gemmi")


def write(folder: Path, text: str, name: str = "two.cif") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@gemmi_is_here
def test_the_assembly_is_built_and_its_atoms_are_zyx(tmp_path):
    atoms = read_structure(write(tmp_path, HEAD + ATOMS + TWO))
    assert list(atoms.symbols) == ["C", "O", "C", "O"]
    np.testing.assert_allclose(atoms.zyx[:, ::-1], ASSEMBLY, atol=1e-4)
    np.testing.assert_array_equal(atoms.occupancy, 1)


@gemmi_is_here
def test_operators_without_a_list_of_assemblies_are_applied_too(tmp_path):
    start, end = HEAD.index("loop_"), HEAD.index("loop_\n_pdbx_struct_assembly_gen")
    path = write(tmp_path, HEAD[:start] + HEAD[end:] + ATOMS + TWO)
    np.testing.assert_allclose(read_structure(path).zyx[:, ::-1], ASSEMBLY, atol=1e-4)


@gemmi_is_here
def test_water_in_the_assembly_is_left_out_after_building_it(tmp_path):
    water = "HETATM 3 O O . HOH B 2 . 9.0 9.0 9.0 1.0 0 3 A 1\n"
    path = write(tmp_path, HEAD.replace(" A\n", " A,B\n") + ATOMS + TWO + water)
    assert len(read_structure(path)) == 4


@gemmi_is_here
def test_another_assembly_or_none_can_be_asked_for(tmp_path):
    path = write(tmp_path, HEAD + ATOMS + TWO)
    assert len(read_structure(path, assembly="2")) == 2
    assert len(read_structure(path, assembly=None)) == 2


@gemmi_is_here
def test_a_file_without_assemblies_is_read_as_written(tmp_path):
    path = write(tmp_path, "data_TEST\n" + ATOMS + TWO)
    np.testing.assert_allclose(read_structure(path).zyx[:, ::-1], ASSEMBLY[:2], atol=1e-4)
    with pytest.raises(UserError, match="no assembly '2': it lists none: leave it out"):
        read_structure(path, assembly="2")


@gemmi_is_here
def test_water_hydrogens_unknown_atoms_and_later_models_are_left_out(tmp_path):
    more = """ATOM 3 H HA . GLY A 1 1 1.0 2.0 4.0 1.0 0 1 A 1
HETATM 4 X UNK . UNX A 1 2 1.0 2.0 4.0 1.0 0 2 A 1
HETATM 5 O O . HOH B 2 . 9.0 9.0 9.0 1.0 0 3 A 1
ATOM 6 C CA . GLY A 1 1 1.5 2.0 3.0 1.0 0 1 A 2
"""
    atoms = read_structure(write(tmp_path, "data_TEST\n" + ATOMS + TWO + more))
    assert list(atoms.symbols) == ["C", "O"]


@gemmi_is_here
def test_alternative_places_share_the_atom(tmp_path):
    split = """ATOM 1 C CA A GLY A 1 1 1.0 2.0 3.0 0.7 0 1 A 1
ATOM 2 C CA B GLY A 1 1 1.5 2.0 3.0 0.3 0 1 A 1
ATOM 3 O O A GLY A 1 1 4.0 6.0 8.0 1.0 0 1 A 1
ATOM 4 O O B GLY A 1 1 4.0 6.0 9.0 1.0 0 1 A 1
"""
    atoms = read_structure(write(tmp_path, "data_TEST\n" + ATOMS + split))
    kept = dict(zip(atoms.zyx[:, 2] + atoms.zyx[:, 0] / 100, atoms.occupancy, strict=True))
    np.testing.assert_allclose(sorted(kept.values()), [0.3, 0.5, 0.5, 0.7], atol=1e-6)


@gemmi_is_here
def test_a_pdb_file_with_its_assembly_and_a_gzipped_one_read_the_same(tmp_path):
    remarks = """REMARK 350 BIOMOLECULE: 1
REMARK 350 AUTHOR DETERMINED BIOLOGICAL UNIT: DIMERIC
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000
REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000
REMARK 350   BIOMT1   2 -1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   2  0.000000 -1.000000  0.000000        0.00000
REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000       40.00000
"""
    atoms = """ATOM      1  CA  GLY A   1       1.000   2.000   3.000  1.00  0.00           C
ATOM      2  O   GLY A   1       4.000   6.000   8.000  1.00  0.00           O
END
"""
    plain = write(tmp_path, remarks + atoms, "two.pdb")
    packed = tmp_path / "two.pdb.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        np.testing.assert_allclose(read_structure(path).zyx[:, ::-1], ASSEMBLY, atol=1e-4)


@gemmi_is_here
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("data_EMPTY\n_entry.id EMPTY\n", "no atoms in it"),
        ("", "it is empty"),
        (
            "data_WATER\n" + ATOMS + "HETATM 1 O O . HOH B 2 . 9 9 9 1 0 3 A 1\n",
            "no atoms in it besides water",
        ),
        ("data_GONE\n" + ATOMS + TWO.replace(" 1.0 0 ", " 0.0 0 "), "occupancy 0"),
        ("data_BROKEN\nloop_\n_a.b\n_a.c\n1 2 3\n", "not a readable mmCIF or PDB file"),
        ("data_X\n" + ATOMS + TWO.replace("1.0 2.0 3.0", "here 2.0 3.0"), "is not a number"),
        (HEAD.replace("1 1,2 A", "1 1,2 Z") + ATOMS + TWO, "assembly '1' cannot be built"),
    ],
)
def test_files_without_usable_atoms_are_refused_in_one_line(tmp_path, text, complaint):
    path = write(tmp_path, text, "bad.cif")
    with pytest.raises(UserError, match=complaint) as caught:
        read_structure(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


@gemmi_is_here
def test_a_damaged_gzip_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "two.cif.gz"
    path.write_bytes(gzip.compress((HEAD + ATOMS + TWO * 400).encode())[:200])
    with pytest.raises(UserError, match=r"two\.cif\.gz") as caught:
        read_structure(path)
    assert "\n" not in str(caught.value)


@gemmi_is_here
def test_an_unknown_assembly_lists_the_known_ones(tmp_path):
    with pytest.raises(UserError, match="no assembly '3': it has 1, 2"):
        read_structure(write(tmp_path, HEAD + ATOMS + TWO), assembly="3")


def test_without_gemmi_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(UserError, match=r"pip install 'tomoscout\[structures\]'"):
        read_structure(write(tmp_path, HEAD + ATOMS + TWO))


def test_missing_files_and_other_suffixes_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_structure(tmp_path / "none.cif")
    with pytest.raises(UserError, match="not an atomic model by its suffix"):
        read_structure(write(tmp_path, "", "map.mrc"))


def test_the_suffix_tells_models_from_maps():
    assert is_structure("a/4V1W.CIF.gz")
    assert is_structure("x.ent")
    assert not is_structure("x.mrc.gz")
