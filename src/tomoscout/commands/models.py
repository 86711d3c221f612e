"""``tomoscout models``: list, inspect and verify weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomoscout.inference.weights import Detector

_ACTIONS = ("list", "inspect", "verify")
_MANY = 6  # runs beyond which only their number is told


def models(action: str = "list", weights: str | None = None, *, sha256: str | None = None) -> None:
    """List weights, inspect their card, or verify that they are whole and work.

    ``models list`` names those in the package and in the folder that TOMOSCOUT_WEIGHTS points to;
    ``models list FOLDER`` those in another. ``models inspect WEIGHTS`` tells what they find, what
    they were trained on and what they scored. ``models verify WEIGHTS`` checks file, card and
    tensors and sends a patch through the network. Nothing is downloaded, except from a URL given.

    Parameters
    ----------
    action
        list, inspect or verify.
    weights
        A name, a .safetensors file, a training folder, or a URL ending in #sha256= and 64 hex
        digits (kept in the folder TOMOSCOUT_CACHE, or the system's cache); for list, a folder. The
        weights used by default when not given.
    sha256
        Checksum that the file must have; for verify.
    """
    from tomoscout.core.errors import UserError, did_you_mean

    if action not in _ACTIONS:
        raise UserError(
            f"models {action}: choose from {', '.join(_ACTIONS)}." + did_you_mean(action, _ACTIONS)
        )
    if sha256 is not None and action != "verify":
        raise UserError(f"--sha256: models {action} checks nothing; use models verify")
    if action == "list":
        _list(weights)
    elif action == "inspect":
        _inspect(weights)
    else:
        _verify(weights, sha256)


def _list(folder: str | None) -> None:
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


def _inspect(model: str | None) -> None:
    """Print the card of weights."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console
    from tomoscout.commands._weights import load_weights

    detector = load_weights(model)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for what, found in _facts(detector):
        table.add_row(what, escape(found))
    console.print(table, highlight=False)
    objects = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("object", "radius", "threshold", "F4"):
        objects.add_column(heading)
    card = detector.card
    for entry in detector.objects.each():
        threshold, score = card.thresholds.get(entry.name), card.score.get(entry.name)
        objects.add_row(
            escape(entry.name),
            f"{entry.radius:g} Å",
            "" if threshold is None else f"{threshold:.3f}",
            "" if score is None else f"{score:.3f}",
        )
    console.print(objects, highlight=False)


def _facts(detector: Detector) -> Iterator[tuple[str, str]]:
    """Say what is known of weights, line by line."""
    from tomoscout.inference.download import checksum
    from tomoscout.inference.weights import fingerprint

    card, path = detector.card, Path(detector.source)
    yield "name", detector.name
    yield "file", f"{path} ({path.stat().st_size / 1e6:.1f} MB, {card.dtype})"
    yield "sha256", checksum(path)
    yield "fingerprint", f"{fingerprint(detector)} (of the tensors alone)"
    if card.notes:
        yield "notes", card.notes
    options = "".join(f", {key} {value}" for key, value in card.model.options.items())
    count = sum(tensor.numel() for tensor in detector.network.state_dict().values())
    yield "network", f"{card.model.name}{options}; {count / 1e6:.2f} million numbers"
    yield "tomograms", f"{card.voxel_spacing:g} Å voxels, {card.recipe.get('kind') or 'any kind'}"
    clip = f"clipped at {card.normalise.clip} %" if card.normalise.clip else "not clipped"
    yield "grey values", f"{card.normalise.method}, {clip}"
    if card.origin:
        yield "started from", f"{card.origin.name} (fingerprint {card.origin.fingerprint})"
    yield "trained on", _runs(card.trained_on)
    yield "thresholds", f"found on {_runs(card.tuned_on)}; picks by {card.picker.name}"
    if "weighted" in card.score:
        yield "F4", f"{card.score['weighted']:.3f} weighted, at its best, on its validation runs"
    yield "version", card.version


def _runs(names: tuple[str, ...]) -> str:
    """Return runs as a list, or how many there are."""
    if len(names) > _MANY:
        return f"{len(names)} runs, {names[0]} to {names[-1]}"
    return ", ".join(names) or "no runs that have a name"


def _verify(model: str | None, sha256: str | None) -> None:
    """Print each thing that was found right; the first wrong one ends it."""
    from tomoscout.commands._console import console
    from tomoscout.commands._weights import fetch_weights
    from tomoscout.inference.download import read_sha256
    from tomoscout.inference.verify import verify

    wanted = None if sha256 is None else read_sha256(sha256)
    path = fetch_weights(model)
    for check in verify(path, sha256=wanted):
        console.print(f"ok  {check.what}: {check.found}", highlight=False, markup=False)
    console.print(f"{path}: whole, and works", highlight=False, markup=False)
