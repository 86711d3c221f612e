"""PyTorch's compiler (AOTInductor): machine code for one network, tile and kind of processor.

As quick as the best of the others, and its file runs by PyTorch alone. It needs a C++ compiler and
takes one to three minutes per network and shape of tile, once: what it made is kept. Choose it for
hundreds of tomograms of one shape, where OpenVINO cannot be installed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._files import digest, from_file, machine, only_on_cpu
from tomoscout.inference.backends._prepared import Finest, Prepared, Run, prepared, while_tracing
from tomoscout.models import Network

SUFFIX = ".pt2"

_COMPILERS = ("g++", "clang++", "c++")
_FACTS = "tomoscout"


def prepare(
    network: Network,
    *,
    tile: Shape,
    in_channels: int = 1,
    device: torch.device,
    folder: Path | None = None,
    bf16: bool = True,
) -> Prepared:
    """Make a network ready in minutes, or from its file in the folder. See the family."""
    only_on_cpu("inductor", device)

    def make(bf16: bool) -> Run:
        example = torch.zeros(1, in_channels, *tile)
        kind = "bf16" if bf16 else "fp32"
        return from_file(
            f"{digest(network)}-{in_channels}-{kind}-{machine()}",
            tile,
            suffix=SUFFIX,
            folder=folder,
            write=lambda path: save(Finest(network, bf16=bf16), path, example=example, facts={}),
            load=lambda path: load(path, device=device),
        )

    return prepared(
        "inductor", network, make, tile=tile, in_channels=in_channels, device=device, bf16=bf16
    )


def save(module: nn.Module, path: Path, *, example: Tensor, facts: Mapping[str, Any]) -> None:
    """Compile a module for tiles as the example and this processor, with facts as JSON inside.

    Raises
    ------
    UserError
        If there is no C++ compiler.
    """
    if not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *_COMPILERS) if name):
        raise UserError(
            "inductor: compiling needs a C++ compiler, and none was found: install g++, or use "
            "torchscript"
        )
    settings = {"freezing": True, "aot_inductor.metadata": {_FACTS: json.dumps(facts)}}
    with tempfile.TemporaryDirectory() as folder, while_tracing():
        exported = torch.export.export(module.eval(), (example,), strict=False)
        made = torch._inductor.aoti_compile_and_package(
            exported, package_path=str(Path(folder, f"module{SUFFIX}")), inductor_configs=settings
        )
        shutil.copyfile(made, path)


def load(path: Path, *, device: torch.device) -> Run:
    """Load a module from a file that was written here: it is machine code."""
    module: Any = _package(path)

    def run(x: Tensor) -> Tensor:
        logits: Tensor = module(x.contiguous())
        return logits

    return run


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts in a file that was written here."""
    facts: dict[str, Any] = json.loads(_package(path).get_metadata()[_FACTS])
    return facts


def _package(path: Path) -> Any:
    """Open a package."""
    import torch._inductor  # takes a second to import

    return torch._inductor.aoti_load_package(str(path))
