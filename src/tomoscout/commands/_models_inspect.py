"""``tomoscout models inspect``: the card of weights, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomoscout.core.settings import Choice
    from tomoscout.inference.card import Origin
    from tomoscout.inference.classifier_weights import ClassifierWeights
    from tomoscout.inference.encoder_weights import EncoderWeights
    from tomoscout.inference.weights import Detector
    from tomoscout.ops.normalise import NormaliseSettings

_MANY = 6  # runs beyond which only their number is told


def inspect_weights(model: str | None) -> None:
    """Print the card of weights of whatever kind: a detector's, an encoder's, a classifier's."""
    from tomoscout.commands._weights import fetch_weights
    from tomoscout.inference.card_file import CLASSIFIER, ENCODER, kind_of
    from tomoscout.inference.classifier_weights import load_classifier
    from tomoscout.inference.encoder_weights import load_encoder
    from tomoscout.inference.weights import load_detector

    path = fetch_weights(model, any_kind=True)
    kind = kind_of(path)
    if kind == ENCODER:
        _print_facts(encoder_facts(load_encoder(path)))
    elif kind == CLASSIFIER:
        classifier = load_classifier(path)
        _print_facts(classifier_facts(classifier))
        _print_objects(classifier.card.objects.each(), right=classifier.card.score)
    else:
        detector = load_detector(path)
        _print_facts(facts(detector))
        card = detector.card
        _print_objects(detector.objects.each(), threshold=card.thresholds, F4=card.score)


def facts(detector: Detector) -> Iterator[tuple[str, str]]:
    """Say what is known of a detector, line by line."""
    card = detector.card
    yield from _file(detector, "a detector", detector.fingerprint, stored=card.dtype)
    yield "network", _network(card.model, detector.network)
    yield "tomograms", f"{card.voxel_spacing:g} Å voxels, {card.recipe.get('kind') or 'any kind'}"
    yield "grey values", _grey(card.normalise)
    yield from _origin(card.origin)
    yield "trained on", _runs(card.trained_on)
    joint = ", of all objects together" if card.together else ""
    yield "thresholds", f"found on {_runs(card.tuned_on)}; picks by {card.picker.name}{joint}"
    if "weighted" in card.score:
        yield "F4", f"{card.score['weighted']:.3f} weighted, at its best, on its validation runs"
    yield "version", card.version


def encoder_facts(encoder: EncoderWeights) -> Iterator[tuple[str, str]]:
    """Say what is known of an encoder, line by line."""
    card = encoder.card
    yield from _file(encoder, "an encoder", encoder.fingerprint)
    yield "network", _network(card.encoder, encoder.network)
    yield "gives", f"{encoder.network.features} features of a crop"
    yield from _crops(card)
    learnt = "nothing: its weights are random" if card.objective is None else _told(card.objective)
    yield "trained for", learnt
    yield "trained on", f"{_runs(card.trained_on)}, {_length(card.recipe)}"
    yield "version", card.version
    yield "use", f"tomoscout discover PROJECT --encoder {encoder.source} -o OUT; also find, teach"


def classifier_facts(classifier: ClassifierWeights) -> Iterator[tuple[str, str]]:
    """Say what is known of a classifier, line by line."""
    card = classifier.card
    yield from _file(classifier, "a classifier", classifier.fingerprint)
    yield "network", _network(card.classifier, classifier.network)
    yield "tells apart", ", ".join(card.classes)
    yield from _crops(card)
    taught = "nothing: its weights are random" if card.lesson is None else _told(card.lesson)
    yield "taught", f"{taught}; {card.background:.0%} of the crops were background"
    yield from _origin(card.origin)
    yield "trained on", f"{_runs(card.trained_on)}, {_length(card.recipe)}"
    if "balanced" in card.score:
        right, balanced = card.score["accuracy"], card.score["balanced"]
        yield "right", f"{right:.3f} of crops, {balanced:.3f} balanced, on {_runs(card.held_out)}"
    yield "version", card.version
    yield (
        "use",
        f"tomoscout classify PROJECT --picks PICKS --model {classifier.source} -o OUT",
    )


def _file(
    weights: Any, kind: str, fingerprint: str, *, stored: str = "float32"
) -> Iterator[tuple[str, str]]:
    """Say what tells weights from others."""
    from tomoscout.inference.download import checksum

    path = Path(weights.source)
    yield "name", f"{weights.name}, {kind}"
    yield "file", f"{path} ({path.stat().st_size / 1e6:.1f} MB, {stored})"
    yield "sha256", checksum(path)
    yield "fingerprint", f"{fingerprint} (of the tensors alone)"
    if weights.card.notes:
        yield "notes", weights.card.notes


def _crops(card: Any) -> Iterator[tuple[str, str]]:
    """Say what a network for crops is given."""
    spacing, shape = card.voxel_spacing, card.crop
    edges = " x ".join(f"{n}" for n in shape)
    yield "crops", f"{edges} voxels, {max(shape) * spacing:g} Å along the longest edge"
    slab = f", planes averaged over {card.slab:g} Å" if card.slab else ""
    yield "tomograms", f"{spacing:g} Å voxels, {card.recipe.get('kind') or 'any kind'}{slab}"
    yield "grey values", _grey(card.normalise)


def _origin(origin: Origin | None) -> Iterator[tuple[str, str]]:
    """Say which weights a training started from, if any."""
    if origin:
        yield "started from", f"{origin.name} (fingerprint {origin.fingerprint})"


def _grey(normalise: NormaliseSettings) -> str:
    """Return how grey values are brought to one scale."""
    clip = f"clipped at {normalise.clip} %" if normalise.clip else "not clipped"
    bent = f", logarithm with {normalise.log:g}" if normalise.log else ""
    return f"{normalise.method}, {clip}{bent}"


def _network(choice: Choice, network: Any) -> str:
    """Return a network's name and settings, and its size."""
    count = sum(tensor.numel() for tensor in network.state_dict().values())
    return f"{_told(choice)}; {count / 1e6:.2f} million numbers"


def _told(choice: Choice) -> str:
    """Return what was chosen, and its settings."""
    return choice.name + "".join(f", {key} {value}" for key, value in choice.options.items())


def _length(recipe: Mapping[str, Any]) -> str:
    """Return how long a training was, as its recipe says."""
    training = recipe.get("training", {})
    if not {"steps", "batch_size"} <= set(training):
        return "nobody noted how long"
    return f"{training['steps']} steps of {training['batch_size']} crops"


def _runs(names: tuple[str, ...]) -> str:
    """Return runs as a list, or how many there are."""
    if len(names) > _MANY:
        return f"{len(names)} runs, {names[0]} to {names[-1]}"
    return ", ".join(names) or "no runs that have a name"


def _print_facts(found: Iterator[tuple[str, str]]) -> None:
    """Print what is known, a line each."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for what, told in found:
        table.add_row(what, escape(told))
    console.print(table, highlight=False)


def _print_objects(objects: Any, **figures: Mapping[str, float]) -> None:
    """Print a line per object, with the figures that there are of it."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("object", "radius", *figures):
        table.add_column(heading)
    for entry in objects:
        known = (values.get(entry.name) for values in figures.values())
        told = ("" if value is None else f"{value:.3f}" for value in known)
        table.add_row(escape(entry.name), f"{entry.radius:g} Å", *told)
    console.print(table, highlight=False)
