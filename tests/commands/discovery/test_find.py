"""``tomoscout find``: a few examples in, the rest out."""

import json
import shutil

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.project import open_project
from tomoscout.io.scores import read_scores


@pytest.fixture(scope="module")
def examples(balls, tmp_path_factory):
    """Three of each kind, of the first run."""
    picks = open_project(balls)["run0"].picks()
    parts = [picks.of(name)[:3] for name in ("large", "small")]
    path = tmp_path_factory.mktemp("examples") / "like.csv"
    write_picks(Picks.concatenate(parts), path)
    return path


@pytest.fixture(scope="module")
def found(balls, discovered, examples, tmp_path_factory):
    """What is found with the encoder that ``discover`` trained."""
    output = tmp_path_factory.mktemp("find") / "out"
    command = ["find", str(balls), "--like", str(examples), "-o", str(output), "--maps"]
    assert main([*command, "--encoder", str(discovered / "encoder"), "--stride", "4"]) == 0
    return output


def test_both_kinds_are_found_and_told_apart_in_a_run_without_examples(balls, found):
    truth = open_project(balls)["run1"].picks()
    picks = next(p for p in read_picks(found / "picks" / "picks.csv") if p.run == "run1")
    right = 0
    for name in ("large", "small"):
        distance, _ = cKDTree(picks.of(name).zyx).query(truth.of(name).zyx)
        right += int((distance < 30).sum())
    assert right >= 0.7 * len(truth)
    assert len(picks) <= 1.5 * len(truth)


def test_what_the_scores_rest_on_is_noted(found):
    facts = json.loads((found / "find.json").read_text())["objects"]
    assert set(facts) == {"large", "small"}
    assert facts["large"]["examples"] == 3
    assert facts["large"]["reached"] > facts["large"]["ground"]


def test_maps_are_those_that_pick_takes_and_bright_at_particles(balls, found):
    scores = read_scores(found / "maps" / "run1.scores.zarr")
    assert scores.objects == ["large", "small"]
    run = open_project(balls)["run1"]
    soft = np.asarray(scores.data[:], np.float32)
    last = np.array(soft.shape[1:]) - 1
    for channel, name in enumerate(scores.objects):
        cells = scores.geometry.to_cells(run.picks().of(name).zyx)
        at = np.clip(np.rint(cells).astype(int), 0, last)
        assert soft[channel][tuple(at.T)].mean() > soft[channel].mean() + 0.3, name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("run,object,x,y,z\n", "no picks in it"),
        ("run,object,x,y,z\nrun9,large,10,10,10\n", "which the project does not have"),
    ],
)
def test_examples_that_say_nothing_are_refused(content, told, balls, tmp_path, capsys):
    path = tmp_path / "like.csv"
    path.write_text(content)
    assert main(["find", str(balls), "--like", str(path), "-o", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_examples_are_told(balls, tmp_path, capsys):
    command = ["find", str(balls), "--like", "nowhere.csv", "-o", str(tmp_path / "out")]
    assert main(command) == 2
    assert "--like nowhere.csv: no such file" in capsys.readouterr().err


def test_other_examples_replace_what_was_found_before(balls, discovered, found, tmp_path):
    output, path = tmp_path / "out", tmp_path / "like.csv"
    shutil.copytree(found, output)
    before = {p.name: p.stat().st_mtime_ns for p in (output / "embeddings").iterdir()}
    write_picks(open_project(balls)["run0"].picks().of("large")[:1], path)
    command = ["find", str(balls), "--like", str(path), "-o", str(output), "--stride", "4"]
    assert main([*command, "--encoder", str(discovered / "encoder")]) == 0
    assert {n for p in read_picks(output / "picks" / "picks.csv") for n in p.names} == {"large"}
    assert {p.name: p.stat().st_mtime_ns for p in (output / "embeddings").iterdir()} == before


def test_no_two_picks_share_one_place(found):
    radii = {"large": 60.0, "small": 30.0}
    for picks in read_picks(found / "picks" / "candidates"):
        radius = np.array([radii[str(name)] for name in picks.objects])
        gaps = np.linalg.norm(picks.zyx[:, None] - picks.zyx, axis=2)
        least = (radius[:, None] + radius) / 2
        np.fill_diagonal(gaps, np.inf)
        assert (gaps >= least - 1e-6).all()
