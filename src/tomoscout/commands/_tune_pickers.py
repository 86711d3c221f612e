"""The pickers that ``tune`` is asked to try."""

from __future__ import annotations

from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice, parse_overrides
from tomoscout.pickers import PICKERS


def parse_pickers(names: str | None, settings: tuple[str, ...]) -> list[Choice]:
    """Read ``--picker a,b`` and ``--picker.setting value``; nothing when none is given.

    Raises
    ------
    UserError
        If there is no such picker, or it has no such setting.
    """
    given = parse_overrides(settings)
    options = given.pop("picker", {})
    if given or not isinstance(options, dict):
        raise UserError(f"--{next(iter(given), 'picker')}: only a picker has settings here")
    listed = [name.strip() for name in (names or "").split(",") if name.strip()]
    if names is not None and not listed:
        raise UserError("--picker: give a name, or several separated by commas")
    if options and len(listed) != 1:
        raise UserError(
            f"--picker.{next(iter(options))}: settings are of one picker: name it with --picker"
        )
    choices = [Choice(name=name, **options) for name in dict.fromkeys(listed)]
    for choice in choices:
        choice.resolve(PICKERS)
    return choices
