"""``tomoscout train`` with a recipe that needs no labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tomoscout.core.errors import UserError


def is_contrastive(recipe: str) -> bool:
    """Tell whether a recipe trains an encoder: one of the package, or a file that names one."""
    from tomoscout.core.settings import read_yaml
    from tomoscout.training.contrast_recipe import contrast_recipe_names

    path = Path(recipe)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return "encoder" in read_yaml(path)
    return recipe in contrast_recipe_names()


def train_encoder(
    project: Path | None,
    output: Path,
    *,
    recipe: str,
    settings: tuple[str, ...],
    given: Mapping[str, object],
    objects: Path | None,
    voxel_spacing: float | None,
    device: str,
    overwrite: bool,
) -> None:
    """Train an encoder while a bar shows how far it is; say what it is good for."""
    from tomoscout.commands._console import console
    from tomoscout.commands._encoders import contrast_with_bar
    from tomoscout.core.settings import parse_overrides
    from tomoscout.inference.weights import FILE_NAME
    from tomoscout.io.project import open_project
    from tomoscout.training.contrast_recipe import read_contrast_recipe

    checked = read_contrast_recipe(recipe, parse_overrides(settings))
    for flag, value in given.items():
        if value is not None:
            raise UserError(f"{flag}: recipe {recipe} learns without labels and takes none of it")
    if project is None:
        raise UserError(f"recipe {recipe} learns from tomograms: give a project that has some")
    opened = open_project(project, voxel_spacing=voxel_spacing, objects=objects)
    done = contrast_with_bar(opened, output, recipe=checked, device=device, overwrite=overwrite)
    console.print(f"encoder: {done.encoder.source}", highlight=False)
    if (done.folder / FILE_NAME).exists():
        console.print(
            f"next: tomoscout train PROJECT --init {done.folder} --recipe scout -o OUT, or another "
            "recipe of the same network",
            highlight=False,
        )
    else:
        console.print(
            f"next: tomoscout discover PROJECT --encoder {done.folder} -o OUT", highlight=False
        )
