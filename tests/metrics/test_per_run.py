import numpy as np
import pytest

from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.metrics import Counts, rows_of
from tomoscout.metrics.czii import score


def on_x(*x, run, name="apo-ferritin"):
    return Picks(np.array([[100.0, 200.0, v] for v in x]).reshape(-1, 3), name, run=run)


def test_the_per_run_mean_is_that_of_the_runs_own_scores_and_not_of_pooled_counts():
    truth = [on_x(*range(0, 10_000, 100), run="full"), on_x(500, run="poor")]
    picks = [on_x(*range(0, 10_000, 100), run="full"), on_x(900, run="poor")]
    result = score(picks, truth)
    assert result.per_run == pytest.approx({"full": 1 / 7, "poor": 0})  # weight 1 of 7
    assert result.per_run_mean == pytest.approx(1 / 14)
    assert result.weighted == pytest.approx(100 / 101 / 7)


def test_an_object_absent_from_a_run_scores_0_there():
    truth = [on_x(500, run="a"), on_x(500, run="b", name="ribosome")]
    result = score(truth, truth)
    assert result.weighted == pytest.approx(2 / 7)
    assert result.per_run_mean == pytest.approx(1 / 7)


def test_counts_without_parts_are_zero_and_many_add_up_at_once():
    assert Counts.total([]) == Counts()
    parts = [Counts(i, 2 * i, 3, np.full(i, float(i))) for i in range(4)]
    total = Counts.total(parts)
    assert total == Counts(6, 12, 12)
    np.testing.assert_array_equal(total.distances, [1, 2, 2, 3, 3, 3])


def test_rows_of_objects_keep_their_order_and_none_is_forgotten():
    names = np.array(["ribosome", "apo-ferritin", "ribosome", "thyroglobulin"])
    rows = rows_of(Picks(np.zeros((4, 3)), names), CZII)
    assert list(rows) == CZII.names
    np.testing.assert_array_equal(rows["ribosome"], [0, 2])
    np.testing.assert_array_equal(rows["apo-ferritin"], [1])
    assert sum(len(r) for r in rows.values()) == 4
