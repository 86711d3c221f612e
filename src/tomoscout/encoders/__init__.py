"""Encoders: crops in, one vector each out. Each file: ``Settings`` and ``build(settings)``.

An encoder is an ``nn.Module`` whose ``forward`` takes crops `(b, 1, z, y, x)` and returns
`(b, features)`: the pooled output of its backbone, in float32 whatever it computed in. That is what
clusters and prototypes use. ``project`` turns features into what an objective compares; a
projection is thrown away after training, for it forgets what the views were made to differ in.

It carries ``features`` and ``projection``, the lengths of the two vectors; ``divisor: (z, y, x)``,
of which a crop is a multiple, else it raises and names the nearest right shape; and ``flat``, true
of encoders that look at single slices and take crops of one voxel along z. Parameters that take no
part in ``forward`` or ``project`` have ``requires_grad`` off. Building gives random weights.

One that offers the map its features are pooled from is `Mapped`, and keeps its projection in
``projector``: classifiers are built upon it, and leave the projection out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from tomoscout.core.registry import Registry


@runtime_checkable
class Encoder(Protocol):
    """What the rest of the house knows of an encoder: an ``nn.Module`` that keeps the contract."""

    features: int
    projection: int
    divisor: tuple[int, int, int]
    flat: bool

    def __call__(self, x: Any, /) -> Any:
        """Return the features `(b, features)` of crops `(b, 1, z, y, x)`."""
        ...

    def project(self, features: Any, /) -> Any:
        """Return the projections `(b, projection)` of features, for an objective."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch to training."""
        ...

    def eval(self) -> Any:
        """Switch to use."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Return what is learnt."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the weights."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take weights over."""
        ...


@runtime_checkable
class Mapped(Protocol):
    """An encoder whose deepest map others may build upon."""

    features: int
    divisor: tuple[int, int, int]
    stride: tuple[int, int, int]
    flat: bool
    projector: Any

    def encode(self, x: Any, /) -> Any:
        """Return the map `(b, features, u, v, w)`, a cell per ``stride`` voxels."""
        ...


ENCODERS = Registry(__name__, "Settings", "build")
