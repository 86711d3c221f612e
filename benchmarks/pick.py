"""Time picking of a CZII-size tomogram against the filters everyone uses.

    python benchmarks/pick.py [--cells 92,315,315] [--particles 250]

Six score maps of 92 x 315 x 315 half floats (184 x 630 x 630 voxels at stride 2), 250 particles
each on a noisy floor. ``local_max`` does the whole job (maxima, sub-voxel, suppression, Å), on one
core and on two as ``pick`` uses them; scikit-image's ``peak_local_max`` finds cells that far apart,
or only marks the maxima, as SciPy's maximum filter and torch's max pooling do, on the same maps as
float32. Then the pickers of regions, on the same maps; mean shift against scikit-learn's on the
cells of one; and suppression alone against a loop over kept points.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from skimage.feature import peak_local_max
from sklearn.cluster import MeanShift

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII, ObjectType
from tomoscout.ops.mean_shift import modes
from tomoscout.ops.suppress import suppress
from tomoscout.pickers import PICKERS

THRESHOLD, NOISE = 0.2, 0.03


def score_map(geometry: Geometry, particles: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    score = np.zeros(geometry.cells, np.float32)
    score[tuple(rng.integers(2, np.array(geometry.cells) - 2, (particles, 3)).T)] = 1
    score = ndimage.gaussian_filter(score, 1.3, truncate=3)
    score = score / score.max() + 0.04 * rng.random(score.shape, dtype=np.float32)
    return np.clip(score, 0, 1).astype(np.float16)


def seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def find(
    score: np.ndarray,
    entry: ObjectType,
    geometry: Geometry,
    threshold: float,
    name: str,
    **options: Any,
) -> int:
    module = PICKERS[name]
    settings = module.Settings(**options)
    return len(
        module.find_picks(
            score, geometry=geometry, radius=entry.radius, name=entry.name,
            threshold=threshold, settings=settings,
        )
    )  # fmt: skip


def skimage_apart(score: np.ndarray, entry: ObjectType, geometry: Geometry) -> int:
    cells = round(1.2 * entry.radius / geometry.cell_spacing)
    return len(
        peak_local_max(score.astype(np.float32), min_distance=cells, threshold_abs=THRESHOLD)
    )


def skimage_marks(score: np.ndarray, entry: ObjectType) -> int:
    return len(peak_local_max(score.astype(np.float32), min_distance=1, threshold_abs=THRESHOLD))


def scipy_marks(score: np.ndarray, entry: ObjectType) -> int:
    floats = score.astype(np.float32)
    return int(((ndimage.maximum_filter(floats, 3) == floats) & (floats >= THRESHOLD)).sum())


def torch_marks(score: np.ndarray, entry: ObjectType) -> int:
    floats = torch.from_numpy(score).float()[None, None]
    top = torch.nn.functional.max_pool3d(floats, 3, 1, 1)
    return int(((top == floats) & (floats >= THRESHOLD)).sum())


def naive_suppress(zyx: np.ndarray, scores: np.ndarray, radius: float) -> list[int]:
    order = np.argsort(-scores, kind="stable")
    open_, kept = np.ones(len(zyx), bool), []
    for i in order:
        if open_[i]:
            kept.append(int(i))
            open_ &= ((zyx - zyx[i]) ** 2).sum(axis=1) > radius**2
    return kept


def compare_pickers(maps: Sequence[np.ndarray], geometry: Geometry) -> None:
    ours = partial(find, geometry=geometry, threshold=THRESHOLD)
    works: dict[str, tuple[int, Callable[[np.ndarray, ObjectType], int]]] = {
        "local_max, two threads": (2, partial(ours, name="local_max")),
        "local_max, one thread": (1, partial(ours, name="local_max")),
        "skimage peak_local_max, as far apart": (1, partial(skimage_apart, geometry=geometry)),
        "skimage peak_local_max, marks alone": (1, skimage_marks),
        "scipy maximum_filter, marks alone": (1, scipy_marks),
        "torch max_pool3d, marks alone": (1, torch_marks),
        "local_max, in the noise (0.03)": (
            1, partial(find, geometry=geometry, threshold=NOISE, name="local_max")
        ),
        "local_max, a mask smoothed by 18 Å": (
            1, partial(ours, name="local_max", source="mask", smooth=18.3, peak=0.1)
        ),
        "local_max, two cells as one": (1, partial(ours, name="local_max", downsample=2)),
        "components, not parted": (1, partial(ours, name="components", split=False)),
        "components": (1, partial(ours, name="components")),
        "watershed on the distance": (1, partial(ours, name="watershed")),
        "watershed on the score": (1, partial(ours, name="watershed", relief="score")),
        "mean_shift": (1, partial(ours, name="mean_shift")),
        "linked_slices": (1, partial(ours, name="linked_slices")),
    }  # fmt: skip

    def total(threads: int, work: Callable[[np.ndarray, ObjectType], int]) -> int:
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(work, maps, CZII.each()))

    print(f"six maps of {' x '.join(map(str, geometry.cells))} half floats")
    base = None
    for label, (threads, work) in works.items():
        found = total(threads, work)  # also imports what is imported late
        taken = seconds(partial(total, threads, work))
        base = base or taken
        print(f"  {label:37} {taken:7.3f} s   {taken / base:6.1f} x   {found:6d} found")


def compare_mean_shift(score: np.ndarray) -> None:
    cells = np.argwhere(score >= THRESHOLD).astype(np.float64)
    equal = np.ones(len(cells))
    ours = seconds(lambda: modes(cells, equal, bandwidth=3.5))
    taken = seconds(lambda: MeanShift(bandwidth=3.5, bin_seeding=True).fit(cells))
    print(
        f"mean shift of {len(cells)} cells\n  ours                                  {ours:7.3f} s"
    )
    print(f"  scikit-learn                          {taken:7.3f} s   {taken / ours:6.1f} x")


def compare_suppression(points: int) -> None:
    rng = np.random.default_rng(0)
    zyx, scores = rng.random((points, 3)) * 300, rng.random(points)
    print("suppression")
    print(f"  {f'{points} points':37} {seconds(lambda: suppress(zyx, scores, 8.0)):7.3f} s")
    few = slice(0, points // 10)
    ours = seconds(lambda: suppress(zyx[few], scores[few], 8.0))
    taken = seconds(lambda: naive_suppress(zyx[few], scores[few], 8.0))
    print(f"  {f'{points // 10} points':37} {ours:7.3f} s")
    print(f"  {f'{points // 10} points, a plain loop':37} {taken:7.3f} s   {taken / ours:6.1f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", default="92,315,315", help="cells of a map, z,y,x")
    parser.add_argument("--particles", type=int, default=250, help="particles of an object")
    options = parser.parse_args()
    z, y, x = (2 * int(n) for n in options.cells.split(","))
    geometry = Geometry((z, y, x), 10.012444, stride=2)
    maps = [score_map(geometry, options.particles, seed) for seed in range(len(CZII))]
    compare_pickers(maps, geometry)
    compare_mean_shift(maps[0])
    compare_suppression(100_000 if options.particles >= 250 else 10_000)


if __name__ == "__main__":
    main()
