"""How much augmentation, in one word: ready lists of steps for recipes.

``none``, ``base`` and ``advanced``, in two modes. ``anisotropic`` keeps the beam upright: all
turns are about z. ``isotropic`` turns about every axis; choose it where the missing wedge has been
filled in. The numbers are those of ETFinder, with rotations about the axes that it meant.
"""

from __future__ import annotations

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Choice

_ANGLE = 5.73  # degrees, 0.1 rad


def _base(*, isotropic: bool) -> tuple[Choice, ...]:
    """Return the steps that move voxels."""
    planes = ("yx", "zy", "zx") if isotropic else ("yx",)
    return (
        Choice(name="flip"),
        Choice(name="quarter_turn", probability=0.5, planes=planes),
        Choice(name="rotate", probability=0.3, angle=_ANGLE, tilt=_ANGLE if isotropic else 0.0),
        Choice(name="scale", probability=0.3, amount=0.05),
    )


_GREY = (
    Choice(name="gamma", probability=0.3, exponents=(0.7, 1.5)),
    Choice(name="mean_std_shift"),
)

_LEVELS: dict[str, tuple[Choice, ...]] = {
    "none": (),
    "base-anisotropic": _base(isotropic=False),
    "advanced-anisotropic": (*_base(isotropic=False), *_GREY),
    "base-isotropic": _base(isotropic=True),
    "advanced-isotropic": (*_base(isotropic=True), *_GREY),
}

WORDS = tuple(_LEVELS)
"""The words a recipe may use."""


def levels(word: str) -> tuple[Choice, ...]:
    """Return the steps that a word stands for.

    Raises
    ------
    UserError
        If there is no such word.
    """
    if word not in _LEVELS:
        raise UserError(
            f"no augmentation level '{word}': choose from {', '.join(WORDS)}, or list the steps."
            + did_you_mean(word, WORDS)
        )
    return _LEVELS[word]
