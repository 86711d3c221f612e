"""Where ``tune`` has its score maps from: maps that ``predict`` wrote, its own, or memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tomoscout.commands._console import progress
from tomoscout.commands._maps import read_map, read_noted, refuse_other_weights
from tomoscout.commands._runs import kind_to_use
from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Average
from tomoscout.core.volume import Volume
from tomoscout.inference.resumable import describe, partial_path, predict_to, predicted
from tomoscout.inference.score_map import ScoreMap
from tomoscout.inference.tiling import WindowSettings
from tomoscout.inference.weights import Detector
from tomoscout.io.project import Project
from tomoscout.io.scores import read_scores
from tomoscout.ops.views import find_views


@dataclass(frozen=True)
class MapSource:
    """Score maps of runs, from where they are or anew.

    Attributes
    ----------
    given
        Folders that ``predict`` wrote.
    cache
        Folder for maps that are kept for a search.
    kind
        Kind of tomogram asked for.
    tta
        Views asked for.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    given: tuple[Path, ...]
    cache: Path
    kind: str | None
    tta: str | None
    device: str

    def __post_init__(self) -> None:
        if self.tta is not None:
            find_views(self.tta)

    @property
    def window(self) -> WindowSettings:
        """How tomograms are looked at."""
        return WindowSettings(tta=self.tta or "none")

    @property
    def views(self) -> str | None:
        """The views of the scores, as picking must use them; None when nothing was said."""
        return self._noted("tta", "views") if self.tta is None else self.tta

    @property
    def average(self) -> Average | None:
        """What was averaged over them; None where there was nothing to average."""
        if self.views in (None, "none"):
            return None
        if not self.given:
            return self.window.average
        return cast("Average | None", self._noted("average", "averages over views"))

    @contextmanager
    def passing(self, detector: Detector, project: Project, run: str) -> Iterator[ScoreMap]:
        """Give a map to draw from once; it is not kept."""
        if self.given:
            yield self._given(detector, project, run)
            return
        volume = self._volume(detector, project, run)
        with (
            progress(100, f"pick {run}") as bar,
            predicted(
                volume,
                detector,
                keep=partial_path(self._own(detector, volume, run)),
                window=self.window,
                device=self.device,
                progress=bar.fraction,
            ) as scores,
        ):
            yield scores

    def kept(self, detector: Detector, project: Project, run: str) -> ScoreMap:
        """Return a map on disk, to draw from many times."""
        if self.given:
            return self._given(detector, project, run)
        volume = self._volume(detector, project, run)
        path = self._own(detector, volume, run)
        if not path.exists():
            with progress(100, f"predict {run}") as bar:
                _, store = predict_to(
                    partial_path(path),
                    volume,
                    detector,
                    window=self.window,
                    device=self.device,
                    progress=bar.fraction,
                )
                store.move(path)
        return ScoreMap.of(read_scores(path))

    def key(self, detectors: list[Detector]) -> str:
        """Return what tells the scores of one tuning from those of another."""
        return (
            f"{'+'.join(d.fingerprint for d in detectors)} {self.views} {self.average} {self.kind}"
        )

    def _noted(self, key: str, what: str) -> str | None:
        """Return what the given maps say of how they were made, if they do."""
        every = [read_noted(folder).get(key) for folder in self.given]
        noted = sorted({str(way) for way in every if way is not None})
        if len(noted) > 1:
            raise UserError(f"--scores: maps of different {what} ({', '.join(noted)})")
        return noted[0] if noted else None

    def _volume(self, detector: Detector, project: Project, run: str) -> Volume:
        return project[run].tomogram(kind_to_use(self.kind, detector, project))

    def _own(self, detector: Detector, volume: Volume, run: str) -> Path:
        """Name a map by all that it depends on, so that no other is taken for it."""
        made_by = describe(volume, detector, window=self.window, device=self.device)
        return self.cache / f"{run.replace('/', '_')}-{made_by[:16]}.scores.zarr"

    def _given(self, detector: Detector, project: Project, run: str) -> ScoreMap:
        """Read a map that ``predict`` wrote with these weights."""
        folder = self._folder_of(detector, run)
        noted = read_noted(folder).get("tta")
        if self.tta is not None and noted is not None and noted != self.tta:
            raise UserError(
                f"--scores {folder}: these maps were made with the views '{noted}', not "
                f"'{self.tta}': predict anew with --tta {self.tta}"
            )
        scores = ScoreMap.of(read_map(folder, project[run]))
        missing = sorted(set(detector.objects.names) - set(scores.objects))
        if missing:
            raise UserError(f"--scores {folder}: no map of {', '.join(missing)}: predict anew")
        return scores

    def _folder_of(self, detector: Detector, run: str) -> Path:
        """Return the folder whose maps were made with these weights, best one with the run."""
        mine = [f for f in self.given if read_noted(f).get("weights") == detector.fingerprint]
        if mine:
            return next((f for f in mine if (f / f"{run}.scores.zarr").exists()), mine[0])
        if len(self.given) == 1:
            refuse_other_weights(self.given[0], read_noted(self.given[0]), detector)
            return self.given[0]  # maps that do not say which weights they are of
        raise UserError(
            f"--scores: none of {', '.join(map(str, self.given))} was made with {detector.source}: "
            "predict with these weights too"
        )
