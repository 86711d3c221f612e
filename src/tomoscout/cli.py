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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tomoscout.ops.allocator import keep_freed_memory

VERBS = {
    "demo": "Simulate, pick and score in a minute: see it work on this machine.",
    "doctor": "Say what this machine can do, what is broken, and how to mend it.",
    "simulate": "Make tomograms with known truth, as a whole project.",
    "prepare": "Write masks, token cubes or YOLO slices for other programs; train needs none.",
    "train": "Train a detector on a project's annotated runs.",
    "teach": "Teach a classifier of crops, for a second look at picks.",
    "crossval": "Train once per held-out run, and score all of them honestly.",
    "predict": "Write score maps of tomograms, without picking.",
    "pick": "Find the particles of tomograms: the main job.",
    "discover": "Find out what unannotated tomograms hold: clusters, presence maps, picks.",
    "find": "Find what looks like a few examples.",
    "classify": "Look at picks a second time: background goes, objects are told apart.",
    "link": "Link the boxes that a YOLO found in slices into picks.",
    "models": "List, inspect and verify weights; import published ones, average several.",
    "tune": "Find the thresholds that score best on a project's validation runs.",
    "evaluate": "Score picks against the truth.",
    "campaign": "Compare experiments, ensembles, pickers and ways to tune on unseen runs.",
    "merge": "Merge the picks of several methods into one set.",
    "export": "Write networks as files for other programs: TorchScript, ONNX, machine code.",
    "convert": "Turn picks or volumes into another format.",
    "report": "Draw a page of pictures and figures about picks.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    quiet = bool({"--quiet", "-q"} & set(tokens))
    tokens = [token for token in tokens if token not in ("--quiet", "-q")]
    debug = "TOMOSCOUT_DEBUG" in os.environ
    keep_freed_memory()
    try:
        with _remarks(quiet=quiet, debug=debug):
            _check_verb(tokens)
            _app()(_settings_as_pairs(tokens), exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        return _fail("stopped; run the same command again to go on", 130)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        return _explain(error, tokens)
    return 0


def _app() -> Any:
    """Build the application: one line of help per verb, code imported on call."""
    from cyclopts import App

    from tomoscout import __version__

    app = App(
        name="tomoscout",
        help="Find macromolecules in cryo-electron tomograms. Lengths are in Å.",
        help_epilogue="--quiet silences progress and remarks; TOMOSCOUT_DEBUG=1 shows tracebacks.",
        version=__version__,
        suppress_keyboard_interrupt=False,
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
    from tomoscout.core.errors import UserError

    pairs: list[str] = []
    rest = iter(tokens)
    for token in rest:
        flag, equals, value = token.partition("=")
        if flag.startswith("--") and "." in flag:
            if not equals and (value := next(rest, "--")).startswith("--"):
                raise UserError(f"{flag}: its value is missing: {flag} VALUE")
            pairs += ["--set", f"{flag[2:]}={value}"]
        else:
            pairs.append(token)
    return pairs


class _Remarks(logging.Handler):
    """Writes each remark once, to what standard error is now: a progress bar may stand there."""

    def __init__(self) -> None:
        super().__init__()
        self._made: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one remark."""
        remark = self.format(record)
        if remark not in self._made:
            self._made.add(remark)
            print(remark, file=sys.stderr)  # noqa: T201


@contextmanager
def _remarks(*, quiet: bool, debug: bool) -> Iterator[None]:
    """While a verb runs, send our warnings to standard error and keep third parties to errors."""
    from tomoscout.commands._console import status

    package, root, handler = logging.getLogger("tomoscout"), logging.getLogger(), _Remarks()
    before = package.level, root.level, logging.root.manager.disable, status.quiet
    package.addHandler(handler)
    package.setLevel(logging.ERROR if quiet else logging.INFO)
    root.setLevel(logging.ERROR)
    if not debug:  # Lightning chats, and gives its loggers levels and handlers of their own
        logging.disable(logging.INFO)
    status.quiet = quiet
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before[0])
        root.setLevel(before[1])
        logging.disable(before[2])
        status.quiet = before[3]


def _explain(error: Exception, tokens: list[str]) -> int:
    """Print one line about an error and return its exit code."""
    from cyclopts import CycloptsError

    from tomoscout.core.errors import UserError

    if isinstance(error, UserError):
        return _fail(_one_line(error), 2)
    if isinstance(error, CycloptsError):
        return _fail(_misuse(error, tokens), 2)
    if isinstance(error, OSError) and error.errno in _OS_REMEDIES:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(where + _OS_REMEDIES[error.errno], 2)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _fail(
            "not enough memory: close other programs, or train on smaller patches or batches", 2
        )
    return _fail(
        f"internal error, {type(error).__name__}: {_one_line(error)}\n"
        "This is a bug of ours: please report it with the output of TOMOSCOUT_DEBUG=1.",
        1,
    )


def _misuse(error: Exception, tokens: list[str]) -> str:
    """Say what is wrong with the arguments, and where to read about them."""
    from cyclopts import UnknownOptionError, UnusedCliTokensError

    known = [token for token in tokens[:1] if token in VERBS]
    see = f" See {' '.join(['tomoscout', *known])} --help"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"unexpected argument '{error.unused_tokens[0]}'." + see
    if isinstance(error, UnknownOptionError) and error.token.keyword == "--set":
        dotted = (token for token in tokens if token.startswith("--") and "." in token)
        flag = next(dotted, "--set")
        return f"{flag.partition('=')[0]}: {tokens[0]} takes no settings of a recipe." + see
    return _one_line(error) + see


def _one_line(error: Exception) -> str:
    """Return a message without line breaks."""
    return " ".join(line.strip() for line in str(error).splitlines())


_OS_REMEDIES = {
    errno.ENOENT: "no such file or folder: check the path",
    errno.EACCES: "permission denied: choose what you may read, and a folder you may write to",
    errno.EROFS: "the file system is read-only: choose another output folder",
    errno.ENOSPC: "the disk is full: free some space or choose another output folder",
    errno.EDQUOT: "your disk quota is used up: free some space or choose another output folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another path",
    errno.EISDIR: "this is a folder, a file was expected",
}


def _fail(message: str, code: int) -> int:
    """Print an error and return its code."""
    print(f"tomoscout: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
