"""How many steps fit into some minutes, so that trainings are compared at the same price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

TRIAL = 12  # steps; the second half of them is timed


def steps_in(minutes: float, noted: Path, trial: Callable[..., object]) -> int:
    """Return how many steps fit, from a file or a trial: ``trial(steps=, tell=)`` trains a few."""
    if not noted.exists():
        times: list[float] = []
        trial(steps=TRIAL, tell=lambda now: times.append(time.perf_counter()))
        each = (times[-1] - times[TRIAL // 2]) / (len(times) - 1 - TRIAL // 2)
        noted.parent.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps(max(int(minutes * 60 / each), TRIAL)))
    return int(json.loads(noted.read_text()))
