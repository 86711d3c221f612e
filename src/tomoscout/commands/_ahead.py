"""The material of the next run, read while the run before it is worked on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from tomoscout.io.project import Run

T = TypeVar("T")


def read_ahead(
    runs: Sequence[Run], read: Callable[[Run], T]
) -> Generator[tuple[Run, Callable[[], T]], None, None]:
    """Yield each run with what gives its material, or raises what went wrong when it was read.

    No more than two are held: the one that is worked on, and the next.

    Parameters
    ----------
    runs
        In the order they are worked on.
    read
        Reads the material of one run; called in a thread.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
    try:
        following: Future[T] | None = None
        for index, run in enumerate(runs):
            current = following or pool.submit(read, run)
            wait([current])
            rest = runs[index + 1 :]
            following = pool.submit(read, rest[0]) if rest else None
            yield run, current.result
            del current  # it holds the material
    finally:
        pool.shutdown(cancel_futures=True)
