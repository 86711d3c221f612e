"""What ``tune --blend-with`` finds thresholds on is what ``pick --params`` picks from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from samples.planted import OBJECTS, save_weights
from tomoscout.commands import _tune_job
from tomoscout.commands._tune_blend import as_picked
from tomoscout.core.volume import Volume
from tomoscout.inference.detect import FLOOR, predict
from tomoscout.inference.ensemble import join
from tomoscout.inference.weights import save_detector
from tomoscout.io.picks import read_picks
from tomoscout.tuning.blend import Blended

SHARES = {"large": (1.0, 0.0), "small": (0.3, 0.7)}


@pytest.mark.parametrize("shares", [SHARES, dict.fromkeys(SHARES, (0.6, 0.4))], ids=str)
def test_a_blended_map_is_that_of_the_networks_together(tmp_path, shares):
    two = [loud(tmp_path / f"{seed}.safetensors", seed) for seed in (0, 1)]
    data = np.random.default_rng(0).normal(size=(16, 24, 24)).astype(np.float32)
    volume = Volume(data, 10.0)
    scores = as_picked(Blended.equal([predict(volume, one) for one in two]), two, shares)
    wanted = predict(volume, join(two, shares=shares)).data
    assert scores.data.shape == wanted.shape
    for channel in range(len(OBJECTS)):
        np.testing.assert_array_equal(scores.data[channel], wanted[channel])
        np.testing.assert_array_equal(scores.data[channel, 2:5], wanted[channel, 2:5])


def loud(path, seed):
    """Save weights whose scores are not all next to nothing."""
    detector = save_weights(path, seed)
    last = [m for m in detector.network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)
    torch.nn.init.normal_(last.weight)
    save_detector(detector, path)
    return detector


def test_thresholds_come_from_the_picks_that_pick_makes(say, tmp_path, monkeypatch):
    for seed, name in enumerate("wb"):
        loud(tmp_path / f"{name}.safetensors", seed)
    monkeypatch.setattr(_tune_job, "search_shares", lambda *_, **__: SHARES)
    seen = {}
    operate = _tune_job.operate

    def noted(found, *rest, **options):
        seen.update({name: parts[0].levels[FLOOR] for name, parts in found.items()})
        return operate(found, *rest, **options)

    monkeypatch.setattr(_tune_job, "operate", noted)
    command = "tune w.safetensors PROJECT --runs run1 --blend-with b.safetensors --params p.json"
    code, _, error = say(command)
    assert code == 0, error
    code, _, error = say(
        "pick PROJECT --runs run1 --model w.safetensors --model b.safetensors --params p.json "
        "-o picks"
    )
    assert code == 0, error
    (candidates,) = read_picks("picks/candidates/run1.csv")
    for name, tuned in seen.items():
        picked = candidates.of(name)
        assert len(picked) == len(tuned) > 0
        np.testing.assert_allclose(picked.score_array, tuned.score_array, rtol=1e-6)
        np.testing.assert_allclose(picked.zyx, tuned.zyx, atol=1e-3)
