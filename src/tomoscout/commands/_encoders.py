"""Encoders as the verbs that need no detector use them: trained first, or given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscout.core.errors import UserError
from tomoscout.io.project import Project

if TYPE_CHECKING:  # they load torch
    from tomoscout.inference.encoder_weights import EncoderWeights
    from tomoscout.training.contrast import Contrasted
    from tomoscout.training.contrast_recipe import ContrastRecipe

FOLDER = "encoder"
"""Folder, in that of the results, of an encoder that was trained on the way."""


def recipe_of(
    encoder: str | None, recipe: str | None, settings: tuple[str, ...], *, usual: str
) -> ContrastRecipe | None:
    """Read the recipe of the encoder that is to be trained; None where one is given.

    Raises
    ------
    UserError
        If both are given, or the recipe is wrong.
    """
    from tomoscout.core.settings import parse_overrides
    from tomoscout.training.contrast_recipe import read_contrast_recipe

    if encoder is None:
        return read_contrast_recipe(recipe or usual, parse_overrides(settings))
    if recipe is not None or settings:
        what = f"--recipe {recipe}" if recipe is not None else f"--{settings[0].partition('=')[0]}"
        raise UserError(f"{what}: is for an encoder to be trained, and --encoder gives one")
    return None


def encoder_for(
    project: Project,
    output: Path,
    *,
    encoder: str | None,
    recipe: ContrastRecipe | None,
    runs: Sequence[str] | None,
    device: str,
) -> EncoderWeights:
    """Load the encoder that is given, or train one in ``output/encoder``; resumes."""
    from tomoscout.inference.encoder_weights import load_encoder

    if encoder is not None:
        return load_encoder(encoder)
    if recipe is None:
        raise ValueError("an encoder or a recipe is needed")
    done = contrast_with_bar(project, output / FOLDER, recipe=recipe, runs=runs, device=device)
    return done.encoder


def contrast_with_bar(project: Project, folder: Path, **how: Any) -> Contrasted:
    """Train an encoder while a bar shows reading, then steps, loss and the time left."""
    from tomoscout.commands._console import progress
    from tomoscout.training.contrast import contrast
    from tomoscout.training.progress import Progress

    with progress(100, "read and find candidates") as bar:

        def tell(now: Progress) -> None:
            bar.progress.update(bar.task, total=now.steps, description="train the encoder")
            bar.update(now.step, f"loss {now.loss:.4f}")

        return contrast(project, folder, tell=tell, read=bar.fraction, **how)
