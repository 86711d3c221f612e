"""Where ``pick`` has its score maps from: tomograms that are predicted, or maps on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscout.commands import _maps
from tomoscout.commands._console import status
from tomoscout.commands._prediction import USUAL, PredictionFlags
from tomoscout.core.volume import Volume
from tomoscout.io.project import Project, Run
from tomoscout.io.scores import Extent, Scores

if TYPE_CHECKING:  # they load torch
    from tomoscout.core.parameters import Parameters
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.score_map import ScoreMap
    from tomoscout.inference.tiling import WindowSettings
    from tomoscout.inference.weights import Detector


@dataclass(frozen=True)
class Tomograms:
    """Runs whose tomograms are predicted."""

    project: Project
    model: Detector | Ensemble
    flags: PredictionFlags
    window: WindowSettings
    kind: str | None

    @classmethod
    def open(cls, source: Path, flags: PredictionFlags, parameters: Parameters | None) -> Tomograms:
        """Load the weights and open the project."""
        from tomoscout.commands._runs import kind_to_use
        from tomoscout.io.project import open_project

        for remark in flags.against(parameters):
            status.print(remark, highlight=False)
        flags = flags.over(parameters)
        window = flags.window()
        model = flags.load(parameters)
        project = open_project(source, voxel_spacing=flags.voxel_spacing)
        return cls(project, model, flags, window, kind_to_use(flags.kind, model, project))

    @property
    def noted(self) -> dict[str, Any]:
        """What the maps depend on, for the ledger."""
        return {**self.flags.noted(self.model, self.window, kind=self.kind), "scores": None}

    def read(self, run: Run) -> Volume:
        """Open the tomogram of a run; a small one is read."""
        from tomoscout.inference.detect import load_small

        return load_small(run.tomogram(self.kind))

    @contextmanager
    def map_of(self, run: Run, volume: Volume, output: Path) -> Iterator[tuple[ScoreMap, Extent]]:
        """Predict the map of a run, and tell its tomogram's edges."""
        from tomoscout.commands._console import progress
        from tomoscout.inference.resumable import partial_path, predicted

        with (
            progress(100, f"pick {run.name}") as bar,
            predicted(
                volume,
                self.model,
                keep=partial_path(output / f"{run.name}.scores.zarr"),
                window=self.window,
                device=self.flags.device,
                progress=bar.fraction,
            ) as scores,
        ):
            # The extent is the tomogram's own, also when it was resampled for the network.
            yield scores, volume.geometry.extent


@dataclass(frozen=True)
class Maps:
    """Runs whose maps ``predict`` has written."""

    project: Project
    model: Detector | Ensemble
    folder: Path
    settings: dict[str, Any]

    @classmethod
    def open(
        cls,
        folder: Path,
        source: Path | None,
        flags: PredictionFlags,
        parameters: Parameters | None,
    ) -> Maps:
        """Load the weights that the maps were made with, and find the maps."""
        from tomoscout.io.project import open_project

        settings = _maps.read_noted(folder)
        asked = flags.over(parameters)
        _maps.refuse_other_ways(folder, settings, {name: getattr(asked, name) for name in USUAL})
        model = asked.like(settings).load()
        _maps.refuse_other_weights(folder, settings, model)
        _maps.refuse_other_shares(folder, model, parameters)
        project = _maps.map_runs(folder, model.objects)
        if source is not None:
            project = open_project(source, voxel_spacing=flags.voxel_spacing)
        settings = settings or {"model": model.source, "weights": model.fingerprint}
        return cls(project, model, folder, settings)

    @property
    def noted(self) -> dict[str, Any]:
        """What the maps depend on, for the ledger."""
        return {**self.settings, "scores": str(self.folder.resolve())}

    def read(self, run: Run) -> Scores:
        """Open the map of a run."""
        return _maps.read_map(self.folder, run)

    @contextmanager
    def map_of(self, run: Run, scores: Scores, output: Path) -> Iterator[tuple[ScoreMap, Extent]]:
        """Give the map of a run, and the edges of the tomogram it was made from."""
        from tomoscout.inference.score_map import ScoreMap

        yield ScoreMap.of(scores), scores.extent
