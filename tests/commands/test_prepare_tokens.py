"""The pair of files that a token transformer learns from, and slices for a YOLO."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from tomoscout.cli import main
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.ops.normalise import measure

OBJECTS = ObjectTable(
    objects=(ObjectType(name="large", radius=80), ObjectType(name="small", radius=50))
)
IMAGES = "out/segmentation_training_input_data.pt"
LABELS = "out/segmentation_training_labels.pt"
CUBES = ("--cubes.edge", "24", "--cubes.token", "6")


def tomogram(seed: int) -> Volume:
    noise = np.random.default_rng(seed).standard_normal((40, 60, 50)).astype(np.float32)
    return Volume(noise, 10.0)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, run in enumerate(("a", "b")):
        zyx = np.array([[205.0, 303, 252], [20, 30, 40]])
        picks = Picks(zyx[: 2 - seed], np.array(["large", "small"])[: 2 - seed])
        write_run(tmp_path / "p", run, tomogram(seed), picks)
    write_copick_config(tmp_path / "p", OBJECTS, name="tiny")
    return tmp_path


def prepare(what: str, *more: str) -> int:
    return main(["prepare", "p/copick.json", "-o", "out", "--what", what, "--quiet", *more])


def load(path: str) -> torch.Tensor:
    return torch.load(path, weights_only=True)


def test_the_pair_has_the_published_shapes_and_types(project):
    assert prepare("tokens", "--cubes.empty", "0") == 0
    images, labels = load(IMAGES), load(LABELS)
    assert images.shape[1:] == (1, 96, 96, 96)
    assert images.dtype == torch.float32
    assert labels.shape == (len(images), 4096)
    assert labels.dtype == torch.int64


def test_each_cube_is_cut_from_one_tomogram_and_its_tokens_lie_on_the_particles(project):
    assert prepare("tokens", *CUBES, "--cubes.empty", "1") == 0
    images, labels = load(IMAGES).numpy(), load(LABELS).numpy()
    starts = [(z, y, x) for z in (0, 16) for y in (0, 24, 36) for x in (0, 24, 26)]
    assert len(images) == 2 * len(starts)
    for seed, centres in enumerate([[(20, 30, 25, 1), (2, 3, 4, 2)], [(20, 30, 25, 1)]]):
        whole = measure(tomogram(seed)).apply(tomogram(seed).read())
        for n, start in enumerate(starts):
            row = seed * len(starts) + n
            region = tuple(slice(s, s + 24) for s in start)
            np.testing.assert_allclose(images[row, 0], whole[region], atol=1e-5)
            tokens = labels[row].reshape(4, 4, 4)
            for *voxel, label in centres:
                place = np.subtract(voxel, start)
                if (place >= 0).all() and (place < 24).all():
                    assert tokens[tuple(place // 6)] == label
            assert set(np.unique(tokens)) <= {0, 1, 2}


def test_a_chart_of_the_labels_is_drawn_where_previews_are_asked_for(project):
    assert prepare("tokens", *CUBES, "--previews") == 0
    with Image.open(project / "out/previews/labels.png") as picture:
        assert picture.width > 300


def test_a_tenth_of_the_empty_cubes_is_kept_and_the_same_ones_for_a_seed(project):
    found = {}
    for seed in ("0", "0", "1"):
        assert prepare("tokens", *CUBES, "--cubes.seed", seed, "--overwrite") == 0
        labels = load(LABELS)
        assert (labels.sum(1) == 0).sum() == 4  # 10 % of 14 and of 15, rounded up each
        found.setdefault(seed, []).append(load(IMAGES))
    assert torch.equal(*found["0"])
    assert not torch.equal(found["0"][0], found["1"][0])


def test_a_run_added_later_joins_those_that_are_done(project):
    assert prepare("tokens", *CUBES, "--runs", "b") == 0
    alone = load(IMAGES)
    assert prepare("tokens", *CUBES) == 0
    both = load(IMAGES)
    assert len(both) > len(alone)
    assert torch.equal(both[-len(alone) :], alone)
    assert len(load(LABELS)) == len(both)


def test_tokens_that_do_not_fill_the_cube_are_refused(project, capsys):
    assert prepare("tokens", "--cubes.token", "7") == 2
    assert "tokens of 7 voxels do not fill a cube of 96" in capsys.readouterr().err


def test_slices_go_to_train_and_val_by_run(project):
    assert prepare("yolo", "--validation", "b", "--yolo.step", "5") == 0
    for run, split in (("a", "train"), ("b", "val")):
        pictures = sorted((project / f"out/images/{split}").iterdir())
        assert [p.name for p in pictures] == [f"{run}_z{z:04d}.png" for z in range(0, 40, 5)]
        with Image.open(pictures[0]) as picture:
            assert picture.size == (50, 60)
    (line,) = (project / "out/labels/val/b_z0020.txt").read_text().splitlines()
    kind, x, y, *_ = map(float, line.split())
    assert (kind, x * 50, y * 60) == pytest.approx((0, 25.7, 30.8), abs=0.01)
