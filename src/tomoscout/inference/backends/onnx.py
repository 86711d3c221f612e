"""ONNX Runtime, in float32; needs the extra ``onnx``.

Quicker than eager PyTorch in float32 and slower than its bf16. A file of it is what most other
programs, languages and accelerators take. Choose it where those are wanted, or on a graphics card
with ``onnxruntime-gpu``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._files import digest, from_file, need
from tomoscout.inference.backends._onnx_file import KEY, write_network, write_onnx
from tomoscout.inference.backends._prepared import Prepared, Run, prepared
from tomoscout.models import Network

SUFFIX = ".onnx"
NEEDS = ("onnx", "onnxruntime")


def prepare(
    network: Network,
    *,
    tile: Shape,
    in_channels: int = 1,
    device: torch.device,
    folder: Path | None = None,
    bf16: bool = True,
) -> Prepared:
    """Make a network ready in some seconds, or from its file in the folder. See the family."""
    need("onnxruntime", backend="onnx")

    def make(bf16: bool) -> Run:
        return from_file(
            f"{digest(network)}-{in_channels}",
            tile,
            suffix=SUFFIX,
            folder=folder,
            write=lambda path: write_network(
                network, path, tile=tile, in_channels=in_channels, backend="onnx"
            ),
            load=lambda path: load(path, device=device),
        )

    # Its convolutions are float32 on every processor.
    return prepared(
        "onnx", network, make, tile=tile, in_channels=in_channels, device=device, bf16=False
    )


def save(module: nn.Module, path: Path, *, example: Tensor, facts: Mapping[str, Any]) -> None:
    """Write a module, traced on an example, with facts as JSON in its metadata."""
    write_onnx(module, path, example=example, facts=facts, backend="onnx")


def load(path: Path, *, device: torch.device) -> Run:
    """Load a module from a file.

    Raises
    ------
    UserError
        If ONNX Runtime is missing, or this build of it cannot compute on the device.
    """
    session = _session(path, device)
    (name,) = (one.name for one in session.get_inputs())

    def run(x: Tensor) -> Tensor:
        (found,) = session.run(None, {name: x.float().contiguous().cpu().numpy()})
        return torch.from_numpy(found).to(device)

    return run


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts in a file."""
    session = _session(path, torch.device("cpu"))
    facts: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    return facts


def _session(path: Path, device: torch.device) -> Any:
    """Open a file for a device."""
    runtime = need("onnxruntime", backend="onnx")
    provider: Any = "CPUExecutionProvider"
    if device.type != "cpu":
        if "CUDAExecutionProvider" not in runtime.get_available_providers():
            raise UserError(
                f"--backend onnx: this build of ONNX Runtime has no {device.type}: "
                "pip install onnxruntime-gpu, or use --backend torch"
            )
        provider = ("CUDAExecutionProvider", {"device_id": device.index or 0})
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return runtime.InferenceSession(path, options, providers=[provider])
