import numpy as np
import pytest

from tomoscout.core.shrec import MASSES, SHREC20, SHREC21, SHREC_BACKGROUND

DENSITY = 0.00081  # kDa per Å^3 of solid protein


def test_labels_are_the_values_of_the_class_mask():
    expected = "4V94 4CR2 1QVR 1BXN 3CF3 1U6G 3D2F 2CG9 3H84 3GL1 3QM1 1S3X 5MRC"
    assert " ".join(SHREC21.names) == expected
    assert (SHREC21.label("4V94"), SHREC21.label("5MRC")) == (1, 13)
    assert (SHREC20.label("3CF3"), SHREC20.label("4D8Q"), SHREC20.label("1BXN")) == (1, 11, 12)
    assert not set(SHREC_BACKGROUND) & set(SHREC21.names)


def test_all_proteins_weigh_the_same_in_the_score_and_look_different():
    for table in (SHREC20, SHREC21):
        assert {entry.weight for entry in table.each()} == {1.0}
        assert len({entry.color for entry in table.each()}) == len(table)


@pytest.mark.parametrize("name", list(MASSES))
def test_each_protein_fits_into_its_radius_and_does_not_get_lost_in_it(name):
    table = SHREC21 if name in SHREC21.names else SHREC20
    solid = (3 * MASSES[name] / (4 * np.pi * DENSITY)) ** (1 / 3)  # the same mass as a ball
    assert 1.05 * solid < table[name].radius < 2.6 * solid


def test_both_years_agree_on_what_they_share():
    shared = set(SHREC20.names) & set(SHREC21.names)
    assert len(shared) == 11
    assert all(SHREC20[name] == SHREC21[name] for name in shared)
