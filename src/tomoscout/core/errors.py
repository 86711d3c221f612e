"""The one error a user can cause, and the hint that helps them out of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user can put right: what was wrong, what was found, what to do.

    The command line prints it as one line and exits with code 2; any other exception is a
    bug of ours and exits with code 1.
    """


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest choice, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
