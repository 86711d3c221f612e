"""Weights, truth and score maps that are known: as training and ``predict`` would write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.inference.weights import Card, Detector, build_network, save_detector
from tomoscout.io.scores import create_scores
from tomoscout.ops.normalise import NormaliseSettings

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=80), ObjectType(name="small", radius=40, weight=3))
)
GEOMETRY = Geometry((32, 64, 64), 10.0, 2)
RUNS = ("run0", "run1", "run2")


def save_weights(path: Path, seed: int = 0, **changes) -> Detector:
    torch.manual_seed(seed)
    values = {
        "model": Choice(name="scout_unet", widths=[4, 8]),
        "objects": tuple(entry.model_dump() for entry in OBJECTS.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max", distance=0.5),
        "thresholds": {"large": 0.9, "small": 0.9},
        "trained_on": ("run0",),
    }
    card = Card(**{**values, **changes})
    detector = Detector(build_network(card).eval(), card, str(path))
    save_detector(detector, path)
    return detector


def truth_of(run: str) -> Picks:
    """Four particles of each object, elsewhere in every run, all 200 Å apart."""
    rng = np.random.default_rng(int(run[-1]))
    slots = rng.permutation(np.array(np.meshgrid([8], [5, 16, 27], [5, 16, 27])).reshape(3, -1).T)
    zyx = GEOMETRY.to_angstrom(slots[:8])
    return Picks(zyx, np.repeat(OBJECTS.names, 4), run=run)


def planted(
    run: str,
    *,
    height: float = 0.8,
    alarms: float = 0.2,
    twins: float = 0.0,
    torn: float = 0.0,
) -> np.ndarray:
    """Bumps at the truth; lower false ones above each; and twins of large ones, 60 Å to a side.

    The share that is torn off each bump is in the other object's map.
    """
    truth = truth_of(run)
    grid = GEOMETRY.to_angstrom(np.indices(GEOMETRY.cells).reshape(3, -1).T)
    maps = []
    for name in OBJECTS.names:
        score = np.zeros(len(grid))
        for place, centre in enumerate(truth.of(name).zyx):
            own = height * (0.7 if place % 2 else 1.0)  # no threshold parts particles and twins
            bumps = [(centre, own), (centre - np.array([120.0, 0, 0]), alarms)]
            if twins and name == "large":
                bumps.append((centre + np.array([0, 0, twins]), 0.9 * own))
            for middle, top in bumps:
                square = ((grid - middle) ** 2).sum(axis=1)
                np.maximum(score, top * np.exp(-square / 1000), out=score)
        maps.append(score.reshape(GEOMETRY.cells))
    both = np.stack(maps)
    return ((1 - torn) * both + torn * both[::-1]).astype(np.float16)


def write_maps(folder: Path, detector: Detector, runs=RUNS[1:], *, tta: str = "none", **look):
    for run in runs:
        store = create_scores(folder / f"{run}.scores.zarr", OBJECTS.names, GEOMETRY, run)
        store.write(0, planted(run, **look))
    noted = {"model": detector.source, "weights": detector.fingerprint, "tta": tta}
    (folder / "predict.json").write_text(json.dumps({"settings": noted, "runs": {}}))
