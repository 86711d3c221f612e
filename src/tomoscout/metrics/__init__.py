"""Scores of picks. Each file: ``score(picks, truth, *, objects, ...)``, a frozen result.

Counts, or what ratios are made of, are kept beside the ratios, so results of several runs add up
with ``+``; ``facts()`` returns a result as plain values, for a file. ``czii`` and ``one_to_one``
return a `Result`; files that look at single errors have a ``measure`` besides, for runs that
`_matched.match_runs` has matched already. ``presence`` takes all crops of a grid instead of picks.
Nothing heavy is imported here: names must be quick.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry
from tomoscout.metrics._places import BORDERS, DEPTHS, Places
from tomoscout.metrics._ranked import Ranked, Reliability
from tomoscout.metrics._result import BETA, REACH, Counts, Result
from tomoscout.metrics._runs import paired, rows_of
from tomoscout.metrics._shrec_result import ShrecResult

METRICS = Registry(__name__, "score")

__all__ = [
    "BETA",
    "BORDERS",
    "DEPTHS",
    "METRICS",
    "REACH",
    "Counts",
    "Places",
    "Ranked",
    "Reliability",
    "Result",
    "ShrecResult",
    "paired",
    "rows_of",
]
