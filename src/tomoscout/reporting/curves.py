"""How the score of one object depends on its threshold.

Three small figures per object: the score, precision and recall at every threshold; precision
against recall over curves of equal score; and the scores of hits and false alarms. The operating
point is marked in each. Put side by side they tell a wrong threshold (the mark is off the summit)
from a weak detector (the summit is low).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tomoscout.reporting.figures import INK, MUTED, RULE, hex_color, new_figure
from tomoscout.tuning.thresholds import Sweep

SIZE = (3.3, 2.3)
"""Width and height of each figure, in inches."""
_MOST_POINTS = 300


def score_by_threshold(
    sweep: Sweep, *, color: tuple[int, int, int], threshold: float | None
) -> Figure:
    """Draw F-beta (bold), precision (dotted) and recall (dashed) against the threshold."""
    figure, (axes,) = new_figure(*SIZE)
    at = _spread(sweep)
    x = sweep.thresholds[at]
    # Between two scores the picks are those of the higher one: the step is before the point.
    for values, line_color, width, style in (
        (sweep.precision, MUTED, 1.0, ":"),
        (sweep.recall, MUTED, 1.0, "--"),
        (sweep.f_beta, hex_color(color), 2.0, "-"),
    ):
        axes.step(x, values[at], where="pre", color=line_color, linewidth=width, linestyle=style)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=0.8)
        _mark(axes, threshold, sweep.at(threshold).f_beta, color)
    axes.set(ylim=(-0.02, 1.04), xlabel="threshold")
    axes.set_title(
        f"F{sweep.beta:g} — precision ··· recall - -", fontsize=8.5, color=MUTED, loc="left"
    )
    return figure


def precision_recall(
    sweep: Sweep,
    *,
    color: tuple[int, int, int],
    threshold: float | None,
    average_precision: float | None = None,
) -> Figure:
    """Draw precision against recall, over thin curves of equal F-beta; AP is told where known."""
    figure, (axes,) = new_figure(*SIZE)
    axes.grid(visible=False)
    square = sweep.beta**2
    for level in (0.2, 0.4, 0.6, 0.8, 0.9):
        # F = (1 + b²) p r / (b² p + r), solved for r; where r is 1, p is lowest.
        lowest = level / ((1 + square) - square * level)
        precision = np.linspace(lowest, 1, 100)
        recall = square * level * precision / ((1 + square) * precision - level)
        axes.plot(recall, precision, color=RULE, linewidth=0.8)
        axes.text(
            recall[-1], 1.015, f"{level:g}", fontsize=7, color=MUTED, ha="center", va="bottom"
        )
    at = _spread(sweep)
    axes.plot(sweep.recall[at], sweep.precision[at], color=hex_color(color), linewidth=2)
    if threshold is not None:
        point = sweep.at(threshold).counts
        _mark(axes, point.recall, point.precision, color)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="recall", ylabel="precision")
    if average_precision is not None:
        title = f"average precision {average_precision:.2f}"
        axes.set_title(title, fontsize=8.5, color=MUTED, loc="left", pad=14)
    return figure


def score_histogram(
    hits: Float[np.ndarray, " h"],
    alarms: Float[np.ndarray, " a"],
    *,
    color: tuple[int, int, int],
    threshold: float | None,
) -> Figure:
    """Draw how many hits (filled) and false alarms (outline) have each score."""
    figure, (axes,) = new_figure(*SIZE)
    every = np.concatenate([hits, alarms])
    low, high = (every.min(), every.max()) if len(every) else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.05, high + 0.05
    edges = np.linspace(low, high, 25)
    counts = [np.histogram(part, edges)[0] for part in (hits, alarms)]
    axes.stairs(counts[0], edges, fill=True, color=hex_color(color), alpha=0.85)
    if len(alarms):
        axes.stairs(counts[1], edges, color=INK, linewidth=1.1)
    if _is_lopsided(counts[0], counts[1]):
        axes.set_yscale("symlog", linthresh=10)
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=0.8)
    axes.set(xlabel="score", ylabel="picks")
    return figure


def _is_lopsided(hits: Int[np.ndarray, " bins"], alarms: Int[np.ndarray, " bins"]) -> bool:
    """Tell whether one side would be invisible on a linear scale."""
    tops = sorted((int(hits.max(initial=0)), int(alarms.max(initial=0))))
    return tops[0] > 0 and tops[1] > 8 * tops[0]


def _spread(sweep: Sweep) -> Int[np.ndarray, " m"]:
    """Return rising thresholds, evenly thinned: 300 points draw as fine a curve as 10^5."""
    n = len(sweep.thresholds)
    thinned = np.linspace(0, max(n - 1, 0), min(n, _MOST_POINTS)).round().astype(int)
    return np.unique(thinned)[::-1]


def _mark(axes: Axes, x: float, y: float, color: tuple[int, int, int]) -> None:
    """Mark the operating point."""
    axes.plot(
        x,
        y,
        marker="o",
        markersize=7,
        markerfacecolor=hex_color(color),
        markeredgecolor=INK,
        linestyle="none",
        clip_on=False,
        zorder=5,
    )
