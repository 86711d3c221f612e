"""Which values of a picker's settings are worth a try.

A space names settings of one picker and lists values of each. A grid tries every combination; a
sampler draws numbers between the lowest and the highest value, and anything else from the list.
What a picker has in use is tried first in any case, so a search never ends with something worse.

The values are those of ETFinder's grids by their meaning, in fractions of the object's radius and
of its sphere's volume, where ETFinder counts in those of a ball of half the radius; and beyond
them, up to the distances that particles of the CZII data really keep. Where ``cells`` is a
number a trial takes a twelfth of the time, as one picking tells of all thresholds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Choice
from tomoscout.pickers import PICKERS

Space = Mapping[str, tuple[Any, ...]]

SPACES: dict[str, Space] = {
    "local_max": {
        "distance": (0.25, 0.4, 0.5, 0.6, 0.75, 1.0, 1.2, 1.5),
        "smooth": (0.0, 10.0, 20.0),
    },
    "components": {
        "cells": (None, 0.1, 0.3),
        "min_volume": (0.0, 1 / 240, 1 / 120, 1 / 56, 1 / 24, 0.1, 0.125, 0.15),
        "split": (True, False),
    },
    "watershed": {
        "cells": (None, 0.1, 0.3),
        "apart": (0.2, 0.4, 0.6, 1.0, 1.2),
        "min_volume": (0.0, 0.1, 0.125, 0.15),
    },
    "mean_shift": {
        "cells": (None, 0.1, 0.3),
        "bandwidth": (0.15, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0),
        "min_volume": (0.0, 0.0125, 0.025, 0.0375),
    },
    "linked_slices": {
        "lateral": (0.15, 0.25, 0.4),
        "distance": (0.6, 0.8, 1.0, 1.2, 1.5),
    },
}
"""By picker; one that is not listed is tuned by its threshold alone."""


def space_of(choice: Choice, spaces: Mapping[str, Space] | None = None) -> Space:
    """Return a picker's space, checked against its settings.

    Parameters
    ----------
    choice
        The picker.
    spaces
        By picker, in place of `SPACES` for the pickers they name.

    Raises
    ------
    UserError
        If a setting is unknown, has no values, or has one that the picker refuses.
    """
    space = {**SPACES, **(spaces or {})}.get(choice.name, {})
    known = list(PICKERS[choice.name].Settings.model_fields)
    for setting, values in space.items():
        if setting not in known:
            raise UserError(
                f"search space of {choice.name}: no setting '{setting}'."
                + (did_you_mean(setting, known) or f" Known: {', '.join(known)}.")
            )
        if not values:
            raise UserError(f"search space of {choice.name}: no values of '{setting}'")
    for settings in _corners(space):
        with_settings(choice, settings).resolve(PICKERS)
    return space


def grid(space: Space) -> list[dict[str, Any]]:
    """Return every combination of the values."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def with_settings(choice: Choice, settings: Mapping[str, Any]) -> Choice:
    """Return a picker with some of its settings changed."""
    return Choice(name=choice.name, **{**choice.options, **settings})


def current(choice: Choice, space: Space) -> dict[str, Any]:
    """Return what a picker has in use of the settings that are searched."""
    settings = choice.resolve(PICKERS)[1]
    return {name: getattr(settings, name) for name in space}


def _corners(space: Space) -> Iterator[dict[str, Any]]:
    """Every value once, with the first ones of the other settings."""
    first = {name: values[0] for name, values in space.items()}
    for name, values in space.items():
        yield from ({**first, name: value} for value in values)
