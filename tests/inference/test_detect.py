from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.inference import detect, scratch
from tomoscout.inference.detect import find_all, pick, predict, resolve_thresholds
from tomoscout.inference.sliding_window import WindowSettings


def tomogram(spacing=10.0, centre=(205.0, 405.0, 595.0), shape=(40, 64, 80), radius=45.0):
    """One dark ball in noise, its centre in ångström."""
    data = np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
    grid = np.indices(shape) * spacing - np.reshape(centre, (3, 1, 1, 1))
    data[np.sqrt((grid**2).sum(0)) < radius] -= 3.0
    return Volume(data, spacing, "ball")


def test_a_planted_ball_is_found_in_angstrom(dark_spots):
    found = pick(tomogram(), dark_spots).best_first()
    assert found.names == ["large"]
    assert np.linalg.norm(found.zyx - (205.0, 405.0, 595.0), axis=1).min() < 10.0
    assert found.run == "ball"
    assert found.extent == (400.0, 640.0, 800.0)


def test_another_voxel_spacing_is_resampled_and_positions_stay(dark_spots):
    fine = tomogram(spacing=5.0, shape=(80, 128, 160))
    found = pick(fine, dark_spots)
    assert len(found)
    # The ball is flat: its cells score alike, and any of them may be the peak.
    assert np.linalg.norm(found.zyx - (205.0, 405.0, 595.0), axis=1).min() < 25.0
    assert found.extent == (400.0, 640.0, 800.0)


def test_a_score_map_on_disk_gives_the_same_picks(dark_spots, monkeypatch):
    memory = pick(tomogram(), dark_spots)
    monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
    monkeypatch.setattr(detect, "_LOADED", 0)
    disk = pick(tomogram(), dark_spots, window=WindowSettings(limit=(16, 32, 32), overlap=8))
    np.testing.assert_allclose(disk.zyx, memory.zyx, atol=0.5)


def test_only_objects_with_a_threshold_are_picked(dark_spots):
    scores = predict(tomogram(), dark_spots)
    assert len(find_all(scores, dark_spots, thresholds={"small": 0.5})) == 0
    assert find_all(scores, dark_spots, thresholds={"large": 0.5}).names == ["large"]


def test_thresholds_come_from_the_caller_then_the_card_then_a_half(detector):
    assert resolve_thresholds(detector, {"small": 0.1}) == {"large": 0.4, "small": 0.1}
    with pytest.raises(UserError, match="Did you mean 'small'"):
        resolve_thresholds(detector, {"smal": 0.1})


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_tomogram_without_content_is_refused_by_name(dark_spots, value):
    data = np.full((16, 16, 16), value, np.float32)
    with pytest.raises(UserError, match="empty ice"):
        pick(Volume(data, 10.0, "empty ice"), dark_spots)


def test_a_tomogram_smaller_than_a_patch_works(dark_spots):
    found = pick(tomogram(centre=(55.0, 65.0, 75.0), shape=(11, 13, 15)), dark_spots)
    assert np.linalg.norm(found.zyx - (55.0, 65.0, 75.0), axis=1).min() < 25.0
