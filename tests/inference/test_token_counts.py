"""Cells told right and wrong, of maps in which they can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference import token_counts as module
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.token_counts import token_counts
from tomoscout.targets import TARGETS

OBJECTS = ObjectTable(
    objects=(ObjectType(name="a", radius=60), ObjectType(name="b", radius=60, weight=2))
)
GEOMETRY = Geometry((48, 48, 60), 10.0, 6)  # 8 x 8 x 10 tokens
CENTRES = np.array([[90.0, 90, 90], [270, 210, 330], [390, 90, 450]])
TRUTH = Picks(CENTRES, np.array(["a", "b", "b"]))
BY_CENTRE = Choice(name="tokens", by="centre")
CELLS = [(1, 1, 1), (4, 3, 5), (6, 1, 7)]


def told(*cells, names=("a", "b")) -> ScoreMap:
    """A map that is rather sure of some (object, cell)."""
    data = np.full((len(names), *GEOMETRY.cells), 0.1, np.float16)
    for name, cell in cells:
        data[(names.index(name), *cell)] = 0.7
    return ScoreMap(data, tuple(names), GEOMETRY)


def test_cells_are_counted_per_class_as_by_hand():
    """Right: one a, one b. Wrong: a b called a, an empty cell called b."""
    scores = told(("a", CELLS[0]), ("b", CELLS[1]), ("a", CELLS[2]), ("b", (0, 0, 0)))
    counts = token_counts(scores, TRUTH, objects=OBJECTS, target=BY_CENTRE)
    cells = np.prod(GEOMETRY.cells)
    assert counts.tp.tolist() == [cells - 4, 1, 1]
    assert counts.fp.tolist() == [0, 1, 1]
    assert counts.fn.tolist() == [1, 0, 1]
    assert counts.recall == pytest.approx([1 - 1 / (cells - 3), 1.0, 0.5])
    # Weights 0, 1, 2: TP 3, FP 3, FN 2.
    assert counts.f_beta([0, 1, 2]) == pytest.approx(17 * 3 / (17 * 3 + 16 * 2 + 3))


def test_the_order_of_channels_is_no_matter_and_others_are_passed_over():
    cells = (("a", CELLS[0]), ("b", CELLS[1]))
    plain, turned = told(*cells), told(*cells, names=("c", "b", "a"))
    one, other = (
        token_counts(scores, TRUTH, objects=OBJECTS, target=BY_CENTRE) for scores in (plain, turned)
    )
    for field in ("tp", "fp", "fn"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_the_target_itself_is_told_right_wherever_the_map_is_cut(monkeypatch):
    monkeypatch.setattr(module, "_PLANES", 3)
    tokens = TARGETS["tokens"]
    truth = Picks(CENTRES + np.array([0, 0, 30]), TRUTH.objects)  # bodies on two tokens each
    marks = tokens.encode(truth, objects=OBJECTS, geometry=GEOMETRY, settings=tokens.Settings())
    assert marks.sum() == 6
    scores = ScoreMap(0.9 * marks, ("a", "b"), GEOMETRY)
    counts = token_counts(scores, truth, objects=OBJECTS)
    assert counts.fp.tolist() == counts.fn.tolist() == [0, 0, 0]
    assert counts.tp[1:].sum() == marks.sum()
    assert (counts + counts).f_beta([0, 1, 1]) == 1.0


@pytest.mark.parametrize(
    ("names", "target", "message"),
    [
        (("a", "c"), "tokens", "no scores of 'b', only of a, c"),
        (("a", "b"), "masks", "choose one of particles"),
        (("a", "b"), "token", "Did you mean 'tokens'"),
    ],
)
def test_what_cannot_be_counted_is_refused(names, target, message):
    with pytest.raises(UserError, match=message):
        token_counts(told(names=names), TRUTH, objects=OBJECTS, target=Choice(name=target))
