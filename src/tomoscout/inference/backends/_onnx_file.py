"""A network as an ONNX file, for the two backends that read such files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._files import need
from tomoscout.inference.backends._prepared import Finest, while_tracing
from tomoscout.models import Network

KEY = "tomoscout"
"""Where the facts stand in the file's metadata."""

_OPSET = 17  # has layer norm; every runtime since 2022 reads it


def write_onnx(
    module: nn.Module, path: Path, *, example: Tensor, facts: Mapping[str, Any], backend: str
) -> None:
    """Write a module, traced on an example, with facts as JSON in ``metadata_props``."""
    onnx = need("onnx", backend=backend)
    with while_tracing():
        torch.onnx.export(
            module.eval(),
            (example,),
            path,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["tile"],
            output_names=["scores"],
        )
    if facts:
        model = onnx.load(path)
        model.metadata_props.add(key=KEY, value=json.dumps(facts))
        onnx.save(model, path)


def write_network(
    network: Network, path: Path, *, tile: Shape, in_channels: int, backend: str
) -> None:
    """Write a network's finest logits for tiles of one shape."""
    device = next(iter(network.state_dict().values()), torch.zeros(0)).device
    example = torch.zeros(1, in_channels, *tile, device=device)
    write_onnx(Finest(network), path, example=example, facts={}, backend=backend)
