"""The section of the page that tells where in the tomograms particles are missed.

Bars count all particles (or picks) by depth and by distance from the border; what is missed (or
false) is filled, in the colours of the objects, with its share above.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from tomoscout.core.objects import ObjectTable
from tomoscout.metrics import BORDERS, DEPTHS, Places
from tomoscout.metrics.depth_and_border import DepthAndBorder
from tomoscout.reporting.figures import MUTED, RULE, hex_color, new_figure, to_svg
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import plural, section


def where(found: Findings) -> str:
    """Return the figure; nothing without truth, or where no tomogram's size is known."""
    if found.errors is None or not len(found.errors.places.all_particles.depth):
        return ""
    places, objects = found.errors.places, found.data.objects
    figure, axes = new_figure(9.6, 4.5, rows=2, columns=2)
    rows: tuple[tuple[str, Mapping[str, Places]], ...] = (
        ("particles, missed ones filled", places.particles),
        ("picks, false ones filled", places.picks),
    )
    for number, (what, of) in enumerate(rows):
        _bars(axes[2 * number], of, objects, by_depth=True)
        _bars(axes[2 * number + 1], of, objects, by_depth=False)
        axes[2 * number].set_ylabel(what)
    axes[2].set_xlabel("depth: z, as a share of the tomogram's")
    axes[3].set_xlabel("distance from the nearest face, Å")
    lead = (
        "Misses and false alarms by place, with their share of all in each bar. A share that rises "
        "towards a face tells of cut particles or of missing context; one that differs with depth, "
        "of the ice or of the tomogram."
    )
    drawn = to_svg(figure, label="Missed particles and false alarms by depth and by border")
    body = f'<div class="full">{drawn}</div>{_left_out(places)}'
    return section("where", "Where errors are", body, lead=lead)


def _bars(axes: Axes, of: Mapping[str, Places], objects: ObjectTable, *, by_depth: bool) -> None:
    """Draw all as outlines and what is wrong as filled bars on top of each other."""
    shares = {name: one.by_depth() if by_depth else one.by_border() for name, one in of.items()}
    total = sum((one.total for one in shares.values()), np.zeros(1, int))
    wrong = np.zeros(len(total), int)
    at = np.arange(len(total))
    axes.bar(at, total, width=0.82, color=RULE)
    for one in objects.each():
        part = shares[one.name].wrong
        axes.bar(at, part, width=0.82, bottom=wrong, color=hex_color(one.color))
        wrong = wrong + part
    for place, (bad, every) in enumerate(zip(wrong, total, strict=True)):
        if every:
            axes.annotate(
                f"{bad / every:.0%}",
                (place, every),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=MUTED,
            )
    edges = DEPTHS if by_depth else BORDERS
    names = [
        f"{edge:.1f}" if by_depth else ("∞" if np.isinf(edge) else f"{edge:.0f}") for edge in edges
    ]
    axes.set_xticks(np.arange(len(edges)) - 0.5, names)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.14)
    axes.set_ylim(bottom=0)


def _left_out(places: DepthAndBorder) -> str:
    """Say of how many runs the tomogram's size is not known."""
    runs = plural(len(places.unplaced), "run")
    return f'<p class="note">Without {runs} of unknown size.</p>' if places.unplaced else ""
