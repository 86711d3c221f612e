"""The sections of the page that show the tomogram: slices, and crops around picks.

Of one run all busy slices are shown; of several runs, the lowest, the middle and the highest in
score (or the first few without truth), so that the page stays small and failures are seen.
"""

from __future__ import annotations

from html import escape

from tomoscout.core.objects import ObjectTable
from tomoscout.core.volume import Volume
from tomoscout.metrics import Result
from tomoscout.reporting.findings import Findings, RunData
from tomoscout.reporting.gallery import Strip, strips
from tomoscout.reporting.markup import KINDS, icon, picture, plural, section, swatch, switch
from tomoscout.reporting.outcomes import Outcome
from tomoscout.reporting.slices import View, busiest, view

MOST_RUNS = 3
_STRIPS = {
    "hit": "Surest hits",
    "alarm": "Surest false alarms",
    "miss": "Missed",
    "pick": "Surest picks",
}


def slices(found: Findings) -> str:
    """Return the slices through the tomograms, with switches for what is marked."""
    objects = found.data.objects
    shown = _runs_to_show(found)
    body = []
    for run, outcome, volume in shown:
        count = 4 if len(shown) == 1 else 2
        across = busiest(outcome, volume=volume, objects=objects, count=count)
        along = busiest(outcome, volume=volume, objects=objects, axis="y", count=1)
        cuts = [("z", index) for index in across] + [("y", index) for index in along]
        views = [
            view(volume, outcome, objects=objects, index=index, axis=axis) for axis, index in cuts
        ]
        figures = "".join(_figure(v, objects, volume, run.name) for v in views)
        body.append(_run_heading(found, run) + f'<div class="slices">{figures}</div>')
    lead = (
        "Particles are marked where the slice cuts them, so a circle is largest on the slice "
        "through the particle's middle. Rest the pointer on a mark to see what it is; select a "
        "picture to enlarge it."
    )
    if len(shown) < len(found.data.runs):
        which = (
            "with the lowest, a middle and the highest score"
            if found.is_judged
            else "that come first"
        )
        lead = f"Of {len(found.data.runs)} runs, those {which} are shown. " + lead
    if not body:
        return ""
    return section("slices", "Slices", _switches(found), *body, lead=lead)


def gallery(found: Findings) -> str:
    """Return crops around picks: the best, the worst and the missed of each object."""
    body = []
    for run, outcome, volume in _runs_to_show(found)[:1]:
        every = strips(volume, outcome, objects=found.data.objects)
        for name in dict.fromkeys(s.name for s in every):
            rows = "".join(_strip(s, found.data.objects) for s in every if s.name == name)
            heading = f"<h3>{swatch(found.data.objects, name)}</h3>"
            body.append(f'{heading}<div class="strips">{rows}</div>')
        if len(found.data.runs) > 1:
            body.insert(0, f'<p class="note">Run {escape(run.name)}.</p>')
    lead = "Slices through single picks, by falling score. All crops of an object share a scale."
    return section("gallery", "Gallery", *body, lead=lead)


def _runs_to_show(found: Findings) -> list[tuple[RunData, Outcome, Volume]]:
    """Return runs with a tomogram: all if few, else the lowest, middle and highest in score."""
    runs = [
        (run, outcome, run.volume)
        for run, outcome in zip(found.data.runs, found.outcomes, strict=True)
        if run.volume is not None
    ]
    if len(runs) <= MOST_RUNS:
        return runs
    if found.result is None:
        return runs[:MOST_RUNS]
    score = _score_by_run(found.result)
    ranked = sorted((r for r in runs if r[0].name in score), key=lambda r: score[r[0].name])
    picked = [ranked[0], ranked[len(ranked) // 2], ranked[-1]] if len(ranked) > 2 else ranked
    return picked or runs[:MOST_RUNS]


def _score_by_run(result: Result) -> dict[str, float]:
    """Return how well picks and particles of each run agree (F1 over all objects)."""
    scores = {}
    for name, counts in result.runs.items():
        tp, fp, fn = (sum(getattr(c, kind) for c in counts.values()) for kind in ("tp", "fp", "fn"))
        scores[name] = 2 * tp / max(2 * tp + fp + fn, 1)
    return scores


def _run_heading(found: Findings, run: RunData) -> str:
    """Return the run's name, when there is more than one."""
    return f"<h3>{escape(run.name)}</h3>" if len(found.data.runs) > 1 else ""


def _switches(found: Findings) -> str:
    """Return check boxes that hide kinds of marks and objects."""
    kinds = ("hit", "alarm", "miss") if found.is_judged else ("pick",)
    fates = "".join(switch(f"{kind}", f"{icon(kind)} {KINDS[kind]}") for kind in kinds)
    objects = found.data.objects
    names = "".join(switch(f"o{objects.label(n)}", swatch(objects, n)) for n in objects.names)
    return f'<div class="switches">{fates}<hr>{names}</div>'


def _figure(shown: View, objects: ObjectTable, volume: Volume, run: str) -> str:
    """Return a slice with its caption, as a button that enlarges it."""
    length = volume.shape["zyx".index(shown.axis)]
    where = f"{shown.axis} = {shown.index} of {length}"
    from_where = "from above" if shown.axis == "z" else "from the side"
    kinds = [m.kind for m in shown.marks]
    told = ", ".join(
        plural(kinds.count(kind), noun) if kind != "miss" else f"{kinds.count(kind)} missed"
        for kind, noun in KINDS.items()
        if kinds.count(kind)
    )
    label = f"Slice of {run} {from_where}, {where}: {told or 'no particle'}"
    wide = ' class="wide"' if shown.axis == "y" else ""
    return (
        f'<figure{wide}><button class="zoom" title="Enlarge">'
        f"{picture(shown, objects=objects, label=label)}</button>"
        f"<figcaption>{where}, {from_where}. {told or 'No particle'}.</figcaption></figure>"
    )


def _strip(strip: Strip, objects: ObjectTable) -> str:
    """Return a row of crops with a score under each."""
    tiles = []
    for number, crop in enumerate(strip.views, start=1):
        score = crop.marks[0].score
        label = f"{strip.name}, {KINDS[strip.kind]} {number}"
        caption = "" if score is None else f"<figcaption>{score:.2f}</figcaption>"
        image = picture(crop, objects=objects, label=label, scale_bar=False)
        tiles.append(f"<figure>{image}{caption}</figure>")
    total = f"{len(strip.views)} of {strip.total:,}" if strip.total > len(strip.views) else "all"
    return (
        f'<div class="strip"><p>{icon(strip.kind)} {_STRIPS[strip.kind]} '
        f'<span class="note">({total})</span></p><div>{"".join(tiles)}</div></div>'
    )
