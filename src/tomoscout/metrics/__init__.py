"""Scores of picks. Each file: ``score(picks, truth, *, objects, ...)``, a frozen result.

Counts are kept beside ratios, so results of several runs add up with ``+``.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

METRICS = Registry(__name__, "score")
