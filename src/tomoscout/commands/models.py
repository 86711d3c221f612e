"""``tomoscout models``: list, inspect and verify weights, and import published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

_ACTIONS = ("list", "inspect", "verify", "import")
_ALLOWED = {"sha256": ("verify", "import"), "output": ("import",), "trained_on": ("import",)}


def models(
    action: str = "list",
    weights: str | None = None,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    trained_on: str | None = None,
    sha256: str | None = None,
) -> None:
    """List weights, inspect their card, verify that they are whole and work; import published ones.

    ``models list`` names those in the package and in the folder that TOMOSCOUT_WEIGHTS points to;
    ``models list FOLDER`` those in another. ``models inspect WEIGHTS`` tells what they find, what
    they were trained on and what they scored. ``models verify WEIGHTS`` checks file, card and
    tensors and sends a patch through the network. ``models import FILE`` turns a checkpoint of the
    CZII challenge's 1st place, or of TopCUP, into weights of Tomoscout; nothing in it is run.
    Nothing is downloaded, except from a URL given.

    Parameters
    ----------
    action
        list, inspect, verify or import.
    weights
        A name, a .safetensors file, a training folder, or a URL ending in #sha256= and 64 hex
        digits (kept in the folder TOMOSCOUT_CACHE, or the system's cache); for list, a folder; for
        import, the checkpoint. The weights used by default when not given.
    output
        File to write, for import; the checkpoint's name with .safetensors, here, when not given.
    trained_on
        Runs that an imported network was trained on, with commas between; the challenge's seven,
        where it knows the challenge's objects, when not given. It is not tuned on these.
    sha256
        Checksum that the file must have; for verify and import.
    """
    from tomoscout.core.errors import UserError, did_you_mean

    if action not in _ACTIONS:
        raise UserError(
            f"models {action}: choose from {', '.join(_ACTIONS)}." + did_you_mean(action, _ACTIONS)
        )
    given = {"sha256": sha256, "output": output, "trained_on": trained_on}
    for flag, actions in _ALLOWED.items():
        if given[flag] is not None and action not in actions:
            does = "checks" if flag == "sha256" else "writes"
            raise UserError(
                f"--{flag.replace('_', '-')}: models {action} {does} nothing; use models "
                + " or ".join(actions)
            )
    if action == "list":
        from tomoscout.commands._models_list import list_weights

        list_weights(weights)
    elif action == "inspect":
        from tomoscout.commands._models_inspect import inspect_weights

        inspect_weights(weights)
    elif action == "import":
        from tomoscout.commands._models_import import import_weights

        named = None if trained_on is None else [run.strip() for run in trained_on.split(",")]
        runs = None if named is None else tuple(run for run in named if run)
        import_weights(weights, output, trained_on=runs, sha256=sha256)
    else:
        _verify(weights, sha256)


def _verify(model: str | None, sha256: str | None) -> None:
    """Print each thing that was found right; the first wrong one ends it."""
    from tomoscout.commands._console import console
    from tomoscout.commands._weights import fetch_weights
    from tomoscout.inference.download import read_sha256
    from tomoscout.inference.verify import verify

    wanted = None if sha256 is None else read_sha256(sha256)
    path = fetch_weights(model)
    for check in verify(path, sha256=wanted):
        console.print(f"ok  {check.what}: {check.found}", highlight=False, markup=False)
    console.print(f"{path}: whole, and works", highlight=False, markup=False)
