"""Particles of one kind, spread over the ice: some alone, some in touching groups."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from tomoscout.simulation.challenge import Habit
from tomoscout.simulation.stage import Stage

_CLUMP = 0.5  # chance that a clump gains another member: 53 % pairs, 27 % triples in the challenge
_STRING = (6, 18)  # members of a string


def populate(
    stage: Stage, count: int, radius: float, habit: Habit, *, clustering: float = 1.0
) -> Float[np.ndarray, "n 3"]:
    """Place particles of one kind and return their centres; fewer where they do not fit.

    Parameters
    ----------
    stage
        Where.
    count
        How many.
    radius
        Half the distance at which two of them touch, in ångström.
    habit
        How they are spread.
    clustering
        Multiplies the share that stands in groups.
    """
    placed = np.zeros((0, 3))

    def spots(tries: int) -> Float[np.ndarray, "n 3"]:
        # One of each, at least, is labelled: the first stands inside.
        margin = 0.8 * radius if len(placed) else 0.0
        return stage.spots(tries, margin=margin, level=habit.level)

    for size in _sizes(count, habit, min(1.0, habit.grouped * clustering), stage.rng):
        seed = stage.fill(1, radius, spots)
        if len(seed) == 0:
            return placed
        string = size > _STRING[0]
        placed = np.concatenate([placed, _grow(stage, seed, radius, size, habit.gap, string)])
    for alone in (min(count - len(placed), 1), count):  # the first may be the first of all
        rest = min(alone, count - len(placed))
        placed = np.concatenate([placed, stage.fill(rest, radius, spots)])
    return placed


def _sizes(count: int, habit: Habit, share: float, rng: np.random.Generator) -> list[int]:
    """Draw sizes of groups until a share of the particles is in them."""
    sizes: list[int] = []
    # Rounding at random keeps the share right where few particles are asked for.
    grouped = int(share * count + rng.random())
    while (left := grouped - sum(sizes)) >= 2:
        string = rng.random() < habit.strings
        size = int(rng.integers(*_STRING) + 1 if string else 1 + rng.geometric(1 - _CLUMP))
        sizes.append(min(size, left))
    return sizes


def _grow(
    stage: Stage,
    seed: Float[np.ndarray, "1 3"],
    radius: float,
    size: int,
    gap: float,
    string: bool,
) -> Float[np.ndarray, "n 3"]:
    """Add neighbours in touch with a group's last member (a string) or any of them."""
    rng = stage.rng
    members, heading = seed, rng.normal(size=3)

    def steps(tries: int) -> Float[np.ndarray, "n 3"]:
        starts = members[-1:] if string else members[rng.integers(len(members), size=tries)]
        ways = rng.normal(size=(tries, 3)) * 0.8 + (heading if string else 0.0)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        return starts + ways * radius * rng.uniform(2.0, 2.0 * gap, (tries, 1))

    for _ in range(size - 1):
        found = stage.fill(1, radius, steps, patience=40)
        if len(found) == 0:
            break
        heading = (found[0] - members[-1]) / radius
        members = np.concatenate([members, found])
    return members
