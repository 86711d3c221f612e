"""The flags of ``merge`` that need reading, and what it may write over."""

from __future__ import annotations

from pathlib import Path

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable


def parse_shares(text: str | None, count: int) -> list[float]:
    """Read one number per input, with commas between; equal ones when none are given."""
    if text is None:
        return [1.0] * count
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--shares {text}: write one number per input, as in 0.7,0.3") from error


def parse_thresholds(pairs: tuple[str, ...], objects: ObjectTable) -> dict[str, float]:
    """Read ``object=value`` pairs, or one value for all objects."""
    limits: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.rpartition("=")
        try:
            value = float(text)
        except ValueError as error:
            raise UserError(f"--threshold {pair}: write object=0.4, or one number") from error
        names = [objects[name].name] if equals else objects.names
        limits |= dict.fromkeys(names, value)
    return limits


def check_output(output: Path, *, overwrite: bool) -> None:
    """Refuse to write over what ``merge`` did not write, before any time is spent."""
    if not output.exists():
        return
    if not overwrite:
        raise UserError(f"{output}: exists: pass --overwrite to replace it")
    if output.is_dir() and not (output / "merge.json").is_file():
        raise UserError(f"{output}: holds other things than merged picks: choose another folder")
