"""Recipes as files: those in the package by name, others by path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Settings, merge, read_yaml, validate

RecipeT = TypeVar("RecipeT", bound=Settings)


def recipes_in(package: str) -> list[str]:
    """Names of the recipes in a package, sorted."""
    files = resources.files(package).iterdir()
    return sorted(Path(f.name).stem for f in files if f.name.endswith(".yaml"))


def read_values(name: str | Path, package: str) -> tuple[dict[str, Any], str]:
    """Return what a recipe says, and what messages call it.

    Raises
    ------
    UserError
        If there is no such recipe, or its file is not YAML.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return read_yaml(path), str(path)
    names = recipes_in(package)
    if str(name) not in names:
        raise UserError(
            f"no recipe '{name}': choose from {', '.join(names)}, or give a YAML file."
            + did_you_mean(str(name), names)
        )
    text = resources.files(package).joinpath(f"{name}.yaml").read_text("utf-8")
    return yaml.safe_load(text) or {}, f"recipe {name}"


def read_as(
    kind: type[RecipeT],
    name: str | Path,
    package: str,
    overrides: Mapping[str, Any] | None,
    *,
    under: Mapping[str, Any] | None = None,
) -> RecipeT:
    """Read a recipe of a kind by name or path, and lay flags over it.

    Parameters
    ----------
    kind
        The kind.
    name
        Name of a recipe in the package, or path of a YAML file.
    package
        Where those of this kind lie.
    overrides
        Nested settings that win over the recipe's.
    under
        Nested settings that the recipe's win over: those of weights to start from.

    Raises
    ------
    UserError
        If there is no such recipe, a key is misspelt, or a value is wrong.
    """
    values, source = read_values(name, package)
    defaults = merge(kind().model_dump(mode="json"), under or {})
    return validate(kind, merge(merge(defaults, values), overrides or {}), source=source)
