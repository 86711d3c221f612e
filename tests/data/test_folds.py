import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.data.folds import Fold, k_folds, leave_one_out, split

NAMES = st.lists(st.text("abc_1", min_size=1), min_size=2, max_size=12, unique=True)


@given(names=NAMES, data=st.data())
def test_every_run_is_held_out_once_and_never_trained_on_at_the_same_time(names, data):
    k = data.draw(st.integers(2, len(names)))
    for folds in (leave_one_out(names), k_folds(names, k, seed=3)):
        held = sorted(name for fold in folds for name in fold.validation)
        assert held == sorted(names)
        for fold in folds:
            assert sorted(fold.train + fold.validation) == sorted(names)
            assert fold.train


@given(names=NAMES, data=st.data())
def test_the_order_of_the_names_does_not_matter(names, data):
    shuffled = data.draw(st.permutations(names))
    assert leave_one_out(shuffled) == leave_one_out(names)
    assert k_folds(shuffled, 2, seed=1) == k_folds(names, 2, seed=1)


def test_k_folds_differ_by_one_run_at_most_and_follow_the_seed():
    names = [f"TS_{i}" for i in range(11)]
    assert sorted(len(fold.validation) for fold in k_folds(names, 4)) == [2, 3, 3, 3]
    assert k_folds(names, 4, seed=1) != k_folds(names, 4, seed=2)


def test_a_split_is_a_fold_or_what_was_asked_for():
    names = ["c", "a", "b"]
    assert split(names, fold=1) == Fold(train=("a", "c"), validation=("b",))
    assert split(names, validation=["c", "b"]) == Fold(train=("a",), validation=("b", "c"))
    assert split(names, validation=[]) == Fold(train=("a", "b", "c"), validation=())
    assert split(["a"], validation=[]) == Fold(train=("a",), validation=())


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a"], {}, "1 run with picks .* at least 2"),
        (["a", "b"], {"fold": 2}, "fold 2: there are 2 runs, choose 0 to 1"),
        (["a", "b"], {"fold": -1}, "fold -1"),
        (["a", "b", "a"], {}, "found twice: a"),
        (["TS_1", "TS_2"], {"validation": ["TS_l"]}, "unknown .*'TS_l'.*Did you mean"),
        (["a", "b"], {"validation": ["a", "a"]}, "found twice: a"),
        (["a", "b"], {"validation": ["a", "b"]}, "every run is held out"),
    ],
)
def test_impossible_splits_are_refused(names, options, message):
    with pytest.raises(UserError, match=message):
        split(names, **options)


def test_more_folds_than_runs_are_refused():
    with pytest.raises(UserError, match="3 folds of 2 runs"):
        k_folds(["a", "b"], 3)
