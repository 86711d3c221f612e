"""Whether scores mean what they say: the share of right picks among those of each score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tomoscout.core.objects import ObjectTable
from tomoscout.metrics import Ranked
from tomoscout.reporting.figures import MUTED, hex_color, new_figure

FEWEST = 5
"""Picks that a bin needs to be drawn: of fewer the share says nothing."""


def calibration_plot(ranked: Mapping[str, Ranked], *, objects: ObjectTable) -> Figure | None:
    """Draw the share of right picks against their score, a line per object.

    Returns None where no object has enough picks, or scores are no probabilities.
    """
    lines = {}
    for one in objects.each():
        found = ranked[one.name].reliability()
        if found is None:
            continue
        enough = found.total >= FEWEST
        if enough.sum() > 1:
            share = found.right[enough] / found.total[enough]
            lines[one.name] = (found.mean_score[enough], share, found.total[enough])
    if not lines:
        return None
    figure, (axes,) = new_figure(3.6, 3.3)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle="--")
    for name, (score, share, total) in lines.items():
        color = hex_color(objects[name].color)
        axes.plot(score, share, color=color, linewidth=1.4)
        axes.scatter(score, share, s=6 + 4 * np.sqrt(total), color=color, linewidths=0, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="score", aspect="equal")
    axes.set_title("share of right picks", fontsize=8.5, color=MUTED, loc="left")
    return figure
