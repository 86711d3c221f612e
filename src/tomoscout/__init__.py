"""Tomoscout finds macromolecules in cryo-electron tomograms.

>>> import tomoscout as ts
>>> project = ts.open_project("czii/copick.json")  # doctest: +SKIP
>>> picks = ts.pick(project["TS_5_4"].tomogram("denoised"), model="out/fold0")  # doctest: +SKIP

Names are imported when they are used, so ``import tomoscout`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "CZII": "tomoscout.core.objects",
    "ObjectTable": "tomoscout.core.objects",
    "Picks": "tomoscout.core.picks",
    "UserError": "tomoscout.core.errors",
    "Volume": "tomoscout.core.volume",
    "evaluate": "tomoscout.metrics.czii:score",
    "load_model": "tomoscout.inference.weights:load_detector",
    "open_project": "tomoscout.io.project",
    "pick": "tomoscout.inference.detect",
    "predict": "tomoscout.inference.detect:predict",
    "read_picks": "tomoscout.io.picks",
    "read_volume": "tomoscout.io.volumes",
    "simulate": "tomoscout.simulation",
    "train": "tomoscout.training.run",
    "write_picks": "tomoscout.io.picks",
    "write_volume": "tomoscout.io.volumes",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    """Import a public name the first time it is asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tomoscout' has no attribute '{name}'")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
