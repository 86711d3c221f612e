from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.targets.masks import NEEDS_LABELS, Settings, encode

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=60), ObjectType(name="large", radius=150))
)


def masks(labels: np.ndarray, *, stride: int = 6, picks: Picks | None = None, **settings):
    geometry = Geometry(labels.shape, 10.0, stride)
    return encode(
        Picks.empty() if picks is None else picks,
        objects=OBJECTS, geometry=geometry, settings=Settings(**settings), labels=labels,
    )  # fmt: skip


@pytest.fixture
def labels() -> np.ndarray:
    """Token 0: 2 of 6 planes are 1. Token 1: 3 planes are 1, 2 are 2. Token 2: 3 planes are 2."""
    planes = [1, 1, 0, 0, 0, 0, 1, 1, 1, 2, 2, 0, 0, 0, 0, 2, 2, 2]
    return np.broadcast_to(np.array(planes, np.uint8), (6, 6, 18)).copy()


def test_it_says_that_it_needs_labels():
    assert NEEDS_LABELS


def test_a_token_belongs_to_the_object_that_fills_most_of_it_if_that_is_enough(labels):
    """0.33 is below the published 0.37, 0.5 is above it."""
    assert masks(labels)[:, 0, 0].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert masks(labels, threshold=0.3)[:, 0, 0].tolist() == [[1, 1, 0], [0, 0, 1]]


def test_soft_masks_are_the_shares(labels):
    found = masks(labels, soft=True)
    np.testing.assert_allclose(found[:, 0, 0], [[1 / 3, 1 / 2, 0], [0, 1 / 3, 1 / 2]], rtol=1e-6)
    assert found.sum(0).max() <= 1.0


def test_at_stride_one_the_mask_is_the_label_volume(labels):
    for settings in ({}, {"soft": True}):
        found = masks(labels, stride=1, **settings)
        np.testing.assert_array_equal(found[0], labels == 1)
        np.testing.assert_array_equal(found[1], labels == 2)


def test_labels_decide_and_picks_do_not(labels):
    picks = Picks(np.array([[30.0, 30.0, 30.0]]), "large")
    np.testing.assert_array_equal(masks(labels, picks=picks), masks(labels))


def test_a_label_that_the_table_lacks_is_refused(labels):
    labels[0, 0, 0] = 7
    with pytest.raises(UserError, match=r"holds 7, but the table has 2 objects \(small, large\)"):
        masks(labels)


def test_labels_of_another_shape_are_refused(labels):
    geometry = Geometry((6, 6, 6), 10.0, 6)
    with pytest.raises(ValueError, match="for a crop of"):
        encode(
            Picks.empty(), objects=OBJECTS, geometry=geometry, settings=Settings(), labels=labels
        )
