"""Scores of picks. Each file: ``score(picks, truth, *, objects, ...)``, a frozen ``Result``.

Counts are kept beside ratios, so results of several runs add up with ``+``.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry
from tomoscout.metrics._result import BETA, REACH, Counts, Result
from tomoscout.metrics._runs import paired

METRICS = Registry(__name__, "score")

__all__ = ["BETA", "METRICS", "REACH", "Counts", "Result", "paired"]
