"""What is usual: defaults that flags show in their help, and settings below the commands have too.

``--help`` must answer at once, and so cannot import settings, which load a good deal. These few
defaults therefore stand here, where both take them from.
"""

from __future__ import annotations

from typing import Final

ENSEMBLE: Final = "mean"
"""How several weights are joined."""

BLEND: Final = "probabilities"
"""What the mean of several weights is taken of."""

TTA: Final = "none"
"""Views that each tile is looked at from."""

AVERAGE: Final = "probabilities"
"""What is averaged over the views."""

ENCODER_RECIPE: Final = "contrast-3d"
"""How an encoder is trained."""

GROUPING: Final = "kmeans"
"""How crops are grouped."""

CLUSTERS: Final = 8
"""Groups that are made."""

PROJECTION: Final = "pca"
"""How embeddings are brought into the plane of a picture."""

RADIUS: Final = 100.0
"""Of particles that nobody described, in ångström."""

STRIDE: Final = 8
"""Voxels between the crops of a grid."""

THRESHOLD: Final = 0.5
"""Lowest score of a pick of a cluster, or of what is like examples."""

TURNS: Final = 4
"""Turns about the beam's axis that an example is looked at from."""

SECOND_SCORES: Final = "multiply"
"""What becomes of a pick's score when it is looked at again."""

DROP: Final = 0.5
"""Probability of background above which a pick is dropped."""
