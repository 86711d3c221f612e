"""Encoders as the verbs that need no detector use them: trained first, or given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tomoscout.core import usual
from tomoscout.core.errors import UserError
from tomoscout.inference.find import ENCODER_FOLDER
from tomoscout.io.project import Project

if TYPE_CHECKING:  # they load torch
    from tomoscout.inference.encoder_weights import EncoderWeights
    from tomoscout.training.contrast import Contrasted
    from tomoscout.training.contrast_recipe import ContrastRecipe

EMBEDDINGS = "embeddings"
"""Folder, in that of the results, of what the encoder saw; the encoder's own is beside it."""

_OURS = {ENCODER_FOLDER, EMBEDDINGS, "presence", "maps", "picks"}


def recipe_of(
    encoder: str | None, recipe: str | None, settings: tuple[str, ...]
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
        return read_contrast_recipe(recipe or usual.ENCODER_RECIPE, parse_overrides(settings))
    if recipe is not None or settings:
        what = f"--recipe {recipe}" if recipe is not None else f"--{settings[0].partition('=')[0]}"
        raise UserError(f"{what}: is for an encoder to be trained, and --encoder gives one")
    return None


def check_folder(output: Path, *, job: str) -> None:
    """Refuse a folder that holds other things than results of this verb.

    Raises
    ------
    UserError
        If it does; nothing in it has been touched then.
    """
    if output.is_file():
        raise UserError(f"{output}: is a file; give a folder for the results")
    if not output.exists() or not (inside := {path.name for path in output.iterdir()}):
        return
    begun = inside <= {ENCODER_FOLDER} or (
        EMBEDDINGS in inside and inside <= _OURS
    )  # stopped on its way
    if not begun and f"{job}.json" not in inside:
        raise UserError(
            f"{output}: exists and holds other things than results of '{job}': choose another "
            "folder (an encoder in it is taken with --encoder)"
        )


def encoder_for(
    project: Project,
    output: Path,
    *,
    encoder: str | None,
    recipe: ContrastRecipe | None,
    runs: Sequence[str] | None,
    kind: str | None,
    device: str,
    overwrite: bool,
) -> EncoderWeights:
    """Load the encoder that is given, or train one in ``output/encoder``; resumes."""
    from tomoscout.inference.encoder_weights import load_encoder

    if encoder is not None:
        return load_encoder(encoder)
    if recipe is None:
        raise ValueError("an encoder or a recipe is needed")
    if kind is not None:
        recipe = recipe.model_copy(update={"kind": kind})
    done = contrast_with_bar(
        project,
        output / ENCODER_FOLDER,
        recipe=recipe,
        runs=runs,
        device=device,
        overwrite=overwrite,
    )
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
