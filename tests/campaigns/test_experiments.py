"""What an experiment knows, read from its folder; and which runs a campaign takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from samples.weights import detector, write_campaign
from tomoscout.campaigns.experiments import read_experiment
from tomoscout.campaigns.run import prepare
from tomoscout.campaigns.settings import read_campaign
from tomoscout.campaigns.store import Store
from tomoscout.cli import main
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.card import Origin
from tomoscout.inference.weights import load_detector, save_detector


def save(folder: Path, **changes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_detector(detector(**changes), folder / "model.safetensors")
    return folder


def member(path: Path):
    (only,) = read_experiment("one", str(path)).members
    return only


def test_folds_come_in_order_and_those_without_weights_are_named(tmp_path):
    for number in (10, 9, 2):
        save(tmp_path / f"fold_{number}")
    (tmp_path / "fold_3").mkdir()
    read = read_experiment("scout", str(tmp_path))
    assert [one.name for one in read.members] == ["2", "9", "10"]
    assert read.unfinished == ("3",)
    assert read.is_crossval


def test_a_fold_tells_what_it_has_seen_and_what_chose_it(bench, tmp_path):
    fold = member(bench / "good" / "fold_run1")
    assert fold.trained_on == {"run0", "run2"}
    assert (fold.validated_on, fold.tuned_on, fold.chosen_on) == ({"run1"}, {"run1"}, set())
    assert fold.specialists is not None
    best = {"recipe": {"training": {"keep": "best"}}, "tuned_on": ("v",), "trained_on": ("t",)}
    assert member(save(tmp_path / "best", **best)).chosen_on == {"v"}
    started = Origin(name="old", fingerprint="1", trained_on=("s",))
    tuned = member(save(tmp_path / "tuned", origin=started, trained_on=("t",)))
    assert tuned.trained_on == {"s", "t"}


def test_a_fold_that_was_tuned_anew_still_knows_what_it_held_out(bench, tmp_path):
    folder = shutil.copytree(bench / "good" / "fold_run1", tmp_path / "fold")
    before = member(folder)
    model = load_detector(folder).with_thresholds({"large": 0.2, "small": 0.2}, ("new",))
    save_detector(model, folder / "model.safetensors")
    after = member(folder)
    assert (after.tuned_on, after.validated_on) == ({"new"}, {"run1"})
    assert after.fingerprint == before.fingerprint  # the score maps stay the same
    assert after.thresholds != before.thresholds


@pytest.mark.parametrize("changes", [{"seed": 1}, {"voxel_spacing": 12.0}, {"patch": (16, 16, 16)}])
def test_what_changes_a_score_map_changes_the_fingerprint(tmp_path, changes):
    first = member(save(tmp_path / "first"))
    assert member(save(tmp_path / "again")).fingerprint == first.fingerprint
    assert member(save(tmp_path / "other", **changes)).fingerprint != first.fingerprint
    picker = save(tmp_path / "picker", picker=Choice(name="components"))
    assert member(picker).fingerprint == first.fingerprint
    assert member(picker).pickers != first.pickers
    joint = save(tmp_path / "joint", together=True)
    assert member(joint).fingerprint == first.fingerprint
    assert (member(joint).together, first.together) == (True, False)


def test_nothing_of_the_kind_is_told_in_one_line(tmp_path):
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(UserError, match="none of its 1 folds has weights"):
        read_experiment("scout", str(tmp_path))
    with pytest.raises(UserError, match="no weights 'nowhere'"):
        read_experiment("scout", "nowhere")


def test_fewer_runs_to_tune_on_and_to_score(bench):
    settings = read_campaign(bench / "campaign.yaml")
    whole, few = prepare(settings), prepare(settings, tune_on=2, score_on=1)
    named = prepare(settings, tune_on=["run2"])

    def runs(ready, jobs):
        return {job.run.name for row in ready.plan.rows for job in getattr(row, jobs)}

    assert (runs(whole, "tuned"), runs(whole, "tested")) == (
        {"run0", "run1", "run2"}, {"new0", "new1"}
    )  # fmt: skip
    assert (runs(few, "tuned"), runs(few, "tested")) == ({"run0", "run1"}, {"new0"})
    assert runs(named, "tuned") == {"run2"}
    # What is done of the small one counts for the whole one.
    kept = {row.key for row in prepare(settings, score_on=1).plan.rows}
    assert kept == {row.key for row in whole.plan.rows}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--limit-final", "0"], "--limit-final 0: score one run or more"),
        (["--limit-runs", "0"], "--limit-runs 0: tune on one run or more"),
        (["--limit-runs", "run7"], "no run 'run7'"),
        (["--strategies", "kfold"], "strategies"),
        (["--test.runs", "new7"], "Did you mean 'new"),
        (["--experiments.third", "nowhere"], "no weights 'nowhere'"),
    ],
)
def test_mistakes_are_told_in_one_line(bench, tmp_path, flags, words, capsys):
    output = tmp_path / "out"
    assert main(["campaign", str(bench / "campaign.yaml"), "-o", str(output), *flags]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not output.exists()


def test_at_home_an_ensemble_is_refused_and_single_folds_are_not(bench):
    file = write_campaign(bench, "home.yaml", test=None, tuning="thresholds")
    ready = prepare(read_campaign(file))
    assert {row.scorer.strategy for row in ready.plan.rows} == {"best_single"}
    assert all(len(row.tested) == 1 and len(row.tuned) == 2 for row in ready.plan.rows)
    assert any("kfold_ensemble, thresholds: left out" in r for r in ready.plan.remarks)


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(UserError, match="holds other things than a campaign"):
        Store(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        Store(tmp_path / "thesis.txt")


def test_weights_of_unlisted_objects_are_refused(bench, tmp_path):
    rows = [{"name": "ribosome", "radius": 150}]
    save(tmp_path / "ribosomes", objects=tuple(rows))
    file = write_campaign(
        bench, "foreign.yaml", experiments={"foreign": str(tmp_path / "ribosomes")},
        strategies="best_single",
    )  # fmt: skip
    with pytest.raises(UserError, match="find 'ribosome', which"):
        prepare(read_campaign(file))
