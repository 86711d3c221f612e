"""``tomoscout export``: networks as files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from tomoscout.core.geometry import Shape


def export(
    *weights: str,
    output: Annotated[Path, Parameter(alias="-o")],
    to: str | None = None,
    tile: str | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    ensemble: Literal["mean", "specialists"] = "mean",
    blend: Literal["probabilities", "logits"] = "probabilities",
    shares: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a network, or several as one, as a file that other programs run.

    The file takes normalised tiles of one shape and gives a probability per object and cell; what
    one must know to use it (objects, stride, voxel spacing, normalisation) stands in it as JSON. It
    is tried out before it is written. pick and predict take weights and not such files: they
    compile weights themselves (--backend).

    Parameters
    ----------
    weights
        Training folders, .safetensors files, names from 'tomoscout models', or URLs with their
        sha256; several, or a folder of crossval, become one network.
    output
        File to write: .pt (TorchScript), .onnx, or .pt2 (machine code for this processor).
    to
        torchscript, onnx or inductor; what the suffix says when not given.
    tile
        Voxels of a tile (z, y, x), with commas between; what the network is made for, or
        96,192,192, when not given.
    precision
        Number type of the convolutions; bfloat16 is not for ONNX.
    ensemble
        How several weights are joined: the mean of all, or for each object the one that scored
        best on it.
    blend
        What the mean is taken of.
    shares
        How much each of the weights counts, with commas between; equal when not given.
    overwrite
        Replace the file.
    """
    from tomoscout.commands._console import console, progress
    from tomoscout.commands._merge_flags import parse_shares
    from tomoscout.core.errors import UserError
    from tomoscout.inference import exporting
    from tomoscout.inference.ensemble import load_model

    shape = None if tile is None else _parse_tile(tile)
    name = exporting.format_of(output, to)
    if output.exists() and not overwrite:
        raise UserError(f"{output}: exists: pass --overwrite to replace it")
    counts = None if shares is None else parse_shares(shares, len(weights))
    model = load_model(list(weights) or None, ensemble=ensemble, blend=blend, shares=counts)
    with progress(100, f"export {name}") as bar:
        made = exporting.export(
            model,
            output,
            to=name,
            tile=shape,
            bf16=precision == "bfloat16",
            overwrite=overwrite,
            progress=bar.fraction,
        )
    members = made.facts["members"]
    lines = (
        f"{' + '.join(member['name'] for member in members)} as {name}: {made.facts['input']} -> "
        f"{made.facts['output']}",
        f"objects: {', '.join(row['name'] for row in made.facts['objects'])}",
        f"tried out on a random tile: largest difference of a probability {made.difference:.1e}",
        f"written to {output} ({output.stat().st_size / 1e6:.1f} MB)",
    )
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _parse_tile(text: str) -> Shape:
    """Read three edges in voxels."""
    from tomoscout.core.errors import UserError

    try:
        z, y, x = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--tile {text}: write three edges in voxels, as in 96,192,192") from error
    return z, y, x
