"""What tuning says of a threshold is what picking with it gives."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.settings import Choice
from tomoscout.metrics import czii
from tomoscout.pickers import PICKERS
from tomoscout.tuning.candidates import collect, draw, is_nested, sweep_candidates
from tomoscout.tuning.operating import operate

FLOOR = 0.05
CHOICES = [Choice(name=name) for name in PICKERS.names()]
NESTED = [
    Choice(name="local_max"),
    Choice(name="local_max", distance=0.3),
    Choice(name="local_max", smooth=20.0),
    Choice(name="components", cells=0.2),
    Choice(name="components", cells=0.2, score="mean", min_volume=0.02),
    Choice(name="watershed", cells=0.1, relief="score", apart=0.5, distance=0.3),
    Choice(name="mean_shift", cells=0.15, score="percentile_90", downsample=2),
]


@pytest.mark.parametrize("choice", [*CHOICES, *NESTED[1:]], ids=repr)
def test_scores_at_a_tried_threshold_are_those_of_its_picks(doubled, objects, choice):
    for entry in objects.each():
        found = collect(doubled, entry, choice, floor=FLOOR)
        swept = sweep_candidates(found, [look.truth for look in doubled], entry, floor=FLOOR)
        for threshold in (swept.best.threshold, *swept.thresholds[:: len(swept.thresholds) // 3]):
            picks = [draw(look.scores, entry, choice, float(threshold)) for look in doubled]
            kept = [p.__class__(p.zyx, p.objects, p.score_array, run=look.name)
                    for p, look in zip(picks, doubled, strict=True)]  # fmt: skip
            truth = [look.truth for look in doubled]
            counts = czii.score(kept, truth, objects=objects).counts[entry.name]
            assert swept.at(float(threshold)).counts == counts


@pytest.mark.parametrize("choice", NESTED, ids=repr)
def test_a_nested_pickers_higher_threshold_only_drops_picks(doubled, objects, choice):
    assert is_nested(choice)
    for entry in objects.each():
        every = draw(doubled[0].scores, entry, choice, FLOOR)
        for threshold in np.quantile(every.score_array, [0.2, 0.5, 0.8]):
            here = draw(doubled[0].scores, entry, choice, float(threshold))
            kept = every.above({entry.name: float(threshold)})
            np.testing.assert_allclose(here.zyx, kept.zyx)


def test_pickers_that_look_at_the_cells_above_the_threshold_are_not_taken_for_nested():
    for name in ("components", "watershed", "mean_shift", "linked_slices"):
        assert not is_nested(Choice(name=name))
    assert not is_nested(Choice(name="local_max", source="mask"))
    assert not is_nested(Choice(name="components", cells=None))


def test_with_cells_of_their_own_one_picking_tells_of_all_thresholds(doubled, objects):
    asked = []

    def drawn(scores, entry, choice, threshold):
        asked.append(threshold)
        return draw(scores, entry, choice, threshold)

    collect(doubled, objects["small"], Choice(name="components", cells=0.2), floor=0.05, draw=drawn)
    assert asked == [0.05, 0.05], "once per map"


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
@pytest.mark.parametrize("shared", [False, True])
def test_the_operating_points_find_what_was_planted(looks, objects, choice, shared):
    found = {e.name: collect(looks, e, choice, floor=FLOOR) for e in objects.each()}
    truth = [look.truth for look in looks]
    tuned = operate(found, truth, objects=objects, floor=FLOOR, shared=shared)
    assert tuned.scores == {"large": 1.0, "small": 1.0, "weighted": 1.0}
    assert tuned.result.weighted == 1.0
    if shared:
        assert len(set(tuned.thresholds.values())) == 1
    assert tuned.intervals().intervals["weighted"] == (1.0, 1.0)
    assert all("tuned on 12 particles only" in caution for caution in tuned.cautions)


def test_an_object_that_cannot_be_tuned_keeps_its_threshold(looks, objects):
    found = {
        e.name: collect(looks, e, Choice(name="local_max"), floor=FLOOR) for e in objects.each()
    }
    truth = [look.truth.of("large") for look in looks]
    tuned = operate(found, truth, objects=objects, floor=FLOOR, defaults={"small": 0.37})
    assert tuned.thresholds["small"] == 0.37
    assert "small: no particle in the truth, the threshold stays 0.37" in tuned.cautions
