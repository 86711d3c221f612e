"""The end of the page: settings, versions and the command, so that it can be made again."""

from __future__ import annotations

from html import escape

import yaml

from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import section


def provenance(found: Findings) -> str:
    """Return settings, versions and command, those that are given."""
    data = found.data
    parts = []
    if data.command:
        parts.append(f"<h3>Command</h3><pre>{escape(data.command)}</pre>")
    if data.settings:
        listing = yaml.safe_dump(dict(data.settings), sort_keys=False, allow_unicode=True)
        parts.append(
            f"<h3>Settings</h3><details><summary>The resolved recipe</summary>"
            f"<pre>{escape(listing)}</pre></details>"
        )
    if data.versions:
        pairs = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(version)}</dd>"
            for name, version in data.versions.items()
        )
        parts.append(f"<h3>Versions</h3><dl>{pairs}</dl>")
    return section("made", "How this was made", *parts)
