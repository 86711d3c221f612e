"""``tomoscout models``: list, inspect and verify weights, import published ones, average some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

_ACTIONS = ("list", "inspect", "verify", "import", "soup")
_ALLOWED = {
    "sha256": ("verify", "import"),
    "output": ("import", "soup"),
    "trained_on": ("import",),
    "shares": ("soup",),
    "project": ("soup",),
    "runs": ("soup",),
}


def models(
    action: str = "list",
    *weights: str,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    trained_on: str | None = None,
    sha256: str | None = None,
    shares: str | None = None,
    project: Path | None = None,
    runs: str | None = None,
) -> None:
    """List weights, inspect their card, verify that they work; import published ones, average some.

    ``models list`` names those in the package and in the folder that TOMOSCOUT_WEIGHTS points to,
    and the networks and recipes there are to train; ``models list FOLDER`` those in another folder.
    ``models inspect WEIGHTS`` tells what a detector, an encoder or a classifier is for, what it was
    trained on and what it scored. ``models verify WEIGHTS`` checks file, card and
    tensors and sends a patch through the network. ``models import FILE`` turns a checkpoint of the
    CZII challenge's 1st place, or of TopCUP, into weights of Tomoscout; nothing in it is run.
    ``models soup A B C -o FILE`` averages the weights of networks of one kind that were trained
    from one start. Nothing is downloaded, except from a URL given.

    Parameters
    ----------
    action
        list, inspect, verify, import or soup.
    weights
        A name, a .safetensors file, a training folder, or a URL ending in #sha256= and 64 hex
        digits (kept in the folder TOMOSCOUT_CACHE, or the system's cache); for list, a folder; for
        import, the checkpoint; for soup, two or more (a folder of crossval stands for its folds).
        The weights used by default when not given.
    output
        File to write, for soup and import; for import the checkpoint's name with .safetensors,
        here, when not given.
    trained_on
        Runs that an imported network was trained on, with commas between; the challenge's seven,
        where it knows the challenge's objects, when not given. It is not tuned on these.
    sha256
        Checksum that the file must have; for verify and import.
    shares
        How much each of the weights counts in a soup, with commas between; equal when not given.
    project
        Tomograms (a project, a folder or one file) on which the statistics of a soup's batch norms
        are measured anew; those of the members are averaged when not given.
    runs
        Comma-separated names of the runs they are measured on; all when not given.
    """
    from tomoscout.core.errors import UserError, did_you_mean

    if action not in _ACTIONS:
        raise UserError(
            f"models {action}: choose from {', '.join(_ACTIONS)}." + did_you_mean(action, _ACTIONS)
        )
    given = {
        "sha256": sha256,
        "output": output,
        "trained_on": trained_on,
        "shares": shares,
        "project": project,
        "runs": runs,
    }
    for flag, actions in _ALLOWED.items():
        if given[flag] is not None and action not in actions:
            does = {"sha256": "checks", "output": "writes"}.get(flag, "takes")
            raise UserError(
                f"--{flag.replace('_', '-')}: models {action} {does} nothing; use models "
                + " or ".join(actions)
            )
    if action == "soup":
        from tomoscout.commands._models_soup import write_soup

        write_soup(weights, output, shares=shares, project=project, runs=runs)
        return
    if len(weights) > 1:
        raise UserError(f"unexpected argument '{weights[1]}': models {action} takes one")
    model = next(iter(weights), None)
    if action == "list":
        from tomoscout.commands._models_list import list_weights

        list_weights(model)
    elif action == "inspect":
        from tomoscout.commands._models_inspect import inspect_weights

        inspect_weights(model)
    elif action == "import":
        from tomoscout.commands._models_import import import_weights

        named = None if trained_on is None else [run.strip() for run in trained_on.split(",")]
        seen = None if named is None else tuple(run for run in named if run)
        import_weights(model, output, trained_on=seen, sha256=sha256)
    else:
        _verify(model, sha256)


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
