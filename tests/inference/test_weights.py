from __future__ import annotations

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from tomoscout.core.errors import UserError
from tomoscout.inference.weights import find_weights, load_detector, save_detector


def test_what_is_saved_is_what_is_loaded(detector, tmp_path):
    path = tmp_path / "model.safetensors"
    save_detector(detector.with_thresholds({"large": 0.3, "small": 0.2}, ("TS_1",)), path)
    loaded = load_detector(tmp_path)
    assert loaded.card.thresholds == {"large": 0.3, "small": 0.2}
    assert loaded.card.tuned_on == ("TS_1",)
    assert loaded.objects == detector.objects
    x = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network(x)[0], detector.network(x)[0])
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_missing_weights_say_what_was_looked_for(tmp_path):
    with pytest.raises(UserError, match="no such file or training folder"):
        find_weights("czii-simm")
    with pytest.raises(UserError, match="has its training finished"):
        find_weights(tmp_path)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "model.pth"

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "trapped"),))

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UserError, match="not a safetensors file"):
        load_detector(path)
    assert not (tmp_path / "trapped").exists()


def test_a_truncated_file_is_told_apart(detector, tmp_path):
    path = tmp_path / "model.safetensors"
    save_detector(detector, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors"):
        load_detector(path)


def test_foreign_tensors_have_no_card(tmp_path):
    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="no Tomoscout card"):
        load_detector(tmp_path / "w.safetensors")


def test_tensors_that_do_not_fit_the_card_are_refused(detector, tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"w": torch.zeros(1)}, path, metadata={"tomoscout": detector.card.model_dump_json()})
    with pytest.raises(UserError, match="do not fit the card's network 'scout_unet'"):
        load_detector(path)
