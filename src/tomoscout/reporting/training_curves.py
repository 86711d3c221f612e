"""Curves of a training run, from the log it leaves: loss and validation score per epoch.

Any comma-separated log with a column ``epoch`` or ``step`` will do, holes included: the package's
own ``history.csv``, or the ``metrics.csv`` of Lightning's logger. Columns are told apart by name:
losses have ``loss`` in it; scores have ``f4``, ``f_beta``, ``score`` or ``weighted`` in it, or the
name of an object. The rest is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.reporting.figures import INK, MUTED, hex_color, new_figure

SCORES = ("f4", "f_beta", "fbeta", "score", "weighted")
_STYLES = ("-", "--", ":", "-.")


def read_history(path: Path) -> pd.DataFrame:
    """Read a training log, one row per epoch, or per step in a log without epochs.

    Rows of the same epoch are joined into one, each column by the mean of what it says there.

    Raises
    ------
    UserError
        If the file is missing, is not comma-separated, or has no rows.
    """
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such training log") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a comma-separated training log ({error})") from error
    table = table.apply(pd.to_numeric, errors="coerce")
    clock = next((c for c in ("epoch", "step") if c in table), None)
    if clock is None or table[clock].notna().sum() == 0:
        raise UserError(f"{path}: a training log has a column 'epoch' or 'step' and rows below it")
    return table.groupby(clock).mean().reset_index()


def training_curves(history: pd.DataFrame, *, objects: ObjectTable) -> Figure | None:
    """Draw losses on the left and scores on the right; None when the log has neither."""
    losses = [c for c in history if "loss" in str(c).lower()]
    words = (*SCORES, *(name.lower() for name in objects.names))
    scores = [c for c in history if any(w in str(c).lower() for w in words) and c not in losses]
    sides = [columns for columns in (losses, scores) if columns]
    if not sides:
        return None
    figure, axes = new_figure(3.8 * len(sides), 3.1, columns=len(sides))
    clock = str(history.columns[0])
    for one, columns in zip(axes, sides, strict=True):
        for number, column in enumerate(columns):
            _line(one, history, clock, str(column), number, objects)
        one.set_xlabel(clock)
        one.set_title(
            "loss" if columns is losses else "validation score",
            fontsize=8.5,
            color=MUTED,
            loc="left",
        )
        if columns is scores:
            one.set_ylim(-0.02, 1.04)
        else:
            _scale(one, history[columns].to_numpy(float))
        if len(columns) > 1:
            one.legend(
                fontsize=7.5,
                frameon=False,
                labelcolor=MUTED,
                ncols=min(3, len(columns)),
                loc="upper left",
                bbox_to_anchor=(0, -0.2),
                borderpad=0,
            )
    return figure


def _line(
    axes: Axes,
    history: pd.DataFrame,
    clock: str,
    column: str,
    number: int,
    objects: ObjectTable,
) -> None:
    """One column as a line: an object's in its colour, others in ink."""
    known = history[[clock, column]].dropna()
    owner = max(
        (o for o in objects.each() if o.name in column), key=lambda o: len(o.name), default=None
    )
    label = (owner.name if owner else column.replace("/", " ").replace("_", " ")).replace(
        "$", r"\$"
    )
    axes.plot(
        known[clock],
        known[column],
        color=hex_color(owner.color) if owner else INK,
        linewidth=1.1 if owner else 2,
        linestyle="-" if owner else _STYLES[number % len(_STYLES)],
        marker="o" if len(known) < 3 else None,
        label=label,
    )


def _scale(axes: Axes, losses: np.ndarray) -> None:
    """Show losses that fall by more than a factor of ten on a logarithmic scale."""
    known = losses[np.isfinite(losses)]
    if len(known) and known.min() > 0 and known.max() > 10 * known.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.tick_params(which="minor", colors=MUTED, labelsize=8, length=0, pad=4)
