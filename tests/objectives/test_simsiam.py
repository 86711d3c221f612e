from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from tomoscout.objectives.simsiam import Settings, build


def pair(n=6, p=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, p, generator=generator), torch.randn(n, p, generator=generator)


def objective(p=8, **options):
    torch.manual_seed(0)
    return build(Settings(**options), projection=p)


def test_it_is_the_negative_cosine_of_predictions_and_the_other_view():
    simsiam = objective().eval()
    a, b = pair()
    predicted = [simsiam.predictor(normalize(view, dim=1)) for view in (a, b)]
    cosines = torch.cat([cosine_similarity(predicted[0], b), cosine_similarity(predicted[1], a)])
    torch.testing.assert_close(simsiam(a, b), -cosines.mean())


def test_the_slope_of_what_is_predicted_is_stopped():
    """With the prediction of b held fixed, b moves by its own prediction alone."""
    simsiam = objective().eval()
    a, b = (view.requires_grad_() for view in pair())
    simsiam(a, b).backward()
    alone = b.detach().clone().requires_grad_()
    unit = normalize(alone, dim=1)
    (-0.5 * cosine_similarity(simsiam.predictor(unit), a.detach()).mean()).backward()
    torch.testing.assert_close(b.grad, alone.grad)


def test_a_collapse_costs_as_little_as_success_and_what_is_watched_tells_them_apart():
    """The predictor is made to change nothing."""
    simsiam = objective(bottleneck=1.0).eval()
    for layer in simsiam.predictor:
        if hasattr(layer, "weight") and layer.weight.ndim == 2:
            torch.nn.init.eye_(layer.weight)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    a = pair()[0].abs()  # what the predictor's ReLU leaves as it is
    same = a[:1].expand(6, -1)
    for views in (a, same):
        assert float(simsiam(views, views).detach()) == pytest.approx(-1, abs=1e-5)
    assert simsiam.watch(a, a)["spread"] > 0.3
    assert simsiam.watch(same, same)["spread"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("bottleneck", "hidden"), [(0.25, 2), (1.0, 8), (0.01, 1)])
def test_the_predictor_is_as_narrow_as_asked(bottleneck, hidden):
    assert objective(bottleneck=bottleneck).predictor[0].out_features == hidden
