from __future__ import annotations

import numpy as np
import pytest
import torch

from samples.networks import dark
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.ensemble import Ensemble, load_model
from tomoscout.inference.stream import stream_model
from tomoscout.inference.weights import Detector, build_network, save_detector

NAMES = ("large", "small")


def make(path, seed, **changes):
    """Write small random weights, and return them."""
    torch.manual_seed(seed)
    model = Choice(name="scout_unet", widths=[4, 8])
    card = dark(NAMES, model=model, **changes).card
    detector = Detector(build_network(card).eval(), card)
    for parameter in detector.network.parameters():  # so that networks differ in what they find
        with torch.no_grad():
            parameter.normal_(0, 0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_detector(detector, path)
    return detector


def scores(model):
    volume = Volume(np.random.default_rng(3).normal(size=(16, 24, 16)).astype(np.float32), 10.0)
    slabs = stream_model(volume, model)
    return np.concatenate([slab.scores for slab in slabs], axis=1).astype(np.float32)


def test_one_is_a_detector_and_several_are_an_ensemble(tmp_path):
    a, b = (make(tmp_path / f"{name}.safetensors", seed) for seed, name in enumerate("ab"))
    one = load_model(tmp_path / "a.safetensors")
    assert isinstance(one, Detector)
    assert isinstance(load_model([tmp_path / "a.safetensors"], shares=[1]), Detector)
    both = load_model([str(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"])
    assert isinstance(both, Ensemble)
    assert both.name == "a+b"
    assert [member.fingerprint for member in both.members] == [a.fingerprint, b.fingerprint]


def test_a_folder_of_folds_stands_for_all_of_them(tmp_path):
    for fold in range(3):
        make(tmp_path / f"cv/fold_{fold}/model.safetensors", fold)
    make(tmp_path / "single/model.safetensors", 7)
    folds = load_model(tmp_path / "cv")
    assert [member.name for member in folds.members] == ["fold_0", "fold_1", "fold_2"]
    mixed = load_model([tmp_path / "cv", tmp_path / "single"], shares=[0.6, 0.4])
    assert mixed.shares["large"] == pytest.approx((0.2, 0.2, 0.2, 0.4))
    assert mixed.groups == (3, 1)
    per_object = load_model([tmp_path / "cv", tmp_path / "single"], shares={"small": [0, 1]})
    assert per_object.shares == {
        "large": pytest.approx((0.25,) * 4), "small": pytest.approx((0, 0, 0, 1))
    }  # fmt: skip
    (tmp_path / "cv/fold_1/model.safetensors").unlink()
    with pytest.raises(UserError, match=r"fold_1.*finish this fold"):
        load_model(tmp_path / "cv")


def test_specialists_are_those_whose_card_scores_best_on_their_object(tmp_path):
    a = make(tmp_path / "a.safetensors", 0, score={"large": 0.9, "small": 0.2, "weighted": 0.5})
    b = make(tmp_path / "b.safetensors", 1, score={"large": 0.5, "small": 0.8, "weighted": 0.6})
    model = load_model(
        [tmp_path / "a.safetensors", tmp_path / "b.safetensors"], ensemble="specialists"
    )
    assert model.shares == {"large": (1, 0), "small": (0, 1)}
    maps = [scores(a), scores(b)]
    background = 1 - (maps[0].sum(0) + maps[1].sum(0)) / 2
    chosen = np.stack([maps[0][0], maps[1][1]])
    np.testing.assert_allclose(scores(model), chosen / (chosen.sum(0) + background), atol=2e-3)
    assert np.abs(maps[0] - maps[1]).max() > 0.1


def test_specialists_that_a_training_kept_are_among_those_to_choose_from(tmp_path):
    make(tmp_path / "t/model.safetensors", 0, score={"large": 0.7, "small": 0.7})
    make(tmp_path / "t/specialists/large.safetensors", 1, score={"large": 0.8, "small": 0.1})
    make(tmp_path / "t/specialists/small.safetensors", 0, score={"large": 0.7, "small": 0.7})
    model = load_model(tmp_path / "t", ensemble="specialists")
    assert [member.name for member in model.members] == ["large", "t"]
    assert model.shares == {"large": (1, 0), "small": (0, 1)}


def test_one_that_is_best_at_all_is_loaded_once(tmp_path):
    make(tmp_path / "t/model.safetensors", 0, score={"large": 0.7, "small": 0.7})
    make(tmp_path / "t/specialists/large.safetensors", 0, score={"large": 0.8, "small": 0.7})
    assert isinstance(load_model(tmp_path / "t", ensemble="specialists"), Detector)


def test_specialists_without_scores_or_with_shares_are_refused(tmp_path):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for seed, path in enumerate(paths):
        make(path, seed)
    with pytest.raises(UserError, match="how well they find 'large'"):
        load_model(paths, ensemble="specialists")
    with pytest.raises(UserError, match="specialists have none"):
        load_model(paths, ensemble="specialists", shares=[1, 1])
