"""The end of a page: command, settings and versions, so that it can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import yaml

from tomoscout.reporting.markup import section


def provenance(
    *,
    command: str = "",
    settings: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
    summary: str = "",
) -> str:
    """Return a section with those that are given.

    Parameters
    ----------
    command
        What makes the page again.
    settings
        What it was made with.
    versions
        Of Tomoscout and of what it rests on.
    summary
        What stands in the settings' place until they are unfolded, where they are long.
    """
    parts = []
    if command:
        parts.append(f"<h3>Command</h3><pre>{escape(command)}</pre>")
    if settings:
        listing = escape(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True))
        shown = f"<pre>{listing}</pre>"
        if summary:
            shown = f"<details><summary>{escape(summary)}</summary>{shown}</details>"
        parts.append(f"<h3>Settings</h3>{shown}")
    if versions:
        pairs = "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in versions.items())
        parts.append(f"<h3>Versions</h3><dl>{pairs}</dl>")
    return section("made", "How this was made", *parts)
