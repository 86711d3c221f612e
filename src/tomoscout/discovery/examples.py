"""Examples of what is looked for, seen from all sides in the plane.

An encoder should not mind how a particle is turned, but it does, somewhat; and the particles that
are to be found are turned otherwise than the examples are. So each example is cut out, turned about
the beam's axis, mirrored, and embedded each time. Quarter turns are exact, others interpolated by
cubic splines. Two truths the turns do not change: a particle is seen from another side when it is
turned about another axis, which takes more examples; and the missing wedge turns with the crop,
which it does not in the tomogram, so quarter turns look a little unlike what is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Shaped
from pydantic import Field
from scipy import ndimage

from tomoscout.core import usual
from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Settings
from tomoscout.core.volume import Volume
from tomoscout.ops.crops import crops_at
from tomoscout.ops.normalise import Normaliser

Embed = Callable[[Float32[np.ndarray, "n z y x"]], Float32[np.ndarray, "n f"]]
"""What embeds normalised crops, such as ``inference.embedding.embed_crops`` of an encoder."""


class ViewSettings(Settings):
    """How examples are looked at."""

    turns: int = Field(default=usual.TURNS, ge=1)
    """Evenly spaced turns about the beam's axis; 4, quarter turns, need no interpolation."""
    mirror: bool = True
    """Whether mirror images are looked at too: encoders are trained not to tell them apart."""
    shift: float = Field(default=0.0, ge=0)
    """How far, in ångström, examples are also seen off their centre, to each side along each axis;
    half the distance between the crops that are searched, where that is large."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Embeddings of examples.

    Attributes
    ----------
    vectors
        `(n, views, f)`: each example in all its views.
    objects
        `(n,)` names of what they are examples of.
    """

    vectors: Float32[np.ndarray, "n v f"]
    objects: Shaped[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.objects)

    @classmethod
    def join(cls, parts: Iterable[Examples]) -> Examples:
        """Join the examples of several tomograms, looked at alike.

        Raises
        ------
        UserError
            If there are none.
        """
        parts = [part for part in parts if len(part)]
        if not parts:
            raise UserError("no example: give picks of what to look for")
        return cls(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.objects for part in parts]),
        )


def see_examples(
    volume: Volume,
    picks: Picks,
    embed: Embed,
    *,
    crop: Shape,
    normaliser: Normaliser,
    settings: ViewSettings | None = None,
) -> Examples:
    """Embed examples in all their views.

    Parameters
    ----------
    volume
        The tomogram that they are in.
    picks
        Where they are, and what.
    embed
        What embeds crops.
    crop
        Voxels (z, y, x) of its crops.
    normaliser
        The tomogram's scale, as the encoder was trained on it.
    settings
        Views.

    Raises
    ------
    UserError
        If an example lies outside the tomogram.
    """
    settings = settings or ViewSettings()
    outside = ~volume.geometry.contains(picks.zyx)
    if outside.any():
        at = ", ".join(f"{v:.0f}" for v in picks.zyx[outside][0])
        raise UserError(
            f"{volume.name}: an example at ({at}) Å (z, y, x) lies outside the tomogram, which is "
            f"{' x '.join(f'{v:.0f}' for v in volume.geometry.extent)} Å: is it of another run?"
        )
    views = [
        embed(turned)
        for shift in _shifts(settings.shift)
        for turned in turned_crops(
            volume, picks.zyx + shift, crop=crop, normaliser=normaliser, settings=settings
        )
    ]
    return Examples(np.stack(views, axis=1), np.asarray(picks.objects))


def turned_crops(
    volume: Volume,
    zyx: Float[np.ndarray, "n 3"],
    *,
    crop: Shape,
    normaliser: Normaliser,
    settings: ViewSettings,
) -> Iterable[Float32[np.ndarray, "n z y x"]]:
    """Yield the crops around some places in each turn, from y towards x, and each mirror image."""
    depth, height, width = crop
    # Corners of a turned crop reach this far; of the crop's own parity, so that the middle stays.
    round_ = math.ceil(math.hypot(height, width)) + 2
    whole = (depth, round_ + (round_ - height) % 2, round_ + (round_ - width) % 2)
    blocks = normaliser.apply(crops_at(volume.data, zyx / volume.voxel_spacing, whole))
    for turn in range(settings.turns):
        turned = _turned(blocks, turn / settings.turns, (height, width))
        yield turned
        if settings.mirror:
            yield np.ascontiguousarray(turned[..., ::-1])


def _turned(
    blocks: Float32[np.ndarray, "n z y x"], share: float, shape: tuple[int, int]
) -> Float32[np.ndarray, "n z v u"]:
    """Turn blocks about their middle by a share of a full turn, and cut the crop out of them."""
    middle = (np.array(blocks.shape[2:]) - 1) / 2
    quarters = 4 * share
    if quarters == int(quarters) and (shape[0] == shape[1] or not quarters % 2):
        square = np.rot90(_centred(blocks, shape), int(quarters), axes=(2, 3))
        return np.ascontiguousarray(square)
    angle = 2 * np.pi * share
    # The move from a turned pixel back to where it came from, in (y, x).
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    offset = middle - back @ ((np.array(shape) - 1) / 2)
    turned = np.empty((*blocks.shape[:2], *shape), np.float32)
    for crop, block in zip(turned, blocks, strict=True):
        for plane, source in zip(crop, block, strict=True):
            ndimage.affine_transform(
                source, back, offset, output=plane, output_shape=shape, order=3, mode="mirror"
            )
    return turned


def _centred(
    blocks: Float32[np.ndarray, "n z y x"], shape: tuple[int, int]
) -> Float32[np.ndarray, "n z v u"]:
    """Cut the middle out of blocks."""
    top, left = ((size - part) // 2 for size, part in zip(blocks.shape[2:], shape, strict=True))
    return blocks[:, :, top : top + shape[0], left : left + shape[1]]


def _shifts(shift: float) -> Float[np.ndarray, "s 3"]:
    """Return no shift, and if there is one, those along each axis."""
    none = np.zeros((1, 3))
    return np.concatenate([none, shift * np.eye(3), -shift * np.eye(3)]) if shift else none
