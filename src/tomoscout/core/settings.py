"""Settings that refuse what they do not know, and the choice of one alternative by name.

A default is written once, in the field. Recipes (YAML) override defaults, flags override
recipes; a misspelt key fails and names its nearest neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.registry import Registry


class Settings(BaseModel):
    """Base of all settings: frozen, strict about names, a docstring under each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


class Choice(BaseModel):
    """One alternative of a family: its name, and options for its own ``Settings``.

    In YAML ``model: {name: unet, dropout: 0.2}``; on the command line ``--model.name unet``.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    """File name of the alternative."""

    @property
    def options(self) -> dict[str, Any]:
        """What was set besides the name."""
        return dict(self.model_extra or {})

    def resolve(self, registry: Registry) -> tuple[Any, Any]:
        """Return the alternative's module and its validated settings."""
        module = registry[self.name]
        return module, validate(module.Settings, self.options, source=f"settings of {self.name}")


SettingsT = TypeVar("SettingsT", bound=BaseModel)


def validate(kind: type[SettingsT], values: Mapping[str, Any], *, source: str) -> SettingsT:
    """Check values against settings.

    Raises
    ------
    UserError
        In one line: where it stands, the key, what is wrong, the nearest known key.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, kind)}") from error


def explain(error: ValidationError, kind: type[BaseModel]) -> str:
    """Say in one line what the first problem is, with the nearest key when one is misspelt."""
    errors = error.errors()
    # A misspelt key that is required is also missing: the spelling is what to say.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields = _fields_at(kind, first["loc"][:-1])
        hint = did_you_mean(str(first["loc"][-1]), fields)
        return f"unknown setting '{where}'.{hint or ' Known: ' + ', '.join(fields) + '.'}"
    if first["type"] == "value_error":  # one of our own checks, which says what it found
        return f"'{where}': {first['ctx']['error']}" if where else str(first["ctx"]["error"])
    found = repr(first["input"])
    found = found if len(found) <= 80 else found[:77] + "..."
    return f"'{where}': {first['msg'][0].lower()}{first['msg'][1:]}, found {found}"


def _fields_at(kind: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Names of the settings at a path inside nested settings."""
    for part in path:
        if isinstance(part, int):  # a place in a list: its settings were found with the list
            continue
        field = kind.model_fields.get(str(part))
        inner = _settings_in(field.annotation) if field else None
        if inner is None:
            break
        kind = inner
    return list(kind.model_fields)


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings that a type is, or holds: ``tuple[A, ...]`` and ``A | None`` hold A."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_settings_in, get_args(annotation))), None)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping, or raise in one line."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({explain_yaml(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected 'key: value' lines, found {type(content).__name__}")
    return content


def explain_yaml(error: Exception) -> str:
    """Say in one line where YAML is broken and how."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}"


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one nested mapping over another; a new ``name`` drops the options of the old one.

    An empty section, as ``training:`` with nothing below it in YAML, changes nothing.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            renamed = "name" in value and value["name"] != old.get("name")
            merged[key] = dict(value) if renamed else merge(old, value)
        elif value is None and isinstance(old, Mapping):
            continue  # a section with nothing in it
        else:
            merged[key] = value
    return merged


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn ``training.learning-rate=1e-3`` pairs into nested settings.

    Values are YAML; commas make a list (``sampling.patch=64,64,64``).
    """
    nested: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UserError(f"'{pair}': write a setting as section.key=value")
        try:
            value = yaml.safe_load(text)
            if isinstance(value, str) and "," in value:
                value = [yaml.safe_load(part) for part in value.split(",")]
        except yaml.YAMLError as error:
            raise UserError(f"--{pair}: not a value ({explain_yaml(error)})") from error
        *sections, last = key.replace("-", "_").split(".")
        inner = nested
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise UserError(f"--{pair}: '{section}' was set as a whole before: set one of both")
        inner[last] = value
    return nested
