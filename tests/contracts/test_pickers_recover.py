"""Every picker finds what was planted: touching, in strings, on borders, in parts of a map."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from samples.answers import balls, bumps, farthest
from tomoscout.core.geometry import Geometry
from tomoscout.pickers import PICKERS

NAMES = PICKERS.names()
IN_PARTS = [name for name in NAMES if hasattr(PICKERS[name], "settle")]
RIBOSOME, FERRITIN = 150.0, 60.0


def pick(name, score, geometry, radius, threshold=0.3, **options):
    module = PICKERS[name]
    return module.find_picks(
        score, geometry=geometry, radius=radius, name="it", threshold=threshold,
        settings=module.Settings(**options),
    )  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (0.6, 0.8, 0)])
@pytest.mark.parametrize("name", NAMES)
def test_touching_ribosomes_come_back_as_two(name, direction, stride):
    geometry = Geometry((54, 52, 54), 10.0, stride)
    planted = np.array([150.0, 160, 140]) + np.outer([0, 240], direction)
    score = balls(planted, geometry, 0.8 * RIBOSOME)
    assert score[tuple(np.rint(geometry.to_cells(planted.mean(0)[None])[0]).astype(int))] > 0.4
    picks = pick(name, score, geometry, RIBOSOME)
    assert farthest(picks.zyx, planted) < 0.8 * geometry.cell_spacing


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_string_of_ferritins_comes_back_bead_by_bead(name, stride):
    geometry = Geometry((24, 24, 70), 10.0, stride)
    planted = np.array([[97.0, 104, 55 + 100 * i] for i in range(6)])
    picks = pick(name, balls(planted, geometry, 0.8 * FERRITIN), geometry, FERRITIN)
    assert farthest(picks.zyx, planted) < 0.8 * geometry.cell_spacing


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_particles_cut_by_faces_edges_and_corners_are_hit(name, stride, dtype):
    geometry = Geometry((31, 44, 57), 10.0, stride)
    end = (np.array(geometry.shape) - 1) * 10.0
    planted = np.array([[0.0, 0, 0], end, [150, 0, 250], [0, end[1], 300], [140, 260, end[2]]])
    picks = pick(name, bumps(planted, geometry, 45.0, dtype), geometry, 90.0)
    assert farthest(picks.zyx, planted) < 45.0  # half the radius is a hit
    assert geometry.contains(picks.zyx).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_a_flat_map_gives_nothing_or_picks_that_are_apart(name, value, dtype):
    geometry = Geometry((24, 30, 30), 10.0, 2)
    picks = pick(name, np.full(geometry.cells, value, dtype), geometry, FERRITIN)
    assert len(picks) == 0 if value == 0 else len(picks) < 60
    assert len(picks) < 2 or pdist(picks.zyx).min() > 1.2 * FERRITIN
    assert geometry.contains(picks.zyx).all()


@pytest.mark.parametrize("name", IN_PARTS)
@pytest.mark.parametrize("factor", [2, 3])
def test_averaging_cells_first_keeps_the_places(name, factor):
    geometry = Geometry((64, 80, 81), 10.012444)  # 3 divides 81 alone, 2 all but 81
    planted = np.array([[153.0, 207, 182], [401, 552, 301], [330, 184, 604]])
    score = bumps(planted, geometry, 60.0)
    picks = pick(name, score, geometry, RIBOSOME, downsample=factor)
    assert farthest(picks.zyx, planted) < 2 * factor  # a fifth of a block
    assert picks.scores.max() < score.max()


@pytest.mark.parametrize("thick", [7, 16])
@pytest.mark.parametrize("downsample", [1, 3])
@pytest.mark.parametrize("name", IN_PARTS)
def test_parts_of_a_map_give_the_picks_of_the_whole(name, downsample, thick):
    module, geometry, radius = PICKERS[name], Geometry((50, 30, 34), 10.0), 45.0
    rng = np.random.default_rng(3)
    score = (rng.random(geometry.cells) ** 4).astype(np.float16)
    score = np.maximum(score, balls(rng.random((12, 3)) * 300, geometry, 40.0))
    settings = module.Settings(downsample=downsample)
    halo = int(np.ceil(module.halo(radius, settings) / geometry.cell_spacing)) + 1
    found = []
    for start in range(0, 50, thick):
        stop, low = min(start + thick, 50), max(start - halo, 0)
        part = module.peaks(
            score[low : stop + halo], planes=slice(start - low, stop - low), first=low,
            spacing=geometry.cell_spacing, threshold=0.3, settings=settings,
        )  # fmt: skip
        found.append(part)
    joined = type(part)(*map(np.concatenate, zip(*found, strict=True)))
    picks = module.settle(joined, geometry=geometry, radius=radius, name="it", settings=settings)
    whole = pick(name, score, geometry, radius, downsample=downsample)
    assert len(whole) > 5
    np.testing.assert_array_equal(picks.zyx, whole.zyx)
    np.testing.assert_array_equal(picks.scores, whole.scores)
