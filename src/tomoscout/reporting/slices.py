"""Slices through a tomogram with picks and truth marked on them.

A particle is marked on every slice that cuts it, by the circle in which the slice cuts a ball of
the object's radius. What became of it shows in the shape, not only in the colour: a hit is a solid
circle, a missed particle a dashed one, a false alarm a cross. A few neighbouring slices are
averaged, as the eye does when it scrolls. Only those slices are read from disk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from tomoscout.core.objects import ObjectTable
from tomoscout.core.volume import Volume
from tomoscout.reporting.figures import hex_color
from tomoscout.reporting.marks import AXES, Mark, centres_and_radii, in_pixels, marks_on
from tomoscout.reporting.outcomes import Outcome

__all__ = [
    "AXES",
    "LARGEST",
    "Mark",
    "View",
    "busiest",
    "contrast",
    "draw",
    "to_grey",
    "view",
]

LARGEST = 1024
"""Pixels of a picture's longer edge, at most."""


@dataclass(frozen=True)
class View:
    """A picture of a slice and the marks on it.

    Attributes
    ----------
    image
        `(rows, columns)` grey levels.
    marks
        What lies in the slice.
    axis, index
        The slice: ``"z"`` or ``"y"``, and the voxel on that axis.
    pixel_size
        Edge of a pixel, in ångström.
    """

    image: UInt8[np.ndarray, "rows columns"]
    marks: tuple[Mark, ...]
    axis: str
    index: int
    pixel_size: float


def busiest(
    outcome: Outcome, *, volume: Volume, objects: ObjectTable, axis: str = "z", count: int = 4
) -> list[int]:
    """Return up to ``count`` slices that together cut the most particles, in order.

    Slices are chosen one after another, each for the particles that those before it do not show;
    when nothing is left to show, the list ends. Without any particle they are evenly spaced.
    """
    length, along = volume.shape[AXES.index(axis)], AXES.index(axis)
    if not len(outcome.all):
        return [int(i) for i in np.linspace(0, length - 1, count + 2)[1:-1].round()]
    centres, radii = centres_and_radii(outcome.all, objects)
    depth = np.arange(length)[:, None] * volume.voxel_spacing - centres[:, along]
    cuts: Bool[np.ndarray, "length n"] = np.abs(depth) < 0.8 * radii
    chosen: list[int] = []
    while len(chosen) < count and cuts.any():
        gain = cuts.sum(axis=1)
        # Of equally good slices the middle one shows the particles nearest their equators.
        best = np.flatnonzero(gain == gain.max())
        chosen.append(int(best[len(best) // 2]))
        cuts = cuts & ~cuts[chosen[-1]]
    return sorted(chosen) or [length // 2]


def view(
    volume: Volume,
    outcome: Outcome,
    *,
    objects: ObjectTable,
    index: int,
    axis: str = "z",
    thickness: float = 30.0,
    window: tuple[float, float] | None = None,
) -> View:
    """Cut a slice and mark the particles in it.

    Parameters
    ----------
    volume
        The tomogram; only the voxels of the slice are read.
    outcome
        What to mark.
    objects
        Radii come from here.
    index
        Voxel on the axis.
    axis
        ``"z"`` for a view from above, ``"y"`` for one from the side.
    thickness
        Voxels are averaged over this depth, in ångström.
    window
        Densities shown black and white; the slice's own 0.5 % and 99.5 % when not given.
    """
    along = AXES.index(axis)
    half = int(thickness / volume.voxel_spacing / 2)
    region = [slice(None)] * 3
    region[along] = slice(max(0, index - half), min(volume.shape[along], index + half + 1))
    plane = volume.read(*region).mean(axis=along)
    bins = -(-max(plane.shape) // LARGEST)
    image = to_grey(_bin(plane, bins), window or contrast(plane))
    marks = marks_on(outcome, objects, axis, index * volume.voxel_spacing)
    pixel = volume.voxel_spacing
    return View(
        image,
        tuple(in_pixels(m, pixel, bins) for m in marks),
        axis=axis,
        index=index,
        pixel_size=pixel * bins,
    )


def contrast(densities: Float[np.ndarray, " ..."]) -> tuple[float, float]:
    """Return the densities to show black and white, so that gold and noise do not set them."""
    low, high = np.nanpercentile(densities, (0.5, 99.5)) if np.isfinite(densities).any() else (0, 0)
    return float(low), float(high)


def to_grey(
    densities: Float[np.ndarray, "rows columns"], window: tuple[float, float]
) -> UInt8[np.ndarray, "rows columns"]:
    """Turn densities into grey levels; what is not a number, or constant, is mid-grey."""
    low, high = window
    if not high > low:
        return np.full(densities.shape, 128, np.uint8)
    scaled = np.clip((densities - low) / (high - low), 0, 1)
    return (np.nan_to_num(scaled, nan=0.5) * 255).round().astype(np.uint8)


def draw(shown: View, *, objects: ObjectTable, width: float = 6.0) -> Figure:
    """Draw a view as a figure of its own, ``width`` inches wide, for a README or a talk."""
    rows, columns = shown.image.shape
    figure = Figure(figsize=(width, width * rows / columns))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(shown.image, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    for mark in shown.marks:
        color = hex_color(objects[mark.name].color)
        if mark.kind == "alarm":
            arm = 0.7 * mark.radius
            for sign in (-1, 1):
                axes.plot(
                    [mark.column - arm, mark.column + arm],
                    [mark.row - sign * arm, mark.row + sign * arm],
                    color=color,
                    linewidth=1.6,
                )
            continue
        style = (0, (3, 2)) if mark.kind == "miss" else "solid"
        axes.add_patch(
            Circle(
                (mark.column, mark.row),
                mark.radius,
                fill=False,
                edgecolor=color,
                linewidth=1.6,
                linestyle=style,
            )
        )
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    return figure


def _bin(
    plane: Float32[np.ndarray, "rows columns"], bins: int
) -> Float32[np.ndarray, "binned_rows binned_columns"]:
    """Average squares of ``bins`` pixels; what does not fill a square is cut off."""
    rows, columns = (n // bins * bins for n in plane.shape)
    squares = plane[:rows, :columns].reshape(rows // bins, bins, columns // bins, bins)
    return squares.mean(axis=(1, 3), dtype=np.float32)
