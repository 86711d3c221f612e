"""The projection that objectives compare: a small network on the features, thrown away later.

Comparing features themselves makes them blind to all that views differ in; with a projection in
between, that loss happens in the projection (Chen et al., 2020, arXiv:2002.05709, section 4.2).
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

Widths = tuple[int, ...]


def projection(features: int, widths: Widths, *, norm: bool = False) -> nn.Sequential:
    """Return linear layers with ReLU between them: `(b, features)` -> `(b, widths[-1])`.

    Parameters
    ----------
    features
        Length of what comes in.
    widths
        Length of what each layer gives.
    norm
        Batch norm behind each layer but the last; it then needs two crops at least.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((features, *widths[:-1])):
        # A norm has a shift of its own.
        layers += [nn.Linear(before, after, bias=not norm)]
        layers += [nn.BatchNorm1d(after)] if norm else []
        layers += [nn.ReLU()]
    last = (features, *widths)[-2]
    return nn.Sequential(*layers, nn.Linear(last, widths[-1]))
