"""The objects a project looks for: one table that every stage reads.

`CZII` is the built-in table of the CZII CryoET challenge; others are read from a copick
configuration or from YAML. Labels start at 1 (0 is background) and follow the table's order,
and so do the channels of score maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator

from tomoscout.core.aliases import find
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.settings import Settings, explain, explain_yaml


class ObjectType(Settings):
    """One kind of particle."""

    name: str
    """Name as the field writes it, such as ``ribosome``."""
    radius: float = Field(gt=0)
    """Radius in ångström; half of it is how far off a pick may be."""
    weight: float = Field(default=1.0, ge=0)
    """Weight in the score; 0 trains the object but does not score it."""
    color: tuple[int, int, int] = (128, 128, 128)
    """Red, green and blue, 0 to 255, in pictures."""
    pdb_id: str = ""
    """Entry of the Protein Data Bank that describes it."""


class ObjectTable(Settings):
    """Objects in label order: the first has label 1 and channel 0 of a score map."""

    objects: tuple[ObjectType, ...] = Field(min_length=1)
    """The objects."""

    @field_validator("objects")
    @classmethod
    def _names_differ(cls, objects: tuple[ObjectType, ...]) -> tuple[ObjectType, ...]:
        names = [o.name for o in objects]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"object names must differ, found twice: {', '.join(twice)}")
        return objects

    @property
    def names(self) -> list[str]:
        """Names in label order."""
        return [o.name for o in self.objects]

    def __len__(self) -> int:
        return len(self.objects)

    def each(self) -> Iterator[ObjectType]:
        """Iterate over the objects in label order."""
        return iter(self.objects)

    def __getitem__(self, name: str) -> ObjectType:
        """Return the object called ``name``; an unknown one raises and names the nearest."""
        for candidate in self.objects:
            if candidate.name == name:
                return candidate
        raise UserError(
            f"unknown object '{name}': the project has {', '.join(self.names)}."
            + did_you_mean(name, self.names)
        )

    def known_as(self, name: str) -> str:
        """Return the table's own name of an object that files may call otherwise.

        Case and separators do not count, and names of the CryoET Data Portal are known (see
        ``aliases``).

        Raises
        ------
        UserError
            If no object of the table, or more than one, is called so; it names the nearest.
        """
        return find(name, self.names) or self[name].name

    def label(self, name: str) -> int:
        """Return the object's label, from 1."""
        return self.objects.index(self[name]) + 1


CZII = ObjectTable(
    objects=(
        ObjectType(name="apo-ferritin", radius=60, weight=1, color=(230, 159, 0), pdb_id="4V1W"),
        ObjectType(name="beta-amylase", radius=65, weight=0, color=(153, 153, 153), pdb_id="1FA2"),
        ObjectType(
            name="beta-galactosidase", radius=90, weight=2, color=(0, 158, 115), pdb_id="6X1Q"
        ),
        ObjectType(name="ribosome", radius=150, weight=1, color=(0, 114, 178), pdb_id="6EK0"),
        ObjectType(
            name="thyroglobulin", radius=130, weight=2, color=(204, 121, 167), pdb_id="6SCJ"
        ),
        ObjectType(
            name="virus-like-particle", radius=135, weight=1, color=(213, 94, 0), pdb_id="6N4V"
        ),
    )
)
"""The six objects of the CZII challenge, with its radii (Å) and weights."""


def from_copick(config: dict[str, Any], *, source: str = "copick config") -> ObjectTable:
    """Read the table from a copick configuration, ordered by label.

    Weights come from ``metadata.score_weight`` or ``metadata.weight``; an object without
    either, but known to the challenge, keeps the challenge's weight.
    """
    found = config.get("pickable_objects")
    if not isinstance(found, list) or not found:
        raise UserError(f"{source}: no 'pickable_objects' list in it")
    if not all(isinstance(item, dict) for item in found):
        raise UserError(f"{source}: expected 'pickable_objects' with a 'name' each, found {found}")
    rows = []
    for item in sorted(found, key=lambda o: o.get("label") or 0):
        if not item.get("is_particle", True):
            continue
        same = find(str(item.get("name", "")), CZII.names)
        known = CZII[same] if same else None
        metadata = item.get("metadata") or {}
        weight = metadata.get("score_weight", metadata.get("weight"))
        color = item.get("color") or (known.color if known else (128, 128, 128))
        rows.append(
            {
                "name": item.get("name"),
                "radius": item.get("radius") or (known.radius if known else None),
                "weight": weight if weight is not None else (known.weight if known else 1.0),
                "color": tuple(color[:3]),
                "pdb_id": item.get("pdb_id") or "",
            }
        )
    return _table(rows, source)


def read_objects(path: Path) -> ObjectTable:
    """Read a table from a copick configuration (JSON) or from YAML with an ``objects`` list."""
    try:
        text = path.read_text(encoding="utf-8")
        # JSON is YAML too, unless tabs indent it.
        content = yaml.safe_load(text.replace("\t", "  ") if path.suffix == ".json" else text)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: neither YAML nor JSON ({explain_yaml(error)})") from error
    if isinstance(content, dict) and "pickable_objects" in content:
        return from_copick(content, source=str(path))
    if isinstance(content, dict) and isinstance(content.get("objects"), list):
        return _table(content["objects"], str(path))
    raise UserError(f"{path}: expected a list under 'objects' or 'pickable_objects'")


def _table(rows: list[dict[str, Any]], source: str) -> ObjectTable:
    """Build a table, turning validation errors into one line."""
    try:
        return ObjectTable.model_validate({"objects": rows})
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, ObjectTable)}") from error
