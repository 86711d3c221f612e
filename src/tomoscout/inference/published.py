"""Published checkpoints of the challenge's winning net, as weights of our own.

Two kinds are read: those of the competition (Henkel and Khvedchenya, 2025), a mapping with
``model``, whose tensors are called ``backbone.encoder.*``, ``backbone.decoder.*`` and
``backbone.segmentation_heads.N.*``; and those of its re-implementation TopCUP, Lightning
checkpoints whose tensors are called ``model.*`` and whose hyperparameters name the objects.

Both worked on volumes in the order (x, y, z), so each kernel is turned over here; both have
background as their last channel, ours has it first. The block at full resolution was trained by
nobody and is left behind, and so are heads that nothing says were trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice
from tomoscout.inference.card import Card
from tomoscout.inference.download import checksum
from tomoscout.inference.published_classes import Classes, classes_of
from tomoscout.inference.unpickle import read_checkpoint
from tomoscout.inference.weights import Detector, build_network
from tomoscout.models._flexible_encoders import UNUSED, EncoderName, build_encoder
from tomoscout.models.flexible_unet import STRIDES
from tomoscout.ops.normalise import NormaliseSettings

_PLACES = (("model", "backbone."), ("model", "module.backbone."), ("state_dict", "model."))
"""Where a checkpoint keeps the network, and what its tensors' names begin with."""

_SPACING = 10.012444  # Å; the folders' name says 10.000, the files themselves this
_PATCH = (96, 96, 96)
_HEAD = re.compile(r"segmentation_heads\.(\d+)\.0\.weight")


def read_published(path: Path, *, trained_on: tuple[str, ...] | None = None) -> Detector:
    """Read a checkpoint of the competition's 1st place or of TopCUP.

    The thresholds are those that the file brings, or the ones TopCUP was published with: the
    competition published none for a single network. Tune them where there is truth to tune on.

    Parameters
    ----------
    path
        Checkpoint; of its pickle, only tensors and plain data are read (see ``unpickle``).
    trained_on
        Runs it was trained on, which no such file says. When not given, all of the challenge's
        runs for a network of the challenge's objects, so that none is taken for held out.

    Raises
    ------
    UserError
        If the file is no such checkpoint, or its tensors are those of another network; the
        message says what was found.
    """
    content = read_checkpoint(path)
    tensors = _tensors(content, path)
    hyper = content.get("hyper_parameters") if "state_dict" in content else None
    heads = sorted(int(match[1]) for match in map(_HEAD.fullmatch, tensors) if match)
    if not heads or heads[-1] >= len(STRIDES):
        raise UserError(f"{path}: its heads are {heads}: expected some of 0 to {len(STRIDES) - 1}")
    rows = _channels(tensors, f"segmentation_heads.{heads[-1]}.0.weight", path)
    classes = classes_of(hyper, rows, path)
    if trained_on is not None:
        classes = replace(classes, trained_on=trained_on)
    levels = [STRIDES[n] for n in reversed(heads) if n == heads[-1] or n in classes.trained_heads]
    model = Choice(
        name="flexible_unet",
        encoder=_encoder(tensors, path),
        levels=levels,
        widths=_widths(tensors, path),
    )
    card = _card(model, levels[0], classes, path)
    network = build_network(card)
    converted = {
        name: _convert(name, tensors, expected, classes, path)
        for name, expected in network.state_dict().items()
    }
    network.load_state_dict(converted)
    return Detector(network.eval(), card, str(path))


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the network's tensors by the names we know them by."""
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: holds a {type(content).__name__}, not a checkpoint's mapping")
    for place, prefix in _PLACES:
        stored = content.get(place)
        if isinstance(stored, Mapping) and f"{prefix}decoder.blocks.0.convs.conv_0.conv.weight" in (
            stored
        ):
            return {
                str(name).removeprefix(prefix): tensor
                for name, tensor in stored.items()
                if str(name).startswith(prefix) and isinstance(tensor, Tensor)
            }
    inner = next((content[p] for p in ("model", "state_dict") if p in content), content)
    found = [str(name) for name in inner] if isinstance(inner, Mapping) else []
    raise UserError(
        f"{path}: not the winning net: expected tensors named 'backbone.decoder.*' in 'model', or "
        f"'model.decoder.*' in 'state_dict', found {len(found)} named "
        f"{', '.join(repr(name) for name in found[:3]) or 'nothing'}"
    )


def _encoder(tensors: Mapping[str, Tensor], path: Path) -> EncoderName:
    """Tell the encoder by the names and shapes of its tensors."""
    found = {
        name.removeprefix("encoder."): tuple(tensor.shape)
        for name, tensor in tensors.items()
        if name.startswith("encoder.") and name.split(".")[1] not in UNUSED
    }
    family = "efficientnet" if "_conv_stem.weight" in found else "resnet"
    for name in get_args(EncoderName):
        if name.startswith(family):
            with torch.device("meta"):  # names and shapes without memory
                encoder, _ = build_encoder(name, 1)
            if found == {key: tuple(value.shape) for key, value in encoder.state_dict().items()}:
                return name
    stem = found.get("_conv_stem.weight", found.get("conv1.weight", "no stem"))
    raise UserError(
        f"{path}: its encoder, of {len(found)} tensors with stem {stem}, is none of MONAI's "
        f"{family}s for one channel"
    )


def _widths(tensors: Mapping[str, Tensor], path: Path) -> list[int]:
    """Return the decoder's channels at strides 16 to 2."""
    names = [f"decoder.blocks.{n}.convs.conv_1.conv.weight" for n in range(len(STRIDES))]
    missing = [name for name in names if name not in tensors]
    if missing:
        raise UserError(f"{path}: has no tensor '{missing[0]}': the decoder is not whole")
    return [_channels(tensors, name, path) for name in names]


def _channels(tensors: Mapping[str, Tensor], name: str, path: Path) -> int:
    """Return the channels that a kernel makes."""
    if tensors[name].ndim != 5:
        shape = tuple(tensors[name].shape)
        raise UserError(f"{path}: tensor '{name}' has shape {shape}, expected a 3-D kernel")
    return len(tensors[name])


def _convert(
    name: str, tensors: Mapping[str, Tensor], expected: Tensor, classes: Classes, path: Path
) -> Tensor:
    """Return a tensor in our order of axes and channels."""
    found = tensors.get(name)
    shape = None if found is None else tuple(found.shape)
    if found is None or shape != tuple(expected.shape):
        raise UserError(
            f"{path}: tensor '{name}' has shape {shape}, expected {tuple(expected.shape)}"
        )
    if found.is_floating_point() and not bool(found.isfinite().all()):
        raise UserError(f"{path}: tensor '{name}' holds numbers that are not finite")
    tensor = found.detach().to(expected.dtype)
    if name.startswith("segmentation_heads."):
        tensor = tensor[[len(tensor) - 1, *classes.channels]]
    if tensor.ndim == 5:
        tensor = tensor.permute(0, 1, 4, 3, 2)  # kernels: (x, y, z) to (z, y, x)
    return tensor.clone(memory_format=torch.contiguous_format)


def _card(model: Choice, stride: int, classes: Classes, path: Path) -> Card:
    """Say what is known of such weights."""
    return Card(
        model=model,
        objects=tuple(entry.model_dump() for entry in classes.table.each()),
        activation="softmax",
        stride=stride,
        voxel_spacing=_SPACING,
        normalise=NormaliseSettings(method="zscore", clip=None),
        patch=_PATCH,
        picker=Choice(name="local_max"),
        thresholds=classes.thresholds,
        trained_on=classes.trained_on,
        notes=(
            f"{classes.source}, imported from {path.name} (sha256 {checksum(path)[:16]}). "
            f"{classes.remarks}"
        ),
        recipe={"kind": "denoised"},
    )
