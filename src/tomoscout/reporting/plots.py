"""The sections of the page that hold curves: scores by threshold, counts, training."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from tomoscout.core.objects import ObjectType
from tomoscout.reporting.calibration import calibration_plot
from tomoscout.reporting.counts import count_bars, tally
from tomoscout.reporting.curves import precision_recall, score_by_threshold, score_histogram
from tomoscout.reporting.figures import to_svg
from tomoscout.reporting.findings import Findings
from tomoscout.reporting.markup import section, swatch
from tomoscout.reporting.training_curves import training_curves

_JUDGED = (
    "The vertical line and the dot mark the threshold in use. From left to right: the score at "
    "every threshold; precision against recall, over curves of equal score; and how many hits "
    "(filled) and false alarms (outline) have each score."
)
_CALIBRATION = (
    '<p class="note">Scores mean what they say where the lines follow the diagonal: of the picks '
    "scored 0.8, eight in ten are right. Above it a detector is too modest, below it too sure. "
    "Larger dots stand for more picks.</p>"
)
_COUNTED = "How many picks have each score."


def curves(found: Findings) -> str:
    """Return three figures per object: score by threshold, precision-recall, histogram.

    Without truth only the histogram is left, and they all stand in one row.
    """
    objects = found.data.objects
    drawn = {one.name: _drawn(found, one) for one in objects.each()}
    if found.result is not None:
        body = "".join(
            f'<h3>{swatch(objects, name)}</h3><div class="plots">{"".join(figures)}</div>'
            for name, figures in drawn.items()
            if figures
        )
        return section("curves", "Thresholds", body, _calibration(found), lead=_JUDGED)
    cells = "".join(
        f"<div>{swatch(objects, name)}{''.join(figures)}</div>"
        for name, figures in drawn.items()
        if figures
    )
    body = f'<div class="plots few">{cells}</div>' if cells else ""
    return section("curves", "Scores", body, lead=_COUNTED)


def _calibration(found: Findings) -> str:
    """Return the share of right picks at each score, of all objects in one figure."""
    if found.errors is None:
        return ""
    figure = calibration_plot(found.errors.ranking.of, objects=found.data.objects)
    if figure is None:
        return ""
    return (
        f"<h3>Calibration</h3>{_CALIBRATION}"
        f'<div class="plots few">{_figure(figure, "Share of right picks by score")}</div>'
    )


def counts(found: Findings) -> str:
    """Return the counts per run and object."""
    data = found.data
    if not data.runs:
        return ""
    picked = tally([r.picks for r in data.runs], objects=data.objects)
    known = [r.truth for r in data.runs if r.truth is not None]
    truth = tally(known, objects=data.objects) if len(known) == len(data.runs) else None
    figure = count_bars(picked, truth, runs=[r.name for r in data.runs], objects=data.objects)
    lead = "How many particles of each kind were picked" + (
        "." if truth is None else ", and how many there are (line)."
    )
    shape = "solo" if len(data.runs) == 1 else "full"
    drawn = f'<div class="{shape}">{to_svg(figure, label="Counts per run and object")}</div>'
    return section("counts", "Counts", drawn, lead=lead)


def training(found: Findings) -> str:
    """Return the curves of the training log."""
    if found.data.history is None:
        return ""
    figure = training_curves(found.data.history, objects=found.data.objects)
    if figure is None:
        return ""
    drawn = f'<div class="solo">{to_svg(figure, label="Loss and validation score")}</div>'
    return section(
        "training", "Training", drawn, lead="Loss and validation score as training went on."
    )


def _drawn(found: Findings, one: ObjectType) -> list[str]:
    """Return the figures of one object, those that can be drawn."""
    threshold, sweep = found.thresholds.get(one.name), found.sweeps.get(one.name)
    figures = []
    if sweep is not None and len(sweep.thresholds):
        by_threshold = score_by_threshold(sweep, color=one.color, threshold=threshold)
        figures.append(_figure(by_threshold, f"F{sweep.beta:g} of {one.name} by threshold"))
        area = found.errors.ranking.average_precision[one.name] if found.errors else None
        against = precision_recall(
            sweep, color=one.color, threshold=threshold, average_precision=area
        )
        figures.append(_figure(against, f"Precision against recall of {one.name}"))
    hits, alarms = _scores(found, one.name)
    if len(hits) + len(alarms):
        bars = score_histogram(hits, alarms, color=one.color, threshold=threshold)
        figures.append(_figure(bars, f"Scores of {one.name}"))
    return figures


def _scores(found: Findings, name: str) -> tuple[Float[np.ndarray, " h"], Float[np.ndarray, " a"]]:
    """Return the scores of an object's hits and false alarms before thresholds, over all runs."""
    hits = [o.hits.of(name).score_array for o in found.candidates]
    alarms = [o.false_alarms.of(name).score_array for o in found.candidates]
    return np.concatenate([*hits, np.zeros(0)]), np.concatenate([*alarms, np.zeros(0)])


def _figure(figure: Figure, label: str) -> str:
    """Return a drawing in a cell of its own."""
    return f"<figure>{to_svg(figure, label=label)}</figure>"
