"""``tune --expected-f``: thresholds for tomograms that nobody has annotated yet."""

from __future__ import annotations

from pathlib import Path

from tomoscout.commands._console import console
from tomoscout.commands._weights import load_weights
from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.core.parameters import Parameters
from tomoscout.io._atomic import write_json
from tomoscout.tuning.expected import expected_thresholds


def tune_expected(
    model: str | None,
    project: Path | None,
    expected: tuple[str, ...],
    *,
    params: Path | None,
    output: Path | None,
) -> None:
    """Write parameters whose thresholds follow from the score that is expected.

    Raises
    ------
    UserError
        If a project or an output is given, or a score is no score of an object.
    """
    if project is not None or output is not None:
        raise UserError(
            "--expected-f: needs weights and no project, and writes parameters only: "
            "tomoscout tune MODEL --expected-f 0.78 --params FILE"
        )
    detector = load_weights(model)
    scores = parse_expected(expected, detector.objects.names)
    thresholds = expected_thresholds(scores)
    told = ", ".join(f"{name} {score:g}" for name, score in scores.items())
    parameters = Parameters(
        thresholds=thresholds,
        notes=f"without truth, for calibrated scores, from the F4 that is expected: {told}",
    )
    path = params or Path("tuning.json")
    write_json(path, parameters.model_dump(mode="json"), overwrite=True)
    for name, threshold in thresholds.items():
        console.print(
            f"{name:24s} threshold {threshold:.3f}  for an F4 of {scores[name]:g}", highlight=False
        )
    console.print(
        f"a start, for scores that are right as often as they say: pick with --params {path}, and "
        "tune on the first tomogram that is annotated",
        highlight=False,
    )


def parse_expected(texts: tuple[str, ...], names: list[str]) -> dict[str, float]:
    """Read ``0.78`` for all objects, and ``object=0.78`` for some, in the objects' order."""
    general: float | None = None
    single: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            score = float(number)
        except ValueError as error:
            raise UserError(f"--expected-f {text}: write 0.78, or object=0.78") from error
        if not 0 < score <= 1:
            raise UserError(f"--expected-f {text}: a score lies above 0 and at most at 1")
        if equals and name not in names:
            raise UserError(
                f"--expected-f {text}: the weights find {', '.join(names)}."
                + did_you_mean(name, names)
            )
        if equals:
            single[name] = score
        else:
            general = score
    everyone = {} if general is None else dict.fromkeys(names, general)
    return {name: {**everyone, **single}[name] for name in names if name in everyone | single}
