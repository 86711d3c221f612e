"""Few-shot search: how much every crop looks like one of a few examples, as a score.

*Prototypes.* The views of an example (``examples``) are averaged, and the mean is seen against the
background (``background``). Each example is a prototype of its own, for an object has several
looks; but one crop is noisy, so each is drawn towards the mean of all, which weighs less the less
the examples agree. Very many are first grouped. A crop's likeness to an object is its cosine with
the nearest of the object's prototypes.

*Scores.* Likenesses of different objects do not compare, so each is measured in its own steps
(``levels``): 0 is what crops in general reach, 1 what an example does. A logistic function makes
that a score, 0.5 at the border and equally steep for all objects. The true steepness would say 0 or
1 nearly everywhere, and in float16 most maxima of a map would be ties.

*Several objects.* A crop shows neighbours too, and in a crowd several objects at once: if they had
to share it out, as in a softmax, each would lose crops that truly show it. So scores are each
object's own, and where another object is likelier, only a part of the lead is taken off
(``rivalry``).

Snell, Swersky and Zemel, 2017, arXiv:1703.05175 (the mean as prototype).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from pydantic import Field
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import expit

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings
from tomoscout.discovery.background import Background, unit
from tomoscout.discovery.examples import Examples
from tomoscout.discovery.levels import Level, measure_level

_STEEPNESS = 8.0  # logit from the background's level to the examples': 0.018 to 0.982
_LEFT_OUT = 20  # examples that are left out, one after another, to measure what an example reaches


class PrototypeSettings(Settings):
    """How likeness to examples is measured."""

    prototypes: int = Field(default=8, ge=1)
    """Prototypes per object, at most; of more examples, those alike share one."""
    pull: float = Field(default=0.5, ge=0, le=1)
    """How far each is drawn towards the mean of all: 0 leaves it, 1 makes one prototype of all."""
    whitening: float = Field(default=0.75, ge=0, le=1)
    """How much directions in which all crops vary are held down: 0 not at all, 1 until all vary
    alike. Much is better than little; at 1, few examples of several objects part less well."""
    rarity: float = Field(default=0.01, gt=0, lt=1)
    """Share of crops that are expected to show an object; the fewer, the surer one must be."""
    rivalry: float = Field(default=0.25, ge=0)
    """How much an object loses to a likelier one: this part of the difference."""


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What is looked for.

    Attributes
    ----------
    objects
        Names, sorted.
    vectors
        `(p, f)` prototypes as seen against the background, with length 1.
    owner
        `(p,)` object of each, rising.
    levels
        What likenesses to each object mean.
    background
        What crops look like in general.
    rivalry
        How much an object loses to a likelier one.
    """

    objects: tuple[str, ...]
    vectors: Float32[np.ndarray, "p f"]
    owner: Int[np.ndarray, " p"]
    levels: tuple[Level, ...]
    background: Background
    rivalry: float = 0.0

    def likeness(self, vectors: Float[np.ndarray, "n f"]) -> Float32[np.ndarray, "o n"]:
        """Return the cosine of embeddings with the nearest prototype of each object."""
        cosines = self.vectors @ self.background.apply(vectors).T
        first = np.searchsorted(self.owner, np.arange(len(self.objects)))
        return np.maximum.reduceat(cosines, first, axis=0)

    def logits(self, vectors: Float[np.ndarray, "n f"]) -> Float32[np.ndarray, "o n"]:
        """Return likenesses on the scale of scores, 0 at the border, each object by itself."""
        ground, reached, border = (
            np.array([getattr(level, name) for level in self.levels], np.float32)[:, None]
            for name in ("ground", "reached", "border")
        )
        return _STEEPNESS * ((self.likeness(vectors) - ground) / (reached - ground) - border)

    def score(self, vectors: Float[np.ndarray, "n f"]) -> Float32[np.ndarray, "o n"]:
        """Return how surely embeddings show each object, 0 to 1 and 0.5 at the border."""
        logits = self.logits(vectors)
        if len(logits) > 1 and self.rivalry:
            second, first = np.sort(logits, axis=0)[-2:]
            rival = np.where(logits == first, second, first)
            logits = logits - self.rivalry * np.maximum(rival - logits, 0)
        return expit(logits).astype(np.float32)

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what the scores rest on as plain values, for a file."""
        return {
            name: {**asdict(level), "separation": level.separation}
            for name, level in zip(self.objects, self.levels, strict=True)
        }


def build_prototypes(
    examples: Examples,
    sample: Float32[np.ndarray, "n f"],
    *,
    settings: PrototypeSettings | None = None,
) -> Prototypes:
    """Learn what examples have in common, against a sample of crops in general.

    Parameters
    ----------
    examples
        Of one object or several.
    sample
        Embeddings of crops from all over the tomograms to be searched, drawn without labels.
    settings
        How likeness is measured.

    Raises
    ------
    UserError
        If there is no example, or the sample is too small.
    """
    settings = settings or PrototypeSettings()
    if not len(examples):
        raise UserError("no example: give picks of what to look for")
    background = Background.of(sample, whitening=settings.whitening)
    ground = background.apply(sample)
    names = tuple(sorted({str(name) for name in examples.objects}))
    found, levels = [], []
    for name in names:
        views = examples.vectors[examples.objects == name]
        own = _merged(background.apply(views.mean(axis=1)), settings)
        found.append(own)
        reached = _reached(views, background, settings)
        likeness = (ground @ own.T).max(axis=1)
        levels.append(measure_level(likeness, reached, len(views), rarity=settings.rarity))
    owner = np.repeat(np.arange(len(names)), [len(own) for own in found])
    vectors = np.concatenate(found)
    return Prototypes(names, vectors, owner, tuple(levels), background, settings.rivalry)


def _merged(
    looks: Float32[np.ndarray, "n f"], settings: PrototypeSettings
) -> Float32[np.ndarray, "p f"]:
    """Make prototypes of examples: group too many, and draw each towards the mean of all."""
    mean = looks.mean(axis=0)
    if settings.pull == 1 or settings.prototypes == 1:
        return unit(mean[None])
    if len(looks) > settings.prototypes:
        group = fcluster(linkage(looks, "ward"), settings.prototypes, criterion="maxclust")
        looks = unit(np.stack([looks[group == one].mean(axis=0) for one in np.unique(group)]))
    return unit((1 - settings.pull) * looks + settings.pull * mean)


def _reached(
    views: Float32[np.ndarray, "n v f"], background: Background, settings: PrototypeSettings
) -> float:
    """Mean likeness of single views of an example to prototypes made without it."""
    if len(views) == 1:
        return _reached_by_itself(views[0], background)
    looks = background.apply(views.mean(axis=1))
    left_out = np.unique(np.linspace(0, len(views) - 1, _LEFT_OUT).round().astype(int))
    cosines = []
    for i in left_out.tolist():
        others = _merged(np.delete(looks, i, axis=0), settings)
        cosines.append((background.apply(views[i]) @ others.T).max(axis=1).mean())
    return float(np.mean(cosines))


def _reached_by_itself(views: Float32[np.ndarray, "v f"], background: Background) -> float:
    """Mean likeness of a view of the only example to the mean of its other views."""
    total, count = views.sum(axis=0), len(views)
    if count == 1:
        return 1.0
    others = background.apply((total - views) / (count - 1))
    return float((background.apply(views) * others).sum(axis=1).mean())
