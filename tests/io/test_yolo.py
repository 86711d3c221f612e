"""Slices out, boxes in: positions survive the way in Å, and what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.yolo import write_yolo
from tomoscout.io.yolo_predictions import label_files, read_yolo
from tomoscout.ops.link import RULES, link

SPACING = 10.012
SHAPE = (64, 80, 96)
GEOMETRY = Geometry(SHAPE, SPACING)


def noise(shape=SHAPE) -> Volume:
    return Volume(np.random.default_rng(0).normal(size=shape).astype(np.float32), SPACING)


def write(folder: Path, picks: Picks, objects: ObjectTable = CZII, **options) -> int:
    return write_yolo(folder, noise(), picks, objects=objects, **options)


def back(folder: Path, run: str, rule="cluster", objects: ObjectTable = CZII) -> Picks:
    files = label_files(folder, runs=[run])[run]
    boxes = read_yolo(files, geometry=GEOMETRY, names=objects.names)
    return link(boxes, objects=objects, rule=RULES[rule])


@pytest.mark.parametrize("rule", RULES)
def test_written_read_and_linked_particles_are_where_they_were(tmp_path, rule):
    """Touching ribosomes at 240 Å, ferritins at 100 Å, aside and on top of each other."""
    truth = {
        "ribosome": np.array([[300.0, 200, 200], [300.0, 200, 440], [540.0, 200, 200]]),
        "apo-ferritin": np.array([[250.0, 600, 700], [250.0, 500, 700], [350.0, 600, 700]]),
    }
    picks = Picks.concatenate([Picks(zyx, name, run="TS_1") for name, zyx in truth.items()])
    assert write(tmp_path, picks) == 64
    found = back(tmp_path, "TS_1", rule)
    assert len(found) == len(picks)
    for name, zyx in truth.items():
        apart = np.linalg.norm(found.of(name).zyx[:, None] - zyx, axis=-1)
        assert apart.min(axis=0).max() < 0.2 * CZII[name].radius
        assert sorted(apart.argmin(axis=1)) == [0, 1, 2]


def test_a_lone_particle_is_found_to_the_rounding_of_the_slices(tmp_path):
    zyx = np.array([[311.7, 402.3, 507.9]])
    write(tmp_path, Picks(zyx, "thyroglobulin", run="TS_1"))
    offset = np.abs(back(tmp_path, "TS_1").zyx - zyx)[0]
    assert offset[0] < SPACING / 2
    assert offset[1:].max() < 0.01


@given(seed=st.integers(0, 2**32 - 1))
def test_boxes_come_back_with_their_slice_class_size_and_place(seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("yolo")
    geometry = Geometry((3, 50, 70), 10.0)
    zyx = rng.uniform([0, 0, 0], [20, 490, 690], (4, 3))
    names = rng.choice(CZII.names, 4)
    volume = Volume(rng.normal(size=geometry.shape).astype(np.float32), 10.0, name="a_z0001")
    write_yolo(folder, volume, Picks(zyx, names), objects=CZII)
    files = label_files(folder, runs=["a_z0001"])["a_z0001"]
    boxes = read_yolo(files, geometry=geometry, names=CZII.names)
    for at, name in zip(zyx, names, strict=True):
        for z in range(3):
            chord = np.sqrt(CZII[name].radius ** 2 - (10 * z - at[0]) ** 2)
            apart = np.abs(boxes.zyx - [10.0 * z, *at[1:]]).max(axis=1) + np.abs(
                boxes.radii - chord
            )
            assert np.min(np.where(boxes.objects == name, apart, np.inf)) < 0.01
    assert len(boxes) == 12
    assert np.all(boxes.scores == 1)


def test_the_dataset_is_laid_out_as_yolo_programs_expect(tmp_path):
    picks = Picks(np.array([[320.4, 400.5, 480.6]]), "apo-ferritin", run="TS_1")
    assert write(tmp_path, picks, split="val", step=2) == 32
    assert yaml.safe_load((tmp_path / "data.yaml").read_text()) == {
        "train": "images/train", "val": "images/val", "names": dict(enumerate(CZII.names)),
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "images/train").iterdir()) == []
    names = {path.stem for path in (tmp_path / "images/val").glob("*.png")}
    assert names == {f"TS_1_z{z:04d}" for z in range(0, 64, 2)}
    assert names == {path.stem for path in (tmp_path / "labels/val").glob("*.txt")}
    # Slice 32 lies 320.384 Å deep: the whole disc, 120 Å wide, around voxel 40.00, 48.00.
    line = (tmp_path / "labels/val/TS_1_z0032.txt").read_text().split()
    width, height = 120 / SPACING / 96, 120 / SPACING / 80
    assert line[0] == "0"
    x, y = (480.6 / SPACING + 0.5) / 96, (400.5 / SPACING + 0.5) / 80
    np.testing.assert_allclose([float(v) for v in line[1:]], [x, y, width, height], atol=2e-6)
    assert (tmp_path / "labels/val/TS_1_z0020.txt").read_text() == ""


def test_pictures_are_grey_and_clipped_at_the_percentiles(tmp_path):
    volume = noise()
    write_yolo(tmp_path, volume, Picks.empty("TS_1"), objects=CZII)
    picture = Image.open(tmp_path / "images/train/TS_1_z0007.png")
    assert picture.mode == "L"
    assert picture.size == (96, 80)
    low, high = np.percentile(volume.read(), (0.5, 99.5))
    expected = np.clip((volume.read()[7] - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(np.asarray(picture), expected, atol=0.51)


def test_a_box_over_the_edge_keeps_its_centre(tmp_path):
    zyx = np.array([[20.0, 10.0, 950.0]])
    write(tmp_path, Picks(zyx, "ribosome", run="TS_1"))
    np.testing.assert_allclose(back(tmp_path, "TS_1").zyx[:, 1:], zyx[:, 1:], atol=0.01)


def test_a_dataset_of_other_classes_is_refused(tmp_path):
    write(tmp_path, Picks.empty("TS_1"))
    other = ObjectTable(objects=(ObjectType(name="gold", radius=50),))
    with pytest.raises(UserError, match="has other classes"):
        write(tmp_path, Picks.empty("TS_2"), other)


@pytest.mark.parametrize("run", ["../TS_1", "a/b", "a\\b", ".hidden", ".."])
def test_a_run_whose_name_leads_elsewhere_is_refused(tmp_path, run):
    with pytest.raises(UserError, match="its name cannot be that of a picture"):
        write(tmp_path / "out", Picks.empty(run))
    assert not (tmp_path / "out").exists()


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_are_found_in_the_folder_in_labels_and_in_splits(tmp_path):
    put(tmp_path, "classes.txt", "ribosome\n")
    put(tmp_path, "TS_1_z0001.txt", "")
    put(tmp_path, "labels/TS_1_z0002.txt", "")
    put(tmp_path, "labels/val/TS_2_z00003.txt", "")
    found = label_files(tmp_path, runs=["TS_1", "TS_2", "TS_3"])
    assert {run: sorted(files) for run, files in found.items()} == {
        "TS_1": [1, 2], "TS_2": [3], "TS_3": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TS_1.txt", "expected a name like RUN_z0012.txt"),
        ("TS_9_z0001.txt", "no run 'TS_9' in the project.*Did you mean 'TS_1'"),
        ("labels/TS_1_z0002.txt", "slice 2 of run 'TS_1' is in .* as well"),
    ],
)
def test_a_file_that_belongs_nowhere_is_refused(tmp_path, name, message):
    put(tmp_path, "TS_1_z0002.txt", "")
    put(tmp_path, name, "")
    with pytest.raises(UserError, match=message):
        label_files(tmp_path, runs=["TS_1"])


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no \.txt files"):
        label_files(tmp_path, runs=["TS_1"])
    with pytest.raises(UserError, match="no such folder"):
        label_files(tmp_path / "missing", runs=["TS_1"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.1", "line 2: expected 'class cx cy"),
        ("0 0.5 0.5 0.1 0.1 0.9 7", "line 2: expected 'class cx cy"),
        ("0 0.5 half 0.1 0.1", "line 2: .*found '0 0.5 half"),
        ("0 0.5 1.5 0.1 0.1", "line 2: .*from 0 to 1"),
        ("0 0.5 nan 0.1 0.1", "line 2: .*from 0 to 1"),
        ("0 0.5 0.5 0.1 0.1 -0.2", "line 2: .*from 0 to 1"),
        ("6 0.5 0.5 0.1 0.1", "line 2: class 6, of 6 from 0"),
        ("0.5 0.5 0.5 0.1 0.1", "line 2: class 0.5"),
    ],
)
def test_a_broken_line_is_told_with_its_file_and_number(tmp_path, line, message):
    path = put(tmp_path, "TS_1_z0002.txt", f"0 0.5 0.5 0.1 0.1 0.9\n{line}\n")
    with pytest.raises(UserError, match=message) as error:
        read_yolo({2: path}, geometry=GEOMETRY, names=CZII.names)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_slice_below_the_tomogram_and_a_file_of_bytes_are_refused(tmp_path):
    path = put(tmp_path, "TS_1_z0064.txt", "")
    with pytest.raises(UserError, match="slice 64 of a tomogram of 64"):
        read_yolo({64: path}, geometry=GEOMETRY, names=CZII.names)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="found no text"):
        read_yolo({3: path}, geometry=GEOMETRY, names=CZII.names)
