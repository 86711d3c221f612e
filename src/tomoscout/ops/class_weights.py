"""How much each class counts in a loss: given, or measured from how rare the classes are.

Measured weights are ratios to the commonest class, which keeps 1: a loss with weights then has
about the size of one without. Rare classes weigh more, but never above a limit, so that a class
without a single cell cannot silence all others.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Num
from pydantic import Field, field_validator
from torch import Tensor

from tomoscout.core.activation import Activation, channel_names
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings

_SLIP = 0.8  # similarity of a misspelt name; beta-amylase and beta-galactosidase have 0.67


class ClassWeights(Settings):
    """Weights of background and objects in the loss."""

    method: Literal["none", "given", "inverse", "effective"] = "none"
    """``none`` leaves them to the loss; ``given`` takes those below; ``inverse`` multiplies them
    by how rare each class is among the training cells, ``effective`` by how few effective cells
    it has, which stops counting where cells of one class no longer teach anything new."""
    background: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Of background."""
    object: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Of each object that ``objects`` does not name."""
    objects: dict[str, float] = Field(default_factory=dict)
    """Of objects, by name; 0 leaves an object out of the loss."""
    limit: float = Field(default=50.0, ge=1, allow_inf_nan=False)
    """Largest ratio of two measured weights."""
    beta: float = Field(default=0.9999, ge=0, lt=1)
    """Of the effective number: about 1 / (1 - beta) cells of a class teach all there is to learn;
    0 weighs all classes alike."""

    @field_validator("objects")
    @classmethod
    def _not_negative(cls, objects: dict[str, float]) -> dict[str, float]:
        wrong = {name: weight for name, weight in objects.items() if not 0 <= weight < math.inf}
        if wrong:
            raise ValueError(f"weights must be 0 or more, found {wrong}")
        return objects


def class_weights(
    counts: Num[np.ndarray, " c"],
    *,
    method: Literal["inverse", "effective"],
    limit: float,
    beta: float,
) -> Float64[np.ndarray, " c"]:
    """Weigh classes by how rare they are; the commonest weighs 1.

    Parameters
    ----------
    counts
        Cells of each class, whole or soft.
    method
        ``inverse``: one over the count. ``effective``: one over the effective number of cells,
        (1 - beta ** count) / (1 - beta) (Cui et al., 2019, arXiv:1901.05555).
    limit
        Highest weight, above 1; that of classes without cells.
    beta
        Of the effective number, from 0 to below 1.

    Raises
    ------
    ValueError
        If a count is negative, or all are zero.
    """
    counts = np.asarray(counts, np.float64)
    if not (np.isfinite(counts) & (counts >= 0)).all() or not counts.any():
        raise ValueError(f"class weights need counts of 0 or more, found {counts.tolist()}")
    number = counts
    if method == "effective":
        # beta ** count is 1 - tiny for rare classes: expm1 keeps the tiny part.
        number = np.where(counts > 0, -np.expm1(counts * math.log(max(beta, 1e-300))), 0.0)
    least = number.max() / limit  # classes rarer than this, or absent, weigh the limit
    return number.max() / np.maximum(number, least)


def cells_per_class(target: Float[Tensor, "b o z y x"]) -> Float64[np.ndarray, " c"]:
    """Count the cells of background and of each object, soft ones in parts; NaN is neither."""
    objects = target.double().nansum(dim=(0, 2, 3, 4))
    background = (1.0 - target.double().sum(dim=1)).clamp(min=0.0).nansum()
    return torch.cat([background[None], objects]).numpy(force=True)


def weights_for(
    settings: ClassWeights,
    *,
    objects: Sequence[str],
    activation: Activation,
    counts: Num[np.ndarray, " c"] | None = None,
) -> Float32[Tensor, " k"] | None:
    """Turn settings into one weight for each channel of a network; None leaves them to the loss.

    Parameters
    ----------
    settings
        What the recipe says.
    objects
        Names of the objects, in table order.
    activation
        What the network's channels are; rarity is measured among classes that have one.
    counts
        Cells of background and of each object, for the measured methods (`cells_per_class`).

    Raises
    ------
    UserError
        If a weight is set for an object whose name is nearly that of one there is. Other names are
        passed over: a recipe may name objects that this project has not.
    ValueError
        If counts are needed and missing, or not one for each class.
    """
    if settings.method == "none":
        return None
    for name in settings.objects.keys() - set(objects):
        # A recipe for one data set names objects that another has not; a near miss is a slip,
        # unless the object that it is near to is named too.
        unnamed = [other for other in objects if other not in settings.objects]
        if near := difflib.get_close_matches(name, unnamed, n=1, cutoff=_SLIP):
            raise UserError(
                f"class_weights: no object '{name}': the project has {', '.join(objects)}. "
                f"Did you mean '{near[0]}'?"
            )
    given = {name: settings.objects.get(name, settings.object) for name in objects}
    given[""] = settings.background
    names = channel_names(activation, objects)
    weights = np.array([given.get(name, 1.0) for name in names])  # sizes of discs weigh 1
    if settings.method != "given":
        if counts is None or len(counts) != len(objects) + 1:
            found = "none" if counts is None else str(len(counts))
            raise ValueError(f"counts of {len(objects) + 1} classes are needed, found {found}")
        first = 0 if "" in names else 1
        measured = class_weights(
            counts[first:], method=settings.method, limit=settings.limit, beta=settings.beta
        )
        weights[: len(measured)] *= measured
    return torch.from_numpy(weights.astype(np.float32))
