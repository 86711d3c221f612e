"""Time a tomogram of the challenge's size through the full microscope, all four kinds.

    python benchmarks/simulate.py

Prints the seconds of each stage, the peak memory of the process, and the same for the quick
microscope: 184 x 630 x 630 voxels, 31 tilts.
"""

from __future__ import annotations

import hashlib
import resource
import time

import numpy as np

from tomoscout.simulation import KINDS
from tomoscout.simulation.preset import read_preset, run_preset

CONDITIONS = {"max_tilt": (45, 45), "tilt_step": (3, 3)}  # 31 images
FULL = {"physics": "full", "full": CONDITIONS | {"quieting": (0.3, 0.3)}, "kinds": KINDS}
QUICK = {"physics": "quick", "quick": CONDITIONS}


def main() -> None:
    """Simulate twice with each microscope, and check that the bytes are the same."""
    for label, settings in (("quick, denoised", QUICK), ("full, four kinds", FULL)):
        preset = read_preset("czii", settings)
        digests = []
        for _ in range(2):
            started = time.perf_counter()
            made = run_preset(preset, seed=1, objects=preset.table)
            seconds = time.perf_counter() - started
            print(f"{label}: {seconds:.1f} s, {len(made.picks)} particles", flush=True)
            parts = [np.asarray(t.data).tobytes() for t in made.tomograms.values()]
            digests.append(hashlib.sha256(b"".join(parts)).hexdigest())
            del made, parts
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{label}: same bytes: {digests[0] == digests[1]}, peak memory {memory:.2f} GiB")


if __name__ == "__main__":
    main()
