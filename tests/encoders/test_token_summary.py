from __future__ import annotations

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.encoders.token_summary import Settings, build
from tomoscout.models import token_transformer

TINY = {"layers": 2, "width": 32, "heads": 2, "patch": (12, 12, 12), "embedding": 16}


def make():
    torch.manual_seed(0)
    return build(Settings(**TINY))


def test_the_head_is_linear_relu_linear_to_128():
    with torch.device("meta"):
        encoder = build(Settings())
    kinds = [type(m).__name__ for m in encoder.detector.projection]
    assert kinds == ["Linear", "ReLU", "Linear"]
    assert (encoder.features, encoder.projection) == (128, 128)


@torch.inference_mode()
def test_features_are_the_summarizers_vector_and_projections_the_detectors_embedding():
    encoder, crops = make().eval(), torch.randn(2, 1, 12, 12, 18)
    torch.testing.assert_close(
        encoder.project(encoder(crops)), encoder.detector.embed(crops), rtol=0, atol=0
    )
    other = crops.clone()
    other[0, 0, 11, 11, 17] += 50.0  # the far corner counts too, in its own crop alone
    moved = (encoder(other) - encoder(crops)).abs().amax(1)
    assert moved[0] > 0
    assert moved[1] == 0


def test_its_weights_are_those_of_a_detector_with_a_summarizer():
    encoder = make()
    settings = token_transformer.Settings(**TINY, summarizer=True)
    detector = token_transformer.build(settings, 1, 1)
    assert list(encoder.detector.state_dict()) == list(detector.state_dict())
    detector.load_state_dict(encoder.detector.state_dict())
    still = {n.split(".")[0] for n, p in encoder.detector.named_parameters() if not p.requires_grad}
    assert still == {"refine", "head"}


def test_it_cannot_be_without_its_summarizer():
    with pytest.raises(UserError, match="summarizer"):
        validate(Settings, {"summarizer": False}, source="settings of token_summary")
