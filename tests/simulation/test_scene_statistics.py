from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tomoscout.core.objects import CZII
from tomoscout.simulation.scene import CZII_COUNTS, Scene, arrange


def drawn(seed=0, objects=CZII, **options):
    return arrange(Scene(**options), objects=objects, rng=np.random.default_rng(seed), run="r")


@pytest.fixture(scope="module")
def plain():
    """Picks of many scenes without debris, which has no say in where particles stand."""
    return [drawn(s, debris=0.0, carbon=0.0).picks for s in range(25)]


def test_counts_are_the_challenges_on_average(plain):
    for name, expected in CZII_COUNTS.items():
        counts = [len(picks.of(name)) for picks in plain]
        assert np.mean(counts) == pytest.approx(expected, rel=0.2)
        assert 0.15 < np.std(np.log(counts)) < 0.5  # 0.20 to 0.41 there


@pytest.mark.parametrize(
    ("name", "fifth", "median"),
    # The ferritins' 5th percentile is 99 Å there: balls of 120 Å whose labels scatter by 10 Å.
    [
        ("apo-ferritin", 118, 130),
        ("beta-amylase", 271, 859),
        ("beta-galactosidase", 376, 761),
        ("ribosome", 240, 300),
        ("thyroglobulin", 320, 589),
        ("virus-like-particle", 349, 783),
    ],
)
def test_neighbours_are_as_near_as_in_the_challenge(plain, name, fifth, median):
    near = np.concatenate([neighbour(picks.of(name).zyx) for picks in plain])
    assert np.median(near) == pytest.approx(median, rel=0.25)
    # Of the rare ones, that is the fifth nearest of a hundred there: a rough figure.
    rough = 0.1 if name in ("apo-ferritin", "ribosome") else 0.4
    assert np.percentile(near, 5) == pytest.approx(fifth, rel=rough)


@pytest.mark.parametrize(
    ("name", "reach", "share"),
    [("apo-ferritin", 160, 0.61), ("ribosome", 310, 0.60), ("thyroglobulin", 260, 0.02)],
)
def test_the_challenges_share_of_particles_stands_in_groups(plain, name, reach, share):
    near = np.concatenate([neighbour(picks.of(name).zyx) for picks in plain])
    assert (near < reach).mean() == pytest.approx(share, abs=0.1)


def test_ferritin_gathers_low_and_ribosomes_high_in_the_ice():
    heights = {name: [] for name in CZII_COUNTS}
    for seed in range(10):
        found = drawn(seed, debris=0.0)
        low, high = found.ice.surfaces(found.picks.zyx[:, 1], found.picks.zyx[:, 2])
        level = (found.picks.zyx[:, 0] - low) / (high - low)
        for z, name in zip(level, found.picks.objects, strict=True):
            heights[name].append(z)
    measured = {  # in the challenge, within the slab of the picks
        "apo-ferritin": 0.27,
        "beta-amylase": 0.50,
        "beta-galactosidase": 0.48,
        "ribosome": 0.68,
        "thyroglobulin": 0.46,
        "virus-like-particle": 0.48,
    }
    for name, expected in measured.items():
        assert np.median(heights[name]) == pytest.approx(expected, abs=0.1)


def test_the_ice_is_as_thick_and_as_high_as_the_challenges(plain):
    spans = np.array([np.percentile(picks.zyx[:, 0], [5, 50, 95]) for picks in plain])
    # There: 5 % to 95 % of the picks span 623 to 1131 Å, medians at 596 to 879 Å.
    assert (spans[:, 2] - spans[:, 0]).mean() == pytest.approx(920, abs=120)
    assert spans[:, 1].mean() == pytest.approx(769, abs=80)


def neighbour(zyx):
    """Distance to the nearest other point."""
    return cKDTree(zyx).query(zyx, k=2)[0][:, 1] if len(zyx) > 1 else np.zeros(0)
