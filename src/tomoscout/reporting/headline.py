"""The top of the page: one number, one sentence, and a table with a row per object."""

from __future__ import annotations

from tomoscout.metrics import Result
from tomoscout.reporting.counts import tally
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import number, plural, section, swatch, table

_JUDGED = (
    ("Object", "Kind of particle"),
    ("F4", "Precision and recall in one number; recall counts four times as much"),
    ("Precision", "Share of the picks that are hits"),
    ("Recall", "Share of the particles that were found"),
    ("AP", "Average precision: area under precision against recall, over all thresholds"),
    ("Present", "Particles in the truth"),
    ("Picked", "Picks made"),
    ("Hits", "Particles that were found"),
    ("False alarms", "Picks where no particle is, or a second pick on the same particle"),
    ("Missed", "Particles without a pick"),
    ("Off by", "Median distance of the hits from the particle's centre, in ångström"),
    ("Threshold", "Lowest score that counts as a pick"),
    ("Radius", "In ångström; a pick within half of it from a particle's centre is a hit"),
    ("Weight", "Weight of the object in the overall score"),
)
_TOLD = ("Object", "Picked", "Threshold", "Radius")
_COUNTED = tuple(entry for entry in _JUDGED if entry[0] in _TOLD)


def headline(found: Findings) -> str:
    """Return the opening section."""
    return _counted(found) if found.result is None else _judged(found, found.result)


def _judged(found: Findings, result: Result) -> str:
    """Return the score, what it means in words, and where it comes from."""
    objects, counts = found.data.objects, result.counts
    ranked = found.errors.ranking.average_precision if found.errors else {}
    rows = [
        (
            swatch(objects, one.name),
            _meter(c.f_beta(result.beta), f"o{objects.label(one.name)}"),
            number(c.precision if c.tp + c.fp else None),
            number(c.recall if c.tp + c.fn else None),
            number(ranked.get(one.name)),
            f"{c.tp + c.fn:,}",
            f"{c.tp + c.fp:,}",
            f"{c.tp:,}",
            f"{c.fp:,}",
            f"{c.fn:,}",
            "–" if c.error is None else f"{c.error:.0f} Å",
            number(found.thresholds.get(one.name), digits=3),
            f"{one.radius:g} Å",
            f"{one.weight:g}",
        )
        for one, c in zip(objects.each(), counts.values(), strict=True)
    ]
    scored = any(one.weight for one in objects.each())
    value = result.weighted if scored else sum(result.f_beta.values()) / len(objects)
    name = f"{'weighted' if scored else 'mean'} F{result.beta:g}, of 1"
    big = f'<div class="score"><b>{value:.2f}</b><span>{name}</span></div>'
    shown = table(_JUDGED, rows, caption=_caption(result))
    top = f'<div class="headline">{big}<div>{_words(result)}</div></div>'
    return section("score", "Score", top, shown)


def _words(result: Result) -> str:
    """Tell the result as one would, with the definition that it rests on."""
    counts = result.counts.values()
    tp, fp, fn = (sum(getattr(c, kind) for c in counts) for kind in ("tp", "fp", "fn"))
    runs, verb = plural(len(result.runs), "run"), "was" if tp == 1 else "were"
    return (
        f"<p>Of {plural(tp + fn, 'particle')} in {runs}, <strong>{tp:,} {verb} found</strong> "
        f"and {fn:,} missed; {fp:,} of {plural(tp + fp, 'pick')} "
        f"{'is a false alarm' if fp == 1 else 'are false alarms'}.</p>"
        '<p class="note">A particle is found when a pick of its kind lies within half its radius '
        "of its centre. F4 joins precision and recall, and counts recall four times as much: a "
        "false alarm can be thrown out later, a missed particle is lost.</p>"
    )


def _caption(result: Result) -> str:
    """Explain what a reader might stumble over."""
    absent = [n for n in result.absent if result.objects[n].weight]
    if not absent:
        return "Hover over a heading for its meaning."
    return (
        f"Not present in the truth of these runs: {', '.join(absent)}. By the rule of the CZII "
        "challenge such an object scores 0 and keeps its weight."
    )


def _meter(value: float, color: str) -> str:
    """Return a number with a bar."""
    return (
        f'{value:.2f}<span class="meter {color}" aria-hidden="true">'
        f'<i style="width:{100 * value:.1f}%"></i></span>'
    )


def _counted(found: Findings) -> str:
    """Return counts only: there is nothing to compare with."""
    objects, runs = found.data.objects, found.data.runs
    counts = tally([r.picks for r in runs], objects=objects).sum(axis=0)
    rows = [
        (
            swatch(objects, one.name),
            f"{count:,}",
            number(found.thresholds.get(one.name), digits=3),
            f"{one.radius:g} Å",
        )
        for one, count in zip(objects.each(), counts, strict=True)
    ]
    big = f'<div class="score"><b>{counts.sum():,}</b><span>picks</span></div>'
    words = (
        f"<p>{plural(int(counts.sum()), 'pick')} in {plural(len(runs), 'run')}. "
        "No truth was given, so nothing is scored here.</p>"
    )
    shown = table(_COUNTED, rows, caption="Picks of each object.")
    return section("score", "Picks", f'<div class="headline">{big}<div>{words}</div></div>', shown)
