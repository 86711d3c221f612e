"""``pick --scores``: picks from maps that ``predict`` wrote."""

from __future__ import annotations

import json
import shutil

import pytest

from samples.detectors import save_tomogram, save_weights
from tomoscout.io.picks import read_picks


@pytest.fixture
def two(place):
    """Two tomograms, of voxels that make the network's a resampling."""
    save_tomogram(place / "a/t2.mrc", seed=3, shape=(20, 36, 44))
    return place


def test_maps_give_the_picks_that_tomograms_give(run, two):
    assert run("predict", "a", "-o", "maps", "--voxel-spacing", 8.7) == 0
    assert run("pick", "a", "-o", "direct", "--voxel-spacing", 8.7) == 0
    wanted = (two / "direct/picks.csv").read_text()
    assert len(wanted.splitlines()) > 20
    # Weights, and how they were used, are those that the maps were made with.
    assert run("pick", "--scores", "maps", "-o", "alone") == 0
    assert (two / "alone/picks.csv").read_text() == wanted
    assert (two / "alone/picks.star").read_text() == (two / "direct/picks.star").read_text()
    assert run("pick", "a", "--scores", "maps", "-o", "both", "--runs", "t2") == 0
    assert {part.run for part in read_picks(two / "both/picks.csv")} == {"t2"}
    noted = json.loads((two / "alone/pick.json").read_text())["settings"]
    assert noted["scores"] == str((two / "maps").resolve())
    assert noted["model"].endswith("w.safetensors")


def test_maps_of_an_ensemble_bring_it_along_wherever_one_stands(run, two, monkeypatch):
    both = ("--model", "w.safetensors", "--model", "v.safetensors", "--shares", "3,1")
    assert run("predict", "a/t1.mrc", "-o", "maps", *both) == 0
    monkeypatch.chdir(two / "a")
    assert run("pick", "--scores", "../maps", "-o", "../out") == 0
    assert "v.safetensors" in json.loads((two / "out/pick.json").read_text())["settings"]["model"]


def test_other_weights_than_the_maps_are_refused(run, refused, two):
    assert run("predict", "a/t1.mrc", "-o", "maps") == 0
    words = ("pick", "--scores", "maps")
    assert "were made with" in refused(*words, "--model", "v.safetensors")
    assert "made with the views 'none', not 'z_flip'" in refused(*words, "--tta", "z_flip")
    save_weights(two / "w.safetensors", seed=7)
    assert "were made with" in refused(*words)


def test_maps_that_are_not_there_are_told(run, refused, two, capsys):
    (two / "empty").mkdir()
    assert "nowhere: no such folder" in refused("pick", "--scores", "nowhere")
    assert "empty: no score map" in refused("pick", "--scores", "empty")
    assert "nothing to pick: give a tomogram" in refused("pick", "--model", "w.safetensors")
    assert run("predict", "a", "-o", "maps") == 0
    shutil.rmtree(two / "maps/t2.scores.zarr")
    assert run("pick", "a", "--scores", "maps") == 2
    assert "1 of 2 runs failed; the first: run 't2': no score map" in capsys.readouterr().err
    assert {part.run for part in read_picks(two / "out/picks.csv")} == {"t1"}


def test_maps_without_a_note_need_the_weights(run, two):
    assert run("predict", "a/t1.mrc", "-o", "maps") == 0
    (two / "maps/predict.json").unlink()
    assert run("pick", "--scores", "maps", "--model", "w.safetensors") == 0
    assert json.loads((two / "out/pick.json").read_text())["settings"]["weights"]


@pytest.mark.parametrize(
    ("way", "made", "asked"),
    [
        ("blend", "logits", "ranks"),
        ("average", "logits", "probabilities"),
        ("tta", "z_flip", "d4z"),
    ],
)
def test_maps_made_in_another_way_are_refused(run, refused, two, way, made, asked):
    both = ("--model", "w.safetensors", "--model", "v.safetensors")
    assert run("predict", "a/t1.mrc", "-o", "maps", *both, f"--{way}", made) == 0
    (two / "other.json").write_text(json.dumps({way: asked}))
    (two / "same.json").write_text(json.dumps({way: made}))
    for words in (
        [f"--{way}", asked],
        ["--params", "other.json"],
        [*both, "--params", "other.json"],
    ):
        told = refused("pick", "--scores", "maps", *words)
        assert f"'{made}', not '{asked}': predict anew with --{way} {asked}" in told
    assert run("pick", "--scores", "maps", "--params", "same.json") == 0
    assert run("pick", "--scores", "maps", *both, "-o", "again") == 0, "as the maps were made"


def test_maps_in_which_models_count_otherwise_are_refused(run, refused, two):
    both = ("--model", "w.safetensors", "--model", "v.safetensors")
    assert run("predict", "a/t1.mrc", "-o", "even", *both) == 0
    assert run("predict", "a/t1.mrc", "-o", "maps", *both, "--shares", "ribosome=3,1") == 0
    (two / "p.json").write_text('{"shares": {"ribosome": [0.75, 0.25]}}')
    words = ("pick", "--params", "p.json", "--scores")
    assert "predict anew with --shares ribosome=0.75,0.25" in refused(*words, "even")
    assert run(*words, "maps") == 0
