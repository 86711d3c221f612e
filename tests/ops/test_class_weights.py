from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.settings import validate
from tomoscout.ops.class_weights import (
    ClassWeights,
    cells_per_class,
    class_weights,
    weights_for,
)

OBJECTS = ["apo-ferritin", "ribosome", "thyroglobulin"]
COUNTS = np.array([90_000, 100, 3_000, 0])
CLASS_COUNTS = st.lists(st.integers(0, 10**8), min_size=2, max_size=8).filter(any)


def test_inverse_weights_by_hand():
    """Background is 30 times as common as ribosomes and 900 times as apo-ferritin."""
    found = class_weights(COUNTS, method="inverse", limit=50, beta=0.9)
    np.testing.assert_allclose(found, [1, 50, 30, 50])
    found = class_weights(COUNTS[:3], method="inverse", limit=1e4, beta=0.9)
    np.testing.assert_allclose(found, [1, 900, 30])


def test_below_the_limit_inverse_weights_have_the_ratios_of_total_over_count():
    counts = np.array([5000.0, 700, 60, 1100])
    theirs = counts.sum() / (counts + 1e-5)
    theirs /= theirs.max()
    ours = class_weights(counts, method="inverse", limit=1e9, beta=0.0)
    np.testing.assert_allclose(ours / ours.max(), theirs, rtol=1e-6)


def test_effective_numbers_by_hand():
    """With beta 0.5: 1, 1.5 and 1.75 effective cells from 1, 2 and 3; two in the end."""
    found = class_weights(np.array([1, 2, 3]), method="effective", limit=50, beta=0.5)
    np.testing.assert_allclose(found, [1.75, 1.75 / 1.5, 1])
    many = class_weights(np.array([10**9, 1]), method="effective", limit=50, beta=0.5)
    np.testing.assert_allclose(many, [1, 2])


def test_effective_numbers_run_from_all_alike_to_inverse():
    counts = np.array([1000, 10, 1])
    alike = class_weights(counts, method="effective", limit=1e9, beta=0.0)
    np.testing.assert_allclose(alike, 1)
    inverse = class_weights(counts, method="effective", limit=1e9, beta=1 - 1e-12)
    np.testing.assert_allclose(inverse, [1, 100, 1000], rtol=1e-6)


@settings(deadline=None)
@given(
    counts=CLASS_COUNTS,
    limit=st.floats(1, 1e4),
    beta=st.floats(0, 1, exclude_max=True),
    method=st.sampled_from(["inverse", "effective"]),
)
def test_the_rarer_the_heavier_and_never_beyond_the_limit(counts, limit, beta, method):
    counts = np.array(counts)
    weights = class_weights(counts, method=method, limit=limit, beta=beta)
    assert weights[counts.argmax()] == pytest.approx(1)
    assert weights.min() >= 1 - 1e-9
    assert weights.max() <= limit * (1 + 1e-9)
    assert (np.diff(weights[np.argsort(counts)]) <= 1e-9).all()


def test_an_absent_class_does_not_silence_the_rest():
    weights = class_weights(np.array([1000, 500, 0]), method="inverse", limit=20, beta=0.9)
    assert weights[:2].sum() / weights.sum() > 0.1


@pytest.mark.parametrize("counts", [[0, 0], [-1, 5], [np.nan, 1]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(ValueError, match="class weights need counts"):
        class_weights(np.array(counts), method="inverse", limit=50, beta=0.9)


def test_cells_are_counted_with_background_and_soft_ones_in_parts():
    target = torch.zeros(2, 2, 2, 2, 2)
    target[0, 0, 0, 0, 0] = 1.0
    target[1, 1, 0] = 0.25
    target[0, :, 1, 1, 1] = 1.0  # two objects in a cell leave no background, not less than none
    np.testing.assert_allclose(cells_per_class(target), [13.0, 2.0, 2.0])


def test_nothing_said_leaves_the_weights_to_the_loss():
    assert weights_for(ClassWeights(), objects=OBJECTS, activation="softmax") is None


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("softmax", [0.5, 10, 10, 20]), ("sigmoid", [10, 10, 20]), ("sized", [10, 10, 20, 1])],
)
def test_given_weights_find_their_channels(activation, expected):
    given_ = ClassWeights(
        method="given", background=0.5, object=10, objects={"thyroglobulin": 20.0}
    )
    weights = weights_for(given_, objects=OBJECTS, activation=activation)
    assert weights.tolist() == expected
    assert weights.dtype == torch.float32


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("softmax", [1, 50, 60, 0]), ("sigmoid", [30, 2, 0]), ("sized", [30, 2, 0, 1])],
)
def test_measured_weights_multiply_given_ones_and_compare_classes_that_have_a_channel(
    activation, expected
):
    measured = ClassWeights(method="inverse", objects={"ribosome": 2.0, "thyroglobulin": 0.0})
    weights = weights_for(measured, objects=OBJECTS, activation=activation, counts=COUNTS)
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)


def test_an_unknown_object_is_refused_and_the_nearest_named():
    wrong = ClassWeights(method="given", objects={"ribosom": 2.0})
    with pytest.raises(UserError, match=r"no object 'ribosom'.*Did you mean 'ribosome'"):
        weights_for(wrong, objects=OBJECTS, activation="softmax")


@pytest.mark.parametrize(("counts", "found"), [(None, "none"), (np.ones(3), "3")])
def test_missing_counts_are_refused(counts, found):
    with pytest.raises(ValueError, match=f"counts of 4 classes are needed, found {found}"):
        weights_for(
            ClassWeights(method="effective"), objects=OBJECTS, activation="softmax", counts=counts
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "inverted"}, "'method'"),
        ({"objects": {"ribosome": -1}}, "weights must be 0 or more, found"),
        ({"limit": 0.5}, "'limit'"),
        ({"beta": 1.0}, "'beta'"),
        ({"backgroud": 1.0}, "Did you mean 'background'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message):
        validate(ClassWeights, options, source="class_weights")


def test_names_of_another_data_set_are_passed_over():
    foreign = ClassWeights(method="given", objects={"nucleosome": 9.0, "ribosome": 2.0})
    found = weights_for(foreign, objects=OBJECTS, activation="sigmoid")
    assert found.tolist() == [2.0 if name == "ribosome" else 1.0 for name in OBJECTS]


@pytest.mark.parametrize("absent", ["beta-amylase", "beta-galactosidase"])
def test_an_object_that_a_project_lacks_is_not_taken_for_a_slip_of_its_namesake(absent):
    """The challenge's recipes name either; many projects leave the unscored amylase out."""
    present = [name for name in CZII.names if name != absent]
    named = ClassWeights(method="given", objects={absent: 9.0})
    assert weights_for(named, objects=present, activation="sigmoid").tolist() == [1.0] * 5
