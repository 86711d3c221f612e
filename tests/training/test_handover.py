"""What is learnt without labels starts a detector: the encoder is taken over, whole."""

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.objects import CZII
from tomoscout.inference.encoder_weights import FILE_NAME as ENCODER
from tomoscout.inference.encoder_weights import load_encoder
from tomoscout.inference.weights import load_detector
from tomoscout.training.contrast import untrained
from tomoscout.training.contrast_recipe import read_contrast_recipe
from tomoscout.training.handover import detector_of, sized_for
from tomoscout.training.inherit import inherited
from tomoscout.training.recipe import read_recipe

FAST = [
    *("--training.steps", "4", "--training.batch-size", "4", "--training.warmup", "0"),
    *("--set", "crop=160", "--candidates.diameters", "60,120", "--encoder.model.widths", "4,8"),
]

PAIRS = [
    ("contrast-scout", "scout"),
    ("contrast-resnet", "etfinder-resnet50-cpu"),
    ("contrast-tokens", "token-transformer-cpu"),
]


@pytest.fixture(scope="module")
def pretrained(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("handover") / "pretrained"
    words = ["train", str(project), "--recipe", "contrast-scout", "-o", str(folder), *FAST]
    assert main(words) == 0
    return folder


def test_the_detectors_file_holds_the_encoder_that_was_trained(pretrained):
    inside = load_encoder(pretrained / ENCODER).network.state_dict()
    detector = load_detector(pretrained)
    assert detector.objects.names == ["large", "small"]
    assert detector.card.trained_on == ("run0", "run1", "run2")
    for name, tensor in detector.network.state_dict().items():
        np.testing.assert_array_equal(tensor, inside[f"detector.{name}"], err_msg=name)


def test_a_training_starts_from_it(project, pretrained, tmp_path):
    words = ["train", str(project), "--recipe", "scout", "--init", str(pretrained)]
    flags = ["--training.steps", "1", "--training.validate-every", "1", "--training.warmup", "0"]
    tiny = ["--sampling.patch", "16,16,16", "--training.batch-size", "1", "--model.widths", "4,8"]
    slow = ["--training.learning-rate", "1e-12", "--training.ema", "0", "--validation", "none"]
    assert main([*words, "-o", str(tmp_path / "out"), *flags, *tiny, *slow]) == 0
    before, after = load_detector(pretrained), load_detector(tmp_path / "out")
    assert after.card.origin is not None
    for name, tensor in before.network.state_dict().items():
        if name.endswith("weight"):
            np.testing.assert_allclose(after.network.state_dict()[name], tensor, atol=1e-6)


@pytest.mark.parametrize(("pretraining", "training"), PAIRS)
def test_recipes_that_belong_together_have_the_same_network_and_scale(pretraining, training):
    first, then = read_contrast_recipe(pretraining), read_recipe(training)
    assert first.encoder.options["model"] == then.model.model_dump()
    assert first.normalise == then.normalise


@pytest.mark.parametrize(("pretraining", "training"), PAIRS)
def test_a_recipe_is_the_same_with_pretraining_and_without(pretraining, training):
    """Or the two could not be compared; small crops would become small patches."""
    encoder = untrained(sized_for(read_contrast_recipe(pretraining), CZII), 10.0, ())
    detector = detector_of(encoder, CZII)
    assert read_recipe(training, under=inherited(detector.card)) == read_recipe(training)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--fold", "1"], "--fold: recipe contrast-scout learns without labels"),
        (["--init", "czii-sim"], "--init: recipe contrast-scout learns without labels"),
        (["--training.mixup", "1"], "training.mixup is for detectors"),
    ],
)
def test_flags_of_detectors_are_refused(flags, told, project, tmp_path, capsys):
    words = ["train", str(project), "--recipe", "contrast-scout", "-o", str(tmp_path / "out")]
    assert main([*words, *flags]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
