"""TorchScript: the network traced, frozen and put in order for the processor; needs no extra.

Its batch norms are folded, and in float32 oneDNN chooses the layout of each map, which halves the
time of channels-last convolutions with few channels. A file of it runs wherever PyTorch does, from
Python or C++, without Tomoscout. Choose it on processors without bf16.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._prepared import Finest, Prepared, Run, prepared, while_tracing
from tomoscout.models import Network

SUFFIX = ".pt"

_FACTS = "tomoscout.json"


def prepare(
    network: Network,
    *,
    tile: Shape,
    in_channels: int = 1,
    device: torch.device,
    folder: Path | None = None,
    bf16: bool = True,
) -> Prepared:
    """Make a network ready in a second or two; nothing is kept in the folder. See the family."""

    def make(bf16: bool) -> Run:
        example = torch.zeros(1, in_channels, *tile, device=device)
        frozen = _frozen(Finest(network, bf16=bf16), example)
        # In bf16 its fusions (of torch 2.13) mix number types, and nothing is gained.
        return frozen if bf16 or device.type != "cpu" else _optimised(frozen)

    return prepared(
        "torchscript", network, make, tile=tile, in_channels=in_channels, device=device, bf16=bf16
    )


def save(module: nn.Module, path: Path, *, example: Tensor, facts: Mapping[str, Any]) -> None:
    """Write a module, traced on an example, with facts as JSON inside (``_extra_files``)."""
    with while_tracing():
        content = {_FACTS: json.dumps(facts)}
        torch.jit.save(_frozen(module, example), path, _extra_files=content)


def load(path: Path, *, device: torch.device) -> Run:
    """Load a module from a file that was just written here."""
    with while_tracing():
        frozen = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    run: Run = frozen
    return run


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts in a file."""
    content = {_FACTS: ""}
    with while_tracing():
        torch.jit.load(path, "cpu", content)  # type: ignore[no-untyped-call]
    facts: dict[str, Any] = json.loads(content[_FACTS])
    return facts


def _frozen(module: nn.Module, example: Tensor) -> Any:
    """Trace a module and make its weights constants; norms are folded on the way."""
    with while_tracing():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            module.eval(), example, check_trace=False
        )
        return torch.jit.freeze(traced)


def _optimised(frozen: Any) -> Run:
    """Fuse and lay out for the processor. What comes of it cannot be saved."""
    with while_tracing():
        best = torch.jit.optimize_for_inference(frozen)

    def run_once(x: Tensor) -> Tensor:
        # The profiling executor would compile anew on the first calls, and gains nothing here.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            logits: Tensor = best(x)
        return logits

    return run_once
