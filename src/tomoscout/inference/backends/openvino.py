"""OpenVINO, in bf16 where the processor has it; needs the extra ``openvino``.

The quickest on processors, from some percent for small networks in bf16 to a factor of four for
wide ones, and ready within seconds. It does not know graphics cards of NVIDIA.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._files import digest, from_file, need, only_on_cpu
from tomoscout.inference.backends._onnx_file import write_network
from tomoscout.inference.backends._prepared import Prepared, Run, prepared
from tomoscout.models import Network

NEEDS = ("onnx", "openvino")


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
    only_on_cpu("openvino", device)
    need("openvino", backend="openvino")

    def make(bf16: bool) -> Run:
        return from_file(
            f"{digest(network)}-{in_channels}",
            tile,
            suffix=".onnx",
            folder=folder,
            write=lambda path: write_network(
                network, path, tile=tile, in_channels=in_channels, backend="openvino"
            ),
            load=lambda path: _load(path, bf16=bf16),
        )

    return prepared(
        "openvino", network, make, tile=tile, in_channels=in_channels, device=device, bf16=bf16
    )


def _load(path: Path, *, bf16: bool) -> Run:
    """Compile an ONNX file for this processor."""
    openvino: Any = need("openvino", backend="openvino")
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    core = openvino.Core()
    # Read by us, so that a name with other suffix or letters than it expects is no matter.
    request = core.compile_model(core.read_model(path.read_bytes()), "CPU", settings)
    request = request.create_infer_request()

    def run(x: Tensor) -> Tensor:
        # Its results lie in memory that the next call uses again, unless they are copied.
        found = request.infer([x.float().contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(found[0].copy())

    return run
