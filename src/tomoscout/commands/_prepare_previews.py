"""Pictures of a label volume on its tomogram: outlines of the masks, circles of the particles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import atomic_path
from tomoscout.reporting.figures import hex_color
from tomoscout.reporting.outcomes import judge
from tomoscout.reporting.slices import AXES, View, busiest, draw, view


def write_previews(
    folder: Path, volume: Volume, labels: Volume, picks: Picks, *, objects: ObjectTable, run: str
) -> None:
    """Write ``RUN_z.png`` and ``RUN_y.png``: the slices that cut the most particles.

    Parameters
    ----------
    folder
        Where the pictures go.
    volume, labels
        Tomogram, and its label volume.
    picks
        Its particles; circles show where the slice cuts balls of their objects' radii.
    objects
        Radii and colours.
    run
        Name of the run.
    """
    truth = judge(picks, None, objects=objects)
    for axis in ("z", "y"):
        (index,) = busiest(truth, volume=volume, objects=objects, axis=axis, count=1)
        shown = view(volume, truth, objects=objects, index=index, axis=axis)
        figure = draw(shown, objects=objects, width=8.0)
        plane = np.take(np.asarray(labels.data), index, axis=AXES.index(axis))
        _outline(figure.axes[0], plane, shown, labels.voxel_spacing, objects)
        with atomic_path(folder / f"{run}_{axis}.png", overwrite=True) as temporary:
            figure.savefig(temporary, format="png", dpi=100)


def _outline(
    axes: object, plane: np.ndarray, shown: View, voxel_spacing: float, objects: ObjectTable
) -> None:
    """Draw the outline of each object's mask, in the pixels of the view."""
    bins = round(shown.pixel_size / voxel_spacing)
    rows, columns = (((np.arange(n) + 0.5) / bins - 0.5) for n in plane.shape)
    for label, entry in enumerate(objects.each(), start=1):
        if (mask := plane == label).any() and min(plane.shape) > 1:
            axes.contour(  # type: ignore[attr-defined]
                columns, rows, mask, levels=[0.5], colors=[hex_color(entry.color)],
                linewidths=1.4, linestyles="dashed",
            )  # fmt: skip
