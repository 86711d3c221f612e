from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.objects import CZII
from tomoscout.simulation.clutter import LEAFLETS, Vesicle
from tomoscout.simulation.debris import DEBRIS, litter
from tomoscout.simulation.density import PROTEIN_DENSITY
from tomoscout.simulation.ice import Ice, draw_patches
from tomoscout.simulation.placement import Crowd
from tomoscout.simulation.scene import Scene, arrange
from tomoscout.simulation.shapes import blobs
from tomoscout.simulation.stage import Stage

EXTENT = (1000.0, 2000.0, 2000.0)


def stage(*clutter, seed=0):
    rng = np.random.default_rng(seed)
    ice = Ice(EXTENT, 500.0, 800.0, (0, 0), (0, 0), 0.0, (1000.0, 1000.0), (0.0, 1000.0))
    patches = draw_patches(EXTENT, strength=0.0, rng=rng)
    return Stage(np.array(EXTENT), ice, patches, Crowd(), list(clutter), rng)


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_a_cytosol_fills_the_fraction_of_the_ice_it_is_asked_to(fraction):
    placed = litter(stage(), amount=0.0, cytosol=fraction)
    mass = {kind.name: np.mean([blobs(kind, variant=v).mass for v in range(12)]) for kind in DEBRIS}
    solid = sum(mass[bit.name] for bit in placed) / PROTEIN_DENSITY
    assert solid / (800.0 * 2000.0**2) == pytest.approx(fraction, rel=0.25)
    heights = np.array([bit.zyx[0] for bit in placed])
    assert heights.min() >= 100.0
    assert heights.max() <= 900.0


def test_a_cytosol_leaves_the_particles_their_room():
    scene = Scene(shape=(64, 100, 100), cytosol=(0.2, 0.2), vesicles=0, carbon=0, contamination=0)
    found = arrange(scene, objects=CZII, rng=np.random.default_rng(0))
    assert len(found.debris) > 500
    ribosomes = found.picks.of("ribosome").zyx
    centres = np.array([bit.zyx for bit in found.debris])
    assert np.linalg.norm(centres[:, None] - ribosomes[None], axis=2).min() > 116.0


def test_membrane_proteins_sit_on_the_membrane_and_content_inside():
    vesicle = Vesicle((500.0, 1000.0, 1000.0), (300.0, 500.0, 450.0), 0.4, (0.05, 0.02, 0.0))
    on = litter(stage(vesicle), amount=0.0, decorated=1.0)
    assert len(on) > 10
    off = vesicle.distance(np.array([bit.zyx for bit in on]).T)
    radii = np.array([bit.radius for bit in on])
    assert np.abs(off) == pytest.approx(LEAFLETS / 2 + radii / 2, rel=0.35)
    assert (off > 0).mean() > 0.6  # mostly outside
    within = litter(stage(vesicle), amount=0.0, filled=1.0)
    assert len(within) > 20
    assert np.all(vesicle.distance(np.array([bit.zyx for bit in within]).T) < 0)


def test_no_amount_is_no_debris():
    assert litter(stage(), amount=0.0) == []
