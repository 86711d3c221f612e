"""Classifiers: crops in, logits of what they hold out. ``Settings``, ``build(settings, classes)``.

A classifier is an ``nn.Module`` with a ``backbone`` of `encoders`, which may be pretrained, and a
head. ``encode`` makes tokens `(b, n, width)` of crops `(b, 1, z, y, x)`, and ``decide(tokens,
positions)`` logits `(b, classes)` of tokens, in float32; ``forward(x, positions)`` does one after
the other. ``positions`` `(b, n)` say where each token stands: token ``p`` at place
``positions[p]``; left out, each stands in its own place. They are what a puzzle shuffles
(`ops.puzzle`).

It carries ``classes``; ``grid: (z, y, x)``, how many tokens and so pieces there are along each
axis, all 1 for one that knows no positions; ``divisor: (z, y, x)``, of which a crop is a multiple,
else it raises and names the nearest right shape; and ``flat``, true of those that look at single
slices. Class 0 is background. Building gives random weights.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from tomoscout.core.registry import Registry


@runtime_checkable
class Classifier(Protocol):
    """What the rest of the house knows of a classifier: a module that keeps the contract."""

    classes: int
    grid: tuple[int, int, int]
    divisor: tuple[int, int, int]
    flat: bool

    def __call__(self, x: Any, positions: Any = None, /) -> Any:
        """Return the logits `(b, classes)` of crops `(b, 1, z, y, x)`."""
        ...

    def encode(self, x: Any, /) -> Any:
        """Return the tokens `(b, n, width)` of crops."""
        ...

    def decide(self, tokens: Any, positions: Any = None, /) -> Any:
        """Return the logits of tokens that stand at given places."""
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


CLASSIFIERS = Registry(__name__, "Settings", "build")
