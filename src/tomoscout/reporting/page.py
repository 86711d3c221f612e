"""One self-contained HTML page that says how well the particles of some runs were found.

Everything is in the file (pictures, styles, a few lines of script), it fetches nothing, follows
the reader's light or dark theme, and can be mailed to a colleague. What is not given is left out:
picks without truth still make a page of slices, counts and scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from string import Template

from tomoscout.core.objects import ObjectTable
from tomoscout.reporting.figures import hex_color
from tomoscout.reporting.findings import Findings, ReportData, RunData, examine
from tomoscout.reporting.headline import headline
from tomoscout.reporting.markup import plural
from tomoscout.reporting.pictures import gallery, slices
from tomoscout.reporting.plots import counts, curves, training
from tomoscout.reporting.provenance import provenance

__all__ = ["ReportData", "RunData", "render"]

SECTIONS = (headline, slices, gallery, curves, counts, training, provenance)
"""The sections in order; each returns an empty string when it has nothing to show."""


def render(data: ReportData, *, progress: Callable[[float], None] | None = None) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    data
        What goes on the page.
    progress
        Is told the share done, 0 to 1, after each section.

    Raises
    ------
    UserError
        If a pick or a particle has a name that the object table lacks.
    """
    found = examine(data)
    parts = []
    for done, make in enumerate(SECTIONS, start=1):
        parts.append(make(found))
        if progress is not None:
            progress(done / len(SECTIONS))
    body = "\n".join(part for part in parts if part)
    headings = re.findall(r'<section id="(\w+)"><h2>([^<]*)</h2>', body)
    return Template(_asset("page.html")).substitute(
        title=escape(data.title),
        facts=_facts(found),
        links="".join(f'<a href="#{anchor}">{heading}</a>' for anchor, heading in headings),
        body=body,
        made=escape(f" on {data.made}" if data.made else ""),
        style=_asset("page.css"),
        colors=_colors(data.objects),
        script=_asset("page.js"),
    )


def _facts(found: Findings) -> str:
    """Say run, size and voxel spacing, in a line."""
    runs = found.data.runs
    facts = [f"Run {escape(runs[0].name)}" if len(runs) == 1 else plural(len(runs), "run")]
    volumes = [r.volume for r in runs if r.volume is not None]
    if volumes:
        shapes = {v.shape for v in volumes}
        if len(shapes) == 1:
            facts.append(" × ".join(str(n) for n in volumes[0].shape) + " voxels")
        spacings = sorted({f"{v.voxel_spacing:.5g}" for v in volumes}, key=float)
        facts.append(" to ".join(dict.fromkeys((spacings[0], spacings[-1]))) + " Å per voxel")
    return " · ".join(facts)


def _colors(objects: ObjectTable) -> str:
    """Return style rules of the objects: colours on paper and on grey, and the switches."""
    rules = []
    for one in objects.each():
        label = f"o{objects.label(one.name)}"
        rules.append(
            f".{label}{{--c:{hex_color(one.color)};--bright:{_bright(one.color)}}}"
            f".no-{label} .m.{label}{{display:none}}"
        )
    rules += [f".no-{kind} .m.{kind}{{display:none}}" for kind in ("hit", "alarm", "miss", "pick")]
    return "\n".join(rules)


def _bright(color: tuple[int, int, int]) -> str:
    """Lighten a colour, as little as needed, until it stands out on the grey of a tomogram."""
    red, green, blue = color
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    share = max(0.0, (150 - luma) / (255 - luma)) if luma < 255 else 0.0
    return hex_color(
        (
            round(red + share * (255 - red)),
            round(green + share * (255 - green)),
            round(blue + share * (255 - blue)),
        )
    )


def _asset(name: str) -> str:
    """Return the text of a file beside this one."""
    return files("tomoscout.reporting").joinpath(name).read_text(encoding="utf-8")
