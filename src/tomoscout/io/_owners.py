"""Who made the picks of a copick tree: user, session and object, from the name of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tomoscout.core.aliases import common_name
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks


class Owner(NamedTuple):
    """Maker of one pick file; empty strings where nobody says."""

    user: str
    session: str
    object: str


@dataclass(frozen=True)
class RemotePicks:
    """Picks that are not in a file here: who made them, and a function that fetches them."""

    owner: Owner
    fetch: Callable[[], Picks]

    def __str__(self) -> str:
        return "_".join(self.owner)


PickSource = Path | RemotePicks


def owner_of(path: PickSource) -> Owner | None:
    """Return who made a pick file of a copick tree, or None for a file elsewhere.

    The name is ``<user>_<session>_<object>.json``; the CZII challenge ships plain
    ``<object>.json``, which say in their content who made them.
    """
    if isinstance(path, RemotePicks):
        return path.owner
    if path.parent.name != "Picks":
        return None
    parts = path.stem.split("_", 2)
    if len(parts) == 3:
        return Owner(*parts)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Owner(
            str(content.get("user_id") or ""), str(content.get("session_id") or ""), path.stem
        )
    except (OSError, ValueError, AttributeError):  # its reader will say what is wrong with it
        return Owner("", "", path.stem)


def choose_files(
    files: Sequence[PickSource], *, user: str | None, session: str | None, run: str
) -> list[PickSource]:
    """Return the files of a user and a session.

    Raises
    ------
    UserError
        If none is theirs, or if several makers picked the same object and none is chosen:
        joined, every particle would count once per maker.
    """
    chosen = []
    makers: dict[str, set[tuple[str, str]]] = {}
    owners = [(file, owner_of(file)) for file in files]
    for file, owner in owners:
        if owner is None:
            if user is None and session is None:
                chosen.append(file)
        elif user in (None, owner.user) and session in (None, owner.session):
            chosen.append(file)
            makers.setdefault(common_name(owner.object), set()).add((owner.user, owner.session))
    if files and not chosen:
        wanted = f"user '{user}'" if session is None else f"'{user or 'any user'}/{session}'"
        found = _listed((o.user, o.session) for _, o in owners if o is not None)
        raise UserError(f"run '{run}': no picks by {wanted}, found {found or 'files of no user'}")
    for name, several in makers.items():
        if len(several) > 1:
            raise UserError(
                f"run '{run}': {name} was picked by several, {_listed(several)}: "
                "choose a user and a session"
            )
    return chosen


def _listed(makers: Iterable[tuple[str, str]]) -> str:
    """Return makers as copick writes them."""
    return ", ".join(sorted({f"{user}/{session}" for user, session in makers}))
