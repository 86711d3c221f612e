"""The evaluation on the terminal: a table, a line for the whole, and what one must know."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tomoscout.commands._evaluate_runs import Material
from tomoscout.commands._evaluate_scores import Evaluation
from tomoscout.metrics import Result, ShrecResult
from tomoscout.metrics.any_object import AnyObject

ASSUMED_SPACING = 10.0
"""Edge of a voxel in ångström where nothing tells it, to judge whether a shift matters."""


def score_table(found: Evaluation) -> Table:
    """Lay the scores out, an object per row."""
    loose, strict = found.loose, found.strict
    n = len(loose.runs)
    title = f"{n} runs" if n > 1 else f"run {next(iter(loose.runs)) or 'without a name'}"
    table = _table(title)
    table.add_column("object", footer="weighted", no_wrap=True)
    for head in ("tp", "fp", "fn", "precision", "recall"):
        table.add_column(head, justify="right", no_wrap=True)
    ap = found.ranking.weighted
    for head, value in (
        (f"F{loose.beta:g}", f"{loose.weighted:.3f}"),
        ("strict", f"{strict.weighted:.3f}"),
        ("AP", "" if ap is None else f"{ap:.3f}"),
        ("off by Å", ""),
    ):
        table.add_column(head, value, justify="right", no_wrap=True)
    table.show_footer = True
    for name, counts in loose.counts.items():
        whole = [str(value) for value in (counts.tp, counts.fp, counts.fn)]
        ratios = (counts.precision, counts.recall, loose.f_beta[name], strict.f_beta[name])
        ap = found.ranking.average_precision[name]
        table.add_row(
            name,
            *whole,
            *(f"{value:.3f}" for value in ratios),
            "–" if ap is None else f"{ap:.3f}",
            "" if counts.error is None else f"{counts.error:.1f}",
        )
    return table


def shrec_table(result: ShrecResult) -> Table:
    """Lay SHREC's scoring out: localisation in the title, classes in the rows."""
    off = result.average_distance
    title = (
        f"SHREC: {result.n_found} of {result.n_truth} particles found with "
        f"{result.n_predicted} picks, {int(result.false.sum())} of them on nothing, "
        f"{int(result.multiple.sum())} particles hit more than once; localisation F1 "
        f"{result.f1:.3f}" + ("" if off is None else f", off by {off:.1f} Å on average")
    )
    table = _table(title)
    table.add_column("object", footer="mean", no_wrap=True)
    for head in ("particles", "found", "right", "wrong name", "F1"):
        footer = f"{result.mean_class_f1:.3f}" if head == "F1" else ""
        table.add_column(head, footer, justify="right", no_wrap=True)
    table.show_footer = True
    for name, counts in result.classes.items():
        whole = (counts.tp + counts.fn, len(result.distances[name]), counts.tp, counts.fp)
        table.add_row(name, *(str(value) for value in whole), f"{result.class_f1[name]:.3f}")
    return table


def any_object_table(found: AnyObject) -> Table:
    """Lay out which particles have a pick on them, whatever it is called."""
    whole = found.counts
    table = _table(
        f"{whole.tp + whole.fp} picks, whatever they are called: {whole.tp} on a particle each, "
        f"{found.again} one more on such a particle, {found.nothing} on none"
    )
    footers = {
        "particles": f"{whole.tp + whole.fn}",
        "found": f"{whole.tp}",
        "recall": f"{whole.recall:.3f}",
        "precision": f"{whole.precision:.3f}",
        "F1": f"{whole.f_beta(1):.3f}",
        "off by Å": "" if whole.error is None else f"{whole.error:.1f}",
    }
    table.add_column("object", footer="any", no_wrap=True)
    for head, footer in footers.items():
        table.add_column(head, footer, justify="right", no_wrap=True)
    table.show_footer = True
    for name, hits, missed in zip(found.names, found.found, found.missed, strict=True):
        if count := hits + missed:
            table.add_row(name, str(count), str(hits), f"{hits / count:.3f}")
    return table


def remarks(found: Evaluation, material: Material) -> list[str]:
    """Say what a reader of the scores must know."""
    lines = [
        "strict: each pick and each particle has one partner at most; AP: average precision over "
        + ("the candidates" if material.candidates is not None else "these picks")
        + "; off by: median over the hits"
    ]
    if len(found.loose.runs) > 1:
        lines.append(
            f"per-run mean {found.loose.per_run_mean:.3f}, strict {found.strict.per_run_mean:.3f}:"
            " the mean of each run's own score, which is not the challenge's"
        )
    return [*lines, *_absent(found.loose), *left_out(material), *_shifts(found)]


def _table(title: str) -> Table:
    """Return an empty table in the house style."""
    return Table(
        title=title,
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),  # ten columns and long names fit into 80 characters
        header_style="bold",
        footer_style="bold",
        pad_edge=False,
    )


def _absent(result: Result) -> list[str]:
    """Name objects that cost their weight."""
    weights = {entry.name: entry.weight for entry in result.objects.each()}
    absent = [name for name in result.absent if weights[name]]
    return [
        f"not in the truth: {', '.join(absent)}; as in the challenge such objects score 0 and "
        "keep their weight"
    ] * bool(absent)


def left_out(material: Material) -> list[str]:
    """Name runs that are not scored."""
    out = material.left_out
    shown = ", ".join(out[:5]) + (" ..." if len(out) > 5 else "")
    return [
        f"not scored: {shown} (no picks, or not chosen; name runs with --runs to count them)"
    ] * bool(out)


def _shifts(found: Evaluation) -> list[str]:
    """Warn of positions that are all off in the same direction, or have their axes mixed up."""
    if found.axes != "zyx":
        return [
            f"axes: read as {found.axes} instead of zyx, these picks would hit far more: were "
            "they written in another order?"
        ]
    every = found.localisation.all
    spacing = found.voxel_spacing or ASSUMED_SPACING
    shifted = every.is_shifted(spacing / 4)
    parts = [
        f"{axis} {shift:+.1f} ± {error:.1f} Å"
        for axis, shift, error, told in zip(
            "zyx", every.shift, every.shift_error, shifted, strict=True
        )
        if told
    ]
    size = "" if found.voxel_spacing is None else f" (a voxel is {spacing:g} Å)"
    return [
        f"shifted: the hits are off by {', '.join(parts)} on average{size}: look for half a voxel "
        "or another origin between the picks and the truth"
    ] * bool(np.any(shifted))
