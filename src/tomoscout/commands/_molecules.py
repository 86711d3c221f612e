"""Molecules as the simulator is given them: ``name=file``, ``name=file@mass`` and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectType
from tomoscout.io.structures import SUFFIXES, is_structure, read_structure
from tomoscout.io.volumes import is_zarr, read_volume, strip_suffix, suffixes
from tomoscout.io.volumes._spacing import SpacingUnknownError
from tomoscout.simulation.molecules import Molecule, estimate_mass, from_atoms, from_map
from tomoscout.simulation.shapes import blobs, find_shape

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FORM = re.compile(
    rf"(?P<file>.+?)(?:@(?P<mass>{_NUMBER})?(?:\s?kDa)?(?:@(?P<spacing>{_NUMBER})\s?[AÅ]?)?)?"
)


@dataclass(frozen=True)
class _Wanted:
    """One molecule as the user writes it."""

    name: str
    path: Path
    mass: float | None
    voxel_spacing: float | None


def read_molecules(texts: Iterable[str], *, resolution: float = 10.0) -> dict[str, Molecule]:
    """Read molecules from ``name=file``, ``name=file@mass`` or ``name=file@mass@voxel``.

    Parameters
    ----------
    texts
        The name is an object's; the file's suffix says whether it is a map or an atomic model.
        The mass is in kilodalton: a map of an object that the package has no model of needs it,
        and it overrules the atoms of a model that lacks parts. The edge of a voxel, in ångström,
        is for maps whose header does not know it; the mass before it may be left empty.
    resolution
        To which atomic models are blurred, in ångström. Maps stay as they are.

    Raises
    ------
    UserError
        If a text is not of this form, a name comes twice, or a file cannot be used.
    """
    molecules: dict[str, Molecule] = {}
    for text in texts:
        wanted = _parse(text)
        if wanted.name in molecules:
            raise UserError(f"'{text}': a second molecule for '{wanted.name}': give one each")
        is_model = is_structure(wanted.path)
        molecules[wanted.name] = _model(wanted, resolution) if is_model else _map(wanted)
    return molecules


def _parse(text: str) -> _Wanted:
    """Take a text apart."""
    name, equals, rest = (part.strip() for part in text.partition("="))
    found = _FORM.fullmatch(rest)
    if not (name and equals and found):
        raise UserError(
            f"'{text}': expected name=file, as in ribosome=6qzp.mrc@3500 (the mass in kDa)"
        )
    path = Path(found["file"])
    if "@" in path.name and not path.exists():
        raise UserError(
            f"'{text}': after '@' goes the mass in kDa, then perhaps '@' and the voxel size in Å, "
            f"found '{path.name.partition('@')[2]}'"
        )
    mass, spacing = (float(found[key]) if found[key] else None for key in ("mass", "spacing"))
    if mass == 0 or spacing == 0:
        raise UserError(f"'{text}': mass and voxel size must be above 0")
    return _Wanted(name, path, mass, spacing)


def _model(wanted: _Wanted, resolution: float) -> Molecule:
    """Read an atomic model."""
    if wanted.voxel_spacing is not None:
        raise UserError(f"{wanted.path}: an atomic model has no voxels: leave their size out")
    molecule = from_atoms(read_structure(wanted.path), resolution=resolution)
    return molecule if wanted.mass is None else replace(molecule, mass=wanted.mass)


def _map(wanted: _Wanted) -> Molecule:
    """Read a map."""
    path = wanted.path
    if path.exists() and not is_zarr(path) and strip_suffix(path.name) is None:
        raise UserError(
            f"{path}: neither a map ({', '.join(suffixes())}) nor an atomic model "
            f"({', '.join(SUFFIXES)}) by its suffix"
        )
    try:
        volume = read_volume(path, voxel_spacing=wanted.voxel_spacing)
    except SpacingUnknownError as error:
        heavy = "" if wanted.mass is None else f"{wanted.mass:g}"
        raise UserError(
            f"{path}: does not know its voxel size: give it in Å after the mass, as in "
            f"{wanted.name}={path}@{heavy}@4.3"
        ) from error
    mass = wanted.mass or _known_mass(wanted.name)
    if mass is None:
        likely = float(f"{estimate_mass(volume):.2g}")
        raise UserError(
            f"{path}: the mass of '{wanted.name}' is not known: give it in kDa, as in "
            f"{wanted.name}={path}@{likely:g} (which is what its size suggests)"
        )
    return from_map(volume, mass=mass)


def _known_mass(name: str) -> float | None:
    """Return the mass of a molecule of the package's own, in kilodalton."""
    if find_shape(name) is None:
        return None
    # Its radius is in its model; the table's is only asked of objects without one.
    return blobs(ObjectType(name=name, radius=100), variant=0, wobble=0.0).mass
