"""The section of the page that tells how far off the hits are, and in which direction."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from tomoscout.core.objects import ObjectTable
from tomoscout.metrics.localisation import Localisation, Offsets
from tomoscout.reporting.figures import INK, MUTED, RULE, hex_color, new_figure, to_svg
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import section, swatch, table

MOST_POINTS = 250
"""Hits drawn per object; of more, evenly chosen ones."""

_HEAD = (
    ("Object", "Kind of particle"),
    ("Hits", "Each particle with its own pick"),
    ("Median", "Distance of pick and particle, in ångström"),
    ("Mean", "Mean distance, in ångström"),
    ("90 %", "Nine of ten hits are no farther off, in ångström"),
    ("Offset z", "Mean of pick minus particle along z, and its standard error, in ångström"),
    ("Offset y", "The same along y"),
    ("Offset x", "The same along x"),
)


def offsets(found: Findings) -> str:
    """Return figures and a table; nothing without hits."""
    if found.errors is None or not len(found.errors.localisation.all):
        return ""
    localisation, objects = found.errors.localisation, found.data.objects
    spacing = next((r.volume.voxel_spacing for r in found.data.runs if r.volume is not None), 10.0)
    figure, (front, top, within) = new_figure(9.6, 3.2, columns=3)
    _scatter(front, localisation, objects, axes_shown=(2, 1))
    _scatter(top, localisation, objects, axes_shown=(2, 0))
    _cumulative(within, localisation, objects)
    drawn = to_svg(figure, label="Offsets of the hits from the particles")
    rows = [
        _row(swatch(objects, name), one, spacing)
        for name, one in localisation.of.items()
        if len(one)
    ]
    rows.append(_row("all", localisation.all, spacing))
    lead = (
        "Where the picks lie, seen from the particle each of them found (left and middle; the "
        "cross is their mean), and how many are off by how much at most (right)."
    )
    caption = (
        "A mean offset is marked when it is over a quarter voxel and three standard errors. If it "
        "is the same for all objects, look for half a voxel or another origin between two formats."
    )
    shown = table(_HEAD, rows, caption=caption, last=1)
    return section(
        "localisation", "Localisation", f'<div class="full">{drawn}</div>', shown, lead=lead
    )


def _row(heading: str, one: Offsets, spacing: float) -> list[str]:
    """Return the cells of an object."""
    off = one.distances
    cells = [heading, f"{len(one):,}", f"{np.median(off):.1f}", f"{off.mean():.1f}"]
    cells.append(f"{np.percentile(off, 90):.1f}")
    for shift, error, told in zip(
        one.shift, one.shift_error, one.is_shifted(spacing / 4), strict=True
    ):
        text = f"{shift:+.1f}".replace("-", "−") + ("" if np.isnan(error) else f" ± {error:.1f}")
        cells.append(f'<span class="flag">{text}</span>' if told else text)
    return cells


def _scatter(
    axes: Axes, localisation: Localisation, objects: ObjectTable, *, axes_shown: tuple[int, int]
) -> None:
    """Draw offsets in a plane."""
    across, up = axes_shown
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.axvline(0, color=MUTED, linewidth=0.6)
    for one in objects.each():
        zyx = localisation.of[one.name].zyx
        chosen = zyx[np.linspace(0, max(len(zyx) - 1, 0), min(len(zyx), MOST_POINTS)).astype(int)]
        axes.plot(
            chosen[:, across],
            chosen[:, up],
            linestyle="none",
            marker="o",
            markersize=3,
            markeredgewidth=0,
            color=hex_color(one.color),
            alpha=0.55,
        )
    every = localisation.all
    axes.plot(every.shift[across], every.shift[up], marker="+", markersize=13, color=INK, mew=2)
    farthest = float(np.abs(every.zyx).max(initial=1.0)) * 1.08
    axes.set(xlim=(-farthest, farthest), ylim=(-farthest, farthest), aspect="equal")
    axes.set(xlabel=f"{'zyx'[across]}, Å", ylabel=f"{'zyx'[up]}, Å")


def _cumulative(axes: Axes, localisation: Localisation, objects: ObjectTable) -> None:
    """Draw the share of the hits that are off by a distance at most."""
    for one in objects.each():
        off = np.sort(localisation.of[one.name].distances)
        if len(off):
            share = np.arange(len(off) + 1) / len(off)
            steps = np.concatenate([[0.0], off])
            axes.step(steps, share, where="post", color=hex_color(one.color), linewidth=1.6)
    axes.axhline(0.5, color=RULE, linewidth=1.2)
    axes.set(xlabel="off by at most, Å", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.set_title("share of the hits", fontsize=8.5, color=MUTED, loc="left")
