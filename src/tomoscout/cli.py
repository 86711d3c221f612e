"""The command line: verbs to functions, logging, exit codes. Imports nothing heavy.

A verb is a string naming a function in ``commands``; it is imported when it is called, so
that ``--help`` answers at once. Exit codes: 0 done, 1 a bug of ours, 2 something the user
can put right (told in one line).
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

VERBS = {
    "demo": "Simulate, train, pick and score in minutes: see it work on this machine.",
    "doctor": "Say what this machine can do, what is broken, and how to mend it.",
    "simulate": "Make tomograms with known truth, as a whole project.",
    "train": "Train a detector on a project's annotated runs.",
    "predict": "Write score maps of tomograms, without picking.",
    "pick": "Find the particles of tomograms: the main job.",
    "tune": "Find the thresholds that score best on a project's validation runs.",
    "evaluate": "Score picks against the truth.",
    "convert": "Turn picks or volumes into another format.",
    "report": "Draw a page of pictures and figures about picks.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    quiet = bool({"--quiet", "-q"} & set(tokens))
    tokens = [token for token in tokens if token not in ("--quiet", "-q")]
    debug = "TOMOSCOUT_DEBUG" in os.environ
    _configure_logging(quiet)
    try:
        _check_verb(tokens)
        _app(quiet)(_settings_as_pairs(tokens), exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        return _fail("stopped; run the same command again to go on", 130)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    return 0


def _app(quiet: bool) -> Any:
    """Build the application: one line of help per verb, code imported on call."""
    from cyclopts import App

    from tomoscout import __version__

    if quiet:
        from tomoscout.commands._console import console, status

        console.quiet = status.quiet = True
    app = App(
        name="tomoscout",
        help="Find macromolecules in cryo-electron tomograms. Lengths are in Å.",
        help_epilogue="--quiet silences progress and remarks; TOMOSCOUT_DEBUG=1 shows tracebacks.",
        version=__version__,
    )
    for verb, help_line in VERBS.items():
        app.command(f"tomoscout.commands.{verb}:{verb}", name=verb, help=help_line)
    return app


def _check_verb(tokens: list[str]) -> None:
    """Refuse an unknown verb, naming the nearest, before any verb's code is imported."""
    from tomoscout.core.errors import UserError, did_you_mean

    if tokens and not tokens[0].startswith("-") and tokens[0] not in VERBS:
        hint = did_you_mean(tokens[0], VERBS)
        raise UserError(f"unknown command '{tokens[0]}'.{hint} See tomoscout --help")


def _settings_as_pairs(tokens: list[str]) -> list[str]:
    """Rewrite ``--section.key value`` as ``--set section.key=value``, alike for every verb."""
    pairs: list[str] = []
    rest = iter(tokens)
    for token in rest:
        flag, equals, value = token.partition("=")
        if flag.startswith("--") and "." in flag:
            pairs += ["--set", f"{flag[2:]}={value if equals else next(rest, '')}"]
        else:
            pairs.append(token)
    return pairs


def _configure_logging(quiet: bool) -> None:
    """Send the package's warnings to standard error; third parties keep to errors."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("tomoscout").setLevel(logging.ERROR if quiet else logging.INFO)
    for chatty in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _explain(error: Exception) -> int:
    """Print one line about an error and return its exit code."""
    from cyclopts import CycloptsError

    from tomoscout.core.errors import UserError

    if isinstance(error, UserError):
        return _fail(str(error), 2)
    if isinstance(error, CycloptsError):
        return _fail(" ".join(str(error).split()), 2)
    if isinstance(error, OSError) and error.errno in _OS_REMEDIES:
        return _fail(f"{error.filename or 'file'}: {_OS_REMEDIES[error.errno]}", 2)
    return _fail(
        f"internal error, {type(error).__name__}: {error}\n"
        "This is a bug of ours: please report it with the output of TOMOSCOUT_DEBUG=1.",
        1,
    )


_OS_REMEDIES = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "permission denied: choose a folder you may write to",
    errno.EROFS: "the file system is read-only: choose another output folder",
    errno.ENOSPC: "the disk is full: free some space or choose another output folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EISDIR: "this is a folder, a file was expected",
}


def _fail(message: str, code: int) -> int:
    """Print an error and return its code."""
    print(f"tomoscout: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
