"""The page of a campaign: which experiment, used how, found the particles best, and in what time.

It shows the tables of ``tomoscout campaign`` as they are: the scores over folds as a picture and a
table, a table per object, times, what was left out and why, and the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tomoscout.core.objects import ObjectTable
from tomoscout.reporting.figures import INK, MUTED, new_figure, to_svg
from tomoscout.reporting.frame import frame
from tomoscout.reporting.markup import number, plural, section, swatch, table
from tomoscout.reporting.provenance import provenance

MOST_DRAWN = 30
"""Lines in the picture; the table has them all."""

Line = Mapping[str, Any]

_WAY = (
    ("Experiment", "What was trained"),
    ("Strategy", "How its folds are used"),
    ("Views", "Group of views that scores are averaged over"),
    ("Picker", "How picks are drawn from score maps"),
    ("Tuning", "How thresholds and parameters were chosen, on other runs than those scored"),
)
_SCORES = (
    ("F4", "Mean over folds of the score over all objects, by weight"),
    ("±", "Standard deviation over folds"),
    ("Best", "Of one fold"),
    ("Best fold", "Which one"),
    ("Pooled", "From the counts of all folds together"),
    ("95 %", "Where the pooled score may lie, by the luck of which tomograms were scored"),
    ("Per run", "Mean of the runs' own scores"),
    ("Folds", "How many"),
    ("Tomograms", "Scored, over all folds"),
)
_COUNTS = (
    ("F4", "Mean over the folds whose truth has the object"),
    ("±", "Standard deviation over folds"),
    ("Precision", "Share of the picks that are hits"),
    ("Recall", "Share of the particles that were found"),
    ("Hits", "Particles that were found"),
    ("False alarms", "Picks where no particle is"),
    ("Missed", "Particles without a pick"),
)
_TIMES = (
    *_WAY[:3],
    ("Seconds", "Mean time to score one tomogram, on the machine that did it"),
    ("Shortest", "In seconds"),
    ("Longest", "In seconds"),
    ("Maps", "How many were timed"),
)


@dataclass(frozen=True)
class CampaignData:
    """What goes on the page; lines are those of the tables, best first.

    Attributes
    ----------
    title
        Heading.
    objects
        What is scored.
    comparison, by_particle, times
        Lines of ``comparison_summary.csv``, ``comparison_summary_by_particle.csv`` and
        ``comparison_times.csv``.
    remarks
        What was left out, and why.
    settings
        The campaign's.
    versions
        Of Tomoscout and of what it rests on.
    command
        What makes the page again.
    made
        Date.
    """

    title: str
    objects: ObjectTable
    comparison: Sequence[Line]
    by_particle: Sequence[Line]
    times: Sequence[Line] = ()
    remarks: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    made: str = ""


def render_campaign(data: CampaignData) -> str:
    """Return the page as HTML: one file that loads nothing from elsewhere."""
    made = provenance(command=data.command, settings=data.settings, versions=data.versions)
    parts = (_best(data), _particles(data), _timed(data), _remarked(data), made)
    facts = f"{plural(len({line['experiment'] for line in data.comparison}), 'experiment')}"
    facts += f" · {plural(len(data.comparison), 'combination')}"
    return frame(data.title, facts, parts, objects=data.objects, made=data.made)


def _best(data: CampaignData) -> str:
    """Return the comparison over folds."""
    if not data.comparison:
        return ""
    first = data.comparison[0]
    big = f'<div class="score"><b>{first["mean_f4"]:.2f}</b><span>best mean F4, of 1</span></div>'
    words = (
        f"<p><strong>{escape(_words(first))}</strong> does best; with other tomograms of the "
        f"kind it might have been {_interval(first)}.</p>"
        '<p class="note">Nothing was tuned on what it is scored on. Lines that lie nearer to each '
        "other than their folds do, or within each other's interval, may well be equals.</p>"
    )
    rows = [
        (
            *_way(line),
            *(number(line[key], digits=3) for key in ("mean_f4", "std_f4", "best_f4")),
            escape(line["best_fold"] or "–"),
            number(line["pooled_f4"], digits=3),
            _interval(line),
            number(line["per_run_mean"], digits=3),
            str(line["folds"]),
            str(line["num_tomos"]) + (" (seen)" if line["seen"] else ""),
        )
        for line in data.comparison
    ]
    drawn = f'<div class="full">{to_svg(_drawn(data.comparison), label="F4 of each line")}</div>'
    shown = table((*_WAY, *_SCORES), rows, caption=_caption(data))
    headline = f'<div class="headline">{big}<div>{words}</div></div>'
    return section("score", "Comparison", headline, drawn, shown)


def _particles(data: CampaignData) -> str:
    """Return a table per object."""
    body = []
    for name in data.objects.names:
        rows = [
            (
                *_way(line),
                *(number(line[key], digits=3) for key in ("mean_f4", "std_f4")),
                *(number(line[key]) for key in ("precision", "recall")),
                *(f"{line[key]:,}" for key in ("tp", "fp", "fn")),
            )
            for line in data.by_particle
            if line["object"] == name
        ]
        if rows:
            shown = table((*_WAY, *_COUNTS), rows, caption="Best first.")
            body.append(f"<h3>{swatch(data.objects, name)}</h3>{shown}")
    return section("particles", "By particle", *body)


def _timed(data: CampaignData) -> str:
    """Return the time per tomogram."""
    rows = [
        (
            *(escape(str(line[key])) for key in ("experiment", "strategy", "tta")),
            *(number(line[key], digits=1) for key in ("time_per_tomo", "shortest", "longest")),
            str(line["maps"]),
        )
        for line in data.times
    ]
    shown = table(_TIMES, rows, caption="Drawing the score map; picking adds a second or so.")
    return section("times", "Time", shown) if rows else ""


def _remarked(data: CampaignData) -> str:
    """Return what was left out."""
    items = "".join(f"<li>{escape(remark)}</li>" for remark in data.remarks)
    return section("remarks", "Left out", f"<ul>{items}</ul>" if items else "")


def _drawn(lines: Sequence[Line]) -> Figure:
    """Draw mean and spread over folds of the best lines."""
    shown = lines[:MOST_DRAWN]
    figure, (axes,) = new_figure(9.6, 0.27 * len(shown) + 0.8)
    rows = np.arange(len(shown))
    means = [float(line["mean_f4"]) for line in shown]
    spread = [float(line["std_f4"]) for line in shown]
    axes.errorbar(means, rows, xerr=spread, fmt="o", color=INK, ecolor=MUTED, markersize=4)
    axes.set_yticks(rows, [_words(line) for line in shown], fontsize=7.5, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("F4: mean and standard deviation over folds")
    return figure


def _interval(line: Line) -> str:
    """Return where a score may lie."""
    return f"{number(line['low_f4'])} to {number(line['high_f4'])}"


def _way(line: Line) -> list[str]:
    """Return the first columns."""
    keys = ("experiment", "strategy", "tta", "picker", "tuning")
    return [escape(str(line[key])) for key in keys]


def _words(line: Line) -> str:
    """Say which line it is, without what is usual."""
    usual = {"none", "card"}
    keys = ("experiment", "strategy", "tta", "picker", "tuning")
    return ", ".join(str(line[key]) for key in keys if line[key] not in usual)


def _caption(data: CampaignData) -> str:
    """Explain what a reader might stumble over."""
    marked = any(line["seen"] for line in data.comparison)
    text = "Best first. Hover over a heading for its meaning."
    return text + (" Seen: a member was trained on some of these tomograms." if marked else "")
