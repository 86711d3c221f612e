"""How picks are drawn from score maps, by what the user says: thresholds, pickers, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice, parse_overrides

if TYPE_CHECKING:
    from tomoscout.core.parameters import Parameters
    from tomoscout.inference.ensemble import Ensemble
    from tomoscout.inference.weights import Detector


@dataclass(frozen=True)
class Drawing:
    """A threshold for each object to pick, its picker, and whether they share one map."""

    thresholds: dict[str, float]
    pickers: dict[str, Choice]
    together: bool = False

    def noted(self) -> dict[str, Any]:
        """Return what a ledger notes."""
        pickers = {name: choice.model_dump() for name, choice in self.pickers.items()}
        joint = {"together": True} if self.together else {}  # jobs of before go on
        return {"thresholds": self.thresholds, "pickers": pickers, **joint}


def choose_drawing(
    model: Detector | Ensemble,
    *,
    objects: list[str],
    threshold: tuple[str, ...],
    picker: Choice | None,
    parameters: Parameters | None,
    together: bool | None = None,
) -> Drawing:
    """Settle thresholds and pickers: flags come before parameters, and these before the card.

    Raises
    ------
    UserError
        If something is named that the model does not find, or a number is out of range.
    """
    from tomoscout.inference.detect import resolve_thresholds
    from tomoscout.inference.find_all import choose_picker
    from tomoscout.inference.together import one_picker
    from tomoscout.pickers import PICKERS

    tuned: Mapping[str, float] = {}
    pickers: Mapping[str, Choice] = {}
    said = model.card.together
    if parameters is not None:
        parameters.check_objects(model.objects.names, finder=model.source)
        tuned, pickers = parameters.thresholds, parameters.pickers
        said = said if parameters.together is None else parameters.together
    wanted = {name: limit for name, limit in tuned.items() if name in objects}
    given = _parse_thresholds(threshold, objects)
    limits = resolve_thresholds(model, wanted | given, objects=objects)
    own = None if picker else pickers
    chosen = {n: choose_picker(model, n, picker=picker, pickers=own) for n in limits}
    for choice in chosen.values():
        choice.resolve(PICKERS)  # refused before any time is spent
    joint = said if together is None else together
    found = [name for name in limits if name in (tuned or model.card.thresholds)]
    if joint != said and set(found) - set(given):
        raise UserError(
            f"--{'' if joint else 'no-'}together: the thresholds in use were found for objects "
            f"picked {'one by one' if joint else 'together'}, whose scores are others: give "
            "--threshold as well"
        )
    if joint:
        one_picker(chosen)
    return Drawing(limits, chosen, joint)


def parse_picker(name: str | None, settings: tuple[str, ...]) -> Choice | None:
    """Read ``--picker NAME`` and ``--picker.setting value``."""
    given = parse_overrides(settings)
    options = given.pop("picker", {})
    if given or not isinstance(options, dict):
        raise UserError(f"--{next(iter(given), 'picker')}: only a picker has settings here")
    name = options.pop("name", name)
    if name is None and options:
        raise UserError(f"--picker.{next(iter(options))}: say of which picker with --picker")
    return None if name is None else Choice(name=str(name), **options)


def _parse_thresholds(pairs: tuple[str, ...], objects: list[str]) -> dict[str, float]:
    """Read ``object=value`` pairs, or one value for all objects."""
    limits: dict[str, float] = {}
    for pair in pairs:
        name, equals, text = pair.rpartition("=")
        try:
            value = float(text)
        except ValueError as error:
            raise UserError(f"--threshold {pair}: write object=0.4, or one number") from error
        if not 0 < value <= 1:
            raise UserError(f"--threshold {pair}: a score lies above 0 and at most at 1")
        limits |= {name: value} if equals else dict.fromkeys(objects, value)
    return limits
