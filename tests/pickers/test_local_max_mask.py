"""Maxima of a smoothed mask, as ETFinder's pooling finds them, and of averaged cells."""

import numpy as np
import pytest
import torch

from samples.answers import balls, bumps, farthest
from tomoscout.core.geometry import Geometry
from tomoscout.ops.suppress import suppress
from tomoscout.pickers.local_max import Settings, find_picks

FIVE_POOLS = 10.0 * np.sqrt(5 * 2 / 3)  # Å; an average over 3 cells has a variance of 2/3


def pick(score, geometry, radius, threshold=0.5, **options):
    return find_picks(
        score, geometry=geometry, radius=radius, name="it", threshold=threshold,
        settings=Settings(**options),
    )  # fmt: skip


def pooled(mask: np.ndarray, least: float, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """ETFinder's way: five average pools, equality with a max pool, greedy suppression; cells."""
    soft = torch.from_numpy(mask.astype(np.float32))[None, None]
    for _ in range(5):
        soft = torch.nn.functional.avg_pool3d(soft, 3, 1, 1)
    top = (torch.nn.functional.max_pool3d(soft, 3, 1, 1) == soft) & (soft > least)
    cells, height = np.argwhere(top[0, 0].numpy()), soft[0, 0].numpy()
    kept = suppress(cells.astype(float), height[tuple(cells.T)].astype(float), apart)
    return cells[kept], height[tuple(cells[kept].T)]


@pytest.mark.parametrize(("radius", "peak"), [(60.0, 0.3), (90.0, 0.5), (150.0, 0.5)])
def test_five_average_pools_are_a_gaussian_of_18_angstrom(radius, peak):
    geometry = Geometry((44, 60, 60), 10.0)
    planted = np.array([[133.0, 168, 161], [271, 222, 447], [215, 433, 312], [155, 420, 470]])
    score = balls(planted, geometry, radius / 2)  # trained on half the radius
    theirs, _ = pooled(score >= 0.5, peak, radius / 2 / 10 * 0.8)
    ours = pick(
        score, geometry, radius, source="mask", smooth=FIVE_POOLS, peak=peak, distance=0.5 * 0.8
    )
    assert farthest(theirs * 10.0, planted) < 10.0
    assert farthest(ours.zyx, theirs * 10.0) < 10.0  # theirs are whole cells
    assert farthest(ours.zyx, planted) < 2.0


def test_small_blobs_have_low_peaks_as_with_average_pools():
    geometry = Geometry((24, 24, 24), 10.0)
    score = balls([[115.0, 118, 112]], geometry, 30.0)  # apo-ferritin at half its radius
    (_, height) = pooled(score >= 0.5, 0.1, 3.0)
    np.testing.assert_allclose(height, 0.48, atol=0.08)  # why 0.5 for all deletes it
    options = {"source": "mask", "smooth": FIVE_POOLS}
    assert len(pick(score, geometry, 60.0, peak=height[0] - 0.06, **options)) == 1
    assert len(pick(score, geometry, 60.0, peak=height[0] + 0.06, **options)) == 0


def test_a_maximum_of_the_mask_scores_as_the_map_and_is_in_it():
    geometry = Geometry((24, 24, 40), 10.0)
    score = np.where(balls([[120.0, 120, 100]], geometry, 60.0, soft=0) > 0, 0.7, 0.1)
    score[12, 12, 12] = 0.95  # off the middle
    ring = balls([[120.0, 120, 300]], geometry, 80.0, soft=0) > 0
    ring &= balls([[120.0, 120, 300]], geometry, 60.0, soft=0) == 0
    score[ring] = 0.8  # hollow: its middle is not at the threshold
    picks = pick(score, geometry, 60.0, source="mask", smooth=30.0, distance=1.0)
    near = np.linalg.norm(picks.zyx - [120, 120, 100], axis=1)
    assert near.min() < 1.0
    np.testing.assert_allclose(picks.scores[near.argmin()], 0.7)
    assert picks.scores.min() >= 0.5


def test_a_mask_without_smoothing_gives_the_middles_of_blobs():
    geometry = Geometry((20, 20, 40), 10.0)
    planted = np.array([[100.0, 90, 100], [90, 100, 300]])
    picks = pick(balls(planted, geometry, 40.0, soft=0), geometry, 60.0, source="mask")
    assert farthest(picks.zyx, planted) < 1e-6


def test_a_peak_without_a_mask_is_refused():
    with pytest.raises(ValueError, match="set source to mask"):
        Settings(peak=0.3)


@pytest.mark.parametrize("factor", [2, 4])
def test_averaged_cells_lie_in_the_middle_of_their_block(factor):
    score = np.zeros((8, 8, 9), np.float32)
    score[4 : 4 + factor, :factor, 8] = 0.8  # the last block of x holds one cell of the map
    picks = pick(score, Geometry(score.shape, 10.0), 15.0, downsample=factor)
    middle = (factor - 1) / 2 * 10.0
    np.testing.assert_allclose(picks.zyx, [[40 + middle, middle, 80.0]])
    np.testing.assert_allclose(picks.scores, [0.8], rtol=1e-6)


def test_averaging_makes_scores_sink_and_blurs_what_is_close():
    geometry = Geometry((24, 24, 40), 10.0)
    score = bumps([[115.0, 115, 150], [115, 115, 200]], geometry, 15.0)
    assert len(pick(score, geometry, 30.0)) == 2
    blurred = pick(score, geometry, 30.0, threshold=0.1, downsample=4)
    assert len(blurred) == 1
    assert blurred.scores[0] < 0.6
