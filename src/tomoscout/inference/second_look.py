"""What a classifier's opinion does to picks that something else made."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from tomoscout.core import usual
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings


class SecondLook(Settings):
    """How picks are judged."""

    scores: Literal["multiply", "replace"] = usual.SECOND_SCORES
    """``multiply`` gives a pick its old score times the probability of its object, ``replace`` that
    probability alone."""
    drop: float = Field(default=usual.DROP, ge=0, le=1)
    """Probability of background above which a pick is dropped; 1 keeps all."""
    rename: bool = False
    """Call every pick the object that is most probable there; without it only picks of objects
    that the classifier does not know, such as candidates, get another name."""


def second_look(
    picks: Picks,
    probability: Float[np.ndarray, "n k"],
    *,
    objects: list[str],
    settings: SecondLook,
) -> Picks:
    """Return the picks that are no background, with new scores and names.

    Parameters
    ----------
    picks
        Picks of one run.
    probability
        Of each class at each pick; background first, then the objects.
    objects
        Names of the objects, in the classes' order.
    settings
        How they are judged.
    """
    names = np.asarray(picks.objects, str)
    label = np.array([objects.index(str(n)) if str(n) in objects else -1 for n in names], np.int64)
    best = probability[:, 1:].argmax(axis=1)
    label = best if settings.rename else np.where(label < 0, best, label)
    score = probability[np.arange(len(picks)), 1 + label].astype(np.float64)
    if settings.scores == "multiply":
        score = score * picks.score_array
    told = replace(picks, objects=np.array(objects, str)[label], scores=score)
    return told[probability[:, 0] <= settings.drop]
