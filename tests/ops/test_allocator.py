"""Freed memory is kept: a block that comes back is not cleared by the system again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MEASURE = """
import resource
import sys
import numpy as np
from tomoscout.ops.allocator import keep_freed_memory
done = keep_freed_memory() if sys.argv[1] == "keep" else False
def touch():
    np.empty(100 << 20, np.uint8).fill(1)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(done, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(what: str, **more: str) -> tuple[bool, int]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    # NumPy asks for huge pages by itself, which would hide what is counted.
    environment |= {"NUMPY_MADVISE_HUGEPAGE": "0"} | more
    command = [sys.executable, "-c", MEASURE, what]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    done, count = told.stdout.split()
    return done == "True", int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_block_that_comes_back_is_not_mapped_anew():
    (_, plain), (done, kept) = faults("leave"), faults("keep")
    if not done:
        pytest.skip("not glibc")
    assert plain > 5 * 20_000  # pages of 4 KiB
    assert kept < plain / 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_whoever_tunes_the_allocator_is_left_alone():
    assert faults("keep", MALLOC_ARENA_MAX="2")[0] is False
