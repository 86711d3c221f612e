"""The evaluation as files: everything as JSON, counts per run and object, and the confusion."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tomoscout import __version__
from tomoscout.commands._evaluate_scores import Evaluation
from tomoscout.io._atomic import write_json, write_text
from tomoscout.metrics.any_object import AnyObject

FILES = ("evaluation.json", "evaluation.csv", "confusion.csv")
ANY_OBJECT = "any_object.json"


def write_evaluation(output: Path, found: Evaluation, facts: dict[str, Any]) -> list[Path]:
    """Write the files into a folder, over older ones, and return their paths.

    Parameters
    ----------
    output
        The folder.
    found
        The scores.
    facts
        What was scored, and how: written into the JSON before the scores.
    """
    results = {"czii": found.loose, "one-to-one": found.strict}
    content = {
        "tomoscout": __version__,
        **facts,
        "runs": list(found.loose.runs),
        "beta": found.loose.beta,
        "scores": {metric: result.facts() for metric, result in results.items()},
        "per_run": {metric: result.per_run for metric, result in results.items()},
        "average_precision": found.ranking.facts(),
        "localisation": found.localisation.facts() | {"likely_axes": found.axes},
        "confusion": found.confusion.facts(),
        "any_object": found.any_object.facts(),
    }
    if found.places is not None:
        content["depth_and_border"] = found.places.facts()
    if found.shrec is not None:
        content["shrec"] = found.shrec.facts()
    rows = [
        {"metric": metric, "run": run, "object": name} | counts.facts(result.beta)
        for metric, result in results.items()
        for run, objects in result.runs.items()
        for name, counts in objects.items()
    ]
    table = found.confusion.table.tolist()
    lines = [[row, *counts] for row, counts in zip(found.confusion.rows, table, strict=True)]
    paths = [output / name for name in FILES]
    write_json(paths[0], content, overwrite=True)
    write_text(paths[1], _csv([list(rows[0]), *(r.values() for r in rows)]), overwrite=True)
    write_text(paths[2], _csv([["is", *found.confusion.columns], *lines]), overwrite=True)
    return paths


def write_any_object(output: Path, found: AnyObject, facts: dict[str, Any]) -> Path:
    """Write what counts where names do not, over an older file; return its path."""
    path = output / ANY_OBJECT
    content = {"tomoscout": __version__, **facts, "any_object": found.facts()}
    write_json(path, content, overwrite=True)
    return path


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as comma-separated lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
