"""How figures look, and how they get into a page.

Figures are made with matplotlib's object interface (no pyplot, no global state), and drawn with a
few named inks. On a page the inks become CSS variables, so a curve follows the reader's light or
dark theme and takes the page's font; saved to a file the same figure is an ordinary light one.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from html import escape

import matplotlib as mpl
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, features

INK, MUTED, RULE = "#1c2127", "#69727d", "#dfe3e8"
"""Colours of text and lines, of secondary text, and of grids."""

_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", RULE: "var(--rule)"}


def new_figure(
    width: float, height: float, *, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, in inches, and its axes in reading order, in the house style."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for one in axes:
        _dress(one)
    return figure, axes


def hex_color(rgb: tuple[int, int, int]) -> str:
    """Return a colour of the object table as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def to_svg(figure: Figure, *, label: str) -> str:
    """Return a figure as SVG to put into a page, with ``label`` for readers who cannot see it.

    The result fetches nothing and repeats no identifier of the page: only clip paths and markers
    keep theirs, and those are hashes of what they hold.
    """
    buffer = io.StringIO()
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tomoscout"}),
        warnings.catch_warnings(),
    ):
        # The browser has glyphs that the font which measures the text may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        nameless = {"Date": None, "Creator": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=nameless)
    svg = buffer.getvalue()
    body = svg[svg.index("</metadata>") + len("</metadata>") :]
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r" font-family: [^;\"]*;?", "", body)
    body = re.sub(r"\n\s*", " ", body)
    for ink, variable in _VARIABLES.items():
        body = body.replace(ink, variable)
    width, height = (72 * inches for inches in figure.get_size_inches())
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(label)}">{body}'
    )


def to_data_uri(image: UInt8[np.ndarray, "y x"]) -> str:
    """Return a grey image as a ``data:`` address (WebP, or PNG where Pillow cannot write it)."""
    buffer = io.BytesIO()
    kind = "webp" if features.check("webp") else "png"
    Image.fromarray(image).save(buffer, format=kind, quality=72, method=4)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _dress(axes: Axes) -> None:
    """Thin rules, no box, ticks that do not shout."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=8, length=0, pad=4)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=MUTED, fontsize=8.5)
    axes.yaxis.label.set(color=MUTED, fontsize=8.5)
