"""Look plugins up by file name, importing a file only when it is asked for.

A folder of alternatives (models, losses, pickers, file formats) holds one public file
per alternative, and the file's name is the alternative's name. Adding one is adding a
file: there is no list to edit, and so none to forget.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from tomoscout.core.errors import UserError, did_you_mean


class Registry:
    """The public modules of one folder, each keeping the same promise.

    Parameters
    ----------
    package
        Dotted name of the folder, usually ``__name__`` in its ``__init__.py``.
    promises
        Names that each module must define, such as ``"Settings", "build"``.
    """

    def __init__(self, package: str, *promises: str) -> None:
        self.package = package
        self.promises = promises

    def names(self) -> list[str]:
        """Names of all alternatives, sorted, without importing any of them."""
        folder = importlib.import_module(self.package).__path__
        return sorted(m.name for m in pkgutil.iter_modules(folder) if not m.name.startswith("_"))

    def __getitem__(self, name: str) -> Any:
        """Return the module called ``name``.

        Raises
        ------
        UserError
            If there is none; the message lists the names and the nearest one.
        """
        if name not in (names := self.names()):
            family = self.package.rpartition(".")[2]
            raise UserError(
                f"no '{name}' among the {family}: choose from {', '.join(names)}."
                + did_you_mean(name, names)
            )
        module = importlib.import_module(f"{self.package}.{name}")
        missing = [promise for promise in self.promises if not hasattr(module, promise)]
        if missing:
            raise TypeError(f"{module.__name__} must define {', '.join(missing)}")
        return module
