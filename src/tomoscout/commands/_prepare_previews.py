"""Pictures of a label volume: outlines on slices of its tomogram, and all of it seen from above."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io._atomic import atomic_path
from tomoscout.reporting.figures import INK, hex_color, new_figure
from tomoscout.reporting.outcomes import Outcome, judge
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


def write_projection(
    folder: Path, labels: Volume, outcome: Outcome, *, objects: ObjectTable, run: str
) -> None:
    """Write ``RUN_projection.png``: all masks as seen along z, and what picking them gives.

    Parameters
    ----------
    folder
        Where the picture goes.
    labels
        Label volume.
    outcome
        Its masks read back as picks: a dot on each, a ring around particles that are lost, a cross
        where the masks give a pick too many.
    objects
        Colours.
    run
        Name of the run.
    """
    planes = np.asarray(labels.data)
    image = np.full((*planes.shape[1:], 3), 255, np.uint8)
    for label, entry in enumerate(objects.each(), start=1):
        # Lightened, so that dots and crosses are seen on it.
        image[(planes == label).any(axis=0)] = (np.array(entry.color) + 255) // 2
    figure, (axes,) = new_figure(8.0, 8.0 * image.shape[0] / image.shape[1])
    axes.imshow(image)
    for picks, marker, size in (
        (outcome.hits, ".", 3.0),
        (outcome.false_alarms, "x", 7.0),
        (outcome.missed, "o", 9.0),
    ):
        _, rows, columns = picks.zyx.T / labels.voxel_spacing
        axes.plot(columns, rows, marker, color=INK, markersize=size, fillstyle="none")
    axes.set_axis_off()
    with atomic_path(folder / f"{run}_projection.png", overwrite=True) as temporary:
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
