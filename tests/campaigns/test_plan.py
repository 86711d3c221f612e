"""What is tuned on is never scored, and nobody looks at runs they have learnt from."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples.campaigns import campaign, crossval, fold, refs
from tomoscout.campaigns.experiments import Experiment
from tomoscout.campaigns.plan import make_plan
from tomoscout.core.errors import UserError

RUNS = ("a", "b", "c")
EVERY = ("best_single", "kfold_ensemble", "ensemble_specialists")
NEW = refs("test", ("x", "y"), "other")


def plan(experiments=None, *, validation=RUNS, test=NEW, **changes):
    experiments = experiments or [crossval(RUNS)]
    known = refs("validation", validation)
    return make_plan(campaign(**changes), experiments, validation=known, test=test)


def looked_at(jobs):
    return [(job.scorer.title, job.run.name) for job in jobs]


def test_a_fold_is_scored_on_new_runs_and_tuned_on_what_each_fold_held_out():
    rows = plan().rows
    assert [row.scorer.fold for row in rows] == ["a", "b", "c"]
    for row in rows:
        assert looked_at(row.tested) == [(f"fold_{row.scorer.fold}", r) for r in ("x", "y")]
        assert looked_at(row.tuned) == [("fold_a", "a"), ("fold_b", "b"), ("fold_c", "c")]


def test_an_ensemble_is_not_tuned_on_maps_of_its_own_where_a_member_knows_the_run():
    (row,) = plan(strategies="kfold_ensemble").rows
    assert looked_at(row.tested) == [("kfold", "x"), ("kfold", "y")]
    assert looked_at(row.tuned) == [("fold_a", "a"), ("fold_b", "b"), ("fold_c", "c")]


def test_an_ensemble_looks_itself_at_runs_that_none_of_its_folds_knows():
    (row,) = plan(strategies="kfold_ensemble", validation=("a", "new")).rows
    assert looked_at(row.tuned) == [("fold_a", "a"), ("kfold", "new")]


def test_without_test_runs_each_is_scored_by_the_fold_that_held_it_out():
    rows = plan(test=refs("test", RUNS), namesakes=False).rows
    for row in rows:
        mine = row.scorer.fold
        others = [run for run in RUNS if run != mine]
        assert looked_at(row.tested) == [(f"fold_{mine}", mine)]
        assert looked_at(row.tuned) == [(f"fold_{run}", run) for run in others]


def test_an_ensemble_of_all_folds_has_nothing_to_be_scored_on_at_home():
    with pytest.raises(UserError, match="every test run was seen in training") as caught:
        plan(test=refs("test", RUNS), strategies="kfold_ensemble")
    assert "kfold_ensemble" in str(caught.value)


@pytest.mark.parametrize("strategy", ["ensemble_specialists", "best_single"])
def test_a_run_that_chose_the_weights_does_not_score_them(strategy):
    """Specialists are always chosen by the held-out run, others where the best were kept."""
    with pytest.raises(UserError, match="seen in training or tuning"):
        plan([crossval(RUNS, keep="best")], test=refs("test", RUNS), strategies=strategy)


def test_thresholds_of_the_weights_are_not_scored_on_the_runs_they_were_tuned_on():
    found = plan(test=refs("test", RUNS), tuning=["default", "thresholds"])
    assert {row.tuning for row in found.rows} == {"thresholds"}
    assert any("default: left out" in remark for remark in found.remarks)
    assert all(row.tuned == () for row in plan(tuning="default").rows)


def test_runs_that_were_seen_can_be_scored_but_are_marked():
    test = (*refs("test", RUNS[:1]), *NEW)
    honest, marked = (plan(test=test, seen=seen, strategies="kfold_ensemble") for seen in
                      ("leave_out", "mark"))  # fmt: skip
    assert [job.run.name for job in honest.rows[0].tested] == ["x", "y"]
    assert honest.rows[0].seen == ()
    assert [job.run.name for job in marked.rows[0].tested] == ["a", "x", "y"]
    assert marked.rows[0].seen == ("a",)
    assert any("no fair score" in remark for remark in marked.remarks)
    # Marked or not, it is not tuned on.
    assert looked_at(marked.rows[0].tuned) == [("fold_b", "b"), ("fold_c", "c")]


def test_namesakes_are_the_same_run_unless_said_otherwise():
    test = refs("test", RUNS, "another/simulation")
    with pytest.raises(UserError, match="namesakes"):
        plan(test=test, strategies="kfold_ensemble")
    (row,) = plan(test=test, strategies="kfold_ensemble", namesakes=True).rows
    assert [job.run.name for job in row.tested] == list(RUNS)
    assert [job.run.name for job in row.tuned] == list(RUNS)
    with pytest.raises(UserError):  # of the very same files it does not help to say so
        plan(test=refs("test", RUNS), strategies="kfold_ensemble", namesakes=True)


def test_one_training_has_nothing_to_join_and_others_go_on():
    alone = Experiment("alone", (fold("", knows=("a",), held_out=("b",), specialists=False),))
    found = plan([alone, crossval(RUNS)], strategies=EVERY)
    assert {row.group[:2] for row in found.rows} == {
        ("alone", "best_single"), *(("scout", strategy) for strategy in EVERY)
    }  # fmt: skip
    assert any("nothing to join" in remark for remark in found.remarks)
    assert any("no specialists" in remark for remark in found.remarks)
    # Runs that it has not learnt from, whether they were held out or not there.
    assert looked_at(found.rows[0].tuned) == [("single", "b"), ("single", "c")]


def test_every_map_is_drawn_once_and_those_of_one_model_together():
    found = plan(strategies=EVERY, tta=["none", "z_flip"], tuning=["default", "thresholds"])
    assert len({job.identity for job in found.maps}) == len(found.maps)
    models = [job.scorer for job in found.maps]
    assert len(set(models)) == 1 + sum(a != b for a, b in pairwise(models))
    # 3 folds x (1 held out + 2 new), the same for specialists, 2 new for the ensemble; two views.
    assert len(found.maps) == 2 * (9 + 9 + 2)


def test_an_ensemble_is_made_of_its_members_maps_where_they_are_drawn_anyway():
    both = plan(strategies=["kfold_ensemble", "best_single"])
    kfold = [job for job in both.maps if job.scorer.strategy == "kfold_ensemble"]
    assert [job.run.name for job in kfold] == ["x", "y"]
    for job in kfold:
        assert looked_at(job.parts) == [(f"fold_{r}", job.run.name) for r in RUNS]
        assert set(job.parts) < set(both.maps[: both.maps.index(job)])  # they come before
    (row,) = [row for row in both.rows if row.scorer.strategy == "kfold_ensemble"]
    assert list(row.tested) == kfold
    alone, by_rank = (
        plan(strategies="kfold_ensemble"),
        plan(strategies=["kfold_ensemble", "best_single"], blend="ranks"),
    )
    assert not any(job.parts for job in (*alone.maps, *by_rank.maps))


def test_what_a_result_depends_on_changes_its_key():
    first = plan().rows[0]
    keys = {
        plan().rows[0].key,
        plan(validation=RUNS[:2]).rows[0].key,
        plan(pickers=[{"name": "local_max", "distance": 0.9}]).rows[0].key,
        plan([crossval((*RUNS, "d"))]).rows[0].key,
        plan(spread=0.2).rows[0].key,
    }
    assert len(keys) == 5
    assert first.key in keys
    assert plan(test=NEW[:1]).rows[0].key == first.key  # more test runs change no other's score


NAMES = st.sampled_from("abcdefg")
KEEP = st.sampled_from(["best", "last"])
SETS = st.frozensets(NAMES, max_size=6)


@given(
    folds=st.lists(
        st.tuples(SETS, SETS, st.sampled_from(["best", "last"])), min_size=1, max_size=4
    ),
    validation=SETS,
    test=SETS,
    seen=st.sampled_from(["leave_out", "mark"]),
    namesakes=st.booleans(),
    apart=st.booleans(),
)
def test_whatever_the_folds_no_run_is_tuned_on_and_scored(
    folds, validation, test, seen, namesakes, apart
):
    members = tuple(
        fold(str(i), knows=knows, held_out=held - knows, keep=keep)
        for i, (knows, held, keep) in enumerate(folds)
    )
    found = refs("test", sorted(test), "other" if apart else "data")
    try:
        made = plan(
            [Experiment("e", members, is_crossval=True)],
            validation=sorted(validation),
            test=found,
            seen=seen,
            namesakes=namesakes,
            strategies=EVERY,
            tuning=["default", "thresholds"],
        )
    except UserError:
        return
    for row in made.rows:
        tuned, tested = ({job.run.source for job in jobs} for jobs in (row.tuned, row.tested))
        assert not tuned & tested
        assert tested
        assert bool(tuned) == (row.tuning != "default")
        for job in row.tuned:
            assert job.run.name not in job.scorer.trained_on
        # Where they are said to be others, only the files of the validation runs prove it wrong.
        are_others = namesakes and (apart or not test <= validation)
        if not are_others:
            assert not {j.run.name for j in row.tuned} & {j.run.name for j in row.tested}
            forbidden = row.scorer.seen
            forbidden |= row.scorer.tuned_on if row.tuning == "default" else frozenset()
            known = {job.run.name for job in row.tested} & forbidden
            assert known == set(row.seen)
            assert not known or seen == "mark"
        assert all(job.scorer == row.scorer for job in row.tested)
