"""What all backends share: the network they are given, what they give back, and its trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Shape
from tomoscout.inference.backends._files import digest
from tomoscout.models import Network
from tomoscout.ops.precision import autocast, has_fast_bf16

Run = Callable[[Tensor], Tensor]

_TOLERANCE = {False: 1e-3, True: 0.05}  # of the logits' spread, in the mean, without and with bf16


class Finest(nn.Module):
    """A network's finest logits in float32, computed inside in bf16 where that was asked for."""

    def __init__(self, network: Any, *, bf16: bool = False) -> None:
        super().__init__()
        self.network = network
        self.bf16 = bf16

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        with torch.autocast(x.device.type, torch.bfloat16, self.bf16, cache_enabled=False):
            logits = self.network(x)[0]
        return logits.float()


class Prepared:
    """A network ready for tiles of one shape: it keeps the contract of ``models`` as far as used.

    Attributes
    ----------
    strides
        That of the finest logits, which are all that it gives.
    divisor
        The network's own.
    tile
        Voxels (z, y, x) of the only tiles it takes.
    """

    def __init__(self, run: Run, network: Network, *, tile: Shape, device: torch.device) -> None:
        self.strides: tuple[int, ...] = tuple(network.strides[:1])
        self.divisor = network.divisor
        self.tile = tile
        self._run = run
        self._device = device

    def __call__(self, x: Any, /) -> Any:
        """Return the finest logits, as the only item of a tuple.

        Raises
        ------
        ValueError
            If the tile has another shape.
        """
        if tuple(x.shape[-3:]) != self.tile:
            raise ValueError(f"prepared for tiles of {self.tile} voxels, got {tuple(x.shape[-3:])}")
        # How precisely to compute was settled when it was made ready.
        with torch.inference_mode(), torch.autocast(self._device.type, enabled=False):
            return (self._run(x),)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Stay where it is: a prepared network is for one device."""
        return self

    def eval(self) -> Any:
        """Stay in use, which is all it is for."""
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: its weights are part of its code."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Refuse other weights."""
        raise TypeError("a prepared network takes no other weights: prepare their network")


def prepared(
    backend: str,
    network: Network,
    make: Callable[[bool], Run],
    *,
    tile: Shape,
    in_channels: int,
    device: torch.device,
    bf16: bool,
    trial: bool = True,
) -> Prepared:
    """Return a network made ready, and held against the network itself on a random tile.

    One that was made ready before in this process, with the same weights, is taken again.

    Parameters
    ----------
    backend
        Name of the backend.
    network
        The network, on the device.
    make
        Makes it ready, told whether to compute in bf16.
    tile, in_channels, device
        Shape and place of its input.
    bf16
        Whether to compute in bf16 where the device is fast at it.
    trial
        Whether to hold it against the network: not where ``make`` has done so.

    Raises
    ------
    UserError
        If its logits are not those of the network.
    """
    bf16 = bf16 and has_fast_bf16(device)
    key = (backend, digest(network), tile, in_channels, device, bf16, torch.get_num_threads())
    kept = _KEPT.setdefault(network, {})
    if key not in kept:
        run = make(bf16)
        ready = Prepared(run, network, tile=tile, device=device)
        if trial:
            _try_out(ready, network, backend, (1, in_channels, *tile), device, bf16=bf16)
        kept[key] = ready
    return kept[key]


_KEPT: WeakKeyDictionary[Any, dict[Any, Prepared]] = WeakKeyDictionary()


def _try_out(
    ready: Prepared,
    network: Network,
    backend: str,
    shape: tuple[int, ...],
    device: torch.device,
    *,
    bf16: bool,
) -> None:
    """Refuse a network made ready whose logits are not those of the network."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.inference_mode(), autocast(device, bf16):
        expected = network(x)[0].float()
    found = ready(x)[0]
    scale = float(expected.abs().mean() + expected.std())
    off = float((found - expected).abs().mean()) / max(scale, 1e-6)
    if not off <= _TOLERANCE[bf16]:
        raise UserError(
            f"--backend {backend}: its scores are not the network's (off by {off:.1%} of their "
            "spread): use --backend torch"
        )


@contextmanager
def while_tracing() -> Iterator[None]:
    """Silence remarks on tracing: a trace is for one shape, and that tracing is old is known."""
    import warnings

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "ONNX export mode")
        yield
