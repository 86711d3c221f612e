"""Miniatures of the demos, run once, and a shelf of good and of broken files."""

from __future__ import annotations

import bz2
import gzip
import json
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tomoscout.cli import main
from tomoscout.commands import _demo_fresh, _demo_training
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.inference.find import FOLDER_VARIABLE
from tomoscout.inference.weights import Card, Detector, build_network, save_detector
from tomoscout.io.picks import write_picks
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import write_volume
from tomoscout.io.volumes._zarr import create_array
from tomoscout.ops.normalise import NormaliseSettings

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=60), ObjectType(name="small", radius=30))
)
SHAPE = (24, 40, 40)
CENTRES = np.array([[100.0, 100, 100], [50, 200, 300], [150, 300, 200], [60, 60, 200]])
NAMES = np.array(["large", "small", "large", "small"])


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which both demos have run, small and short: demo/ and demo-train/."""
    folder = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch:
        _shrink(patch, folder)
        assert main(["demo", "--train", "--steps", "3", "--quiet"]) == 0
        assert main(["demo", "--quiet"]) == 0
    return folder


@pytest.fixture
def again(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, where running the demos again would simulate the same tomograms."""
    _shrink(monkeypatch, demo)
    return demo


def _shrink(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Work in a folder, and let the demos simulate small tomograms."""
    patch.chdir(folder)
    patch.delenv(FOLDER_VARIABLE, raising=False)
    patch.setattr(_demo_training, "HELD_OUT_SHAPE", (64, 160, 160))
    for module in (_demo_fresh, _demo_training):
        patch.setattr(module, "SHAPE", (64, 128, 128))
        patch.setattr(module, "CROWDING", 12.0)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small inputs: a project, a tomogram and weights that work, and many that do not.

    For reading only; whoever writes works on a copy.
    """
    root = tmp_path_factory.mktemp("shelf")
    for index in range(3):
        write_run(root / "project", f"run{index}", noise(index), Picks(CENTRES, NAMES))
    write_copick_config(root / "project", OBJECTS, name="tiny")
    write_volume(noise(9), root / "good.mrc")
    write_volume(noise(9), root / "good.zarr")
    (root / "tiny.yaml").write_text(
        "model: {name: scout_unet, widths: [8, 16]}\n"
        "sampling: {patch: [32, 32, 32]}\n"
        "training: {steps: 2, batch_size: 1, validate_every: 2}\n"
    )
    save_weights(root / "model.safetensors")
    _break_tomograms(root)
    _break_picks(root)
    _break_weights(root)
    _break_projects(root)
    return root


def noise(seed: int, shape: tuple[int, int, int] = SHAPE) -> Volume:
    """A tomogram with nothing in it, of 10 Å voxels."""
    return Volume(np.random.default_rng(seed).normal(size=shape).astype(np.float32), 10.0)


def save_weights(path: Path, **changes: object) -> None:
    """Write a small detector whose random scores pass the thresholds here and there."""
    values = {
        "model": Choice(name="scout_unet", widths=[8, 16]),
        "objects": tuple(entry.model_dump() for entry in OBJECTS.each()),
        "activation": "softmax",
        "stride": 2,
        "voxel_spacing": 10.0,
        "normalise": NormaliseSettings(),
        "patch": (32, 32, 32),
        "picker": Choice(name="local_max"),
        "thresholds": {"large": 0.4, "small": 0.4},
        "trained_on": ("run0", "run1"),
    }
    torch.manual_seed(0)
    card = Card(**{**values, **changes})
    network = build_network(card).eval()
    last = [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)][-1]
    torch.nn.init.zeros_(last.bias)
    torch.nn.init.normal_(last.weight)
    save_detector(Detector(network, card), path)


def _break_tomograms(root: Path) -> None:
    """Tomograms that cannot be picked, each for a reason of its own."""
    content = (root / "good.mrc").read_bytes()
    (root / "cut.mrc").write_bytes(content[:-100])
    (root / "header.mrc").write_bytes(content[:500])
    (root / "nothing.mrc").write_bytes(b"")
    (root / "text.mrc").write_text("hello\n" * 1000)
    (root / "text.txt").write_text("hello\n" * 1000)
    (root / "cut.mrc.gz").write_bytes(gzip.compress(content)[:-1000])
    (root / "cut.mrc.bz2").write_bytes(bz2.compress(content)[:-1000])
    for size in (0, 1):
        with mrcfile.new(root / f"unsized{size}.mrc", noise(0).read()) as file:
            file.voxel_size = size
    for name, data in {
        "flat.mrc": noise(0).read()[0],
        "stack.mrc": np.zeros((2, 8, 8, 8), np.float32),
    }.items():
        with mrcfile.new(root / name, data) as file:
            file.voxel_size = 10
    for name, shape in {"flat.zarr": (8, 8), "stack.zarr": (2, 8, 8, 8)}.items():
        create_array(root / name, shape=shape, chunks=shape, dtype=np.float32)
    shutil.copytree(root / "good.zarr", root / "cut.zarr")
    chunk = root / "cut.zarr" / "0" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:50])
    shutil.copytree(root / "good.zarr", root / "meta.zarr")
    (root / "meta.zarr" / "0" / ".zarray").write_text("{")
    nan = noise(0).read()
    nan[3, 4, 5] = np.nan
    write_volume(Volume(nan, 10.0), root / "nan.mrc")
    write_volume(Volume(np.full(SHAPE, 3, np.float32), 10.0), root / "constant.mrc")
    write_volume(noise(0, (5, 7, 9)), root / "small.mrc")
    write_volume(noise(0, (2, 1, 3)), root / "speck.zarr")
    (root / "empty").mkdir()


def _break_picks(root: Path) -> None:
    """Pick files: two good ones, one with a pick outside, the others broken."""
    good = Picks(CENTRES, NAMES, run="run0")
    write_picks(good, root / "found.csv")
    far = Picks(np.concatenate([CENTRES[:1], [[5000.0, 1, 1]]]), NAMES[:2], run="run0")
    write_picks(far, root / "outside.csv")
    write_picks(Picks(CENTRES, "lagre", run="run0"), root / "unknown.csv")
    write_picks(Picks.empty("run0"), root / "none.csv")
    head = "id,experiment,particle_type,x,y,z\n"
    for name, text in {
        "columns.csv": "id,experiment\n",
        "nan.csv": head + "0,run0,large,nan,1,2\n",
        "words.csv": head + "0,run0,large,a,1,2\n",
        "short.csv": head + "0,run0,large,3\n",
        "other.json": '{"a": 1}',
        "list.json": "[1]",
        "broken.json": '{"points": [',
        "point.json": '{"pickable_object_name": "large", "points": [{"location": {"x": 1}}]}',
        "hello.star": "hello",
        "hello.ndjson": "hello",
        "picks.xyz": "1 2 3",
    }.items():
        (root / name).write_text(text)
    (root / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01")


def _break_weights(root: Path) -> None:
    """Weights that must not, or cannot, be used."""
    torch.save({"a": torch.zeros(2)}, root / "pickle.pth")
    content = (root / "model.safetensors").read_bytes()
    (root / "cut.safetensors").write_bytes(content[:-100])
    (root / "header.safetensors").write_bytes(content[:5])
    tensors = {"a": torch.zeros(2)}
    save_file(tensors, root / "plain.safetensors")
    save_file(tensors, root / "card.safetensors", metadata={"tomoscout": "{"})
    large, small = (entry.model_dump() for entry in OBJECTS.each())
    save_weights(root / "foreign.safetensors", objects=({**large, "name": "lagre"}, small))
    save_weights(root / "fewer.safetensors", objects=(large,))
    save_weights(root / "all.safetensors", trained_on=("run0", "run1", "run2"))


def _break_projects(root: Path) -> None:
    """Projects and tables of objects with something wrong in them."""
    for folder, names in {
        "twins": ("TS_1.mrc", "rec_TS_1.mrc"),
        "mixed": ("TS_1.mrc", "TS_2.mrc"),
        "misnamed": ("TS_1.mrc", "TS_2.mrc"),
    }.items():
        (root / folder).mkdir()
        for name in names:
            shutil.copy(root / "good.mrc", root / folder / name)
    shutil.copy(root / "cut.mrc", root / "mixed" / "TS_3.mrc")
    for run in ("TS_1", "TS_2"):
        rows = "x,y,z,particle_type\n10,10,10,ribosom\n"
        (root / "misnamed" / f"{run}.csv").write_text(rows)
    config = json.loads((root / "project" / "copick.json").read_text())
    for name, changes in {
        "moved": {"static_root": "local:///nowhere", "overlay_root": "local:///nowhere"},
        "radius": {"pickable_objects": [{"name": "large"}]},
    }.items():
        (root / name).mkdir()
        (root / name / "copick.json").write_text(json.dumps({**config, **changes}))
    (root / "braces").mkdir()
    (root / "braces" / "copick.json").write_text("{")
    rows = [{"name": e.name, "radius": e.radius} for e in OBJECTS.each()]
    for name, objects in {
        "three.yaml": [*rows, {"name": "tiny", "radius": 20}],
        "twice.yaml": [rows[0], rows[0]],
        "negative.yaml": [{"name": "large", "radius": -3}],
        "misspelt.yaml": [{"name": "large", "radus": 3}],
        "renamed.yaml": [rows[0], {"name": "smal", "radius": 30}],
    }.items():
        (root / name).write_text(json.dumps({"objects": objects}))
