"""A network and the card it came with, ready for use: what weights of every kind share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tomoscout.inference.card_file import digest_of, fill
from tomoscout.inference.find import title
from tomoscout.ops.precision import channels_last


class Ready:
    """What a network with its card and its file can say of itself; a base of dataclasses."""

    network: Any
    source: str

    @property
    def name(self) -> str:
        """What people call it: its file's stem, or the name of its training folder."""
        return title(Path(self.source))

    @property
    def fingerprint(self) -> str:
        """A short text that differs for other weights, whatever the file is called."""
        return digest_of(self.network.state_dict())


def put_to_use(network: Any, path: Path, *, name: str) -> None:
    """Give a network the weights of a file, and make it ready for use on the CPU.

    Parameters
    ----------
    network
        Built as the file's card says.
    path
        The file.
    name
        What the card calls the network, for messages.

    Raises
    ------
    UserError
        If the tensors do not fit the network.
    """
    fill(network, path, name=name)
    channels_last(network)
    network.eval()
