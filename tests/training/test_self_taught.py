"""Training on dark blobs: no label is looked at, and particles are found all the same."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from samples.balls import OBJECTS, make_run
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.data.blobs import BlobSettings, blobs_in
from tomoscout.data.runs import load_runs
from tomoscout.inference.detect import FLOOR, find_all, pick, predict
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.training._runs import drawn
from tomoscout.training.inherit import inherited
from tomoscout.training.run import train

BLOBS = ["blob-60", "blob-110"]
SETTINGS = {
    "data": {"blobs": {"diameters": [60, 110], "threshold": 6}},
    "model": {"name": "scout_unet", "widths": [8, 16]},
    "sampling": {"patch": [32, 32, 32]},
    "training": {"steps": 60, "batch_size": 2, "validate_every": 30, "warmup": 2},
}


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """Two runs without picks, of objects that nobody named."""
    root = tmp_path_factory.mktemp("unlabelled")
    for index in range(2):
        volume, picks = make_run(index)
        write_run(root, f"run{index}", volume, picks[:0])
    write_copick_config(root, ObjectTable(objects=(ObjectType(name="any", radius=50),)), name="x")
    return open_project(root / "copick.json")


@pytest.fixture(scope="module")
def taught(unlabelled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    return train(unlabelled, folder, recipe="self-taught", settings=SETTINGS)


def test_it_trains_on_all_runs_and_knows_blobs_by_size(taught):
    card = taught.detector.card
    assert taught.fold.train == ("run0", "run1")
    assert taught.fold.validation == ()
    assert taught.detector.objects.names == BLOBS
    assert not card.score


def test_it_finds_particles_of_a_run_it_has_not_seen(taught):
    volume, truth = make_run(7)
    scores = predict(volume, taught.detector)
    found = find_all(scores, taught.detector, thresholds=dict.fromkeys(BLOBS, FLOOR))
    best = found.best_first()[: len(truth)]
    near = cdist(truth.zyx, best.zyx).min(axis=1)
    assert np.mean(near < 30.0) >= 0.8


def test_it_picks_each_particle_once_though_sizes_have_maps_of_their_own(taught):
    assert taught.detector.card.together
    volume, _ = make_run(7)
    found = pick(volume, taught.detector, thresholds=dict.fromkeys(BLOBS, FLOOR))
    apart = pick(volume, taught.detector, thresholds=dict.fromkeys(BLOBS, FLOOR), together=False)
    assert pdist(found.zyx).min() > 1.2 * 30.0  # radii of the smaller
    assert len(found) < len(apart)


def test_what_goes_on_from_it_has_objects_of_its_own(taught):
    assert "together" not in inherited(taught.detector.card)


def test_picks_are_not_looked_at(taught, tmp_path):
    for index in range(2):
        write_run(tmp_path / "labelled", f"run{index}", *make_run(index))
    write_copick_config(tmp_path / "labelled", OBJECTS, name="balls")
    labelled = open_project(tmp_path / "labelled" / "copick.json")
    same = train(labelled, tmp_path / "model", recipe="self-taught", settings=SETTINGS)
    assert same.detector.fingerprint == taught.detector.fingerprint


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"validation": ["run0"]}, "validation runs run0: .* no truth to validate on"),
        ({"fold": 1}, "fold 1: .* no truth to validate on"),
        ({"settings": {"target": {"name": "masks"}}}, "it takes label volumes"),
        ({"settings": {"data": {"blobs": {"threshold": 90}}}}, "no dark blob stands out by 90"),
    ],
)
def test_what_needs_labels_or_blobs_is_refused(unlabelled, tmp_path, given, told):
    with pytest.raises(UserError, match=told):
        train(unlabelled, tmp_path / "x", recipe="self-taught", **given)
    assert not (tmp_path / "x").exists()


def test_blobs_of_bright_protein_are_loaded_in_place_of_picks(tmp_path):
    for index in range(2):
        volume, _ = make_run(index)
        bright = replace(volume, data=-volume.read())
        write_run(tmp_path / "bright", f"run{index}", bright, Picks.empty(f"run{index}"))
    write_copick_config(tmp_path / "bright", OBJECTS, name="balls")
    runs = load_runs(
        open_project(tmp_path / "bright" / "copick.json").runs,
        NormaliseSettings(invert=True),
        find=partial(blobs_in, settings=BlobSettings(**SETTINGS["data"]["blobs"]), bright=True),
    )
    for run, index in zip(runs, range(2), strict=True):
        found, truth = run.picks, make_run(index)[1]
        assert np.mean(cdist(truth.zyx, found.zyx).min(axis=1) < 30.0) >= 0.8


def test_runs_are_drawn_in_their_order_and_by_the_seed():
    names = [f"run{n:02}" for n in range(20)]
    some = drawn(names, 5, seed=0)
    assert len(some) == 5
    assert some == sorted(some)
    assert some == drawn(names, 5, seed=0) != drawn(names, 5, seed=1)
    assert drawn(names, 20, seed=3) == drawn(names, 99, seed=4) == names


def test_of_many_tomograms_some_are_drawn(unlabelled, tmp_path):
    few = {**SETTINGS, "data": {"blobs": {**SETTINGS["data"]["blobs"], "tomograms": 1}}}
    few["training"] = {**SETTINGS["training"], "steps": 2}
    trained = train(unlabelled, tmp_path / "x", recipe="self-taught", settings=few)
    assert len(trained.fold.train) == 1


def test_it_needs_tomograms(tmp_path):
    with pytest.raises(UserError, match="no project to train on"):
        train(None, tmp_path / "x", recipe="self-taught")
