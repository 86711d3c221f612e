"""Lines of a table, as they are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

Line = dict[str, Any]
"""Columns and their values."""


def to_csv(lines: Sequence[Line]) -> str:
    """Return lines as CSV; numbers with six digits, nothing for None."""
    if not lines:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _told(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def _told(value: Any) -> Any:
    """Return a value as it is written."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else value
