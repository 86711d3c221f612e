"""Label volumes go with the crop: moved exactly, kept, or refused."""

import numpy as np
import pytest

from tomoscout.augment import AUGMENTATIONS, augment, augment_labelled, keeps_labels, prepare
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.targets import spheres

TABLE = ObjectTable(
    objects=(ObjectType(name="small", radius=25), ObjectType(name="large", radius=45))
)
ALL = ("yx", "zy", "zx")
STEPS = [
    Choice(name="noise", probability=1.0),
    Choice(name="flip"),
    Choice(name="gamma", probability=1.0),
    Choice(name="quarter_turn", planes=ALL),
    Choice(name="intensity", probability=1.0),
]


def drawn(picks: Picks, volume: Volume) -> np.ndarray:
    """Labels of balls around the picks."""
    channels = spheres.encode(
        picks, objects=TABLE, geometry=volume.geometry, settings=spheres.Settings(radius=1.0)
    )
    return sum(label * channel for label, channel in enumerate(channels, start=1)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(14, 14, 14), (10, 14, 14), (9, 11, 13)])
def test_moved_labels_are_those_drawn_around_the_moved_points(shape, seed):
    rng = np.random.default_rng(seed)
    volume = Volume(rng.standard_normal(shape).astype(np.float32), 10.0)
    places = rng.uniform(0, 10 * (np.array(shape) - 1), (5, 3))
    picks = Picks(places, rng.choice(TABLE.names, 5))
    labels = Volume(drawn(picks, volume), 10.0)
    steps = prepare(STEPS)
    image, moved, points = augment_labelled(
        volume, labels, picks, steps=steps, rng=np.random.default_rng(seed)
    )
    np.testing.assert_array_equal(np.asarray(moved.data), drawn(points, image))
    assert np.asarray(moved.data).dtype == np.uint8
    # The image and the points are those of a run without labels.
    plain, plain_points = augment(volume, picks, steps=steps, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(image.read(), plain.read())
    np.testing.assert_array_equal(points.zyx, plain_points.zyx)


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_a_step_says_the_truth_about_labels(name):
    module, settings = prepare([Choice(name=name, probability=1.0)])[0]
    volume = Volume(np.random.default_rng(0).random((12, 12, 12), np.float32), 10.0)
    picks = Picks(np.array([[30.0, 40.0, 80.0]]), "small")
    out, points = module.apply(volume, picks, settings=settings, rng=np.random.default_rng(3))
    kept = np.array_equal(points.zyx, picks.zyx)
    same_values = np.array_equal(np.sort(out.read(), None), np.sort(volume.read(), None))
    assert ("kept" if kept else "moved" if same_values else "lost") == module.LABELS


def test_interpolating_steps_do_not_keep_labels():
    assert keeps_labels(STEPS)
    assert not keeps_labels([*STEPS, Choice(name="rotate")])
    assert not keeps_labels([Choice(name="scale")])
    volume = Volume(np.zeros((4, 4, 4), np.float32), 10.0)
    with pytest.raises(ValueError, match=r"rotate interpolates"):
        augment_labelled(
            volume, volume, Picks.empty(), steps=prepare([Choice(name="rotate")]),
            rng=np.random.default_rng(0),
        )  # fmt: skip
