"""A safetensors file whose header carries a card: weights and what one must know to use them.

Nothing is unpickled: tensors are plain, and the card is JSON, under a key of the file's metadata
that tells detectors, encoders and classifiers apart. A file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Settings, validate
from tomoscout.inference.find import FILE_NAME
from tomoscout.io._atomic import atomic_path

DETECTOR = "tomoscout"
"""Where a detector's card stands in the file's metadata."""

ENCODER = "tomoscout-encoder"
"""Where an encoder's card stands in the file's metadata."""

CLASSIFIER = "tomoscout-classifier"
"""Where a classifier's card stands in the file's metadata."""

StoredType = Literal["float32", "float16", "bfloat16"]

KINDS = {DETECTOR: "a detector", ENCODER: "an encoder", CLASSIFIER: "a classifier"}
"""What weights are of, by where their cards stand."""

SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(path: Path, kind: type[SettingsT], *, key: str) -> SettingsT:
    """Read the card of a weights file.

    Parameters
    ----------
    path
        The file.
    kind
        What the card must be.
    key
        Where it stands in the file's metadata: ``DETECTOR``, ``ENCODER`` or ``CLASSIFIER``.

    Raises
    ------
    UserError
        If the file is not weights of Tomoscout, is of another kind, or is cut short.
    """
    metadata = _metadata(path)
    if key not in metadata:
        others = [what for other, what in KINDS.items() if other in metadata]
        if others:
            raise UserError(
                f"{path}: weights of {others[0]}, but those of {KINDS[key]} are needed here: "
                f"give {KINDS[key]}'s file"
            )
        raise _no_card(path)
    try:
        values = json.loads(metadata[key])
    except ValueError as error:
        raise UserError(f"{path}: its card is broken ({error}): copy the file again") from error
    return validate(kind, values, source=f"{path}: card of version unknown to this one")


def kind_of(path: Path) -> str:
    """Return where the card of a weights file stands: `DETECTOR`, `ENCODER` or `CLASSIFIER`.

    Raises
    ------
    UserError
        If the file is not weights of Tomoscout, or is cut short.
    """
    metadata = _metadata(path)
    for key in KINDS:
        if key in metadata:
            return key
    raise _no_card(path)


def _metadata(path: Path) -> dict[str, str]:
    """Read the header of a weights file."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: not a safetensors file, or cut short ({error}): copy it again, or give a "
            f"{FILE_NAME} that 'train' wrote; pickled weights are never opened"
        ) from error


def _no_card(path: Path) -> UserError:
    """Say that a file is not weights of ours."""
    return UserError(f"{path}: no Tomoscout card in it; give a file that 'train' wrote")


def write_tensors(
    tensors: dict[str, Any], path: Path, *, card: Settings, key: str, dtype: StoredType = "float32"
) -> None:
    """Write weights and card into one file.

    Parameters
    ----------
    tensors
        A network's state dict.
    path
        The file.
    card, key
        The card, and where it stands in the file's metadata.
    dtype
        Number type of the stored tensors; norms and biases, a hundredth of the file, keep theirs.

    Raises
    ------
    UserError
        If a weight is too large for the number type, or the file cannot be written.
    """
    stored: torch.dtype = getattr(torch, dtype)
    kept = {}
    for name, tensor in tensors.items():
        kind = stored if tensor.is_floating_point() and tensor.ndim > 1 else tensor.dtype
        kept[name] = tensor.detach().to("cpu", kind).contiguous()
        if bool(tensor.isfinite().all()) and not bool(kept[name].isfinite().all()):
            raise UserError(f"{path}: '{name}' is too large for {dtype}: store as bfloat16")
    content = save(kept, metadata={key: card.model_dump_json()})
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_bytes(content)  # not safetensors' own, which hides a full disk


def fill(network: Any, path: Path, *, name: str) -> None:
    """Give a network the weights of a file, in its own number types however they are stored.

    Parameters
    ----------
    network
        Built as the file's card says.
    path
        The file.
    name
        What the card calls the network, for messages.

    Raises
    ------
    UserError
        If the tensors do not fit the network.
    """
    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(
            f"{path}: tensors do not fit the card's network '{name}' ({reason[:120]}): "
            "copy the file again, or train anew"
        ) from error


def digest_of(state: Mapping[str, Tensor]) -> str:
    """Return a short text that differs for other weights, whatever their file is called."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
