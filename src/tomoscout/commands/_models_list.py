"""``tomoscout models list``: the weights that are here, a line each."""

from __future__ import annotations

from pathlib import Path


def list_weights(folder: str | None) -> None:
    """Print a line for each of the weights."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console
    from tomoscout.core.errors import UserError
    from tomoscout.inference.find import DEFAULT, local_weights, shipped_weights, weights_in

    if folder is not None:
        if not Path(folder).is_dir():
            raise UserError(f"{folder}: no such folder; to look into weights: models inspect")
        groups = {folder: weights_in(Path(folder))}
    else:
        groups = {"TOMOSCOUT_WEIGHTS": local_weights(), "package": shipped_weights()}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("name", "from", "finds", "voxel", "F4", "size"):
        table.add_column(heading, overflow="fold")
    shadowed: set[str] = set()
    for place, found in groups.items():
        for name, path in found.items():
            where = f"{place} (hidden)" if name in shadowed else place
            table.add_row(*map(escape, (name, where, *_row(path))))
        shadowed |= set(found)
    if table.row_count:
        console.print(table, highlight=False)
    else:
        where = folder or "the package, nor in TOMOSCOUT_WEIGHTS"
        console.print(f"no weights in {where}", highlight=False, markup=False)
    if folder is None and DEFAULT not in shadowed:
        console.print(f"without '{DEFAULT}', pick and predict need --model", highlight=False)


def _row(path: Path) -> tuple[str, str, str, str]:
    """Return what a list tells of weights; those that cannot be read say so."""
    from tomoscout.core.errors import UserError
    from tomoscout.inference.card import read_card

    size = f"{path.stat().st_size / 1e6:.1f} MB"
    try:
        card = read_card(path)
    except UserError:
        return f"cannot be read: models verify {path} says why", "", "", size
    score = card.score.get("weighted")
    f4 = "" if score is None else f"{score:.3f}"
    return ", ".join(card.object_table.names), f"{card.voxel_spacing:g} Å", f4, size
