"""Time picking of a CZII-size tomogram against the filters everyone uses.

    python benchmarks/pick.py

Six score maps of 92 x 315 x 315 half floats (184 x 630 x 630 voxels at stride 2), 250 particles
each on a noisy floor. ``local_max`` does the whole job (maxima, sub-voxel, suppression, Å); its
peers only mark the maxima: SciPy's maximum filter and torch's max pooling, of 3 cells, on the
same maps as float32. Then suppression alone, at 100 000 points, against a loop over kept points.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII
from tomoscout.ops.suppress import suppress
from tomoscout.pickers import PICKERS

GEOMETRY = Geometry((184, 630, 630), 10.012444, stride=2)


def score_map(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    score = np.zeros(GEOMETRY.cells, np.float32)
    score[tuple(rng.integers(2, np.array(GEOMETRY.cells) - 2, (250, 3)).T)] = 1
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


def naive_suppress(zyx: np.ndarray, scores: np.ndarray, radius: float) -> list[int]:
    order = np.argsort(-scores, kind="stable")
    open_, kept = np.ones(len(zyx), bool), []
    for i in order:
        if open_[i]:
            kept.append(int(i))
            open_ &= ((zyx - zyx[i]) ** 2).sum(axis=1) > radius**2
    return kept


def main() -> None:
    maps = [score_map(seed) for seed in range(len(CZII))]

    def pick(name: str, threshold: float) -> int:
        module = PICKERS[name]
        settings = module.Settings()
        return sum(
            len(
                module.find_picks(
                    score,
                    geometry=GEOMETRY,
                    radius=o.radius,
                    name=o.name,
                    threshold=threshold,
                    settings=settings,
                )
            )
            for score, o in zip(maps, CZII.each(), strict=True)
        )

    def scipy_filter() -> int:
        floats = (score.astype(np.float32) for score in maps)
        return sum(((ndimage.maximum_filter(f, 3) == f) & (f >= 0.2)).sum() for f in floats)

    def torch_pool() -> int:
        floats = (torch.from_numpy(score).float()[None, None] for score in maps)
        pooled = ((torch.nn.functional.max_pool3d(f, 3, 1, 1), f) for f in floats)
        return sum(int(((top == f) & (f >= 0.2)).sum()) for top, f in pooled)

    ours = seconds(lambda: pick("local_max", 0.2))
    print(f"six maps of {' x '.join(map(str, GEOMETRY.cells))} half floats")
    print(f"  local_max, threshold 0.2        {ours:7.3f} s   {pick('local_max', 0.2)} picks")
    for label, work in (
        ("local_max, in the noise (0.03)", lambda: pick("local_max", 0.03)),
        ("components, threshold 0.2", lambda: pick("components", 0.2)),
        ("scipy maximum_filter alone", scipy_filter),
        ("torch max_pool3d alone", torch_pool),
    ):
        taken = seconds(work)
        print(f"  {label:30}  {taken:7.3f} s   {taken / ours:5.1f} times as long")

    rng = np.random.default_rng(0)
    zyx, scores = rng.random((100_000, 3)) * 300, rng.random(100_000)
    print("suppression")
    ours = seconds(lambda: suppress(zyx, scores, 8.0))
    print(f"  100 000 points                  {ours:7.3f} s")
    few = slice(0, 10_000)
    ours = seconds(lambda: suppress(zyx[few], scores[few], 8.0))
    taken = seconds(lambda: naive_suppress(zyx[few], scores[few], 8.0))
    print(f"  10 000 points                   {ours:7.3f} s")
    print(f"  10 000 points, a plain loop     {taken:7.3f} s   {taken / ours:5.1f} times as long")


if __name__ == "__main__":
    main()
