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
    from tomoscout.pickers import PICKERS

    tuned: Mapping[str, float] = {}
    pickers: Mapping[str, Choice] = {}
    if parameters is not None:
        if together is not None and together != model.card.together:
            raise UserError(
                f"--{'' if together else 'no-'}together: the thresholds of --params were found for "
                f"objects picked {'one by one' if together else 'together'}: leave out one of both"
            )
        parameters.check_objects(model.objects.names, finder=model.source)
        tuned = {name: parameters.thresholds[name] for name in parameters.thresholds}
        pickers = parameters.pickers
    wanted = {name: limit for name, limit in tuned.items() if name in objects}
    limits = resolve_thresholds(
        model, wanted | _parse_thresholds(threshold, objects), objects=objects
    )
    own = None if picker else pickers
    chosen = {n: choose_picker(model, n, picker=picker, pickers=own) for n in limits}
    for choice in chosen.values():
        choice.resolve(PICKERS)  # refused before any time is spent
    return Drawing(limits, chosen, model.card.together if together is None else together)


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
