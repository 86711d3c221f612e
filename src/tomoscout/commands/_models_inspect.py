"""``tomoscout models inspect``: the card of weights, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tomoscout.inference.weights import Detector

_MANY = 6  # runs beyond which only their number is told


def inspect_weights(model: str | None) -> None:
    """Print the card of weights."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console
    from tomoscout.commands._weights import load_weights

    detector = load_weights(model)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for what, found in facts(detector):
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


def facts(detector: Detector) -> Iterator[tuple[str, str]]:
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
    bent = f", logarithm with {card.normalise.log:g}" if card.normalise.log else ""
    yield "grey values", f"{card.normalise.method}, {clip}{bent}"
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
