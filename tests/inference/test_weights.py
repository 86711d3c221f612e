from __future__ import annotations

import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from tomoscout.core.errors import UserError
from tomoscout.inference.card import Origin
from tomoscout.inference.find import find_weights
from tomoscout.inference.weights import Detector, load_detector, save_detector


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
    with pytest.raises(UserError, match="no such file or training folder, and not among the names"):
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


@pytest.mark.parametrize(("dtype", "off"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_weights_stored_at_half_the_size_give_nearly_the_same_scores(
    dtype, off, detector, tmp_path
):
    """Of a network that is sure of many things: its logits span tens."""
    last = [m for m in detector.network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.normal_(last.weight, std=4.0)
    torch.nn.init.zeros_(last.bias)
    save_detector(detector, tmp_path / "full.safetensors")
    save_detector(detector, tmp_path / "half.safetensors", dtype=dtype)
    half = load_detector(tmp_path / "half.safetensors")
    assert half.card.dtype == dtype
    assert all(t.dtype == torch.float32 for t in half.network.parameters())
    noise = torch.randn(1, 1, 32, 48, 48)
    with torch.inference_mode():  # whole, as some machines predict in bfloat16
        full, rough = (torch.softmax(d.network(noise)[0], dim=1) for d in (detector, half))
    assert full.max() - full.min() > 0.9
    assert 0 < (full - rough).abs().max() < off
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.62 * sizes[0]  # the card, and what stays float32, weigh in a small network


def test_half_size_weights_stay_so_when_they_are_tuned(detector, tmp_path):
    path = tmp_path / "w.safetensors"
    save_detector(detector, path, dtype="float16")
    before = load_detector(path)
    save_detector(before.with_thresholds({"large": 0.1}, ("run",)), path)
    after = load_detector(path)
    assert after.card.dtype == "float16"
    assert after.fingerprint == before.fingerprint


def test_a_weight_beyond_the_number_type_is_refused(detector, tmp_path):
    with torch.no_grad():
        next(iter(detector.network.parameters())).mul_(1e9)
    with pytest.raises(UserError, match="too large for float16: store as bfloat16"):
        save_detector(detector, tmp_path / "w.safetensors", dtype="float16")
    assert not (tmp_path / "w.safetensors").exists()
    save_detector(detector, tmp_path / "w.safetensors", dtype="bfloat16")


def test_notes_and_origin_travel_with_the_weights(detector, tmp_path):
    origin = Origin(name="czii-sim", fingerprint="0123", trained_on=("TS_1",))
    card = detector.card.model_copy(update={"notes": "Saw no real tomogram.", "origin": origin})
    save_detector(Detector(detector.network, card), tmp_path / "w.safetensors")
    loaded = load_detector(tmp_path / "w.safetensors")
    assert (loaded.card.notes, loaded.card.origin) == ("Saw no real tomogram.", origin)
    assert loaded.name == "w"


def test_a_card_with_a_broken_object_table_is_refused(detector, tmp_path):
    rows = ({"name": "large", "radius": -1}, {"name": "small", "radius": 30})
    card = detector.card.model_copy(update={"objects": rows})
    save_detector(Detector(detector.network, card), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"w\.safetensors: its card: 'objects\.0\.radius'"):
        load_detector(tmp_path / "w.safetensors")
