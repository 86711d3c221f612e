"""The flags of all verbs that predict: which weights, how they are joined, how they look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tomoscout.core import usual

if TYPE_CHECKING:
    from tomoscout.core.parameters import Parameters
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.tiling import WindowSettings
    from tomoscout.inference.weights import Detector

USUAL = {
    "ensemble": usual.ENSEMBLE,
    "blend": usual.BLEND,
    "tta": usual.TTA,
    "average": usual.AVERAGE,
}
"""How networks look and are joined where neither flags nor parameters say it."""


def usually(name: str) -> Parameter:
    """Show in the help what a flag is where it is not given."""
    return Parameter(show_default=lambda _: f"{USUAL[name]}, or what --params says")


@Parameter(name="*")
@dataclass(frozen=True)
class PredictionFlags:
    """What scores depend on, besides the tomogram."""

    model: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Weights: a training folder, a .safetensors file, a name from 'tomoscout models', or a URL
    with its sha256; the weights that come with the package when not given. Several, or a folder of
    crossval, answer as one (may be repeated)."""
    ensemble: Annotated[Literal["mean", "specialists"] | None, usually("ensemble")] = None
    """How several weights are joined: the mean of all, or for each object the one that scored best
    on it (specialists)."""
    blend: Annotated[Literal["probabilities", "logits", "ranks"] | None, usually("blend")] = None
    """What the mean of several weights is taken of: probabilities, logits or ranks (which suit
    networks whose scores are spread differently)."""
    shares: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """How much each of several weights counts: 0.7,0.3 for all objects, or ribosome=0.7,0.3 for
    one (may be repeated)."""
    tta: Annotated[str | None, usually("tta")] = None
    """Views that each tile is looked at from: none, z_flip, wedge_safe, anisotropic, d4z,
    isotropic13 or isotropic."""
    average: Annotated[Literal["probabilities", "logits"] | None, usually("average")] = None
    """What is averaged over the views: probabilities or logits."""
    backend: str = "torch"
    """What runs the network: torch, torchscript or inductor; onnx or openvino where they are
    installed."""
    voxel_spacing: float | None = None
    """Edge of a voxel in Å, where the file's header does not say."""
    kind: str | None = None
    """Kind of tomogram, such as denoised or wbp; what the weights were trained on by default."""
    runs: str | None = None
    """Comma-separated names; all runs when not given."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def over(self, parameters: Parameters | None) -> PredictionFlags:
        """Return the flags with what parameters say where none is given."""
        said: dict[str, Any] = {
            name: getattr(self, name) or getattr(parameters, name, None) for name in USUAL
        }
        return replace(self, **said)

    def against(self, parameters: Parameters | None) -> Iterator[str]:
        """Tell, one by one, which flags say something else than the parameters."""
        for name in USUAL:
            given, said = getattr(self, name), getattr(parameters, name, None)
            if given and said and given != said:
                yield f"--{name} {given}: the parameters are for '{said}', and may not fit"

    def load(self, parameters: Parameters | None = None) -> Detector | Ensemble:
        """Load the weights; shares that were tuned serve where none are given."""
        from tomoscout.commands._weights import load_models

        shares, joined = _parse_shares(self.shares), self._settled("ensemble", "blend")
        several = len(self.model) > 1
        if shares is None and parameters is not None and several and joined["ensemble"] == "mean":
            shares = parameters.shares or None
        return load_models(self.model, shares=shares, **joined)

    def window(self) -> WindowSettings:
        """Return how tiles are looked at, refusing views and backends that there are not."""
        from tomoscout.inference.tiling import WindowSettings
        from tomoscout.ops.views import find_views

        views = self._settled("tta", "average")
        find_views(views["tta"])
        if self.backend != "torch":
            from tomoscout.inference.backends import find_backend

            find_backend(self.backend)  # now, and not once per run, where its extra is missing
        return WindowSettings(backend=self.backend, **views)

    def like(self, noted: Mapping[str, Any]) -> PredictionFlags:
        """Return the flags with the weights, and how they are joined, of an earlier job.

        What is given stays.
        """
        joined = {
            name: getattr(self, name) or noted[name] for name in ("ensemble", "blend")
            if name in noted
        }  # fmt: skip
        if self.model:
            return replace(self, **joined)
        lists = {name: tuple(noted.get(name, ())) for name in ("models", "shares")}
        return replace(self, **joined, model=lists["models"], shares=lists["shares"])

    def noted(
        self, model: Detector | Ensemble, window: WindowSettings, *, kind: str | None
    ) -> dict[str, Any]:
        """Return what a job's results depend on, for its ledger."""
        return {
            "model": model.source,
            "models": [_absolute(model) for model in self.model],
            "weights": model.fingerprint,
            **self._settled("ensemble", "blend"),
            "shares": list(self.shares),
            "tta": window.tta,
            "average": window.average,
            "backend": window.backend,
            "kind": kind,
            "voxel_spacing": self.voxel_spacing,
        }

    def _settled(self, *names: str) -> dict[str, Any]:
        """Return what flags say, and the usual where they say nothing."""
        return {name: getattr(self, name) or USUAL[name] for name in names}


NO_FLAGS = PredictionFlags()
"""All as it is by default."""


def _absolute(model: str) -> str:
    """Return where weights are, for a later job that may be started elsewhere."""
    path = Path(model)
    return str(path.resolve()) if path.exists() else model


def _parse_shares(texts: tuple[str, ...]) -> dict[str, tuple[float, ...]] | list[float] | None:
    """Read shares for all objects, or for some by name."""
    from tomoscout.core.errors import UserError

    per_object: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, _, numbers = text.rpartition("=")
        try:
            shares = tuple(float(number) for number in numbers.split(","))
        except ValueError as error:
            raise UserError(
                f"--shares {text}: write one number per model, as 0.7,0.3 or ribosome=0.7,0.3"
            ) from error
        if name in per_object:
            raise UserError(f"--shares {text}: given twice for {name or 'all objects'}")
        per_object[name] = shares
    if "" in per_object and len(per_object) > 1:
        raise UserError("--shares: for all objects or for each by name, not both")
    return list(per_object[""]) if "" in per_object else per_object or None
