"""What every picker asks of its input, and what reaching a threshold means to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry


def check(
    score: Float[np.ndarray, "z y x"], geometry: Geometry, *, name: str, threshold: float
) -> None:
    """Refuse a threshold outside (0, 1], a map of another shape, and values that are no numbers."""
    if not 0 < threshold <= 1:
        raise UserError(
            f"the threshold of '{name}' must be above 0 and at most 1, found {threshold:g}"
        )
    if score.shape != geometry.cells:
        raise ValueError(f"a score map of {score.shape} cells on a lattice of {geometry.cells}")
    # A sum is one pass without a temporary map; in double precision half floats do not overflow.
    with np.errstate(invalid="ignore"):
        total = score.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise UserError(
            f"the score map of '{name}' holds values that are not numbers: "
            "look for NaN in the tomogram and in the weights"
        )


def lowest_passing(threshold: float, dtype: np.dtype[Any]) -> Any:
    """Return the lowest number of a float type that reaches the threshold.

    The nearest half float of 0.1 is 0.09998: compared with that, scores below 0.1 would pass.
    """
    limit = dtype.type(threshold)
    return limit if float(limit) >= threshold else np.nextafter(limit, dtype.type(2))
