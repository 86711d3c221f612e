"""Embeddings in a plane by UMAP, which keeps neighbours together.

Choose it where clusters overlap in their principal components. It shows which crops are alike; how
far groups lie apart, how large they are, and the axes mean nothing. McInnes et al., 2018,
arXiv:1802.03426. It needs umap-learn (the extra ``umap``), which nothing else does.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError

_NEIGHBOURS = 15  # crops that each is compared with


def check_umap() -> None:
    """Refuse what cannot be drawn, before anything is computed.

    Raises
    ------
    UserError
        If umap-learn is not installed.
    """
    if find_spec("umap") is None:
        raise UserError(
            "projection umap: umap-learn is not installed: pip install 'tomoscout[umap]', or take "
            "pca"
        )


def umap_plane(vectors: Float[np.ndarray, "n f"], *, seed: int) -> Float[np.ndarray, "n 2"]:
    """Return embeddings in the plane, the same each time.

    Parameters
    ----------
    vectors
        One embedding a row, some thousands at most: it takes seconds for each thousand.
    seed
        Of what is drawn at random.

    Raises
    ------
    UserError
        If umap-learn is not installed.
    """
    check_umap()
    from umap import UMAP  # loads numba, which takes seconds

    neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    # One job: the order in which several finish would show in the picture.
    placing = UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1)
    return np.asarray(placing.fit_transform(vectors), np.float64)
