"""Folders of cross-validations, made in no time: networks with random weights, always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml

from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.detect import pick
from tomoscout.inference.weights import Card, Detector, build_network, save_detector
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.ops.normalise import NormaliseSettings

OBJECTS = ObjectTable(
    objects=(
        ObjectType(name="large", radius=60, weight=2),
        ObjectType(name="small", radius=30, weight=1),
    )
)


def detector(*, seed: int = 0, astray: float = 0.0, **changes) -> Detector:
    """A small network with random weights; ``astray`` moves them away from those of the seed."""
    values = {
        "model": Choice(name="scout_unet", widths=[4, 8]),
        "objects": tuple(entry.model_dump() for entry in OBJECTS.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": {"large": 0.5, "small": 0.5},
        "recipe": {"training": {"keep": "last"}},
    }
    torch.manual_seed(seed)
    card = Card(**{**values, **changes})
    network = build_network(card).eval()
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)
    torch.nn.init.normal_(last.weight)
    for parameter in network.parameters():
        parameter.data += astray * parameter.data.std() * torch.randn_like(parameter)
    return Detector(network, card)


def write_project(folder: Path, runs: dict[str, int]) -> Path:
    """Noise in which the particles are what the network of seed 0 is surest of."""
    knows = detector()
    for name, seed in runs.items():
        data = np.random.default_rng(seed).normal(size=(24, 40, 40)).astype(np.float32)
        volume = Volume(data, 10.0, name)
        found = pick(volume, knows, thresholds=dict.fromkeys(OBJECTS.names, 0.03))
        best = [found.of(object_name).best_first()[:12] for object_name in OBJECTS.names]
        write_run(folder, name, volume, Picks.concatenate(best))
    write_copick_config(folder, OBJECTS, name=folder.name)
    return folder / "copick.json"


def write_crossval(folder: Path, runs: list[str], **changes) -> Path:
    """A fold per run, each a little different, with weights that are best at one object each."""
    for index, run in enumerate(runs):
        others = tuple(name for name in runs if name != run)
        told = {"trained_on": others, "tuned_on": (run,), "score": {"large": 0.5, "small": 0.5}}
        fold = folder / f"fold_{run}"
        astray = changes.get("astray", 0.0)
        for place, extra in {
            "model": 0.0,
            "specialists/large": 0.02,
            "specialists/small": 0.04,
        }.items():
            score = {**told["score"], place.rpartition("/")[2]: 0.6}
            made = detector(
                **{**changes, "astray": astray + 0.01 * index + extra},
                **{**told, "score": score},
            )
            path = fold / f"{place}.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_detector(made, path)
        notes = {"recipe": {}, "train": list(others), "validation": [run]}
        (fold / "recipe.yaml").write_text(yaml.safe_dump(notes))
    return folder


def write_campaign(root: Path, name: str = "campaign.yaml", **changes) -> Path:
    """Write a campaign over such folders: ``good``, ``astray``, ``home`` and ``away``."""
    content = {
        "experiments": {"good": str(root / "good"), "astray": str(root / "astray")},
        "validation": {"project": str(root / "home/copick.json")},
        "test": {"project": str(root / "away/copick.json")},
        "strategies": ["best_single", "kfold_ensemble"],
        "tuning": ["default", "thresholds"],
        **changes,
    }
    path = root / name
    path.write_text(yaml.safe_dump(content))
    return path
