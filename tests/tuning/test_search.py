"""A search finds the settings that undo a known fault, and goes on where it was stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.settings import Choice
from tomoscout.pickers import PICKERS
from tomoscout.tuning.candidates import draw
from tomoscout.tuning.search import SearchPlan, search
from tomoscout.tuning.spaces import SPACES, space_of

NEAR = Choice(name="local_max", distance=0.5)
SPACE = {"local_max": {"distance": (0.25, 0.5, 1.0)}}


def find(looks, objects, plan, *, choices=(NEAR,), **options):
    pickers = dict.fromkeys(objects.names, choices)
    return search(looks, objects=objects, pickers=pickers, plan=plan, **options)


@pytest.mark.parametrize("method", ["grid", "optuna"])
def test_the_distance_that_drops_twins_is_found(doubled, objects, method):
    """Twins of large particles lie 60 Å, 0.75 radii, apart: nearer picks must be dropped."""
    plan = SearchPlan(method=method, trials=12, spaces=SPACE)
    found = find(doubled, objects, plan)
    assert found["large"].options["distance"] > 0.75
    assert found["small"].options["distance"] == 0.5, "equally good: what is in use stays"


def test_shared_settings_are_the_same_for_all(doubled, objects):
    found = find(doubled, objects, SearchPlan(spaces=SPACE, shared=True))
    assert found["large"] == found["small"]
    assert found["large"].options["distance"] == 1.0


def test_the_better_of_two_pickers_is_taken_per_object(doubled, objects):
    plan = SearchPlan(spaces={"local_max": {}})
    choices = (NEAR, Choice(name="local_max", distance=1.0))
    found = find(doubled, objects, plan, choices=choices)
    assert [found[n].options["distance"] for n in ("large", "small")] == [1.0, 0.5]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("method", ["grid", "optuna"])
def test_a_killed_search_ends_as_one_that_was_not(doubled, objects, tmp_path, method):
    objects = ObjectTable(objects=(objects["large"],))
    plan = SearchPlan(method=method, trials=12, spaces={"local_max": {"distance": (0.3, 0.4, 0.6)}})
    whole = find(doubled, objects, replace(plan, storage=tmp_path / "whole.db"))

    picked, limit = [], [5]

    def drawn(scores, entry, choice, threshold):
        if len(picked) == limit[0]:
            raise KilledError
        picked.append(choice.options["distance"])
        return draw(scores, entry, choice, threshold)

    stopped = replace(plan, storage=tmp_path / "stopped.db")
    for limit[0] in (3, 7):
        with pytest.raises(KilledError):
            find(doubled, objects, stopped, draw=drawn)
    before, limit[0] = len(picked), -1
    assert find(doubled, objects, stopped, draw=drawn) == whole
    assert len(picked) > before
    again = len(picked)
    assert find(doubled, objects, stopped, draw=drawn) == whole
    assert len(picked) == again, "nothing is tried twice"
    moved = [replace(doubled[0], name="other"), doubled[1]]
    find(moved, objects, stopped, draw=drawn)
    assert len(picked) > again, "another run is another search"


def test_progress_ends_at_one(looks, objects):
    told = []
    find(looks, objects, SearchPlan(spaces=SPACE), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_file_that_is_no_study_is_refused(looks, objects, tmp_path):
    (tmp_path / "t.db").write_text("not a data base, and long enough to be looked at" * 30)
    with pytest.raises(UserError, match=r"t\.db: no study to go on with"):
        find(looks, objects, SearchPlan(spaces=SPACE, storage=tmp_path / "t.db"))


@pytest.mark.parametrize("name", sorted(SPACES))
def test_every_space_is_of_settings_that_there_are(name):
    assert name in PICKERS.names()
    assert space_of(Choice(name=name))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"distanc": (1.0,)}, "no setting 'distanc'. Did you mean 'distance'"),
        ({"distance": ()}, "no values of 'distance'"),
        ({"distance": (-1.0,)}, "greater than"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(space, message):
    with pytest.raises(UserError, match=message):
        space_of(NEAR, {"local_max": space})
