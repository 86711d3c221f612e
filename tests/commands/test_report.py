import json

import mrcfile
import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.commands.report import report
from tomoscout.core.errors import UserError

TRUTH = {"TS_1": [300.0, 700.0], "TS_2": [500.0]}
PICKS = {"TS_1": [310.0, 500.0], "TS_2": [500.0]}  # a hit, a false alarm, a miss; a hit


def write_csv(path, runs, name="ribosome"):
    rows = [(run, name, x, 400.0, 100.0, 0.5 + x / 2000) for run, xs in runs.items() for x in xs]
    lines = [f"{i},{','.join(map(str, row))}" for i, row in enumerate(rows)]
    path.write_text("\n".join(["id,experiment,particle_type,x,y,z,score", *lines]) + "\n")
    return path


@pytest.fixture
def project(tmp_path):
    """Two tomograms in a folder, their truth beside them."""
    folder = tmp_path / "project"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for run, xs in TRUTH.items():
        with mrcfile.new(folder / f"{run}.mrc") as file:
            file.set_data(rng.normal(size=(20, 80, 100)).astype(np.float32))
            file.voxel_size = 10.0
        write_csv(folder / f"{run}.csv", {run: xs})
    return folder


@pytest.fixture
def picks(tmp_path):
    folder = tmp_path / "picks"
    folder.mkdir()
    write_csv(folder / "picks.csv", PICKS)
    settings = {"model": "out/fold0", "thresholds": {"ribosome": 0.625}, "kind": None}
    ledger = {"settings": settings, "runs": {"TS_1": {}, "TS_2": {}}}
    (folder / "pick.json").write_text(json.dumps(ledger))
    return folder


def test_the_page_lies_beside_the_picks_and_tells_their_fate(project, picks, capsys):
    report(picks, project)
    page = (picks / "report.html").read_text(encoding="utf-8")
    assert "Of 3 particles in 2 runs, <strong>2 were found</strong> and 1 missed" in page
    assert "1 of 3 picks is a false alarm" in page
    assert "0.625" in page  # the threshold that pick noted
    assert "<h3>TS_2</h3>" in page
    assert f"tomoscout report {picks} {project} --overwrite" in page
    assert str(picks / "report.html") in capsys.readouterr().out.replace("\n", "")


def test_one_run_can_be_chosen_and_named(project, picks, tmp_path):
    out = tmp_path / "deep" / "one.html"
    report(picks, project, output=out, runs="TS_1", title="First & only")
    page = out.read_text(encoding="utf-8")
    assert "<h1>First &amp; only</h1>" in page
    assert "Of 2 particles in 1 run" in page


def test_a_run_without_picks_counts_as_missed_when_it_is_named(project, tmp_path):
    found = write_csv(tmp_path / "found.csv", {"TS_1": [300.0]})
    report(found, project, runs="TS_1,TS_2", output=tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Of 3 particles in 2 runs, <strong>1 was found</strong> and 2 missed" in page


def test_picks_without_truth_are_shown_without_a_score(project, picks):
    for truth in project.glob("*.csv"):
        truth.unlink()
    report(picks, project)
    page = (picks / "report.html").read_text(encoding="utf-8")
    assert "No truth was given" in page
    assert '<section id="slices">' in page


def test_training_adds_its_curves_and_recipe(project, picks, tmp_path):
    (tmp_path / "history.csv").write_text("step,loss,weighted\n10,2.0,\n20,1.0,0.5\n")
    (tmp_path / "recipe.yaml").write_text("model:\n  name: scout_unet\n")
    report(picks, project, training=tmp_path)
    page = (picks / "report.html").read_text(encoding="utf-8")
    assert '<section id="training">' in page
    assert "name: scout_unet" in page


def test_candidates_are_counted_in_the_curves_only(project, picks, tmp_path):
    more = write_csv(tmp_path / "all.csv", {"TS_1": [310.0, 500.0, 700.0], "TS_2": [500.0]})
    report(picks, project, candidates=more)
    assert "1 of 3 picks is a false alarm" in (picks / "report.html").read_text(encoding="utf-8")


def test_a_page_that_exists_is_kept_without_overwrite(project, picks):
    (picks / "report.html").write_text("mine")
    with pytest.raises(UserError, match="--overwrite"):
        report(picks, project)
    assert (picks / "report.html").read_text() == "mine"
    report(picks, project, overwrite=True)
    assert "Tomoscout" in (picks / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "TS_3"], "no run 'TS_3'"),
        (["--kind", "wpb"], "no tomogram 'wpb'"),
        (["--training", "nowhere"], "no such training log"),
        (["--candidates", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_left(
    project, picks, capsys, arguments, said
):
    before = sorted(picks.iterdir())
    assert main(["report", str(picks), str(project), *arguments]) == 2
    message = capsys.readouterr().err.strip()
    assert said in message
    assert "Traceback" not in message
    assert sorted(picks.iterdir()) == before


def test_an_unknown_object_is_refused_by_name(project, tmp_path):
    found = write_csv(tmp_path / "found.csv", {"TS_1": [300.0]}, name="ribosom")
    with pytest.raises(UserError, match="Did you mean 'ribosome'"):
        report(found, project)
    assert not (tmp_path / "report.html").exists()
