"""``tomoscout models list``: the weights that are here, a line each, and what there is to train."""

from __future__ import annotations

from pathlib import Path


def list_weights(folder: str | None) -> None:
    """Print a line for each of the weights and, where no folder is given, for each family."""
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console
    from tomoscout.core.errors import UserError
    from tomoscout.inference.find import DEFAULT, every_in, local_weights, shipped_weights

    if folder is not None:
        if not Path(folder).is_dir():
            raise UserError(f"{folder}: no such folder; to look into weights: models inspect")
        groups = {folder: sorted(every_in(Path(folder)))}
    else:
        own, shipped = local_weights(), shipped_weights()
        groups = {"TOMOSCOUT_WEIGHTS": list(own.items()), "package": list(shipped.items())}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("name", "from", "kind", "for", "voxel", "score", "size"):
        table.add_column(heading, overflow="fold")
    shadowed: set[str] = set()
    for place, found in groups.items():
        for name, path in found:
            where = f"{place} (hidden)" if name in shadowed else place
            table.add_row(*map(escape, (name, where, *_row(path))))
        shadowed |= {name for name, _ in found}
    if table.row_count:
        console.print(table, highlight=False)
    else:
        where = folder or "the package, nor in TOMOSCOUT_WEIGHTS"
        console.print(f"no weights in {where}", highlight=False, markup=False)
    if folder is not None:
        return
    if DEFAULT not in shadowed:
        console.print(f"without '{DEFAULT}', pick and predict need --model", highlight=False)
    console.print()
    _print_families()


def _row(path: Path) -> tuple[str, str, str, str, str]:
    """Return what a list tells of weights; those that cannot be read say so."""
    from tomoscout.core.errors import UserError
    from tomoscout.inference.card import read_card
    from tomoscout.inference.card_file import CLASSIFIER, ENCODER, kind_of
    from tomoscout.inference.classifier_card import read_classifier_card
    from tomoscout.inference.encoder_card import read_encoder_card

    size = f"{path.stat().st_size / 1e6:.1f} MB"
    try:
        kind = kind_of(path)
        if kind == ENCODER:
            encoder = read_encoder_card(path)
            voxel, use = encoder.voxel_spacing, "crops that look alike"
            return "encoder", use, f"{voxel:g} Å", "", size
        if kind == CLASSIFIER:
            judge = read_classifier_card(path)
            score = _scored("balanced", judge.score.get("balanced"))
            names = ", ".join(judge.objects.names)
            return "classifier", names, f"{judge.voxel_spacing:g} Å", score, size
        card = read_card(path)
    except UserError:
        return "", f"cannot be read: models verify {path} says why", "", "", size
    names, score = ", ".join(card.object_table.names), _scored("F4", card.score.get("weighted"))
    return "detector", names, f"{card.voxel_spacing:g} Å", score, size


def _scored(what: str, score: float | None) -> str:
    """Return a score with its name, or nothing."""
    return "" if score is None else f"{what} {score:.3f}"


def _print_families() -> None:
    """Print the networks that can be trained, by family, and the recipes in the package."""
    from rich.table import Table

    from tomoscout.classifiers import CLASSIFIERS
    from tomoscout.commands._console import console
    from tomoscout.encoders import ENCODERS
    from tomoscout.models import MODELS
    from tomoscout.training.classify_recipe import classify_recipe_names
    from tomoscout.training.contrast_recipe import contrast_recipe_names
    from tomoscout.training.recipe import recipe_names

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("to train", "networks", "recipes", "with"):
        table.add_column(heading, overflow="fold")
    for kind, family, recipes, verbs in (
        ("detectors", MODELS, recipe_names(), "train"),
        ("encoders", ENCODERS, contrast_recipe_names(), "discover, find, train"),
        ("classifiers", CLASSIFIERS, classify_recipe_names(), "teach"),
    ):
        table.add_row(kind, ", ".join(family.names()), ", ".join(recipes), verbs)
    console.print(table, highlight=False)
