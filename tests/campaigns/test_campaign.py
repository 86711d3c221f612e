"""A campaign from its YAML to its tables: what it says can be found out by hand."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from samples.weights import OBJECTS, write_campaign, write_project
from tomoscout.campaigns.maps import read_map
from tomoscout.campaigns.run import prepare, run_campaign
from tomoscout.campaigns.settings import read_campaign
from tomoscout.campaigns.store import Store
from tomoscout.cli import main
from tomoscout.core.parameters import read_parameters
from tomoscout.inference.detect import FLOOR, pick, predict
from tomoscout.inference.ensemble import load_model
from tomoscout.inference.weights import load_detector
from tomoscout.io.picks import read_picks
from tomoscout.io.project import open_project
from tomoscout.io.scores import read_scores
from tomoscout.metrics import czii
from tomoscout.tuning.thresholds import sweep

RUNS = ["run0", "run1", "run2"]


@pytest.fixture(scope="module")
def done(bench, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("campaign") / "out"
    assert main(["campaign", str(bench / "campaign.yaml"), "-o", str(output), "-q"]) == 0
    return output


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))


def by_hand(bench: Path, fold: str) -> tuple[dict[str, float], float]:
    """Thresholds from what each fold finds on the run it held out, and the score elsewhere."""
    home, away = (open_project(bench / name / "copick.json") for name in ("home", "away"))
    floor = dict.fromkeys(OBJECTS.names, FLOOR)
    found = [
        pick(home[run].tomogram(), bench / "good" / f"fold_{run}", thresholds=floor) for run in RUNS
    ]
    truth = [home[run].picks() for run in RUNS]
    swept = sweep(found, truth, objects=OBJECTS, floor=FLOOR)
    thresholds = {name: one.best.threshold for name, one in swept.items()}
    model = load_detector(bench / "good" / f"fold_{fold}")
    picks = [pick(run.tomogram(), model, thresholds=thresholds) for run in away.runs]
    result = czii.score(picks, [run.picks() for run in away.runs], objects=OBJECTS)
    return thresholds, result.weighted


def test_a_row_is_what_tuning_and_scoring_by_hand_give(bench, done):
    thresholds, score = by_hand(bench, "run1")
    hps = read_parameters(done / "hps" / "hps_good_fold_run1_none_card_thresholds.json")
    assert hps.thresholds == pytest.approx(thresholds)
    assert hps.tuned_on == tuple(RUNS)
    (row,) = [
        row
        for row in table(done, "intermediate_results")
        if (row["experiment"], row["strategy"], row["fold"], row["tuning"])
        == ("good", "best_single", "run1", "thresholds")
    ]
    assert float(row["f4"]) == pytest.approx(score, abs=1e-5)
    assert row["num_tomos"] == "2"
    assert json.loads(row["params_json"])["thresholds"] == pytest.approx(thresholds)


def test_the_better_experiment_comes_first_and_tuning_pays(done):
    lines = table(done, "comparison_summary")
    assert len(lines) == 2 * 2 * 2
    assert [line["experiment"] for line in lines[:2]] == ["good", "good"]
    assert {line["tuning"] for line in lines[:2]} == {"thresholds"}
    means = [float(line["mean_f4"]) for line in lines]
    assert means == sorted(means, reverse=True)
    assert {line["strategy"]: line["folds"] for line in lines} == {
        "best_single": "3",
        "kfold_ensemble": "1",
    }
    by_particle = table(done, "comparison_summary_by_particle")
    assert [line["object"] for line in by_particle] == ["large"] * 8 + ["small"] * 8


def test_the_tables_agree_with_one_another(done):
    each = table(done, "per_tomogram_scores")
    folds = table(done, "f4_summary_by_particle")
    rows = 2 * (3 + 1) * 2
    assert len(each) == rows * 2 * 3
    assert len(folds) == rows * 3
    key = ("experiment", "strategy", "tta", "picker", "tuning", "fold", "object")
    for line in folds:
        if line["object"] != "weighted":
            mine = [e for e in each if all(e[k] == line[k] for k in key)]
            for count in ("tp", "fp", "fn"):
                assert int(line[count]) == sum(int(e[count]) for e in mine)


def test_score_maps_are_kept_in_the_format_of_predict(done):
    maps = sorted((done / "maps" / "good" / "kfold").glob("none-*/*.scores.zarr"))
    assert [read_scores(path).run for path in maps] == ["new0", "new1"]
    assert read_scores(maps[0]).objects == OBJECTS.names
    for line in table(done, "comparison_times"):
        assert float(line["time_per_tomo"]) > 0


def test_pick_takes_its_maps_and_its_parameters(bench, done, tmp_path):
    (maps,) = {path.parent for path in done.rglob("good/fold_run1/none-*/new*.scores.zarr")}
    hps = done / "hps" / "hps_good_fold_run1_none_card_thresholds.json"
    command = ["pick", str(bench / "away"), "--scores", str(maps), "--params", str(hps)]
    assert main([*command, "-o", str(tmp_path / "picks"), "-q"]) == 0
    away = open_project(bench / "away" / "copick.json")
    found = read_picks(tmp_path / "picks" / "picks.csv", objects=OBJECTS)
    result = czii.score(found, [run.picks() for run in away.runs], objects=OBJECTS)
    assert result.weighted == pytest.approx(by_hand(bench, "run1")[1], abs=1e-3)


def test_the_page_has_every_experiment_and_loads_nothing(done):
    page = (done / "campaign.html").read_text()
    for word in ("good", "astray", "kfold_ensemble", "By particle", "large", "Settings"):
        assert word in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_a_tomogram_that_cannot_be_read_stops_no_other(bench, tmp_path, capsys):
    away = write_project(tmp_path / "away", {"new0": 10, "new1": 11})
    chunk = next(path for path in (tmp_path / "away").rglob("new0/**/*.zarr/0/0/0/0"))
    chunk.write_bytes(chunk.read_bytes()[:50])
    file = write_campaign(
        bench,
        "broken.yaml",
        experiments={"good": str(bench / "good")},
        test={"project": str(away)},
        validation=None,
        strategies="kfold_ensemble",
        tuning="default",
    )
    output = tmp_path / "out"
    assert main(["campaign", str(file), "-o", str(output)]) == 2
    told = capsys.readouterr().err
    assert "1 of 2 score maps failed, the others are kept; the first: good kfold, new0" in told
    assert len(list(output.rglob("new1.scores.zarr"))) == 1
    assert not (output / "comparison_summary.csv").exists()


def test_what_the_document_lists_is_what_there_is(done):
    text = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `([\w.]+/?)(?:hps_\*\.json)?` \|", text, re.M))
    found = {path.name + "/" * path.is_dir() for path in done.iterdir()}
    assert {name for name in listed if "." in name or name.endswith("/")} == found


@pytest.mark.parametrize("blend", ["probabilities", "logits"])
def test_an_ensembles_map_is_that_of_all_its_networks_to_the_last_bit(bench, tmp_path, blend):
    asked = {"experiments": {"good": str(bench / "good")}, "tuning": "default", "blend": blend}
    ready = prepare(read_campaign(write_campaign(bench, "blend.yaml", **asked)), score_on=1)
    (job,) = [job for job in ready.plan.maps if job.parts]
    run_campaign(ready, tmp_path)
    model = load_model(bench / "good", blend=blend)
    expected = predict(ready.sources.volume(job), model).data
    np.testing.assert_array_equal(read_map(job, Store(tmp_path)).data[:], expected)
    assert not any(member.is_file() for member in tmp_path.rglob("*.partial*"))


def test_done_again_nothing_is_drawn_and_nothing_changes(bench, done, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in done.glob("*.csv")}
    monkeypatch.setattr("tomoscout.campaigns.run.draw_map", None)
    monkeypatch.setattr("tomoscout.campaigns.run.find_all", None)
    assert main(["campaign", str(bench / "campaign.yaml"), "-o", str(done)]) == 0
    assert {path: path.read_bytes() for path in done.glob("*.csv")} == before
    assert "good, kfold_ensemble" in capsys.readouterr().out
    assert main(["campaign", str(bench / "campaign.yaml"), "-o", str(done), "--plan"]) == 0
    told = capsys.readouterr().out
    assert "score maps: 22, of which 22 are done" in told
    assert "rows: 16, of which 16 are done" in told


def test_pick_with_a_rows_parameters_does_what_the_campaign_did(bench, tmp_path):
    """Members, blend and views: nothing of it is said again."""
    file = write_campaign(
        bench,
        "joined.yaml",
        experiments={"good": str(bench / "good")},
        strategies=["kfold_ensemble", "best_single"],
        tta="z_flip",
        blend="logits",
        window={"average": "logits"},
        tuning="thresholds",
    )
    output = tmp_path / "out"
    assert main(["campaign", str(file), "-o", str(output), "-q"]) == 0
    path = output / "hps" / "hps_good_kfold_z_flip_card_thresholds.json"
    hps = read_parameters(path)
    assert (hps.tta, hps.average, hps.ensemble, hps.blend) == ("z_flip", "logits", "mean", "logits")
    alone = read_parameters(output / "hps" / "hps_good_fold_run1_z_flip_card_thresholds.json")
    assert (alone.average, alone.ensemble, alone.blend) == ("logits", None, None)
    (maps,) = {one.parent for one in output.rglob("good/kfold/z_flip-*/new*.scores.zarr")}
    sources = {"anew": ["--model", str(bench / "good")], "kept": ["--scores", str(maps)]}
    found = {}
    for name, words in sources.items():
        command = ["pick", str(bench / "away"), *words, "--params", str(path)]
        assert main([*command, "-o", str(tmp_path / name), "-q"]) == 0
        found[name] = (tmp_path / name / "picks.csv").read_text()
    assert found["anew"] == found["kept"]
    assert len(found["anew"].splitlines()) > 4
