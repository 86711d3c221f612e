import numpy as np
import pytest

from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError


def test_one_symbol_names_all_atoms_and_they_are_all_there():
    atoms = Atoms(np.zeros((3, 3)), "C")
    assert len(atoms) == 3
    assert list(atoms.symbols) == ["C", "C", "C"]
    assert list(atoms.occupancy) == [1, 1, 1]


def test_a_coordinate_that_is_no_number_is_the_users_to_put_right():
    with pytest.raises(UserError, match=r"x\.cif: a coordinate or an occupancy is not a number"):
        Atoms(np.array([[0.0, np.nan, 0.0]]), "C", name="x.cif")
