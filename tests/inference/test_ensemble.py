from __future__ import annotations

import numpy as np
import pytest
import torch

from samples.networks import dark
from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Parameters
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.ensemble import join
from tomoscout.inference.sliding_window import WindowSettings
from tomoscout.inference.stream import stream_model
from tomoscout.ops.normalise import NormaliseSettings

VOLUME = Volume(np.random.default_rng(3).normal(size=(40, 20, 45)).astype(np.float32), 10.0)
WINDOW = WindowSettings(limit=(16, 24, 24), overlap=8)


def scores(model, volume=VOLUME):
    return np.concatenate(
        [slab.scores for slab in stream_model(volume, model, window=WINDOW)], axis=1
    ).astype(np.float32)


@pytest.mark.parametrize("blend", ["probabilities", "logits", "ranks"])
@pytest.mark.parametrize("softmax", [True, False])
def test_two_equal_members_are_one(blend, softmax):
    member = dark(softmax=softmax, gain=3)
    both = scores(join([member, member], blend=blend))
    np.testing.assert_allclose(both, scores(member), atol=5e-4)


def test_two_random_networks_give_the_mean_of_their_maps(detector):
    torch.manual_seed(1)
    other = dark(normalise=NormaliseSettings(method="percentile"), stride=2)
    found = scores(join([detector, other], shares=[3, 1]))
    np.testing.assert_allclose(found, 0.75 * scores(detector) + 0.25 * scores(other), atol=5e-4)


def test_the_mean_of_logits_is_the_softmax_of_mean_logits():
    """Logits of background, large, small: 0, a*d - 1, a*d - 2, where d is how dark a cell is."""
    one, other = dark(gain=1), dark(gain=4)
    expected = scores(dark(gain=0.25 * 1 + 0.75 * 4))
    found = scores(join([one, other], blend="logits", shares=[1, 3]))
    np.testing.assert_allclose(found, expected, atol=3e-3)


def test_the_mean_of_logits_of_sigmoids_is_the_sigmoid_of_mean_logits():
    one, other = dark(gain=1, softmax=False), dark(gain=3, softmax=False)
    expected = scores(dark(gain=2, softmax=False))
    np.testing.assert_allclose(scores(join([one, other], blend="logits")), expected, atol=3e-3)


def test_objects_are_met_by_name_whatever_their_order_and_number():
    one, other = dark(("large", "small"), below=1), dark(("third", "large"), below=2)
    model = join([one, other])
    assert model.objects.names == ["large", "small", "third"]
    assert model.shares == {"large": (0.5, 0.5), "small": (1, 0), "third": (0, 1)}
    a, b = scores(one), scores(other)
    expected = np.stack([(a[0] + b[1]) / 2, a[1], b[0]])
    np.testing.assert_allclose(scores(model), expected, atol=5e-4)


def test_specialists_keep_one_sum_with_background():
    """Where both say 0.5 for their own object and 0.3 for the other's: 0.5, 0.5 and 0.2 behind."""
    one, other = dark(gain=1, below=0.5), dark(gain=1, below=-0.5)
    model = join([one, other], shares={"large": [1, 0], "small": [0, 1]})
    a, b = scores(one), scores(other)
    background = 1 - (a.sum(0) + b.sum(0)) / 2
    total = a[0] + b[1] + background
    np.testing.assert_allclose(scores(model), np.stack([a[0], b[1]]) / total, atol=1e-3)


def test_sigmoid_members_have_no_common_sum_to_keep():
    one, other = dark(gain=2, softmax=False), dark(gain=1, softmax=False)
    model = join([one, other], shares={"large": [1, 0], "small": [0, 1]})
    expected = np.stack([scores(one)[0], scores(other)[1]])
    np.testing.assert_allclose(scores(model), expected, atol=5e-4)


@pytest.mark.parametrize("blend", ["probabilities", "logits", "ranks"])
@pytest.mark.parametrize("strides", [(2, 6), (6, 2), (3, 6), (1, 4)])
def test_a_blob_stays_where_it_is_whatever_the_strides(blend, strides):
    centre = np.array([263.0, 302.0, 377.0])
    grid = np.indices((56, 60, 72)) * 10.0 - centre.reshape(3, 1, 1, 1)
    blob = np.exp(-(grid**2).sum(0) / (2 * 60.0**2))
    noise = np.random.default_rng(0).normal(0, 1e-3, blob.shape)
    volume = Volume((noise - blob).astype(np.float32), 10.0)
    window = WindowSettings(limit=(24, 72, 72), overlap=12)
    members = [dark(stride=stride, gain=0.5, softmax=False) for stride in strides]
    model = join(members, blend=blend)
    assert model.card.stride == min(strides)
    found = np.concatenate([s.scores for s in stream_model(volume, model, window=window)], axis=1)
    geometry = volume.geometry.at_stride(model.card.stride)
    rise = np.maximum(found[0].astype(np.float64) - np.median(found[0]), 0)
    rise[rise < 0.1 * rise.max()] = 0
    cells = np.indices(rise.shape).reshape(3, -1) @ rise.reshape(-1) / rise.sum()
    np.testing.assert_allclose(geometry.to_angstrom(cells[None])[0], centre, atol=1.0)


def test_the_card_of_all():
    pick = Choice(name="components")
    one = dark(("small", "large"), stride=4, thresholds={"small": 0.2, "large": 0.4},
               pickers={"large": pick}, trained_on=("a", "b"))  # fmt: skip
    other = dark(("large", "third"), stride=2, thresholds={"large": 0.6}, trained_on=("b", "c"))
    card = join([one, other]).card
    assert card.stride == 2
    assert card.object_table.names == ["small", "large", "third"]
    assert card.thresholds == pytest.approx({"small": 0.2, "large": 0.5})
    assert card.pickers == {"large": pick}
    assert card.trained_on == ("a", "b", "c")
    assert card.picker == one.card.picker


def test_what_was_tuned_for_an_ensemble_is_laid_over_it():
    model = join([dark(), dark(gain=2)])
    assert model.with_thresholds({"large": 0.1}, ("r",)).card.thresholds == {"large": 0.1}
    tuned = model.with_parameters(
        Parameters(thresholds={"small": 0.7}, shares={"large": (1.0, 3.0)}, tuned_on=("r",))
    )
    assert tuned.blend == "probabilities"
    assert model.with_parameters(Parameters(blend="ranks")).blend == "ranks"
    assert tuned.card.thresholds == {"large": 0.4, "small": 0.7}
    assert tuned.card.tuned_on == ("r",)
    assert tuned.shares == {"large": (0.25, 0.75), "small": (0.5, 0.5)}
    with pytest.raises(UserError, match="3 shares for 2 models"):
        model.with_parameters(Parameters(shares={"large": (1.0, 3.0, 1.0)}))


def test_other_weights_shares_and_blends_have_other_fingerprints(detector):
    torch.manual_seed(5)
    a, b = detector, dark()
    made = [
        a,
        join([a, b]),
        join([b, a]),
        join([a, b], blend="logits"),
        join([a, b], shares=[1, 2]),
    ]
    assert len({model.fingerprint for model in made}) == len(made)
    assert join([a, b]).fingerprint == join([a, b], shares=[2, 2]).fingerprint


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ([1.0], "1 shares for 2 models"),
        ([1.0, -1.0], "expected numbers from 0 on"),
        ([1.0, np.nan], "expected numbers from 0 on"),
        ([0.0, 0.0], "has a share above 0"),
        ({"larg": [1, 1]}, "Did you mean 'large'"),
    ],
)
def test_shares_that_are_none_are_refused(shares, says):
    with pytest.raises(UserError, match=says):
        join([dark(), dark()], shares=shares)


def test_members_of_other_voxel_spacings_are_refused():
    join([dark(), dark(voxel_spacing=10.2)])
    with pytest.raises(UserError, match=r"13\.48 Å.*merge the picks"):
        join([dark(), dark(voxel_spacing=13.48)])


def test_progress_is_the_mean_of_all_members():
    told = []
    model = join([dark(), dark(stride=4)])
    list(stream_model(VOLUME, model, window=WINDOW, progress=told.append))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
