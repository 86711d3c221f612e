"""Measure how much particles stand out from the background, as it was measured on real slices.

    python benchmarks/realism.py --runs 10 -o out/realism [--molecule ribosome=MAP ...]
    python benchmarks/realism.py --runs 1 --shape 184 630 630 --crowding 1 -o out/picture

Simulates tomograms with the preset ``czii`` (small crowded ones by default) and prints
contrast-to-noise per object beside that of slices of three real denoised tomograms of the
challenge: the mean within 0.6 of the radius against the slice's median, in robust standard
deviations of the slice, over picks within four slices, on slices binned twice, as the published
pictures are. Pictures of each tomogram, its middle slices across z and across y, are saved beside.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from tomoscout.cli import main as tomoscout
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project import open_project
from tomoscout.simulation import KINDS

# TS_6_4 z 62, TS_86_3 z 50, TS_5_4 z 32: lowest and highest.
REAL = {
    "ribosome": (3.8, 7.0),
    "apo-ferritin": (2.7, 3.5),
    "thyroglobulin": (1.8, 2.2),
    "beta-galactosidase": (2.3, 3.1),
    "virus-like-particle": (4.4, 4.4),
}


def contrast_to_noise(volume: Volume, picks: Picks, *, every: int = 8) -> dict[str, list[float]]:
    """Return contrast-to-noise of each pick in each slice near it, by object."""
    found: dict[str, list[float]] = {}
    size = 2 * volume.voxel_spacing
    heights = picks.zyx[:, 0] / volume.voxel_spacing
    data = volume.read()
    for z in range(0, data.shape[0], every):
        near = np.flatnonzero(np.abs(heights - z) <= 4)
        if len(near) == 0:
            continue
        rows, columns = (n // 2 * 2 for n in data.shape[1:])
        binned = data[z, :rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean((1, 3))
        median = np.median(binned)
        spread = 1.4826 * np.median(np.abs(binned - median))
        y, x = (np.arange(n) * size + size / 4 for n in binned.shape)
        for i in near:
            name = str(picks.objects[i])
            distance = np.hypot(y[:, None] - picks.zyx[i, 1], x[None, :] - picks.zyx[i, 2])
            inside = binned[distance <= 0.6 * CZII[name].radius]
            if inside.size:
                found.setdefault(name, []).append(float((median - inside.mean()) / spread))
    return found


def draw(volume: Volume, path: Path) -> None:
    """Save slices across z and across y, in 32 shades of grey, which keep noisy pictures small."""
    data = volume.read()
    parts = np.vstack([data[data.shape[0] // 2], data[:, data.shape[1] // 2]])
    low, high = np.percentile(parts, (0.1, 99.95))
    shades = np.clip((parts - low) / (high - low), 0, 1) * 31
    Image.fromarray((np.rint(shades) * 8).astype(np.uint8)).save(path, optimize=True)


def main() -> None:
    """Simulate, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", type=int, nargs=3, default=(184, 320, 320))
    parser.add_argument("--crowding", type=float, default=3.0)
    parser.add_argument("--kinds", default="denoised", help="of which pictures are saved")
    parser.add_argument("--molecule", action="append", default=[])
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    molecules = [word for text in options.molecule for word in ("--molecule", text)]
    simulated = options.output / "simulated"
    command = ["simulate", str(simulated), "--preset", "czii", "--runs", str(options.runs)]
    command += ["--shape", *map(str, options.shape), "--crowding", str(options.crowding)]
    command += ["--kinds", options.kinds]
    if code := tomoscout([*command, "--seed", str(options.seed), *molecules]):
        raise SystemExit(code)
    runs = []
    for run in open_project(simulated / "copick.json").runs:
        volume = run.tomogram("denoised").load()
        runs.append({k: np.mean(v) for k, v in contrast_to_noise(volume, run.picks()).items()})
        for kind in KINDS if options.kinds == "all" else options.kinds.split(","):
            draw(run.tomogram(kind).load(), options.output / f"{run.name}-{kind}.png")
    print(f"\n{'':<22}{'real':>9}   ours: lowest, 10 %, median, 90 %, highest of the runs")
    for name, (low, high) in REAL.items():
        ours = [run[name] for run in runs if name in run]
        told = "  ".join(f"{value:5.1f}" for value in np.percentile(ours, (0, 10, 50, 90, 100)))
        print(f"{name:<22}{low:>5.1f}-{high:<5.1f}{told}")


if __name__ == "__main__":
    main()
