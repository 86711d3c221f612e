"""Maximise something that is costly to try, in a study on disk that goes on where it was stopped.

A study first tries what it is told to: the settings in use, or a whole grid. After that Optuna's
tree-structured Parzen estimator proposes (Bergstra et al., 2011; Akiba et al., 2019,
doi:10.1145/3292500.3330701). Each proposal has a seed of its own, so a study that was killed and
gone on with ends as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tomoscout.core.errors import UserError
from tomoscout.tuning.spaces import Space

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Trial:
    """Settings that were tried, and what they reached."""

    settings: dict[str, Any]
    value: float


def maximise(
    evaluate: Callable[[dict[str, Any]], float],
    space: Space,
    *,
    planned: Sequence[Mapping[str, Any]],
    trials: int,
    seed: int = 0,
    storage: Path | None = None,
    name: str = "study",
    progress: Progress | None = None,
) -> Trial:
    """Return the best of the trials; of equally good ones the first.

    Parameters
    ----------
    evaluate
        Says how good settings are; higher is better.
    space
        The settings, and values of each.
    planned
        What is tried first, in this order.
    trials
        Trials in all; those beyond the planned are proposed by the sampler.
    seed
        Of the sampler.
    storage
        SQLite file of the study; memory when not given.
    name
        Of the study in that file. Trials of an earlier call under this name count: it must name
        all that the values depend on.
    progress
        Told the share done, 0 to 1.

    Raises
    ------
    UserError
        If the file is something else than a study, or in use.
    """
    import optuna  # takes a second, and most tuning does without

    # What is in use may lie outside of the space: then that counts as part of it.
    distributions = {
        key: _distribution((*values, *(settings[key] for settings in planned)))
        for key, values in space.items()
    }
    wanted = max(trials, len(planned)) if space else 1
    with _opened(storage, name) as study:
        done = len(_complete(study))
        for number in range(done, wanted):
            if progress is not None:
                progress(number / wanted)
            if number < len(planned):
                settings = dict(planned[number])
                trial = optuna.trial.create_trial(
                    params=settings,
                    distributions=distributions,
                    value=evaluate(settings),
                )
                study.add_trial(trial)
            else:
                study.sampler = optuna.samplers.TPESampler(seed=seed + number)
                asked = study.ask(distributions)
                study.tell(asked, evaluate(dict(asked.params)))
        if progress is not None:
            progress(1.0)
        return max(_complete(study)[:wanted], key=lambda trial: trial.value)


def _complete(study: Any) -> list[Trial]:
    """Return the trials that came to an end, in their order; a killed one left its number."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [Trial(dict(t.params), t.value) for t in sorted(ended, key=lambda t: t.number)]


@contextmanager
def _opened(storage: Path | None, name: str) -> Iterator[Any]:
    """Open a study; its file is closed at the end."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it writes a line per trial
    if storage is None:
        yield optuna.create_study(direction="maximize", study_name=name)
        return
    storage.parent.mkdir(parents=True, exist_ok=True)
    try:
        kept = optuna.storages.RDBStorage(
            f"sqlite:///{storage.absolute()}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
    except (SQLAlchemyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{storage}: no study to go on with ({reason}): remove it") from error
    try:
        yield optuna.create_study(
            storage=kept, direction="maximize", study_name=name, load_if_exists=True
        )
    finally:
        kept.remove_session()
        kept.engine.dispose()


def _distribution(values: Sequence[Any]) -> Any:
    """Return what the sampler draws from: numbers between the ends, or one of the values."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return CategoricalDistribution(tuple(dict.fromkeys(values)))
    low, high = min(values), max(values)
    if all(isinstance(v, int) for v in values):
        return IntDistribution(low, high)
    # Over more than an order of magnitude ratios matter, not differences.
    return FloatDistribution(low, high, log=low > 0 and math.log10(high / low) >= 1)
