"""What runs a network in use, instead of PyTorch as it trains. Each file is one alternative.

``prepare(network, *, tile, in_channels=1, device, folder=None, bf16=True)`` returns the network
made ready for tiles of one shape: something to call with `(b, c, z, y, x)` that gives a tuple with
the finest logits, and that carries ``strides``, ``divisor`` and ``tile``. The logits are those of
the network, within rounding: this is tried out on a random tile when a network is made ready. What
takes long to make is kept in ``folder``, under a name that tells weights, tile and versions apart.

A backend that needs packages which are no part of the house names them in ``NEEDS`` and imports
them when it is used; `find_backend` says which extra is missing.

Backends whose networks can be given away as one file also have ``SUFFIX``,
``save(module, path, *, example, facts)``, ``load(path, *, device)`` and ``read_facts(path)``; see
``exporting``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tomoscout.core.registry import Registry

if TYPE_CHECKING:  # listing backends loads none
    import torch

BACKENDS = Registry(__name__, "prepare")


def find_backend(name: str) -> Any:
    """Return a backend whose packages are there.

    Raises
    ------
    UserError
        If there is no such backend, or a package that it needs is missing (with the remedy).
    """
    from tomoscout.inference.backends._files import need

    module = BACKENDS[name]
    for package in getattr(module, "NEEDS", ()):
        need(package, backend=name)
    return module


def fastest(device: torch.device) -> str:
    """Return the backend that needs no extra and is quickest on a device.

    Measured with ``benchmarks/backends.py``. In bf16 the default network takes the same time with
    all of them within some 15 %, so PyTorch stays. Processors without bf16 compute in float32,
    where oneDNN's own layouts, which TorchScript chooses for a frozen network, halve the time of
    channels-last convolutions.
    """
    from tomoscout.ops.precision import has_fast_bf16

    return "torch" if device.type != "cpu" or has_fast_bf16(device) else "torchscript"
