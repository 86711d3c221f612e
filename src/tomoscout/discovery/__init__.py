"""Unsupervised discovery: embedded tomograms into clusters, presence maps and few-shot matches.

All but ``examples`` and ``darkness`` work on plain arrays of embeddings. ``cluster`` groups them,
``particles`` says which groups are particles, ``scores`` turns groups into maps; ``prototypes``
does without groups, from a few examples, against a ``background``.
"""
