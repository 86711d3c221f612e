"""Unlabelled molecules: small proteins alone, in aggregates, on membranes, as a cytosol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from tomoscout.core.objects import ObjectType
from tomoscout.simulation.challenge import CZII_VOLUME
from tomoscout.simulation.clutter import LEAFLETS, Vesicle
from tomoscout.simulation.stage import Stage

# Small proteins of about 5 to 300 kDa, from which all debris is made.
DEBRIS = tuple(
    ObjectType(name=f"debris-{i}", radius=float(r))
    for i, r in enumerate([*np.linspace(16, 49, 12), 55.0, 61.0])
)
_RADII = np.array([kind.radius for kind in DEBRIS])
_SMALL = 12  # kinds that occur as debris; the two largest only where a cytosol is crowded
# Share of its sphere that a lump of domains fills (shapes.cluster): what counts where molecules
# are packed so densely that they interlock, and their spheres could not.
_FILLED = 0.39


@dataclass(frozen=True)
class Placed:
    """A molecule and its pose; ``name`` is an object or a kind of debris, ``radius`` its sphere."""

    name: str
    zyx: Float[np.ndarray, " 3"]
    radius: float
    rotation: Float[np.ndarray, "3 3"]


def litter(
    stage: Stage,
    *,
    amount: float,
    decorated: float = 0.0,
    filled: float = 0.0,
    cytosol: float = 0.0,
) -> list[Placed]:
    """Place unlabelled molecules where particles and clutter leave room.

    Parameters
    ----------
    stage
        Where.
    amount
        Of small proteins and aggregates of them; 1 is the usual amount.
    decorated
        Share of vesicles with proteins on their membrane.
    filled
        Share of vesicles with a dense content.
    cytosol
        Fraction of the ice's volume to fill with proteins of 10 to 300 kDa; the interior of
        cells has 0.2 to 0.3 (Ellis 2001, doi:10.1016/S0968-0004(01)01938-7).
    """
    rng = stage.rng
    placed: list[Placed] = []
    for thing in stage.clutter:
        if isinstance(thing, Vesicle):
            if rng.random() < decorated:
                placed += _decorate(stage, thing)
            if rng.random() < filled:
                placed += _content(stage, thing)
    share = float(np.prod(stage.extent)) / CZII_VOLUME * amount
    for _ in range(rng.poisson(12 * share)):  # aggregates
        size, members = rng.uniform(80, 220), int(rng.integers(6, 30))
        zyx = stage.spots(1) + rng.normal(size=(members, 3)) * size / 2
        placed += _settled(stage, rng.integers(2, 9, members), zyx)
    alone = rng.poisson(rng.uniform(500, 2500) * share)
    placed += _settled(stage, _mostly_small(alone, rng), stage.spots(alone))
    return placed + (_crowd_in(stage, cytosol) if cytosol > 0 else [])


def random_rotation(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Draw a rotation, uniform on SO(3)."""
    return random_rotations(1, rng)[0]


def random_rotations(count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3 3"]:
    """Draw rotations, uniform on SO(3)."""
    if count == 0:
        return np.zeros((0, 3, 3))
    return Rotation.from_quat(rng.normal(size=(count, 4))).as_matrix()


def _mostly_small(count: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """Draw kinds of debris, the smaller the more often."""
    return (_SMALL * rng.random(count) ** 2).astype(np.int64)


def _settled(
    stage: Stage, kinds: Int[np.ndarray, " n"], zyx: Float[np.ndarray, "n 3"]
) -> list[Placed]:
    """Place debris where it fits."""
    return _posed(kinds, zyx, _RADII[kinds], stage.settle(zyx, _RADII[kinds]), stage.rng)


def _posed(
    kinds: Int[np.ndarray, " n"],
    zyx: Float[np.ndarray, "n 3"],
    radii: Float[np.ndarray, " n"],
    taken: Bool[np.ndarray, " n"],
    rng: np.random.Generator,
) -> list[Placed]:
    """Return the debris that found a place, turned at random."""
    turns = random_rotations(int(taken.sum()), rng)
    rows = zip(kinds[taken].tolist(), zyx[taken], radii[taken].tolist(), turns, strict=True)
    return [Placed(DEBRIS[kind].name, at, radius, turn) for kind, at, radius, turn in rows]


def _decorate(stage: Stage, vesicle: Vesicle) -> list[Placed]:
    """Place proteins on a membrane, half sunk in, most of them on the outside."""
    rng = stage.rng
    area = 4 * np.pi * float(np.mean(vesicle.semi_axes)) ** 2
    count = min(rng.poisson(rng.uniform(0.1, 0.8) * area / 120.0**2), 3000)
    # Directions scaled by the axes spread evenly enough over a flat vesicle.
    axes = np.array(vesicle.semi_axes)
    unit = rng.normal(size=(count, 3))
    unit *= axes / np.linalg.norm(unit, axis=1, keepdims=True)
    cos, sin = np.cos(vesicle.turn), np.sin(vesicle.turn)
    y, x = cos * unit[:, 1] + sin * unit[:, 2], -sin * unit[:, 1] + cos * unit[:, 2]
    points, normals = vesicle.surface(np.column_stack([unit[:, 0], y, x]))
    kinds = rng.integers(3, _SMALL, count)
    side = np.where(rng.random(count) < 0.8, 1.0, -1.0)
    zyx = points + normals * (side * (LEAFLETS / 2 + 0.5 * _RADII[kinds]))[:, None]
    # Their own membrane is no obstacle to them, everything else is.
    others = [thing for thing in stage.clutter if thing is not vesicle]
    inside = np.all((zyx > -_RADII[kinds, None]) & (zyx < stage.extent + 50), axis=1)
    for thing in others:
        inside &= thing.clearance(zyx) > _RADII[kinds]
    taken = np.zeros(count, bool)
    taken[inside] = stage.crowd.add_many(zyx[inside], _RADII[kinds[inside]])
    return _posed(kinds, zyx, _RADII[kinds], taken, rng)


def _content(stage: Stage, vesicle: Vesicle) -> list[Placed]:
    """Place soluble proteins in a vesicle, several times as dense as around it."""
    rng = stage.rng
    axes = np.array(vesicle.semi_axes)
    volume = 4 / 3 * np.pi * float(np.prod(axes))
    count = min(rng.poisson(rng.uniform(2e-7, 1.5e-6) * volume), 5000)
    box = int(count * (2 * vesicle.reach) ** 3 / volume)  # so many in the box around it
    zyx = vesicle.zyx + rng.uniform(-1, 1, (box, 3)) * vesicle.reach
    zyx = zyx[vesicle.distance(zyx.T) < 0]
    return _settled(stage, _mostly_small(len(zyx), rng), zyx)


def _crowd_in(stage: Stage, fraction: float) -> list[Placed]:
    """Fill a fraction of the ice with proteins, the large before the small."""
    rng = stage.rng
    kinds = np.arange(2, len(DEBRIS))
    chance = _RADII[kinds] ** -2.0  # as many kilodaltons of large as of small ones, about
    chance /= chance.sum()
    volumes = 4 / 3 * np.pi * _FILLED * _RADII[kinds] ** 3
    counts = rng.poisson(fraction * stage.ice.volume * chance / float(chance @ volumes))
    placed: list[Placed] = []
    for kind, count in zip(kinds[::-1].tolist(), counts[::-1].tolist(), strict=True):
        radius = float(_RADII[kind] * _FILLED ** (1 / 3))
        zyx = stage.fill(count, radius, stage.spots)
        every = np.ones(len(zyx), bool)
        placed += _posed(np.full(len(zyx), kind), zyx, np.full(len(zyx), radius), every, rng)
    return placed
