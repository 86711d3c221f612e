"""How patches are dealt: completely, in order, and so that workers share the tomograms."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tomoscout.data.streams import Streams

SMALL = st.integers(1, 5)


@given(per_process=SMALL, batches=st.integers(1, 11), batch_size=SMALL, processes=SMALL)
def test_each_stream_counts_its_patches_without_gaps_over_epochs(
    per_process, batches, batch_size, processes
):
    streams = Streams(per_process, batches, batch_size, processes)
    seen = defaultdict(list)
    for epoch in range(3):
        for index in range(batches * batch_size * processes):
            stream, position = streams.place((epoch, index))
            seen[stream].append(position)
    assert all(0 <= stream < streams.count for stream in seen)
    assert len(seen) == min(per_process, batches) * processes
    # Not in order of index: processes take turns; but every one once, and none missing.
    assert all(sorted(found) == list(range(len(found))) for found in seen.values())


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_and_processes_never_meet_in_a_stream(workers):
    """Patch i goes to process i mod 2, and batch b of a process to its worker b mod n."""
    streams = Streams(4, batches=10, batch_size=3, processes=2)
    users = defaultdict(set)
    for epoch in range(2):
        for index in range(60):
            batch = index // 2 // 3
            users[streams.place((epoch, index))[0]].add((index % 2, batch % workers))
    assert len(users) == streams.count == 8
    assert all(len(who) == 1 for who in users.values())


def test_a_batch_is_of_one_stream():
    streams = Streams(4, batches=10, batch_size=3)
    for batch in range(10):
        assert len({streams.place((1, batch * 3 + i))[0] for i in range(3)}) == 1
