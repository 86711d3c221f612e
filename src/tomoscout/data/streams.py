"""Which of several series of tomograms a patch belongs to, and its place in that series.

Simulated tomograms come and go, and each worker process has to make its own. Were every batch
drawn from the same few tomograms, each worker would make all of them and more workers would help
nobody. So batches take turns among streams: batch b of an epoch is in stream b mod n. A loader
deals its batches to its workers in turn as well, hence a worker only ever meets its own streams
wherever its number divides theirs. The rule knows nothing of the workers: it is the work that
they share, and never the result that depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

from tomoscout.data.pool import Key


@dataclass(frozen=True)
class Streams:
    """How patches are dealt to streams.

    Attributes
    ----------
    per_process
        Streams of each process that trains.
    batches
        Batches of an epoch and process.
    batch_size
        Patches in a batch.
    processes
        How many train together; patch i goes to process i mod ``processes``.
    """

    per_process: int
    batches: int
    batch_size: int = 1
    processes: int = 1

    @property
    def count(self) -> int:
        """Streams over all processes."""
        return self.per_process * self.processes

    def place(self, key: Key) -> tuple[int, int]:
        """Return a patch's stream, and how many patches of that stream came before it."""
        epoch, index = key
        nth, process = divmod(index, self.processes)
        batch, within = divmod(nth, self.batch_size)
        turn, lane = divmod(batch, self.per_process)
        # Where the streams do not divide an epoch's batches, its last round is not complete.
        turns = -(-(self.batches - lane) // self.per_process)
        position = (epoch * turns + turn) * self.batch_size + within
        return process * self.per_process + lane, position
