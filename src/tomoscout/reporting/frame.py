"""What every page stands in: one HTML file with its styles and script, that loads nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from tomoscout.core.objects import ObjectTable
from tomoscout.reporting.figures import hex_color


def frame(
    title: str, facts: str, sections: Iterable[str], *, objects: ObjectTable, made: str = ""
) -> str:
    """Put sections on a page.

    Parameters
    ----------
    title
        Heading, as plain text.
    facts
        A line below it, as HTML.
    sections
        From ``markup.section``; empty ones are left out.
    objects
        Whose colours are used.
    made
        Date, as plain text.
    """
    body = "\n".join(part for part in sections if part)
    headings = re.findall(r'<section id="(\w+)"><h2>([^<]*)</h2>', body)
    return Template(_asset("page.html")).substitute(
        title=escape(title),
        facts=facts,
        links="".join(f'<a href="#{anchor}">{heading}</a>' for anchor, heading in headings),
        body=body,
        made=escape(f" on {made}" if made else ""),
        style=_asset("page.css"),
        colors=_colors(objects),
        script=_asset("page.js"),
    )


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
