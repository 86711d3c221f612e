"""How many particles of each object were picked in each run, beside how many there are.

The label distribution: an object picked far too often has a threshold too low, a run that stands
apart from the others has something else wrong with it (ice, alignment, another microscope).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.reporting.figures import INK, hex_color, new_figure

MOST_BARS = 24
"""Runs shown as bars; more are shown as a histogram over runs."""


def tally(picks: Sequence[Picks], *, objects: ObjectTable) -> Int[np.ndarray, "runs objects"]:
    """Count the picks of each object (columns) in each run (rows)."""
    return np.array(
        [[int((np.asarray(p.objects) == name).sum()) for name in objects.names] for p in picks]
    ).reshape(len(picks), len(objects))


def count_bars(
    picked: Int[np.ndarray, "runs objects"],
    truth: Int[np.ndarray, "runs objects"] | None,
    *,
    runs: Sequence[str],
    objects: ObjectTable,
    what: str = "particles",
) -> Figure:
    """Draw how many particles were picked (bars) and how many there are (black lines).

    One run gives one bar per object; several give a panel per object, with a bar per run or, for
    very many, a histogram over runs. ``what`` is counted, where it is not particles.
    """
    if len(runs) == 1:
        figure, (axes,) = new_figure(6.4, 0.36 * len(objects) + 0.7)
        _one_run(axes, picked[0], None if truth is None else truth[0], objects, what)
        return figure
    columns = min(3, len(objects))
    rows = -(-len(objects) // columns)
    figure, panels = new_figure(9.6, 1.9 * rows + 0.2, rows=rows, columns=columns)
    few = len(runs) <= MOST_BARS
    panel = _bars if few else _histogram
    for number, (axes, one) in enumerate(zip(panels, objects.each(), strict=False)):
        panel(
            axes,
            picked[:, number],
            None if truth is None else truth[:, number],
            hex_color(one.color),
        )
        axes.set_title(one.name, fontsize=9, color=INK, loc="left", parse_math=False)
        axes.grid(visible=False, axis="x")
        if not few:
            axes.set(xlabel=what, ylabel="runs")
        else:
            axes.set_xticks(range(len(runs)), runs, rotation=90, fontsize=7, parse_math=False)
    for axes in panels[len(objects) :]:
        axes.set_visible(False)
    return figure


def _one_run(
    axes: Axes,
    picked: Int[np.ndarray, " objects"],
    truth: Int[np.ndarray, " objects"] | None,
    objects: ObjectTable,
    what: str,
) -> None:
    """Lying bars, one per object, with the number at the end."""
    rows = np.arange(len(objects))
    axes.barh(rows, picked, height=0.62, color=[hex_color(o.color) for o in objects.each()])
    if truth is not None:
        axes.vlines(truth, rows - 0.42, rows + 0.42, color=INK, linewidth=2)
    for row, count in enumerate(picked):
        end = count if truth is None else max(count, truth[row])
        text = f"{count}" if truth is None else f"{count} of {truth[row]}"
        axes.annotate(
            text,
            (float(end), row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
        )
    axes.set_yticks(rows, objects.names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(what if truth is None else f"{what} picked (bar) and true (line)")


def _bars(
    axes: Axes,
    picked: Int[np.ndarray, " runs"],
    truth: Int[np.ndarray, " runs"] | None,
    color: str,
) -> None:
    """One standing bar per run."""
    at = np.arange(len(picked))
    axes.bar(at, picked, width=0.7, color=color)
    if truth is not None:
        axes.hlines(truth, at - 0.46, at + 0.46, color=INK, linewidth=1.6)
    axes.set_ylim(bottom=0)


def _histogram(
    axes: Axes,
    picked: Int[np.ndarray, " runs"],
    truth: Int[np.ndarray, " runs"] | None,
    color: str,
) -> None:
    """How many runs have how many particles."""
    every = picked if truth is None else np.concatenate([picked, truth])
    edges = np.linspace(0, max(int(every.max(initial=0)), 1), 25).tolist()
    axes.hist(picked, edges, color=color)
    if truth is not None:
        axes.hist(truth, edges, histtype="step", color=INK, linewidth=1.2)
