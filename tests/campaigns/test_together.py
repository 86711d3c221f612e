"""A campaign tunes and scores what ``pick`` picks, where weights pick their objects together."""

from __future__ import annotations

import pytest

from samples.weights import OBJECTS, write_campaign, write_crossval
from tomoscout.campaigns.run import prepare
from tomoscout.campaigns.settings import read_campaign
from tomoscout.cli import main
from tomoscout.core.parameters import read_parameters
from tomoscout.inference.detect import FLOOR, pick
from tomoscout.inference.weights import load_detector, save_detector
from tomoscout.io.project import open_project
from tomoscout.metrics import czii
from tomoscout.tuning.thresholds import sweep

RUNS = ["run0", "run1", "run2"]


@pytest.fixture(scope="module")
def joint(bench, tmp_path_factory):
    """The experiment ``good``, with cards that say so."""
    folder = write_crossval(tmp_path_factory.mktemp("experiments") / "joint", RUNS)
    for path in folder.rglob("*.safetensors"):
        made = load_detector(path)
        card = made.card.model_copy(update={"together": True})
        save_detector(type(made)(made.network, card), path)
    return folder


def campaign(bench, joint, **changes):
    settings = {"strategies": ["best_single"], "tuning": ["thresholds"], **changes}
    return write_campaign(bench, "joint.yaml", experiments={"joint": str(joint)}, **settings)


def test_thresholds_and_scores_are_those_of_the_one_map(bench, joint, tmp_path):
    words = ["campaign", str(campaign(bench, joint)), "-o", str(tmp_path / "out"), "-q"]
    assert main(words) == 0
    hps = read_parameters(
        tmp_path / "out" / "hps" / "hps_joint_fold_run1_none_card_thresholds.json"
    )
    assert hps.together
    home, floor = open_project(bench / "home" / "copick.json"), dict.fromkeys(OBJECTS.names, FLOOR)
    found = [
        pick(home[run].tomogram(), joint / f"fold_{run}", thresholds=floor, together=True)
        for run in RUNS
    ]
    swept = sweep(found, [home[run].picks() for run in RUNS], objects=OBJECTS, floor=FLOOR)
    assert hps.thresholds == pytest.approx({name: s.best.threshold for name, s in swept.items()})
    apart = [
        pick(home[run].tomogram(), joint / f"fold_{run}", thresholds=floor, together=False)
        for run in RUNS
    ]
    alone = czii.score(apart, [home[run].picks() for run in RUNS], objects=OBJECTS)
    whole = czii.score(found, [home[run].picks() for run in RUNS], objects=OBJECTS)
    assert alone.counts != whole.counts


def test_a_search_finds_one_picker_for_all(bench, joint, tmp_path):
    search = {"method": "grid", "space": {"local_max": {"distance": [0.8, 1.2]}}}
    path = campaign(bench, joint, tuning=["search"], search=search)
    assert main(["campaign", str(path), "-o", str(tmp_path / "out"), "-q"]) == 0
    for hps in (tmp_path / "out" / "hps").iterdir():
        large, small = read_parameters(hps).pickers.values()
        assert large == small


def test_rows_that_another_card_made_are_not_gone_on_with(bench, joint):
    """Whatever picker is asked for, the map that it sees is another."""
    for pickers in (["card"], ["local_max"]):
        path = campaign(bench, joint, pickers=pickers)
        ours = {row.key for row in prepare(read_campaign(path)).plan.rows}
        each = write_campaign(
            bench, "each.yaml", experiments={"joint": str(bench / "good")},
            strategies=["best_single"], tuning=["thresholds"], pickers=pickers,
        )  # fmt: skip
        assert not ours & {row.key for row in prepare(read_campaign(each)).plan.rows}
