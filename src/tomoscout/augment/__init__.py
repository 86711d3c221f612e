"""Augmentations. Each file: ``Settings``, ``LABELS``, ``apply(volume, picks, *, settings, rng)``.

``apply`` returns a new (Volume, Picks): the image and its points move together, in ångström,
relative to the crop's corner. Each has a probability of its own, draws only from ``rng`` and
leaves its input as it was. Shapes stay, except that a quarter turn may exchange y and x.

``LABELS`` says what becomes of a label volume beside the crop: it is ``"moved"`` exactly as the
voxels are, ``"kept"`` as it is by steps that change grey values only, or ``"lost"`` by steps that
interpolate, which are refused where a target needs labels.

One that reads voxels from beyond its result (a rotation needs the corners) also offers
``grow(shape, *, settings)``: how large a crop must be so that its central ``shape`` is made of
real voxels only. Its ``apply`` then takes that ``shape`` too and returns just the centre.

Mixing of whole batches comes after the targets are drawn: see ``data/mixup``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tomoscout.augment._labels import augment_labelled
from tomoscout.augment._levels import WORDS, levels
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.registry import Registry
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume

AUGMENTATIONS = Registry(__name__, "Settings", "LABELS", "apply")

DEFAULT_STEPS = (Choice(name="flip"), Choice(name="quarter_turn"))
"""Free of charge and of interpolation; enough for a first detector."""


__all__ = [
    "AUGMENTATIONS",
    "DEFAULT_STEPS",
    "WORDS",
    "Step",
    "augment",
    "augment_labelled",
    "check_labels",
    "grow",
    "keeps_labels",
    "levels",
    "prepare",
]


class Step(NamedTuple):
    """One augmentation, ready to run."""

    module: Any
    settings: Any


def prepare(choices: Iterable[Choice]) -> tuple[Step, ...]:
    """Look augmentations up and check their settings, in the order given.

    Raises
    ------
    UserError
        If a name or a setting is unknown.
    """
    return tuple(Step(*choice.resolve(AUGMENTATIONS)) for choice in choices)


def keeps_labels(choices: Iterable[Choice]) -> bool:
    """Tell whether label volumes come through the steps unharmed, moved or as they were."""
    return all(AUGMENTATIONS[choice.name].LABELS != "lost" for choice in choices)


def check_labels(choices: Iterable[Choice]) -> None:
    """Refuse steps that label volumes do not come through, for targets that learn from these.

    Raises
    ------
    UserError
        If a step interpolates.
    """
    blurring = [choice.name for choice in choices if not keeps_labels([choice])]
    if blurring:
        raise UserError(
            f"augment: {', '.join(blurring)} would blur the label volumes that this target learns "
            "from: leave it out; flip and quarter_turn move labels exactly"
        )


def grow(shape: Shape, *, steps: Sequence[Step]) -> Shape:
    """Return the shape of the crop that the steps need for a patch of ``shape``."""
    for module, settings in reversed(steps):
        if hasattr(module, "grow"):
            shape = module.grow(shape, settings=settings)
    return shape


def augment(
    volume: Volume,
    picks: Picks,
    *,
    steps: Sequence[Step],
    rng: np.random.Generator,
    shape: Shape | None = None,
) -> tuple[Volume, Picks]:
    """Apply steps in order.

    Parameters
    ----------
    volume
        Crop, of shape ``grow(shape, steps=steps)`` when ``shape`` is given.
    picks
        Centres in ångström from the crop's corner.
    steps
        What to do; see `prepare`.
    rng
        Source of all randomness.
    shape
        Voxels (z, y, x) wanted from the centre; None wants all.
    """
    for done, (module, settings) in enumerate(steps, start=1):
        wanted = {}
        if hasattr(module, "grow"):
            wanted["shape"] = None if shape is None else grow(shape, steps=steps[done:])
        volume, picks = module.apply(volume, picks, settings=settings, rng=rng, **wanted)
    return volume, picks
