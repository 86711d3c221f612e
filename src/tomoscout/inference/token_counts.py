"""How many cells of a score map are told right: what networks on tokens are published with.

A cell is called what is likeliest there, background among it, and should be called what a target
says. With the target of tokens and a network that answers once per token (``refine: 1``), these are
the token scores of the Kaggle entry behind ``token_transformer`` (Fayol Ateufack, 2025). They
watch a training; how well particles are found, scores of picks say.
"""

from __future__ import annotations

import numpy as np

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.score_map import ScoreMap
from tomoscout.ops.tokens import TokenCounts, count_tokens
from tomoscout.targets import TARGETS

_PLANES = 32  # looked at together


def token_counts(
    scores: ScoreMap,
    truth: Picks,
    *,
    objects: ObjectTable,
    target: Choice | None = None,
) -> TokenCounts:
    """Count the cells told right and wrong; counts of several tomograms add up.

    Parameters
    ----------
    scores
        Probabilities of a network with a background, which has what the objects leave over.
    truth
        The particles.
    objects
        Table whose order gives the classes, from 1; 0 is background.
    target
        What a cell should be called; ``tokens`` when not given.

    Raises
    ------
    UserError
        If the map lacks an object, or the target needs more than particles.
    """
    for name in objects.names:
        if name not in scores.objects:
            raise UserError(f"no scores of '{name}', only of {', '.join(scores.objects)}")
    module, settings = (target or Choice(name="tokens")).resolve(TARGETS)
    if getattr(module, "NEEDS_LABELS", False):
        raise UserError("target 'masks' is made of label volumes: choose one of particles")
    marks = module.encode(truth, objects=objects, geometry=scores.geometry, settings=settings)
    wanted = np.where(marks.max(axis=0) > 0, marks.argmax(axis=0) + 1, 0)
    channels = [scores.objects.index(name) for name in objects.names]
    parts = []
    for start in range(0, len(wanted), _PLANES):
        planes = slice(start, start + _PLANES)
        found = np.stack([np.asarray(scores.data[c, planes], np.float32) for c in channels])
        called = np.concatenate([1 - found.sum(axis=0, keepdims=True), found]).argmax(axis=0)
        parts.append(count_tokens(called, wanted[planes], classes=len(objects) + 1))
    return sum(parts[1:], parts[0])
