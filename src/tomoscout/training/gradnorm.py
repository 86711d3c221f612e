"""GradNorm: balance the parts of a loss by the gradients they send to the network.

A sum of losses is ruled by the part with the largest gradient, whatever its value. GradNorm
measures the gradient of each part at the network's last layer and moves the parts' weights until
all learn at the same pace; those that lag behind are favoured by a power ``alpha``. Choose it for
sums whose best shares are not known, in trainings of a few thousand steps: it needs some hundred
to settle. Chen et al., 2018, arXiv:1711.02257.

The weights have an optimiser of their own, which is stepped by hand here. The network's is left
to the loop, so clipping, accumulation, schedules and several devices work as without.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, distributed

_FEW = 10  # steps whose mean loss is where each part starts: one batch says little


class GradNorm:
    """Weights of the parts of a loss, learnt beside the network.

    Parameters
    ----------
    learning_rate
        Of the weights.
    alpha
        How strongly parts that learn slower than others are favoured.
    accumulate
        Batches that make one step.
    """

    def __init__(self, *, learning_rate: float, alpha: float, accumulate: int = 1) -> None:
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.accumulate = accumulate
        self._theta = torch.zeros(0)
        self._optimizer: torch.optim.Optimizer | None = None
        self._start = torch.zeros(0)
        self._steps = 0
        self._noted: list[Tensor] = []

    @property
    def weights(self) -> Float[Tensor, " parts"]:
        """Weights of the parts; they add up to the number of parts. Empty before the first."""
        return len(self._theta) * torch.softmax(self._theta.detach(), 0)

    def total(self, parts: Sequence[Tensor], layers: Sequence[Tensor]) -> Float[Tensor, ""]:
        """Return the weighted sum of the parts, and learn from their gradients.

        Parameters
        ----------
        parts
            Losses, with the graph that leads to them.
        layers
            Weights at which gradients are measured: those of the network's last layer.
        """
        losses = torch.stack(list(parts))
        if self._optimizer is None:
            self._begin(len(parts), losses.device)
        weights = self.weights
        norms = torch.stack([_norm(part, layers) for part in parts])
        self._noted.append(torch.stack([losses.detach(), norms]))
        if len(self._noted) == self.accumulate:
            seen, slopes = _over_processes(torch.stack(self._noted).mean(0))
            self._noted.clear()
            self._learn(seen, slopes)
        return (weights * losses).sum()

    def _begin(self, count: int, device: torch.device) -> None:
        """Start with all parts alike."""
        self._theta = torch.zeros(count, device=device, requires_grad=True)
        self._optimizer = torch.optim.AdamW([self._theta], lr=self.learning_rate)
        self._start = torch.zeros(count, device=device)

    def _learn(self, losses: Tensor, norms: Tensor) -> None:
        """Move the weights one step towards equal pace."""
        if self._optimizer is None:
            return
        if self._steps < _FEW:
            self._start += losses / _FEW
        self._steps += 1
        if self._steps <= _FEW:
            return
        left = losses / self._start.clamp(min=1e-8)
        pace = left / left.mean().clamp(min=1e-8)
        slopes = len(losses) * torch.softmax(self._theta, 0) * norms
        wanted = slopes.detach().mean() * pace**self.alpha
        self._optimizer.zero_grad()
        (self._theta.grad,) = torch.autograd.grad((slopes - wanted).abs().sum(), self._theta)
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training must know."""
        return {
            "theta": self._theta.detach().clone(),
            "start": self._start.clone(),
            "steps": self._steps,
            "optimizer": None if self._optimizer is None else self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from a checkpoint."""
        if state["optimizer"] is None:
            return
        self._begin(len(state["theta"]), device)
        with torch.no_grad():
            self._theta.copy_(state["theta"])
        self._start = state["start"].to(device)
        self._steps = int(state["steps"])
        if self._optimizer is not None:
            self._optimizer.load_state_dict(deepcopy(state["optimizer"]))


def last_layers(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the weights of the layer that made each output: the nearest ones in its graph."""
    found: dict[int, Tensor] = {}
    for output in outputs:
        front: list[Any] = [output.grad_fn]
        met: set[Any] = set()
        nearest: list[Tensor] = []
        while front and not nearest:
            variables = [getattr(node, "variable", None) for node in front]
            nearest = [v for v in variables if v is not None and v.ndim > 1]
            met.update(front)
            after = [n for node in front for n, _ in node.next_functions if n is not None]
            front = [node for node in dict.fromkeys(after) if node not in met]
        found.update({id(v): v for v in nearest})
    return list(found.values())


def _norm(part: Tensor, layers: Sequence[Tensor]) -> Tensor:
    """Return the norm of a part's gradient; what it does not depend on counts 0."""
    if not part.requires_grad:
        return part.new_zeros(())
    slopes = torch.autograd.grad(part, list(layers), retain_graph=True, allow_unused=True)
    squares = [slope.float().square().sum() for slope in slopes if slope is not None]
    return torch.stack(squares).sum().sqrt() if squares else part.new_zeros(())


def _over_processes(values: Tensor) -> Tensor:
    """Return the mean over all processes that train together."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(values)
        values /= distributed.get_world_size()
    return values
