"""Where ``tune`` writes what it found, and how it tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscout.commands._console import console
from tomoscout.commands._weights import targets_of_tuning
from tomoscout.core.errors import UserError
from tomoscout.inference.weights import Detector, save_detector
from tomoscout.io._atomic import write_json

if TYPE_CHECKING:
    from tomoscout.commands._tune_runs import Tuned

NAME = "tuning.json"


@dataclass(frozen=True)
class Target:
    """Files that the result goes to.

    Attributes
    ----------
    weights
        Those of each model; none where only a file of parameters is asked for.
    params
        Files of parameters.
    """

    weights: tuple[Path, ...]
    params: tuple[Path, ...]

    @classmethod
    def choose(
        cls, model: str | None, also: Sequence[str], *, output: Path | None, params: Path | None
    ) -> Target:
        """Decide before any time is spent, refusing what may not be written.

        Raises
        ------
        UserError
            If the weights are not the user's own to change, or the output is taken.
        """
        if params is not None and params.is_dir():
            raise UserError(f"--params {params}: is a folder; give a file name")
        if params is not None and output is None:
            return cls((), (params,))
        weights = tuple(targets_of_tuning((model, *also), output))
        beside = tuple(path.with_name(NAME) for path in weights)
        return cls(weights, beside if params is None else (params,))

    @property
    def folder(self) -> Path:
        """Folder of the first file, in which a search keeps its trials."""
        return self.params[0].parent

    @property
    def cache(self) -> Path:
        """Folder in which a search keeps its score maps."""
        return self.folder / "tuning.scores"


def conclude(tuned: Tuned, target: Target, detectors: Sequence[Detector]) -> None:
    """Write weights and parameters, and tell what was found."""
    for path, detector in zip(target.weights, detectors, strict=False):
        save_detector(detector.with_parameters(tuned.parameters), path)
    for path in target.params:
        write_json(path, tuned.parameters.model_dump(mode="json"), overwrite=True)
    operating, parameters = tuned.operating, tuned.parameters
    for name, point in operating.points.items():
        sweep = operating.sweeps[name]
        best = sweep.best
        console.print(
            f"{name:24s} threshold {point.threshold:.3f}  F4 {point.f_beta:.3f}"
            f"{_told(parameters.intervals.get(name))}"
            f"   (best {best.f_beta:.3f} at {best.threshold:.3f})  of {sweep.n_truth}",
            highlight=False,
            markup=False,
        )
        if name in parameters.pickers:
            choice = parameters.pickers[name]
            options = " ".join(f"{key}={_short(value)}" for key, value in choice.options.items())
            console.print(f"{'':24s} {choice.name} {options}".rstrip(), highlight=False)
        if name in parameters.shares:
            shares = ", ".join(f"{share:g}" for share in parameters.shares[name])
            console.print(f"{'':24s} shares {shares}", highlight=False)
    for caution in operating.cautions:
        console.print(caution, highlight=False)
    over = "runs" if len(parameters.tuned_on) > 1 else "the particles of one run"
    console.print(
        f"weighted F4 {parameters.score['weighted']:.3f}"
        f"{_told(parameters.intervals.get('weighted'))} on {', '.join(parameters.tuned_on)}, what "
        f"it was tuned on: expect less elsewhere (intervals of 95 %, by drawing {over} anew)",
        highlight=False,
        markup=False,
    )
    console.print(
        f"written: {', '.join(map(str, target.weights + target.params))}", highlight=False
    )


def _told(interval: tuple[float, float] | None) -> str:
    """Write an interval, where there is one."""
    return "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"


def _short(value: object) -> str:
    """Write a setting."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
