"""Weights of 2-D image networks, taken over into encoders that have timm's names.

Two things differ from a network for photographs. Slices have another number of channels than
red, green and blue: one gets the sum of the three kernels (so a grey picture shown three times
gives the same), several get them in turn, scaled so that the sum stays. And there is no
classifier: its weights are left behind. Anything else that is missing or unknown is refused.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tomoscout.core.errors import UserError

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_NAMED = 3  # keys in a message


@runtime_checkable
class Encoder(Protocol):
    """What is known of an encoder here; an ``nn.Module``."""

    stem_weight: str
    classifier: tuple[str, ...]

    def state_dict(self) -> dict[str, Any]:
        """Return the weights."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> Any:
        """Take weights over."""
        ...


def load_encoder(encoder: Encoder, source: Literal["timm"] | Path, *, name: str) -> None:
    """Take weights over into an encoder.

    With group or instance norm, batch norm's scales and shifts are taken and the statistics are
    left behind.

    Parameters
    ----------
    encoder
        Says which weight is the stem's and which ones make a classifier.
    source
        A safetensors or PyTorch file, or ``timm`` to have that package fetch them.
    name
        What timm calls the network.

    Raises
    ------
    UserError
        If the weights cannot be read, or are not this network's.
    """
    found = fetch(name) if source == "timm" else read_weights(Path(source))
    wanted = encoder.state_dict()
    weights = {
        key: value
        for key, value in found.items()
        if not key.startswith(encoder.classifier)
        and not (key.endswith(_STATISTICS) and key not in wanted)
    }
    _check_names(weights, wanted, f"{source}: not weights of {name}")
    stem = encoder.stem_weight
    weights[stem] = adapt_stem(weights[stem], wanted[stem].shape[1])
    for key, value in wanted.items():
        if weights[key].shape != value.shape:
            raise UserError(
                f"{source}: not weights of {name}: '{key}' has shape {tuple(weights[key].shape)}, "
                f"expected {tuple(value.shape)}"
            )
    encoder.load_state_dict(weights)


def adapt_stem(
    kernel: Float[Tensor, "out colours ky kx"], channels: int
) -> Float[Tensor, "out channels ky kx"]:
    """Fit a first convolution to another number of channels.

    Parameters
    ----------
    kernel
        Trained on colours.
    channels
        How many there are now: one gets the sum over colours, more repeat them in turn, scaled so
        that equal channels give what equal colours gave.
    """
    colours = kernel.shape[1]
    if channels == colours:
        return kernel
    if channels == 1:
        return kernel.float().sum(dim=1, keepdim=True).to(kernel.dtype)
    repeats = -(-channels // colours)
    return kernel.repeat(1, repeats, 1, 1)[:, :channels] * (colours / channels)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors or PyTorch file of plain tensors; nothing else is ever unpickled.

    Raises
    ------
    UserError
        If the file is missing or broken, or holds more than tensors.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give weights as .safetensors or .pth, or 'timm'")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).strip().splitlines()
        raise UserError(
            f"{path}: not a file of plain tensors ({reason[0][:120] if reason else 'empty'}): "
            "save a state_dict with safetensors or torch.save"
        ) from error
    for wrapper in ("state_dict", "model"):  # as training scripts save it
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"{path}: expected a state_dict of tensors")
    return content


def fetch(name: str) -> dict[str, Tensor]:
    """Have timm fetch the weights it has under a name.

    Raises
    ------
    UserError
        If timm is not installed, or cannot get them.
    """
    try:
        timm = importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision of another torch
        raise UserError(
            f"pretrained: timm: {error}: pip install 'tomoscout[timm]', or give a file of weights"
        ) from error
    try:
        weights: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"pretrained: timm: {name} could not be fetched ({reason[:120]}): "
            "download the weights by hand and give the file"
        ) from error
    return weights


def _check_names(found: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    """Refuse weights of another network, naming what differs."""
    missing = [k for k in wanted if k not in found]
    unknown = [k for k in found if k not in wanted]
    if missing or unknown:
        parts = [
            f"{word} {', '.join(keys[:_NAMED])}"
            + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")
            for word, keys in (("missing", missing), ("unknown", unknown))
            if keys
        ]
        raise UserError(f"{what}: {'; '.join(parts)}")
