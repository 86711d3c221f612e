from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.encoders.detector import Settings, build
from tomoscout.models import MODELS

TINY = {
    "scout_unet": {"widths": [4, 8]},
    "resnet_unet": {"encoder": "resnet18", "width": 4, "decoder": [8, 8, 8, 8]},
    "token_transformer": {"layers": 1, "width": 16, "heads": 2, "patch": [12, 12, 12]},
}
TRAINED = {
    "scout_unet": {"stem", "encoders", "downs"},
    "resnet_unet": {"stem", "stages"},
    "token_transformer": {"tokenizer", "positions", "transformer"},
}


def make(name: str, **options):
    torch.manual_seed(0)
    values = {"model": {"name": name, **TINY.get(name, {})}, **options}
    return build(validate(Settings, values, source="detector"))


@pytest.mark.parametrize("name", TINY)
def test_its_weights_are_a_detectors_with_a_trained_encoder(name):
    encoder = make(name, channels=7, projection=[8])
    detector = MODELS[name].build(MODELS[name].Settings(**TINY[name]), 1, 7)
    prefix = "detector."
    weights = {
        key.removeprefix(prefix): value
        for key, value in encoder.state_dict().items()
        if key.startswith(prefix)
    }
    detector.load_state_dict(weights)
    learnt = {key for key, p in encoder.detector.named_parameters() if p.requires_grad}
    assert {key.split(".")[0] for key in learnt} == TRAINED[name]


@pytest.mark.parametrize("name", TINY)
@torch.inference_mode()
def test_features_are_the_mean_of_the_deepest_map(name):
    encoder = make(name).eval()
    shape = [2 * n for n in encoder.divisor]
    crops = torch.randn(2, 1, *shape)
    deepest = encoder.detector.encode(crops)
    assert deepest.shape[:2] == (2, encoder.features)
    torch.testing.assert_close(encoder(crops), deepest.flatten(2).mean(2))


def test_a_network_without_deepest_features_is_refused_with_those_that_have_some():
    with pytest.raises(UserError, match="model 'unet'") as error:
        make("unet")
    assert "choose resnet_unet, scout_unet, token_transformer" in str(error.value)
