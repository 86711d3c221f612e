import numpy as np
import pytest

from tomoscout.core.picks import Picks
from tomoscout.metrics.localisation import Offsets, score

LATTICE = 400.0 * np.argwhere(np.ones((5, 6, 7)))


def test_figures_by_hand():
    truth = Picks(LATTICE[:4], "ribosome", run="a")
    moved = LATTICE[:4] + np.array([[0.0, 0, 10], [0, 0, -10], [0, 20, 0], [30, 40, 0]])
    facts = score(Picks(moved, "ribosome", run="a"), truth).facts()["objects"]["ribosome"]
    assert facts["hits"] == 4
    assert facts["median"] == pytest.approx(15)  # of 10, 10, 20, 50
    assert facts["mean"] == pytest.approx(22.5)
    assert facts["percentile_90"] == pytest.approx(20 + 0.7 * 30)
    assert facts["shift_zyx"] == pytest.approx([7.5, 15, 0])
    # Deviations of z from 7.5: three of -7.5, one of 22.5; over 3, over 4, the root.
    assert facts["shift_error_zyx"][0] == pytest.approx(np.sqrt((3 * 7.5**2 + 22.5**2) / 3 / 4))


def test_half_a_voxel_off_is_found_in_the_right_axis_and_noise_is_not():
    rng = np.random.default_rng(0)
    truth = Picks(LATTICE, "ribosome", run="a")
    noise = rng.normal(0, 12, LATTICE.shape)
    fair = score(Picks(LATTICE + noise, "ribosome", run="a"), truth).all
    assert len(fair) == len(LATTICE)
    assert not fair.is_shifted(2.5).any()
    off = score(Picks(LATTICE + noise + np.array([0, 5, 0]), "ribosome", run="a"), truth).all
    assert off.is_shifted(2.5).tolist() == [False, True, False]
    np.testing.assert_allclose(off.shift - fair.shift, [0, 5, 0], atol=1e-9)
    np.testing.assert_allclose(off.shift_error, 12 / np.sqrt(len(LATTICE)), rtol=0.15)
    assert not off.is_shifted(6).any()  # above what matters


def test_few_hits_prove_nothing():
    assert not Offsets(np.full((9, 3), 5.0)).is_shifted(2.5).any()
    assert Offsets(np.full((10, 3), 5.0)).is_shifted(2.5).all()


def test_only_hits_of_the_object_count():
    truth = Picks(LATTICE[:2], np.array(["ribosome", "thyroglobulin"]), run="a")
    picks = Picks(LATTICE[:2] + np.array([0, 0, 5]), "ribosome", run="a")
    found = score(picks, truth)
    assert {name: len(one) for name, one in found.of.items() if len(one)} == {"ribosome": 1}
    assert found.facts()["objects"]["thyroglobulin"]["median"] is None
