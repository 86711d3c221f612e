"""What a name, a folder, a file or a URL of weights stands for; imports nothing heavy.

Names are those of the weights in the package, and of the weights in the folder that the
environment variable ``TOMOSCOUT_WEIGHTS`` points to. The folder's win: whoever sets it means it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tomoscout.core.errors import UserError, did_you_mean
from tomoscout.inference.download import Progress, fetch, is_url

DEFAULT = "czii-sim"
"""Name of the weights that are used when none are given."""

FILE_NAME = "model.safetensors"
"""What the weights in a training folder are called."""

CLASSIFIER_FILE = "classifier.safetensors"
"""What they are called in the folder of a classifier's training."""

ENCODER_FILE = "encoder.safetensors"
"""What they are called in the folder of an encoder's training."""

ENCODER_FOLDER = "encoder"
"""What that folder is called among the results of ``discover`` and ``find``."""

TRAINED = (FILE_NAME, CLASSIFIER_FILE, ENCODER_FILE)
"""All of these names; a folder may hold weights of two kinds, and the first ones stand for it."""

FOLDER_VARIABLE = "TOMOSCOUT_WEIGHTS"
"""Environment variable with a folder of weights, to be called by their names."""

SHIPPED = Path(__file__).parent.parent / "weights"
_SUFFIX = ".safetensors"


def find_weights(model: str | Path | None = None, *, progress: Progress | None = None) -> Path:
    """Return the weights file that something stands for.

    Parameters
    ----------
    model
        A weights file, a training folder, a name (see `named_weights`), or a URL with its sha256
        (see ``download``). None stands for the name `DEFAULT`.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If there are no such weights; the message says what was looked for and what there is.
    """
    return _default() if model is None else find_in(model, FILE_NAME, progress=progress)


def find_any(model: str | Path | None = None, *, progress: Progress | None = None) -> Path:
    """Return the weights file that something stands for, of whatever kind.

    Parameters
    ----------
    model
        As for `find_weights`, or the folder of another training.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If there are no such weights; the message says what was looked for and what there is.
    """
    return _default() if model is None else find_in(model, *TRAINED, progress=progress)


def find_in(model: str | Path, *names: str, progress: Progress | None = None) -> Path:
    """Return the weights file that something stands for; of a folder, the first of these names.

    Parameters
    ----------
    model
        As for `find_weights`, or a folder with a file of one of the names.
    names
        What the wanted kinds of weights are called in their training folders.
    progress
        Told the share of a download that is done, 0 to 1.

    Raises
    ------
    UserError
        If there are no such weights; the message says what was looked for and what there is.
    """
    if is_url(str(model)):
        return fetch(str(model), progress=progress)
    path = Path(model)
    for file in (path, *_places(path, names)):
        if file.is_file():
            return file
    known = named_weights()
    if str(model) in known:
        return _of_kind(known[str(model)], names)
    if path.is_dir():
        wanted = " or ".join(names)
        raise UserError(f"{path}: no {wanted} in this folder; has its training finished?")
    raise UserError(
        f"no weights '{model}': no such file or training folder, and not among the names "
        f"({', '.join(known) or 'none are shipped'})." + did_you_mean(str(model), known)
    )


def named_weights() -> dict[str, Path]:
    """Return the weights that can be called by name: the package's, then the user's own.

    Raises
    ------
    UserError
        If ``TOMOSCOUT_WEIGHTS`` is set to something that is not a folder.
    """
    return shipped_weights() | local_weights()


def shipped_weights() -> dict[str, Path]:
    """Return the weights in the package, by name."""
    return weights_in(SHIPPED)


def local_weights() -> dict[str, Path]:
    """Return the weights in the folder that ``TOMOSCOUT_WEIGHTS`` points to, by name."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if not chosen:
        return {}
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise UserError(f"{FOLDER_VARIABLE}={chosen}: no such folder: correct or unset it")
    return weights_in(folder)


def weights_in(folder: Path) -> dict[str, Path]:
    """Return the weights in a folder: files by their stem, training folders by their name."""
    return dict(sorted(dict(every_in(folder)).items()))


def every_in(folder: Path) -> list[tuple[str, Path]]:
    """Return the weights in a folder with their names; of one name, the last ones win it."""
    inside = (f"{ENCODER_FOLDER}/{ENCODER_FILE}", *reversed(TRAINED))
    files = [*folder.glob(f"*{_SUFFIX}"), *(p for name in inside for p in folder.glob(f"*/{name}"))]
    return [(title(path), path) for path in files if path.is_file()]


def title(path: Path) -> str:
    """Return the name people know weights by: the file's stem, or that of its training folder."""
    if path.name not in TRAINED:
        return path.stem
    folder = path.absolute().parent
    among_others = (folder.name, path.name) == (ENCODER_FOLDER, ENCODER_FILE)
    return folder.parent.name if among_others else folder.name


def is_own_path(model: str | Path | None) -> bool:
    """Tell whether weights were given as a file or folder of the user's, who may change them."""
    return (
        model is not None
        and not is_url(str(model))
        and find_weights(model) != (named_weights().get(str(model)))
    )


def _places(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return where weights may lie in a folder, the wanted ones first."""
    among_others = [folder / ENCODER_FOLDER / ENCODER_FILE] if ENCODER_FILE in names else []
    return [*(folder / name for name in names), *among_others, folder / FILE_NAME]


def _of_kind(path: Path, names: Sequence[str]) -> Path:
    """Return the weights that lie beside those of a name and are of the wanted kind, if any do."""
    beside = _places(path.parent, names) if path.name in TRAINED else []
    return next((file for file in beside if file.is_file()), path)


def _default() -> Path:
    """Return the weights for those who give none."""
    known = named_weights()
    if DEFAULT in known:
        return known[DEFAULT]
    others = f" (there are: {', '.join(known)})" if known else ""
    raise UserError(
        f"no weights given, and '{DEFAULT}' is not shipped with this installation{others}: give a "
        "training folder, a .safetensors file, or a URL with its sha256"
    )
