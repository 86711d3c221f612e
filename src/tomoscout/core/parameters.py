"""What tuning finds and picking takes, in one JSON file.

Thresholds and pickers, and the views and the ensemble of the score maps that they are for.

Weights carry parameters of their own in their card. A file of parameters lies over them
(``pick --params``), so one set of weights can be used with several, and what was tuned on one
data set need not be written into weights that others use too.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tomoscout import __version__
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Choice, Settings, validate

Threshold = Annotated[float, Field(gt=0, le=1)]

Blend = Literal["probabilities", "logits", "ranks"]
"""How scores of several models become one: their mean; their geometric mean, brought back to a sum
of one with background; or the mean after each has been given the first one's distribution."""

Strategy = Literal["mean", "specialists"]
"""Which of several models are joined: all, or for each object those that score best on it."""

Average = Literal["probabilities", "logits"]
"""What is averaged over views: what a network says, or the logarithms of its odds, among which one
sure view outvotes several doubtful ones."""


class Parameters(Settings):
    """How picks are drawn from score maps, and what is known about how well that works."""

    thresholds: dict[str, Threshold] = Field(default_factory=dict)
    """Lowest score of a pick, per object; others use the card's."""
    pickers: dict[str, Choice] = Field(default_factory=dict)
    """How an object's picks are drawn; others use the card's picker."""
    together: bool | None = None
    """Whether thresholds are of objects picked from one map; None leaves it to the card."""
    tta: str | None = None
    """Views that the score maps were averaged over; None leaves it to whoever picks."""
    average: Average | None = None
    """What was averaged over these views; None leaves it to whoever picks."""
    ensemble: Strategy | None = None
    """How several models were joined; None where there was one."""
    blend: Blend | None = None
    """How the scores of several models became one; None where there was one."""
    shares: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Share of each model of an ensemble, per object, in the order they are given."""
    tuned_on: tuple[str, ...] = ()
    """Runs whose truth they were found with; empty when there was no truth."""
    spread: float = Field(default=0.0, ge=0)
    """Standard deviation of the logarithm of the factor by which scores may be off elsewhere."""
    score: dict[str, float] = Field(default_factory=dict)
    """F-beta per object, and ``weighted``, on those very runs."""
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Where those scores lie with a confidence of 95 %, by bootstrap."""
    notes: str = ""
    """In plain words, how they were found."""
    version: str = __version__
    """Version of Tomoscout that wrote them."""

    @field_validator("intervals")
    @classmethod
    def _low_first(cls, value: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in value.items():
            if not low <= high:
                raise ValueError(f"'{name}': the lower bound comes first, found {low} and {high}")
        return value

    def check_objects(self, names: list[str], *, finder: str) -> None:
        """Refuse parameters of objects that a detector does not find.

        Parameters
        ----------
        names
            Objects that it finds.
        finder
            What the message calls it.

        Raises
        ------
        UserError
            If a threshold, a picker or shares are given for another object.
        """
        for name in (*self.thresholds, *self.pickers, *self.shares):
            if name not in names:
                raise UserError(
                    f"parameters for '{name}': {finder} finds {', '.join(names)}: "
                    f"tune anew for these weights.{did_you_mean(name, names)}"
                )


def read_parameters(path: str | PathLike[str]) -> Parameters:
    """Read a file of parameters.

    Raises
    ------
    UserError
        If there is no such file, it is no JSON, or it holds something else than parameters.
    """
    path = Path(path)
    remedy = "give a file that 'tomoscout tune' wrote"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file: {remedy}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): {remedy}") from error
    except ValueError as error:  # UnicodeDecodeError too
        raise UserError(f"{path}: not JSON ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: no parameters, found {type(content).__name__}: {remedy}")
    return validate(Parameters, content, source=str(path))
