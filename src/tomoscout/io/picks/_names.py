"""Names of objects in pick files, which other programs and the data portal write in their way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks


def as_in(objects: ObjectTable, picks: Picks, *, source: object) -> Picks:
    """Return picks whose objects are called as a table calls them.

    Parameters
    ----------
    objects
        The project's objects.
    picks
        As they were read.
    source
        Where from, for the message.

    Raises
    ------
    UserError
        If an object is unknown.
    """
    try:
        names = {name: objects.known_as(name) for name in picks.names}
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    if all(name == own for name, own in names.items()):
        return picks
    return replace(picks, objects=np.array([names[str(name)] for name in picks.objects]))
