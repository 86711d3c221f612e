"""Time a tomogram of the challenge's size through the full microscope, all four kinds.

    python benchmarks/simulate.py

Prints the seconds of each stage, the peak memory of the process, and the same for the quick
microscope: 184 x 630 x 630 voxels, 31 tilts.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from tomoscout.simulation import KINDS, PhysicsSettings, QuickSettings, Scene, simulate

TILTS = {"max_tilt": (45, 45), "tilt_step": (3, 3)}


def main() -> None:
    """Simulate twice with each microscope, and check that the bytes are the same."""
    scene = Scene()
    for label, microscope, kinds in (
        ("full, four kinds", PhysicsSettings(**TILTS), KINDS),
        ("quick, denoised", QuickSettings(**TILTS), ("denoised",)),
    ):
        made = []
        for _ in range(2):
            started = time.perf_counter()
            made.append(simulate(seed=1, scene=scene, microscope=microscope, kinds=kinds))
            seconds = time.perf_counter() - started
            print(f"{label}: {seconds:.1f} s, {len(made[-1].picks)} particles", flush=True)
        same = all(
            np.array_equal(made[0].tomograms[kind].data, made[1].tomograms[kind].data)
            for kind in kinds
        )
        print(f"{label}: the same bytes twice: {same}")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"peak memory so far, two results held: {memory:.2f} GiB")


if __name__ == "__main__":
    main()
