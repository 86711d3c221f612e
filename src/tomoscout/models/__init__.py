"""Networks. Each file: ``Settings`` and ``build(settings, in_channels, out_channels)``.

The module's ``forward`` takes `(b, c, z, y, x)` and returns a tuple of logits from fine to
coarse (length 1 without deep supervision). It carries ``strides: tuple[int, ...]`` (one per
output) and ``divisor: (z, y, x)``; a patch whose shape is not a multiple of the divisor raises
and names the nearest right one.

Building gives random weights and reads no file. A network whose settings name weights to start
from is `Pretrainable`: a training loads them once, before its first step. One that can be trained
without labels first is `Encoding`: ``forward`` goes on from what ``encode`` gives.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from tomoscout.core.registry import Registry


@runtime_checkable
class Network(Protocol):
    """What the rest of the house knows of a network: an ``nn.Module`` that keeps the contract."""

    strides: tuple[int, ...]
    divisor: tuple[int, int, int]

    def __call__(self, x: Any, /) -> Any:
        """Return the logits, fine to coarse."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device."""
        ...

    def eval(self) -> Any:
        """Switch to use."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the weights."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take weights over."""
        ...


@runtime_checkable
class Pretrainable(Protocol):
    """A network whose settings can name weights to start from."""

    def load_pretrained(self) -> None:
        """Take over the weights that the settings name, or none where they name none."""
        ...


@runtime_checkable
class Encoding(Protocol):
    """A network whose deepest features can be learnt from tomograms without labels."""

    width: int
    divisor: tuple[int, int, int]

    def encode(self, x: Any, /) -> Any:
        """Return the deepest features `(b, width, u, v, w)` of patches `(b, c, z, y, x)`."""
        ...


MODELS = Registry(__name__, "Settings", "build")
