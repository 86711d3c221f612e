"""One self-contained HTML page that says how well the particles of some runs were found.

Everything is in the file (pictures, styles, a few lines of script), it fetches nothing, follows
the reader's light or dark theme, and can be mailed to a colleague. What is not given is left out:
picks without truth still make a page of slices, counts and scores.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from tomoscout.reporting.confusion_table import confusion_table
from tomoscout.reporting.findings import Findings, ReportData, RunData, examine
from tomoscout.reporting.frame import frame
from tomoscout.reporting.headline import headline
from tomoscout.reporting.markup import plural
from tomoscout.reporting.offsets import offsets
from tomoscout.reporting.pictures import gallery, slices
from tomoscout.reporting.plots import counts, curves, training
from tomoscout.reporting.provenance import provenance
from tomoscout.reporting.runs_table import runs_table
from tomoscout.reporting.where import where

__all__ = ["ReportData", "RunData", "render"]


def _made(found: Findings) -> str:
    """Return how the page was made."""
    data = found.data
    return provenance(
        command=data.command,
        settings=data.settings,
        versions=data.versions,
        summary="The resolved recipe",
    )


SECTIONS = (
    headline,
    runs_table,
    slices,
    gallery,
    curves,
    confusion_table,
    where,
    offsets,
    counts,
    training,
    _made,
)
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
    return frame(data.title, _facts(found), parts, objects=data.objects, made=data.made)


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
