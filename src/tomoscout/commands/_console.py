"""What the verbs print with: results on standard output, progress on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(soft_wrap=True)
"""Results, for people and pipes."""

status = Console(stderr=True, soft_wrap=True)
"""Progress and remarks, silenced by ``--quiet``."""


@dataclass(frozen=True)
class Bar:
    """A running progress bar."""

    progress: Progress
    task: TaskID

    def advance(self, steps: float = 1) -> None:
        """Move on by some steps."""
        self.progress.advance(self.task, steps)

    def update(self, done: float, note: str | None = None) -> None:
        """Set how much is done and, when given, the remark behind the bar."""
        self.progress.update(self.task, completed=done)
        if note is not None:
            self.progress.update(self.task, note=note)

    def fraction(self, done: float) -> None:
        """Set the share done, 0 to 1; fits the ``progress`` argument of library functions."""
        total = self.progress.tasks[self.task].total or 1
        self.progress.update(self.task, completed=done * total)


@contextmanager
def progress(total: float, description: str) -> Iterator[Bar]:
    """Show a bar with the time left while the block runs; it leaves its last state behind.

    A block that fails takes its bar away: what went wrong is told in one line.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # Without a terminal a bar would flood the log with control codes; rich then prints the end.
    with Progress(*columns, console=status, disable=status.quiet) as bars:
        try:
            yield Bar(bars, bars.add_task(description, total=total, note=""))
        except BaseException:
            bars.live.transient = True
            bars.live.stop()
            bars.disable = True  # else it leaves an empty line
            raise
