"""What a fine-tuning takes over: logits of known objects, whatever the order; new ones fresh."""

from __future__ import annotations

import logging

import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.settings import Choice
from tomoscout.inference.weights import Card, Detector, build_network
from tomoscout.models import MODELS
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.training.inherit import check_spacing, check_start, inherited, origin_of
from tomoscout.training.recipe import read_recipe
from tomoscout.training.transfer import take_over

SHAPE = (32, 32, 32)


def make(
    *objects: str, seed: int, model: str = "scout_unet", activation: str = "softmax", **changes
) -> Detector:
    """A detector with random weights, and norms that have seen something."""
    table = ObjectTable(objects=tuple(ObjectType(name=name, radius=50) for name in objects))
    card = Card(
        model=Choice(name=model, **changes.pop("options", {})),
        objects=tuple(entry.model_dump() for entry in table.each()),
        activation=activation,
        stride=1,
        **{
            "voxel_spacing": 10.0,
            "normalise": NormaliseSettings(),
            "patch": SHAPE,
            "picker": Choice(name="local_max"),
            **changes,
        },
    )
    torch.manual_seed(seed)
    network = build_network(card)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.ndim == 1:
                tensor += 0.1 * torch.rand(tensor.shape)
    return Detector(network.eval(), card, "old.safetensors")


def logits(detector: Detector) -> torch.Tensor:
    torch.manual_seed(7)
    shape = [-(-n // d) * d for n, d in zip(SHAPE, detector.network.divisor, strict=True)]
    with torch.inference_mode():
        return detector.network.eval()(torch.randn(1, 1, *shape))[0][0]


@pytest.mark.parametrize("model", MODELS.names())
def test_the_same_objects_give_the_same_logits_to_the_last_bit(kind):
    init, new = (make("a", "b", "c", seed=seed, **kind) for seed in (0, 1))
    assert not torch.equal(logits(init), logits(new))
    take_over(init, new)
    assert torch.equal(logits(init), logits(new))


SIZED = ("slice_detector",)
"""Networks whose last channel is a size; the first of the others' is background."""


@pytest.fixture
def kind(model, small_networks) -> dict[str, object]:
    """What network to make, at a size at which tests are quick."""
    activation = "sized" if model in SIZED else "softmax"
    return {"model": model, "activation": activation, "options": small_networks.get(model, {})}


@pytest.mark.parametrize("model", MODELS.names())
def test_objects_in_another_order_keep_their_own_logits(model, kind):
    init = make("a", "b", "c", seed=0, **kind)
    new = make("c", "a", "b", seed=1, **kind)
    take_over(init, new)
    order = [2, 0, 1, 3] if model in SIZED else [0, 3, 1, 2]
    torch.testing.assert_close(logits(new), logits(init)[order], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", MODELS.names())
def test_a_new_object_leaves_those_of_known_ones_as_they_were(model, kind):
    init = make("a", "b", seed=0, **kind)
    new = make("b", "new", "a", seed=1, **kind)
    is_sized = model in SIZED
    fresh, now, before = (1, [0, 2, 3], [1, 0, 2]) if is_sized else (2, [0, 1, 3], [0, 2, 1])
    untouched = logits(new)[fresh]
    take_over(init, new)
    found = logits(new)
    torch.testing.assert_close(found[now], logits(init)[before], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(found[fresh], untouched)  # its row is fresh, what it reads is not


def test_shared_rows_are_copied_bit_for_bit_and_new_ones_are_fresh():
    init, new = make("a", "b", "c", seed=0), make("c", "new", "a", seed=1)
    fresh = {name: tensor.clone() for name, tensor in new.network.state_dict().items()}
    take_over(init, new)
    old, got = init.network.state_dict(), new.network.state_dict()
    for name, tensor in got.items():
        if name.startswith("head."):
            assert torch.equal(tensor[[0, 1, 3]], old[name][[0, 3, 1]])
            assert torch.equal(tensor[2], fresh[name][2])
        else:
            assert torch.equal(tensor, old[name]), name


def test_an_object_is_known_by_name_where_there_is_no_background():
    init = make("a", "b", seed=0, activation="sigmoid")
    new = make("b", "new", seed=1, activation="sigmoid")
    row = new.network.state_dict()["head.weight"][1].clone()
    take_over(init, new)
    head = new.network.state_dict()["head.weight"]
    assert torch.equal(head[0], init.network.state_dict()["head.weight"][1])
    assert torch.equal(head[1], row)


def test_all_objects_may_be_new():
    init = make("a", seed=0, activation="sigmoid")
    new = make("b", "c", seed=1, activation="sigmoid")
    head = new.network.state_dict()["head.weight"].clone()
    take_over(init, new)
    assert torch.equal(new.network.state_dict()["head.weight"], head)
    stem = "stem.0.weight"
    assert torch.equal(new.network.state_dict()[stem], init.network.state_dict()[stem])


def test_where_two_axes_belong_to_objects_what_would_mix_them_starts_at_zero():
    """The last convolution of MONAI's network leads from all channels to all channels."""
    init = make("a", seed=0, model="unet")
    new = make("new", "a", seed=1, model="unet")
    name = "net.model.2.1.conv.unit0.conv.weight"
    candidates = [n for n, t in new.network.state_dict().items() if t.shape[:2] == (3, 3)]
    name = candidates[-1]
    fresh = new.network.state_dict()[name].clone()
    take_over(init, new)
    got, old = new.network.state_dict()[name], init.network.state_dict()[name]
    assert torch.equal(got[0, 2], old[0, 1])
    assert torch.equal(got[1, 1], fresh[1, 1])
    assert not got[1, [0, 2]].any()
    assert not got[[0, 2], 1].any()


def test_another_width_is_refused_with_both_settings():
    init = make("a", seed=0, options={"widths": [8, 16]})
    with pytest.raises(UserError) as error:
        take_over(init, make("a", seed=1, options={"widths": [8, 24]}))
    assert "widths [8, 24]" in str(error.value)
    assert "weights of 'scout_unet' with widths [8, 16]" in str(error.value)
    with pytest.raises(UserError, match="leave the model's settings out"):
        take_over(init, make("b", "a", seed=1, options={"widths": [8, 16], "blocks": 2}))


def test_what_the_recipe_does_not_set_is_as_it_was(tmp_path):
    trained = read_recipe("scout", {"kind": "wbp", "loss": {"object_weight": 5}})
    init = make(
        "a",
        seed=0,
        options={"widths": [8, 16]},
        normalise=NormaliseSettings(clip=(1, 99)),
        recipe=trained.model_dump(mode="json"),
    )
    path = tmp_path / "mine.yaml"
    path.write_text("training: {steps: 5}\n")
    recipe = read_recipe(path, {"loss": {"object_weight": 7}}, under=inherited(init.card))
    assert recipe.model == Choice(name="scout_unet", widths=[8, 16])
    assert recipe.normalise.clip == (1, 99)
    assert recipe.sampling.patch == SHAPE
    assert recipe.kind == "wbp"
    assert recipe.loss.options["object_weight"] == 7
    assert recipe.training.steps == 5
    # A recipe that names the network means the same one, settings included.
    assert read_recipe("scout", under=inherited(init.card)).model.options["widths"] == [8, 16]
    check_start(init, recipe, [])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": {"name": "unet"}}, "model 'unet': old.safetensors are weights of 'scout_unet'"),
        ({"normalise": {"method": "percentile"}}, "was trained with zscore"),
    ],
)
def test_what_cannot_go_together_is_refused_before_any_time_is_spent(settings, words):
    init = make("a", seed=0)
    with pytest.raises(UserError) as error:
        check_start(init, read_recipe("scout", settings, under=inherited(init.card)), [])
    assert words in str(error.value)


def test_scores_of_another_kind_are_refused():
    init = make("a", seed=0, activation="sigmoid")
    with pytest.raises(UserError, match=r"softmax scores, but old.*gives sigmoid"):
        check_start(init, read_recipe("scout"), [])


def test_objects_that_were_picked_together_and_will_not_be_are_told(caplog):
    init, joint = make("a", seed=0), make("a", seed=0, together=True)
    check_start(joint, read_recipe("scout"), [])
    assert "set 'together: true' if these are sizes" in caplog.text
    caplog.clear()
    check_start(joint, read_recipe("scout", {"together": True}), [])
    check_start(init, read_recipe("scout"), [])
    assert not caplog.records


def test_protein_may_be_bright_now(caplog):
    """The network sees dark protein all the same."""
    init = make("a", seed=0)
    check_start(init, read_recipe("scout", {"normalise": {"invert": True}}), [])
    assert not caplog.records
    check_start(init, read_recipe("scout", {"normalise": {"clip": [1, 99]}}), [])
    assert "has to get used to it" in caplog.text


@pytest.mark.parametrize(("spacing", "words"), [(10.2, ""), (13.0, "0.77 times"), (7, "1.43")])
def test_another_voxel_spacing_is_told(spacing, words, caplog):
    with caplog.at_level(logging.WARNING):
        check_spacing(make("a", seed=0), spacing)
    assert bool(caplog.records) == bool(words)
    assert words in caplog.text


@pytest.mark.parametrize("spacing", [5.0, 20.0])
def test_a_far_voxel_spacing_is_refused(spacing):
    with pytest.raises(UserError, match=f"{spacing:g} Å voxels: .* trained on 10 Å: bin or"):
        check_spacing(make("a", seed=0), spacing)


def test_validation_runs_that_the_weights_have_seen_are_told(caplog):
    """Also when they were seen by the weights that these were fine-tuned from."""
    first = make("a", seed=0, trained_on=("TS_1",))
    origin = origin_of(first)
    assert (origin.name, origin.trained_on) == ("old", ("TS_1",))
    second = make("a", seed=1, trained_on=("TS_2",), origin=origin)
    assert origin_of(second).trained_on == ("TS_1", "TS_2")
    assert origin_of(second).fingerprint != origin.fingerprint
    check_start(second, read_recipe("scout"), ["TS_3"])
    assert not caplog.records
    check_start(second, read_recipe("scout"), ["TS_1", "TS_3"])
    assert "validation runs TS_1: runs of these names trained old.safetensors" in caplog.text
