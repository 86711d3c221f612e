"""Transformer blocks: attention among all tokens, and a small network on each, both pre-norm.

Vaswani et al., 2017, arXiv:1706.03762; norms before instead of after: Xiong et al., 2020,
arXiv:2002.04745; residual layers that start small: Radford et al., 2019 (GPT-2).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, pad

_STD = 0.02  # of fresh weights, as in GPT-2


class SelfAttention(nn.Module):
    """Attention of every token to every other: `(b, n, c)` -> `(b, n, c)`.

    Query, key and value come from one layer; the rest is torch's fused kernel, which never holds
    the `n x n` matrix and sums the softmax in float32 whatever the inputs are.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b n c"], where: Float[Tensor, "#b n c"] | None = None
    ) -> Float[Tensor, "b n c"]:
        """Run the layer; ``where`` is added to what queries and keys are made of, not values."""
        b, n, c = x.shape
        qkv = self.qkv(x)
        if where is not None:  # what is added before a linear layer adds its image behind it
            qkv = qkv + pad(linear(where, self.qkv.weight[: 2 * c]), (0, c))
        split = qkv.view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        y = nn.functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out(y.transpose(1, 2).reshape(b, n, c))


class TransformerBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``; the sums stay in float32."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "b n c"], where: Float[Tensor, "#b n c"] | None = None
    ) -> Float[Tensor, "b n c"]:
        """Run the block."""
        x = x + self.drop(self.attention(self.norm1(x), where))
        return x + self.drop(self.mlp(self.norm2(x)))


class Transformer(nn.Module):
    """A chain of blocks and a last norm; each block draws weights of its own.

    Layers that add to the sum start smaller the more of them there are, so that the sum does not
    grow with depth. ``std`` is that of fresh weights: from larger ones tokens look at each other in
    the first step already, which short trainings need.
    """

    def __init__(
        self, width: int, *, layers: int, heads: int, dropout: float = 0.0, std: float = _STD
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.blocks.named_parameters():
            if parameter.ndim > 1:
                adds = name.endswith(("attention.out.weight", "mlp.2.weight"))
                nn.init.normal_(parameter, std=std / math.sqrt(2 * layers) if adds else std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self, x: Float[Tensor, "b n c"], where: Float[Tensor, "#b n c"] | None = None
    ) -> Float[Tensor, "b n c"]:
        """Run all blocks; each adds ``where`` to its queries and keys."""
        for block in self.blocks:
            x = block(x, where)
        return self.norm(x)


class Positions(nn.Module):
    """A learnt vector for each place of a grid of tokens, interpolated for grids of other shapes.

    Parameters
    ----------
    width
        Length of the vectors.
    grid
        Tokens (z, y, x) of the patch they are learnt for.
    """

    def __init__(self, width: int, grid: tuple[int, int, int]) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(1, width, *grid))
        nn.init.normal_(self.table, std=_STD)

    def forward(self, grid: tuple[int, int, int]) -> Float[Tensor, "1 c z y x"]:
        """Return the vectors for a grid; those learnt, untouched, at the shape learnt for."""
        if grid == tuple(self.table.shape[2:]):
            return self.table
        return nn.functional.interpolate(self.table, size=grid, mode="trilinear")
