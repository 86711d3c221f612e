"""What benchmarks share that take long: what is done is kept, and drawn as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

NONE = "–"


def same_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Note the settings in a folder; refuse one that notes others."""
    noted = folder / "settings.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not noted.exists():
        noted.write_text(json.dumps(settings, indent=1))
    elif json.loads(noted.read_text()) != settings:
        raise SystemExit(f"{noted}: other settings than {settings}: choose another folder")


def once(noted: Path, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a file notes, which is made and written where there is none yet."""
    if not noted.exists():
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps(make(), indent=1))
    found: dict[str, Any] = json.loads(noted.read_text())
    return found


def told(values: Sequence[float], form: str = ".3f") -> str:
    """Write mean and range; a dash of no values."""
    if not values:
        return NONE
    mean, low, high = (f"{value:{form}}" for value in (np.mean(values), min(values), max(values)))
    return f"{mean} ({low}-{high})" if form[0] != "+" else f"{mean} ({low} to {high})"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Draw a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))
