"""What an OME-Zarr store's metadata say: where its finest level is, its axes, its voxels' size."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.io.volumes._zarr import require_zarr

_ANGSTROM = {
    "angstrom": 1.0,
    "picometer": 0.01,
    "nanometer": 10.0,
    "micrometer": 1e4,
    "millimeter": 1e7,
}


@dataclass(frozen=True)
class Image:
    """The finest level of a store: where it is and how large its voxels are."""

    path: Path
    axes: tuple[str, ...]  # names, or () where there are no metadata
    spacing: tuple[float, ...]  # z, y, x in ångström, or () where unknown
    trusted: bool = False  # whether a unit is named


def find_image(path: Path) -> Image:
    """Read the metadata of a store and find its finest level."""
    attributes, is_array = _attributes(path)
    if is_array:
        return Image(path, (), ())
    multiscales = attributes.get("ome", attributes).get("multiscales")
    try:
        return _finest(path, multiscales[0])
    except (TypeError, KeyError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        found = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir())) or "nothing"
        raise UserError(
            f"{path}: no usable 'multiscales' metadata: give the array inside it (found "
            f"{found}) and --voxel-spacing"
        ) from error


def _attributes(path: Path) -> tuple[dict[str, Any], bool]:
    """Return a store's attributes and whether its root is an array rather than a group."""
    if (path / "zarr.json").exists():
        require_zarr(path, 3)
        content = _read_json(path / "zarr.json")
        return content.get("attributes", {}), content.get("node_type") == "array"
    if (path / ".zarray").exists():
        return {}, True
    if (path / ".zattrs").exists():
        return _read_json(path / ".zattrs"), False
    if (path / ".zgroup").exists():
        return {}, False
    raise UserError(f"{path}: not a zarr store (no .zgroup, .zarray or zarr.json in it)")


def _read_json(path: Path) -> dict[str, Any]:
    """Read one metadata file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: broken metadata ({error}): copy the store again") from error
    return content if isinstance(content, dict) else {}


def _finest(path: Path, image: Mapping[str, Any]) -> Image:
    """Read the first dataset of an image: the specification puts the finest first."""
    dataset = image["datasets"][0]
    inside = PurePosixPath(dataset["path"])
    if inside.is_absolute() or ".." in inside.parts:
        raise UserError(f"{path}: level '{inside}' lies outside the store")
    axes = [a if isinstance(a, dict) else {"name": a} for a in image.get("axes", [])]
    names = tuple(str(axis["name"]) for axis in axes)
    scales = [
        transformation["scale"]
        for transformation in (
            *dataset.get("coordinateTransformations", []),
            *image.get("coordinateTransformations", []),
        )
        if transformation.get("type") == "scale"
    ]
    spacing = [math.prod(map(float, scale)) for scale in zip(*scales, strict=True)]
    units = [axis.get("unit") for axis in axes][-3:] or [None] * 3
    unknown = [unit for unit in units if unit and unit not in _ANGSTROM]
    if not scales or unknown:
        return Image(path / inside, names, ())
    edges = [s * _ANGSTROM[u or "angstrom"] for s, u in zip(spacing[-3:], units, strict=True)]
    return Image(path / inside, names, tuple(edges), trusted=all(units))


def count_leading(image: Image, shape: tuple[int, ...], path: Path) -> int:
    """Return how many leading axes to drop, or refuse what is not (z, y, x)."""
    leading = len(shape) - 3
    axes = image.axes or ("?",) * leading + ("z", "y", "x")
    if leading < 0 or any(n != 1 for n in shape[:leading]):
        raise UserError(
            f"{path}: a tomogram has 3 axes (z, y, x), found {len(shape)} with shape {shape}: "
            "give one reconstructed volume"
        )
    if len(axes) != len(shape) or axes[-3:] != ("z", "y", "x"):
        raise UserError(
            f"{path}: axes must end in z, y, x, found {', '.join(axes)}: reorder the store"
        )
    return leading


def check_chunk_keys(path: Path) -> None:
    """Refuse nested chunks that the metadata call flat: zarr would read zeros."""
    if not (path / ".zarray").exists():
        return
    if _read_json(path / ".zarray").get("dimension_separator", ".") == ".":
        nested = [p.name for p in path.iterdir() if p.name.isdigit() and p.is_dir()]
        if nested:
            raise UserError(
                f"{path}: chunks lie in folders but .zarray does not say so: "
                'add "dimension_separator": "/" to it'
            )
