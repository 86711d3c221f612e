"""Small pieces of HTML: escaped text, tables, and pictures with marks that can be hovered.

Names come from files, so every piece of text passes through ``escape``. A view becomes a grey
image under vector marks, which stay sharp when enlarged, say what they are when the pointer rests
on them, and can be switched off by kind and by object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from tomoscout.core.objects import ObjectTable
from tomoscout.reporting.figures import to_data_uri
from tomoscout.reporting.slices import Mark, View

KINDS = {"hit": "hit", "alarm": "false alarm", "miss": "missed", "pick": "pick"}
"""What the reader calls each kind of mark."""


def number(value: float | None, *, digits: int = 2) -> str:
    """Return a number for a table: fixed digits, a dash for none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def plural(count: int, noun: str) -> str:
    """Return ``3 picks`` or ``1 pick``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def section(anchor: str, heading: str, *body: str, lead: str = "") -> str:
    """Return a section with its heading; nothing when it has no body."""
    content = "".join(body)
    if not content:
        return ""
    lead = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return f'<section id="{anchor}"><h2>{escape(heading)}</h2>{lead}{content}</section>'


def table(
    head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], *, caption: str, last: int = 0
) -> str:
    """Return a table: headings with an explanation each, cells that are HTML already.

    The ``last`` rows are set apart from those above them.
    """
    rows = list(rows)
    headings = "".join(
        f'<th scope="col" title="{escape(why)}">{escape(name)}</th>' for name, why in head
    )
    lines = "".join(
        f'<tr{_TOTAL if place >= len(rows) - last else ""}><th scope="row">{row[0]}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{headings}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


_TOTAL = ' class="total"'


def shade(content: str, share: float) -> str:
    """Return a cell's content on a ground that is the stronger the larger the share, 0 to 1."""
    return f'<span class="shade" style="--s:{min(max(share, 0.0), 1.0):.2f}">{content}</span>'


def swatch(objects: ObjectTable, name: str) -> str:
    """Return an object's name beside a disc of its colour."""
    return f'<span class="object o{objects.label(name)}"><i></i>{escape(name)}</span>'


def switch(target: str, content: str) -> str:
    """Return a check box that hides everything of the class ``target``."""
    return f'<label><input type="checkbox" checked data-hide="no-{target}">{content}</label>'


def icon(kind: str) -> str:
    """Return the shape of a kind of mark, for legends."""
    return (
        f'<svg class="icon {kind}" viewBox="0 0 16 16" aria-hidden="true">'
        f"{_shape(Mark(kind, '', None, 8, 8, 5.5))}</svg>"
    )


def picture(view: View, *, objects: ObjectTable, label: str, scale_bar: bool = True) -> str:
    """Return a view as an image under its marks."""
    rows, columns = view.image.shape
    marks = "".join(
        f'<g class="m {m.kind} o{objects.label(m.name)}"><title>{escape(_tooltip(m))}</title>'
        f"{_shape(m)}</g>"
        for m in view.marks
    )
    bar = _scale_bar(view) if scale_bar else ""
    return (
        f'<svg class="view" viewBox="0 0 {columns} {rows}" role="img" aria-label="{escape(label)}">'
        f'<image href="{to_data_uri(view.image)}" width="{columns}" height="{rows}"/>'
        f"{marks}{bar}</svg>"
    )


def _shape(mark: Mark) -> str:
    """Return a circle (dashed by the style sheet when missed) or a cross, and a halo below it."""
    x, y, r = mark.column + 0.5, mark.row + 0.5, mark.radius  # pixel centres lie at a half
    if mark.kind == "alarm":
        a = 0.72 * r
        w = f"{2 * a:.1f}"
        path = f"M{x - a:.1f} {y - a:.1f}l{w} {w}m0 -{w}l-{w} {w}"
        return f'<path class="halo" d="{path}"/><path d="{path}"/>'
    at = f'cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"'
    return f'<circle class="halo" {at}/><circle {at}/>'


def _tooltip(mark: Mark) -> str:
    """Return object, fate and score."""
    score = "" if mark.score is None else f", score {mark.score:.3f}"
    return f"{mark.name}: {KINDS[mark.kind]}{score}"


def _scale_bar(view: View) -> str:
    """Return a bar of a round length, near a sixth of the width, for the lower left corner."""
    rows, columns = view.image.shape
    wanted = columns * view.pixel_size / 6
    power = 10 ** math.floor(math.log10(wanted))
    length = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    width, unit = length / view.pixel_size, columns / (100 if 2 * rows > columns else 200)
    x, y = 2.5 * unit, rows - 3 * unit
    return (
        f'<g class="bar"><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{0.6 * unit:.1f}"/>'
        f'<text x="{x + width / 2:.1f}" y="{y - unit:.1f}" font-size="{2.4 * unit:.1f}">'
        f"{length / 10:g} nm</text></g>"
    )
