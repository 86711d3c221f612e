"""The section of the page that has a row per run: which tomograms go wrong, and with what.

Runs are sorted by their own score, the lowest first. Below stand the mean over runs, which some
publications report, and the score of the pooled counts, which is the challenge's.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from tomoscout.metrics import Counts, Result
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import number, section, shade, table

MOST_ROWS = 60
"""Runs shown; of more, those with the lowest scores."""


def runs_table(found: Findings) -> str:
    """Return the table; nothing for a single run, or without truth."""
    result = found.result
    if result is None or len(result.runs) < 2 or not any(o.weight for o in result.objects.each()):
        return ""
    own = result.per_run
    ranked = sorted(own, key=lambda run: own[run])[:MOST_ROWS]
    rows = [_row(escape(run), own[run], result.runs[run], result) for run in ranked]
    rows.append(_row("mean over runs", result.per_run_mean, None, result))
    rows.append(_row("pooled counts", result.weighted, result.counts, result))
    beta = f"{result.beta:g}"
    head = [
        ("Run", "Sorted by score, the lowest first"),
        ("Score", f"Mean of the objects' F{beta} by weight; an object without particles scores 0"),
        *((name, f"F{beta} of {name}; hits of particles below") for name in result.objects.names),
    ]
    less = f" The {MOST_ROWS} lowest of {len(own)} are shown." if len(own) > MOST_ROWS else ""
    lead = f"F{beta} of each run by itself, and how many of its particles were found." + less
    caption = (
        "The pooled counts give the score at the top of the page. In the mean over runs, an object "
        "that a run lacks scores 0 there."
    )
    return section("runs", "Runs", table(head, rows, caption=caption, last=2), lead=lead)


def _row(
    heading: str, score: float, counts: Mapping[str, Counts] | None, result: Result
) -> list[str]:
    """Return a run's cells, shaded by score."""
    cells = [heading, f"<b>{number(score)}</b>"]
    for name in result.objects.names:
        if counts is None:
            cells.append("")
            continue
        one = counts[name]
        if not one.tp + one.fn:
            cells.append(f'<span class="note">{f"{one.fp} false" if one.fp else "–"}</span>')
            continue
        f_beta = one.f_beta(result.beta)
        small = f"<small>{one.tp} of {one.tp + one.fn}</small>"
        cells.append(shade(f"{number(f_beta)}{small}", f_beta))
    return cells
