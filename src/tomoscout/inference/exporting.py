"""Networks written as files that other programs run, and held against what was written.

The formats are those of the backends that can save a module: ``torchscript`` (.pt), ``onnx``
(.onnx) and ``inductor`` (.pt2, machine code for this kind of processor).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.geometry import Shape
from tomoscout.inference.backends import BACKENDS, find_backend
from tomoscout.inference.ensemble import Ensemble
from tomoscout.inference.joint import Joint, check_tile, default_tile, describe
from tomoscout.inference.weights import Detector
from tomoscout.io._atomic import atomic_path

Progress = Callable[[float], None]

_TOLERANCE = {False: 1e-3, True: 5e-2}  # of log-odds, against their spread; without and with bf16


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path
        The file.
    difference
        Largest difference of a probability from the model's own, on a random tile.
    facts
        What the file tells of itself.
    """

    path: Path
    difference: float
    facts: dict[str, Any]


def formats() -> dict[str, str]:
    """Return the formats that can be written, and their suffixes."""
    suffixes = {name: getattr(BACKENDS[name], "SUFFIX", None) for name in BACKENDS.names()}
    return {name: suffix for name, suffix in suffixes.items() if suffix}


def format_of(path: Path, to: str | None) -> str:
    """Return the format asked for, or else that of a file's suffix.

    Raises
    ------
    UserError
        If there is no such format, or the file has the suffix of another.
    """
    known = formats()
    listed = ", ".join(f"{name} ({suffix})" for name, suffix in known.items())
    if to is None:
        named = [name for name, suffix in known.items() if suffix == path.suffix.lower()]
        if not named:
            raise UserError(f"{path}: say the format with --to or a suffix: {listed}")
        return named[0]
    if to not in known:
        raise UserError(f"--to {to}: choose from {listed}." + did_you_mean(to, known))
    if path.suffix.lower() != known[to]:
        raise UserError(f"{path}: a file of {to} ends in {known[to]}: give it that suffix")
    return to


def export(
    model: Detector | Ensemble,
    path: Path,
    *,
    to: str | None = None,
    tile: Shape | None = None,
    bf16: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a model, with its activation, as one file; try it out before it gets its name.

    Parameters
    ----------
    model
        A detector, or an ensemble whose members share a normalisation.
    path
        The file.
    to
        Its format; what the suffix says when not given.
    tile
        Voxels (z, y, x) of the only tiles that it will take; the network's own, or 96 x 192 x 192
        or nearly, when not given.
    bf16
        Whether its networks compute in bf16; not for ONNX.
    overwrite
        Whether a file of that name may be replaced.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the model cannot be written so, with the reason.
    """
    name = format_of(path, to)
    if not overwrite and os.path.lexists(path):
        raise UserError(f"{path}: exists: pass --overwrite to replace it")
    if bf16 and name == "onnx":
        raise UserError("--precision bfloat16: ONNX files are written in float32; leave it out")
    backend = find_backend(name)
    tile = tile or default_tile(model)
    check_tile(model, tile)
    module = Joint(model, bf16=bf16).eval()
    facts = describe(model, tile=tile, bf16=bf16)
    example = torch.randn(1, 1, *tile, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = module(example)
    _tell(progress, 0.1)
    # In a folder of its own first: some loaders look at the suffix.
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, f"model{backend.SUFFIX}")
        try:
            backend.save(module, made, example=example, facts=facts)
        except (RuntimeError, NotImplementedError, torch.onnx.errors.OnnxExporterError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise UserError(
                f"{model.name}: cannot be written as {name} ({reason[:160]}): choose another --to"
            ) from error
        _tell(progress, 0.8)
        with torch.inference_mode():
            found = backend.load(made, device=torch.device("cpu"))(example)
        difference = float((found - expected).abs().max())
        if not _is_close(found, expected, tolerance=_TOLERANCE[bf16]):
            raise UserError(
                f"{model.name}: as {name} its probabilities are off by {difference:.2g}: nothing "
                "was written, choose another --to"
            )
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(made.read_bytes())
    _tell(progress, 1.0)
    return Exported(path, difference, facts)


def _is_close(found: Tensor, expected: Tensor, *, tolerance: float) -> bool:
    """Tell whether probabilities are the same, also where all of them are small."""
    odds, wanted = (p.double().clamp(1e-9, 1 - 1e-7).logit() for p in (found, expected))
    return float((odds - wanted).abs().mean()) <= tolerance * max(float(wanted.std()), 1e-3)


def _tell(progress: Progress | None, share: float) -> None:
    """Tell the share done, if anyone listens."""
    if progress:
        progress(share)
