"""Masks on disk lie where the picks are, and a job that was stopped goes on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tomoscout.cli import main
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.runs import load_runs
from tomoscout.io.picks import write_picks
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import read_volume, write_volume
from tomoscout.ops.normalise import NormaliseSettings

OBJECTS = ObjectTable(
    objects=(
        ObjectType(name="large", radius=80, color=(255, 0, 0)),
        ObjectType(name="small", radius=50, color=(0, 0, 255)),
    )
)
SPACING = 10.012444
CENTRES = np.array([[101.0, 103, 98], [152, 204, 307], [149, 318, 195], [62, 59, 201]])
NAMES = np.array(["large", "small", "large", "small"])


def tomogram(seed: int = 0) -> Volume:
    noise = np.random.default_rng(seed).standard_normal((24, 40, 44)).astype(np.float32)
    return Volume(noise, SPACING)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for run in ("a", "b"):
        write_run(tmp_path / "p", run, tomogram(), Picks(CENTRES, NAMES))
    write_run(tmp_path / "p", "unpicked", tomogram(), None)
    write_copick_config(tmp_path / "p", OBJECTS, name="tiny")
    return tmp_path


def prepare(*more: str, source: str = "p/copick.json") -> int:
    return main(["prepare", source, "-o", "out", "--quiet", *more])


def test_the_components_of_a_mask_are_centred_on_the_picks(project):
    assert prepare() == 0
    written = open_project(project / "out/copick.json")
    assert written.names == ["a", "b", "unpicked"]
    for name in ("a", "b"):
        masks = written[name].segmentation("masks")
        assert masks.voxel_spacing == pytest.approx(SPACING, abs=1e-3)
        labels = np.asarray(masks.data[...])
        assert labels.dtype == np.uint8
        for label, entry in enumerate(OBJECTS.each(), start=1):
            blobs, count = ndimage.label(labels == label)
            found = np.array(ndimage.center_of_mass(blobs > 0, blobs, range(1, count + 1)))
            true = CENTRES[entry.name == NAMES]
            order = np.argsort(found[:, 0]), np.argsort(true[:, 0])
            np.testing.assert_allclose(found[order[0]] * SPACING, true[order[1]], atol=2.5)
            volume = (labels == label).sum() * SPACING**3
            assert volume == pytest.approx(2 * 4 / 3 * np.pi * (entry.radius / 2) ** 3, rel=0.1)


def test_the_project_written_can_be_trained_on(project):
    assert prepare("--target", "spheres", "--target.radius", "1.0") == 0
    written = open_project(project / "out/copick.json")
    assert written.objects.names == OBJECTS.names
    run = written["a"]
    assert len(run.picks()) == 4
    np.testing.assert_array_equal(run.tomogram("denoised").read(), tomogram().read())
    (loaded,) = load_runs([run], NormaliseSettings(), needs_labels=True)
    assert set(np.unique(loaded.labels.data)) == {0, 1, 2}


def test_picks_that_lie_beside_the_tomograms_are_not_written_a_second_time(project):
    """Both roots are often one folder; there, a copy would be picks of the same by another user."""
    shutil.copytree(project / "p/overlay", project / "p/static", dirs_exist_ok=True)
    shutil.rmtree(project / "p/overlay")
    config = json.loads((project / "p/copick.json").read_text())
    config["overlay_root"] = config["static_root"]
    (project / "p/copick.json").write_text(json.dumps(config))
    assert prepare("--runs", "a") == 0
    picks = open_project(project / "out/copick.json")["a"].picks()
    assert len(picks) == 4
    assert sorted(picks.names) == ["large", "small"]


def test_points_are_single_voxels_and_npy_holds_the_same(project):
    assert prepare("--target", "points", "--npy", "--name", "dots", "--runs", "b") == 0
    labels = np.load(project / "out/npy/b.npy", allow_pickle=False)
    assert labels.shape == (24, 40, 44)
    for centre, name in zip(CENTRES, NAMES, strict=True):
        z, y, x = np.floor(centre / SPACING + 0.5).astype(int)
        assert labels[z, y, x] == OBJECTS.label(name)
    assert (labels > 0).sum() == 4
    segmentation = open_project(project / "out")["b"].segmentation("dots")
    np.testing.assert_array_equal(segmentation.data[...], labels)
    assert not (project / "out/npy/a.npy").exists()


def test_a_preview_shows_outlines_and_circles_in_the_objects_colours(project):
    assert prepare("--previews", "--runs", "a") == 0
    for axis in "zy":
        with Image.open(project / f"out/previews/a_{axis}.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        for colour in ((255, 0, 0), (0, 0, 255)):
            near = np.abs(pixels - colour).max(axis=-1) < 60
            if axis == "z":  # the middle slice across y has none of the particles
                assert near.sum() > 100
        assert (np.ptp(pixels, axis=-1) > 100).sum() > 100


def test_previews_tell_what_the_masks_give_back(project, capsys):
    """Two balls of the whole radius, 20 Å apart: one blob, one pick, one of two particles."""
    near = np.array([[120.0, 200, 200], [120, 220, 200], [120, 330, 330]])
    write_run(project / "q", "crowd", tomogram(), Picks(near, np.array(["large"] * 3)))
    write_run(project / "q", "lone", tomogram(), Picks(near[2:], np.array(["small"])))
    write_copick_config(project / "q", OBJECTS, name="crowded")
    assert prepare("--previews", "--target.radius", "1.0", source="q/copick.json") == 0
    noted = json.loads((project / "out/prepare.json").read_text())["runs"]
    assert noted["crowd"]["particles"] == {"large": 3, "small": 0}
    assert noted["crowd"]["found"] == {"large": 2, "small": 0}
    assert list(noted["crowd"]["f4"]) == ["large"]
    assert noted["crowd"]["f4"]["large"] < 1.0
    assert noted["lone"]["f4"] == {"small": 1.0}
    previews = sorted(path.name for path in (project / "out/previews").iterdir())
    each = [f"{run}_{view}.png" for run in ("crowd", "lone") for view in ("projection", "y", "z")]
    assert previews == sorted([*each, "labels.png"])


def test_a_projection_shows_every_mask_in_a_lighter_shade_of_its_object(project):
    assert prepare("--previews", "--runs", "a") == 0
    with Image.open(project / "out/previews/a_projection.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    for colour in ((255, 127, 127), (127, 127, 255)):
        assert (np.abs(pixels - colour).max(axis=-1) < 8).sum() > 1000


def test_a_folder_of_tomograms_is_served_too(project):
    (project / "folder").mkdir()
    write_volume(tomogram(), project / "folder/t1.mrc")
    table = {"objects": [o.model_dump(mode="json") for o in OBJECTS.each()]}
    (project / "table.yaml").write_text(json.dumps(table))
    write_picks(Picks(CENTRES, NAMES, run="t1"), project / "folder/t1.csv")
    assert prepare("--objects", "table.yaml", source="folder") == 0
    (path,) = (project / "out/overlay/ExperimentRuns/t1/Segmentations").iterdir()
    assert set(np.unique(read_volume(path).read())) == {0, 1, 2}
    assert len(open_project(project / "out/copick.json")["t1"].picks()) == 4


def test_a_stopped_job_goes_on_and_other_settings_are_refused(project, capsys):
    assert prepare("--runs", "a") == 0
    first = json.loads((project / "out/prepare.json").read_text())["runs"]["a"]
    assert prepare() == 0
    noted = json.loads((project / "out/prepare.json").read_text())["runs"]
    assert noted["a"] == first
    assert sorted(noted) == ["a", "b"]
    assert prepare("--target.radius", "0.3") == 2
    assert "other settings" in capsys.readouterr().err
    assert prepare("--target.radius", "0.3", "--overwrite", "--runs", "b") == 0
    assert list(json.loads((project / "out/prepare.json").read_text())["runs"]) == ["b"]


def test_a_run_that_fails_does_not_stop_the_others_and_leaves_nothing_half_written(project, capsys):
    (file,) = (project / "p/overlay/ExperimentRuns/a/Picks").glob("*large*.json")
    file.write_text("{")
    assert prepare("--npy") == 2
    assert "1 of 2 runs failed" in capsys.readouterr().err
    assert [p.name for p in (project / "out/npy").iterdir()] == ["b.npy"]
    assert not list((project / "out").rglob("*.partial*"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--target", "sphere"), "Did you mean 'spheres'"),
        (("--target.radus", "1"), "Did you mean 'radius'"),
        (("--target", "masks"), "cannot draw them"),
        (("--cubes.egde", "1"), "Did you mean 'edge'"),
        (("--validation", "a"), "--validation is for --what yolo"),
        (("--what", "tokens", "--npy"), "--npy is for --what masks"),
        (("--what", "yolo", "--previews"), "--previews is for --what masks or tokens"),
        (("--what", "yolo", "--validation", "c"), "--validation: no run 'c'"),
        (("--runs", "unpicked"), "run 'unpicked': no picks"),
        (("--runs", "aa"), "Did you mean 'a'"),
        (("--name", "../up"), "cannot be the name of a file"),
        (("--what", "yolo", "--yolo.percentiles", "9,3"), "two rising percentiles"),
        (("--kind", "wbp"), "no tomogram 'wbp'"),
    ],
)
def test_mistakes_are_told_in_one_line(project, capsys, flags, message):
    assert prepare(*flags) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert not list((project).glob("out/*/*"))
