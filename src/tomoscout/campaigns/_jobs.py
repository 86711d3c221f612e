"""The pieces of work, as data: what looks at which run, and what becomes a row of the tables."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tomoscout import __version__
from tomoscout.campaigns.settings import CARD, SearchSettings, Strategy, Tuning, label
from tomoscout.core.parameters import Blend
from tomoscout.core.settings import Choice
from tomoscout.inference.tiling import WindowSettings

Side = Literal["validation", "test"]


@dataclass(frozen=True)
class RunRef:
    """A run.

    Attributes
    ----------
    side
        Which of the campaign's two projects has it.
    name
        Its name.
    source
        Where its tomogram is; the same for the same run.
    project
        Where its project is.
    seen_as
        Kind and voxel spacing that were asked for.
    truth
        Differs for other annotations, or another table of objects.
    """

    side: Side
    name: str
    source: str
    project: str = ""
    seen_as: str = ""
    truth: str = ""


@dataclass(frozen=True)
class Scorer:
    """One model: a fold, or several joined.

    Attributes
    ----------
    experiment, strategy, fold
        What it is; no fold for an ensemble of all, and for a training by itself.
    paths
        Training folders or weights files.
    fingerprint
        Differs for other weights.
    trained_on
        Runs that a member has learnt from.
    chosen_on
        Runs that decided which weights a member has.
    tuned_on
        Runs that its own thresholds come from.
    own
        Its thresholds and pickers, as text.
    together
        Whether its objects are picked from one map.
    kind
        Kind of tomogram it was trained on.
    blend
        How scores of its members become one.
    """

    experiment: str
    strategy: Strategy
    fold: str
    paths: tuple[Path, ...]
    fingerprint: str
    trained_on: frozenset[str] = frozenset()
    chosen_on: frozenset[str] = frozenset()
    tuned_on: frozenset[str] = frozenset()
    own: tuple[str, str] = ("", "")
    together: bool = False
    kind: str | None = None
    blend: Blend = "probabilities"

    @property
    def seen(self) -> frozenset[str]:
        """Runs that it must not be scored on."""
        return self.trained_on | self.chosen_on

    @property
    def title(self) -> str:
        """Its name among the models of its experiment."""
        return {
            "best_single": f"fold_{self.fold}" if self.fold else "single",
            "kfold_ensemble": "kfold",
            "ensemble_specialists": f"fold_{self.fold}_specialists" if self.fold else "specialists",
        }[self.strategy]


@dataclass(frozen=True)
class MapJob:
    """A score map to draw: one model, one group of views, one run.

    Attributes
    ----------
    parts
        Score maps of the members of an ensemble, where the campaign draws them anyway: then they
        are joined, and no network is run.
    """

    scorer: Scorer
    tta: str
    run: RunRef
    window: WindowSettings = field(default_factory=WindowSettings)
    parts: tuple[MapJob, ...] = ()

    @cached_property
    def folder(self) -> str:
        """Where maps made like this one are kept, in words and a digest of how they are made."""
        s = self.scorer
        facts: list[Any] = [__version__, s.fingerprint, s.strategy, s.blend, s.kind, self.tta]
        tiles = self.window.model_dump(mode="json")
        parts = [part.folder for part in self.parts]
        facts += [self.run.project, self.run.seen_as, tiles, parts]
        return f"{plain(s.experiment)}/{plain(s.title)}/{self.tta}-{digest(facts)}"

    @property
    def name(self) -> str:
        """What the map is called there: as its run."""
        run = self.run.name
        return f"{plain(run)}-{digest(run)}" if "/" in run else run

    @cached_property
    def identity(self) -> str:
        """Differs for another map, of whatever name."""
        return digest([self.folder, self.run.name, self.run.source])


@dataclass(frozen=True)
class Row:
    """One line of the results: a model, a group of views, a picker and a way to tune.

    Attributes
    ----------
    tuned, tested
        Score maps it is tuned on and scored on; they share no run.
    seen
        Runs among those scored that a member has seen; empty unless the settings want them.
    """

    scorer: Scorer
    tta: str
    picker: Choice
    tuning: Tuning
    tuned: tuple[MapJob, ...]
    tested: tuple[MapJob, ...]
    seen: tuple[str, ...] = ()
    search: SearchSettings = field(default_factory=SearchSettings)
    spread: float = 0.0

    @property
    def group(self) -> tuple[str, str, str, str, str]:
        """What folds are summed up under: experiment, strategy, views, picker, tuning."""
        s = self.scorer
        return (s.experiment, s.strategy, self.tta, label(self.picker), self.tuning)

    @cached_property
    def title(self) -> str:
        """A name for files."""
        words = (self.scorer.experiment, self.scorer.title, self.tta, label(self.picker))
        return plain("_".join((*words, self.tuning)))

    @cached_property
    def key(self) -> str:
        """Where its parameters and scores are kept: the same while what they depend on is."""
        thresholds, pickers = self.scorer.own
        facts: list[Any] = [
            __version__,
            self.scorer.fingerprint,
            self.picker.model_dump(mode="json"),
            pickers if self.picker.name == CARD else "",
            self.scorer.together,
            [(job.identity, job.run.truth) for job in self.tuned],
        ]
        if self.tuning == "default":
            facts.append(thresholds)
        else:
            facts.append(self.spread)
        if self.tuning == "search":
            facts.append(self.search.model_dump(mode="json"))
        return f"{self.title}-{digest(facts)}"


def digest(facts: Any) -> str:
    """Return a short text that differs for other facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def plain(text: str) -> str:
    """Return a text that can be part of a file's name."""
    return re.sub(r"[^\w.=+-]+", "-", text)
