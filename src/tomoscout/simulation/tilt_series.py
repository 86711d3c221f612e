"""The order in which a tilt series is taken, and the dose each image has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Scheme = Literal["dose_symmetric", "bidirectional", "continuous"]


@dataclass(frozen=True)
class TiltSeries:
    """Tilts in ascending order.

    Attributes
    ----------
    degrees
        Tilt of each image, about the y axis.
    before
        Dose the sample had seen before the image, in electrons per Å^2.
    dose
        Dose of each image, in electrons per Å^2.
    """

    degrees: Float[np.ndarray, " tilt"]
    before: Float[np.ndarray, " tilt"]
    dose: float

    @property
    def step(self) -> float:
        """Angle between neighbouring images, in degrees."""
        return float(self.degrees[1] - self.degrees[0]) if len(self.degrees) > 1 else 180.0


def tilt_series(
    *, max_tilt: float, tilt_step: float, scheme: Scheme, total_dose: float
) -> TiltSeries:
    """Plan a tilt series from ``-max_tilt`` to at most ``max_tilt``.

    Parameters
    ----------
    max_tilt
        Largest tilt to either side, in degrees.
    tilt_step
        Angle between neighbouring images, in degrees.
    scheme
        ``dose_symmetric`` starts untilted and swings out to both sides (Hagen et al. 2017,
        doi:10.1016/j.jsb.2016.06.007), so that high tilts take the damage; ``bidirectional`` goes
        from the middle to one end, then to the other; ``continuous`` from end to end.
    total_dose
        Of the whole series, in electrons per Å^2.
    """
    half = int(np.floor(max_tilt / tilt_step + 1e-6))
    degrees = np.arange(-half, half + 1) * float(tilt_step)
    middle = half
    if scheme == "dose_symmetric":
        order = np.argsort(np.abs(degrees) - 1e-3 * (degrees > 0), kind="stable")
    elif scheme == "bidirectional":
        order = np.concatenate([np.arange(middle, len(degrees)), np.arange(middle - 1, -1, -1)])
    else:
        order = np.arange(len(degrees))
    dose = total_dose / len(degrees)
    before = np.empty(len(degrees))
    before[order] = np.arange(len(degrees)) * dose
    return TiltSeries(degrees, before, dose)
