"""Weights are looked over: what is wrong with them is found before they are used."""

from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.inference.download import checksum
from tomoscout.inference.verify import verify
from tomoscout.inference.weights import Detector, save_detector


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.safetensors"


def change(detector: Detector, **values) -> Detector:
    return Detector(detector.network, detector.card.model_copy(update=values))


def test_good_weights_pass_every_check(detector, path):
    save_detector(detector, path, dtype="float16")
    told = dict(verify(path, sha256=checksum(path)))
    assert list(told) == ["file", "card", "tensors", "forward pass"]
    assert checksum(path) in told["file"]
    assert "scout_unet for large, small" in told["card"]
    assert "stored as float16" in told["tensors"]
    assert detector.fingerprint not in told["tensors"], "rounded weights are others"
    assert "32 x 32 x 32 voxels to 3 channels at stride 2" in told["forward pass"]


def test_another_file_than_the_checksum_says_is_refused(detector, path):
    save_detector(detector, path)
    with pytest.raises(UserError, match=f"its sha256 is {checksum(path)}, not 0000"):
        list(verify(path, sha256="0" * 64))


def test_a_single_number_that_is_none_is_found(detector, path):
    with torch.no_grad():
        detector.network.state_dict()["stem.1.running_var"][3] = float("nan")
    save_detector(detector, path)
    with pytest.raises(UserError, match=r"1 of 8 numbers in 'stem\.1\.running_var' are not finite"):
        list(verify(path))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stride": 4}, "stride 4, 2 objects"),
        ({"thresholds": {"lagre": 0.5}}, "threshold of 0.5 for 'lagre'"),
        ({"thresholds": {"large": 1.5}}, "threshold of 1.5 for 'large'"),
    ],
)
def test_a_card_that_does_not_go_with_its_network_is_found(values, words, detector, path):
    save_detector(change(detector, **values), path)
    with pytest.raises(UserError, match=words):
        list(verify(path))


def test_scores_that_are_not_finite_are_found(detector, path):
    with torch.no_grad():
        detector.network.state_dict()["stem.1.running_var"][:] = -1.0
    save_detector(detector, path)
    with pytest.raises(UserError, match="noise gives scores that are not finite"):
        list(verify(path))


def test_a_cut_file_is_found(detector, path):
    save_detector(detector, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="cut short"):
        list(verify(path))
