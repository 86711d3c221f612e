"""``tomoscout teach`` and ``tomoscout classify``: candidates in, particles by name out."""

import json

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree

from samples.balls import OBJECTS, make_run
from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.classifier_weights import load_classifier
from tomoscout.inference.encoder_weights import (
    EncoderCard,
    EncoderWeights,
    build_encoder,
    save_encoder,
)
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.ops.normalise import NormaliseSettings

RECIPE = {
    "crop": 160,
    "apart": 70,
    "shift": 10,
    "background": 0.4,
    "candidates": {"name": "dog", "diameters": [60, 120]},
    "classifier": {
        "name": "transformer_head", "backbone": {"name": "resnet3d", "widths": [8, 16]},
        "grid": 2, "layers": 1, "heads": 2,
    },
    "lesson": {"name": "puzzle"},
    "training": {
        "steps": 60, "batch_size": 16, "warmup": 5, "validate_every": 30, "ema": 0.8,
        "learning_rate": 1e-2,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    """Three runs; the last is held out."""
    root = tmp_path_factory.mktemp("balls")
    for index in range(3):
        volume, picks = make_run(index)
        write_run(root, f"run{index}", volume, picks)
    write_copick_config(root, OBJECTS, name="balls")
    (root / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return root


@pytest.fixture(scope="module")
def taught(balls):
    output = balls / "taught"
    command = ["teach", str(balls / "copick.json"), "-o", str(output), "--validation", "run2"]
    assert main([*command, "--recipe", str(balls / "recipe.yaml")]) == 0
    return output


@pytest.fixture(scope="module")
def candidates(balls):
    """The particles of the held-out run without their names, and as many empty places."""
    truth = open_project(balls / "copick.json")["run2"].picks()
    rng, tree = np.random.default_rng(0), cKDTree(truth.zyx)
    drawn = rng.uniform(40, [270, 590, 590], (400, 3))
    empty = drawn[tree.query(drawn)[0] > 110][: len(truth)]
    zyx = np.concatenate([truth.zyx, empty])
    path = balls / "candidates.csv"
    write_picks(Picks(zyx, "candidate", np.full(len(zyx), 0.5), run="run2"), path)
    return path


def classify(balls, taught, picks, output, *flags):
    command = ["classify", str(balls / "copick.json"), "--picks", str(picks), "-o", str(output)]
    return main([*command, "--model", str(taught), *flags])


def test_teach_says_how_often_it_is_right_and_what_comes_next(balls, taught, capsys):
    command = ["teach", str(balls / "copick.json"), "-o", str(taught), "--validation", "run2"]
    assert main([*command, "--recipe", str(balls / "recipe.yaml")]) == 0  # it was complete
    score = load_classifier(taught).card.score
    told = capsys.readouterr().out
    assert f"right on run2: accuracy {score['accuracy']:.3f}" in told
    assert "next: tomoscout classify" in told
    assert score["accuracy"] >= 0.7


def test_teach_starts_from_an_encoder_among_the_results_of_discover(balls, tmp_path, capsys):
    card = EncoderCard(
        encoder=Choice(name="resnet3d", widths=[8, 16], projection=[8]), crop=(16, 16, 16),
        voxel_spacing=10.0, normalise=NormaliseSettings(),
    )  # fmt: skip
    encoder = EncoderWeights(build_encoder(card), card)
    save_encoder(encoder, tmp_path / "seen" / "encoder" / "encoder.safetensors")
    command = ["teach", str(balls / "copick.json"), "--validation", "run2", "--training.steps", "2"]
    command += ["--training.validate-every", "2", "--recipe", str(balls / "recipe.yaml")]
    command += ["--init", str(tmp_path / "seen")]
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    origin = load_classifier(tmp_path / "out").card.origin
    assert (origin.name, origin.fingerprint) == ("seen", encoder.fingerprint)
    other = ["--classifier.backbone.widths", "8,32", "-o", str(tmp_path / "other")]
    assert main([*command, *other]) == 2
    assert "leave the backbone out, or start from another encoder" in capsys.readouterr().err


def test_candidates_become_particles_by_name_and_background_goes(
    balls, taught, candidates, tmp_path
):
    truth = open_project(balls / "copick.json")["run2"].picks()
    assert classify(balls, taught, candidates, tmp_path / "out") == 0
    found = read_picks(tmp_path / "out" / "picks.csv")[0]
    distance, row = cKDTree(truth.zyx).query(found.zyx)
    hit = distance < 1.0  # Å: places stay what they were
    assert hit.sum() >= 0.75 * len(truth)
    assert (~hit).sum() <= 0.35 * len(truth)
    right = np.asarray(truth.objects)[row[hit]] == np.asarray(found.objects)[hit]
    assert right.mean() >= 0.8
    assert (found.score_array <= 0.5).all()  # times what they had
    facts = json.loads((tmp_path / "out" / "classify.json").read_text())
    assert facts["runs"]["run2"]["looked_at"] == 2 * len(truth)


def test_scores_are_replaced_and_nothing_is_dropped_where_asked(
    balls, taught, candidates, tmp_path
):
    flags = ["--scores", "replace", "--drop", "1", "--turns", "2"]
    assert classify(balls, taught, candidates, tmp_path / "out", *flags) == 0
    found = read_picks(tmp_path / "out" / "picks.csv")[0]
    assert len(found) == len(read_picks(candidates)[0])
    assert found.score_array.max() > 0.5
    truth = open_project(balls / "copick.json")["run2"].picks()
    hit = cKDTree(truth.zyx).query(found.zyx)[0] < 1.0
    assert found.score_array[hit].mean() > found.score_array[~hit].mean() + 0.1


def test_a_folder_goes_on_with_the_same_picks_alone(balls, taught, candidates, tmp_path, capsys):
    output = tmp_path / "out"
    assert classify(balls, taught, candidates, output) == 0
    before = (output / "picks.csv").read_bytes()
    assert classify(balls, taught, candidates, output) == 0
    assert (output / "picks.csv").read_bytes() == before
    other = tmp_path / "other.csv"
    write_picks(read_picks(candidates)[0][:5], other)
    assert classify(balls, taught, other, output) == 2
    assert "holds results of other settings" in capsys.readouterr().err
    assert classify(balls, taught, other, output, "--overwrite") == 0
    assert sum(map(len, read_picks(output / "picks.csv"))) <= 5


def test_a_folder_goes_on_with_the_same_voxels_alone(balls, taught, candidates, tmp_path, capsys):
    few = tmp_path / "few.csv"
    write_picks(read_picks(candidates)[0][:3], few)
    assert classify(balls, taught, few, tmp_path / "out") == 0
    assert classify(balls, taught, few, tmp_path / "out", "--voxel-spacing", "10") == 2
    assert "holds results of other settings" in capsys.readouterr().err


def test_runs_searched_in_vain_stay_among_those_done(balls, taught, candidates, tmp_path):
    """Else their particles would not be missed."""
    folder, output = tmp_path / "picked", tmp_path / "out"
    write_picks(read_picks(candidates)[0][:6], folder / "picks.csv")
    (folder / "pick.json").write_text(json.dumps({"runs": {"run1": {}, "run2": {}}}))
    assert classify(balls, taught, folder, output) == 0
    done = json.loads((output / "classify.json").read_text())["runs"]
    assert set(done) == {"run1", "run2"}
    assert done["run1"]["looked_at"] == 0
    assert done["run1"]["picks"] == {"large": 0, "small": 0}
    command = ["evaluate", str(output), str(balls / "copick.json")]
    assert main([*command, "-o", str(tmp_path / "score")]) == 0
    facts = json.loads((tmp_path / "score" / "evaluation.json").read_text())
    assert set(facts["runs"]) == {"run1", "run2"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--picks", "nowhere.csv"], "--picks nowhere.csv: no such file or folder"),
        (["--model", "nothing"], "no weights 'nothing'"),
        (["--drop", "2"], "'drop'"),
        (["--turns", "5"], "--turns 5: choose 1 to 4"),
        (["--scores", "add"], "scores"),
        (["--runs", "run7"], "no run 'run7'"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(
    flags, told, balls, taught, candidates, tmp_path, capsys
):
    given = {"--picks": str(candidates), "--model": str(taught)} | {flags[0]: flags[1]}
    command = ["classify", str(balls / "copick.json"), "-o", str(tmp_path / "out")]
    assert main([*command, *(word for pair in given.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_weights_of_a_detector_are_told_from_a_classifiers(balls, taught, candidates, capsys):
    command = ["pick", str(balls / "copick.json"), "-o", str(balls / "picked")]
    assert main([*command, "--model", str(taught / "classifier.safetensors")]) == 2
    assert "weights of a classifier, but those of a detector" in capsys.readouterr().err
    assert not (balls / "picked").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--recipe", "puzle"], "no recipe 'puzle'"),
        (["--classifier.name", "linear_head", "--recipe", "puzzle"], "knows none"),
        (["--training.swa", "0.2", "--training.ema", "0"], "training.swa is for detectors"),
        (["--validation", "run9"], "unknown validation run 'run9'"),
        (["--fold", "3"], "fold 3: there are 3 runs"),
    ],
)
def test_mistakes_in_teaching_are_told_and_leave_nothing(flags, told, balls, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["teach", str(balls / "copick.json"), "-o", str(output), *flags]) == 2
    assert told in capsys.readouterr().err
    assert not output.exists()


def test_a_project_without_picks_cannot_teach(balls, tmp_path, capsys):
    volume, _ = make_run(0)
    write_run(tmp_path / "bare", "run0", volume, Picks.empty("run0"))
    write_copick_config(tmp_path / "bare", OBJECTS, name="bare")
    command = ["teach", str(tmp_path / "bare" / "copick.json"), "-o", str(tmp_path / "out")]
    assert main(command) == 2
    assert "no run has picks to train on" in capsys.readouterr().err
