"""Atomic models (mmCIF and PDB, plain or gzipped) as the atoms that scatter.

Read is the first model, with the biological assembly built: what swims in the ice is the
assembly, not the asymmetric unit of a crystal. Water and hydrogens are left out: the ice is the
background, and most files have no hydrogens anyway. An atom with alternative places is at each
of them with its occupancy there. The files are read by gemmi, Wojdyr (2022),
doi:10.21105/joss.04200.
"""

from __future__ import annotations

import importlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError, did_you_mean

_PLAIN = (".cif", ".mmcif", ".pdb", ".ent")
SUFFIXES = _PLAIN + tuple(suffix + ".gz" for suffix in _PLAIN)

_NEEDED = {
    "_pdbx_struct_assembly.": (
        "details",
        "method_details",
        "oligomeric_details",
        "oligomeric_count",
    ),
    "_pdbx_struct_oper_list.": ("type",),
}


def is_structure(path: str | PathLike[str]) -> bool:
    """Tell by the suffix whether a file holds an atomic model."""
    return Path(path).name.lower().endswith(SUFFIXES)


def read_structure(path: str | PathLike[str], *, assembly: str | None = "1") -> Atoms:
    """Read a molecule's atoms.

    Parameters
    ----------
    path
        mmCIF or PDB file; the suffix says which.
    assembly
        Name of the biological assembly to build; None takes the atoms as they are written.
        A file that lists no assembly is taken as written too if the first one is asked for.

    Raises
    ------
    UserError
        If gemmi is not installed, or the file is missing, broken, has no atoms, or no assembly
        of that name.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if not is_structure(path):
        raise UserError(
            f"{path}: not an atomic model by its suffix: known are {', '.join(SUFFIXES)}"
        )
    gemmi = _gemmi(path)
    structure = _open(gemmi, path)
    if not len(structure):
        raise UserError(f"{path}: no atoms in it: give the coordinate file of an entry")
    model = _assembled(gemmi, structure, assembly, path)
    model.remove_hydrogens()
    model.remove_waters()
    return _atoms(model, path)


def _gemmi(path: Path) -> Any:
    """Import gemmi, which is an extra."""
    try:
        return importlib.import_module("gemmi")
    except ImportError as error:
        raise UserError(
            f"{path}: reading atomic models needs gemmi: pip install 'tomoscout[structures]'"
        ) from error


def _open(gemmi: Any, path: Path) -> Any:
    """Read the file, or say in one line why not."""
    try:
        if ".pdb" in path.suffixes or ".ent" in path.suffixes:
            structure = gemmi.read_pdb(str(path))
        else:
            structure = gemmi.make_structure_from_block(_block(gemmi, path))
    except (RuntimeError, ValueError, OSError, EOFError, IndexError) as error:
        reason = " ".join(str(error).split()).replace(str(path), "it") or "it is empty"
        reason = reason if len(reason) <= 160 else reason[:157] + "..."
        raise UserError(
            f"{path}: not a readable mmCIF or PDB file ({reason}): download it again"
        ) from error
    structure.setup_entities()  # chains and water are told apart by it
    return structure


def _block(gemmi: Any, path: Path) -> Any:
    """Read mmCIF, adding the columns without which gemmi silently ignores the assemblies."""
    block = gemmi.cif.read(str(path))[0]
    ids = block.get_mmcif_category("_pdbx_struct_assembly_gen.").get("assembly_id")
    for category, columns in _NEEDED.items():
        table = block.get_mmcif_category(category)
        if not table and ids and category == "_pdbx_struct_assembly.":
            table = {"id": list(dict.fromkeys(ids))}
        if table:
            rows = len(next(iter(table.values())))
            added = {name: [None] * rows for name in columns if name not in table}
            block.set_mmcif_category(category, table | added)
    return block


def _assembled(gemmi: Any, structure: Any, name: str | None, path: Path) -> Any:
    """Return the first model, with the assembly of that name built."""
    model = structure[0]
    found = {str(each.name): each for each in structure.assemblies}
    if name is None or (name == "1" and not found):
        return model
    if name not in found:
        known = f"has {', '.join(found)}." if found else "lists none: leave it out"
        raise UserError(f"{path}: no assembly '{name}': it {known}" + did_you_mean(name, found))
    try:
        return gemmi.make_assembly(found[name], model, gemmi.HowToNameCopiedChain.Dup)
    except RuntimeError as error:
        raise UserError(
            f"{path}: assembly '{name}' cannot be built ({error}): download the file again"
        ) from error


def _atoms(model: Any, path: Path) -> Atoms:
    """Collect positions, elements and occupancies."""
    rows: list[tuple[float, float, float]] = []
    elements: list[str] = []
    occupancies: list[float] = []
    for chain in model:
        for residue in chain:
            atoms = [atom for atom in residue if atom.element.name != "X"]  # X: unknown
            places: dict[str, float] = {}
            for atom in atoms:
                places[atom.name] = places.get(atom.name, 0.0) + atom.occ
            for atom in atoms:
                at = atom.pos
                rows.append((at.z, at.y, at.x))
                elements.append(atom.element.name)
                # No atom is there more than once, whatever its places add up to.
                occupancies.append(atom.occ / max(1.0, places[atom.name]))
    if not any(occupancies):
        raise UserError(
            f"{path}: no atoms in it besides water, hydrogens, and those of unknown element or "
            "occupancy 0: give the coordinate file of an entry"
        )
    return Atoms(np.array(rows), np.array(elements), np.array(occupancies), name=str(path))
