import json
import shutil

import numpy as np
import pytest
import zarr

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.layouts import LAYOUTS
from tomoscout.io.layouts._beside import run_name
from tomoscout.io.picks import write_picks
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_run
from tomoscout.io.volumes import write_volume

ARRAY = np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32)
VOLUME = Volume(ARRAY, 10.0)
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
PICKS = Picks(ZYX, np.array(["ribosome", "apo-ferritin"]))


def test_every_layout_has_a_rank_of_its_own():
    ranks = [LAYOUTS[name].RANK for name in LAYOUTS.names()]
    assert LAYOUTS.names() == ["copick", "folder", "kaggle", "shrec", "single"]
    assert len(set(ranks)) == len(ranks)


def kaggle(root):
    write_run(root / "train", "TS_5_4", VOLUME, PICKS)
    write_run(root / "train", "TS_6_6", VOLUME, PICKS)
    write_run(root / "test", "TS_5_4", Volume(ARRAY + 1, 10.0), None)  # Kaggle's sample
    write_run(root / "test", "TS_9_9", VOLUME, None)
    return root


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (".", ["TS_5_4", "TS_6_6", "TS_9_9"]),
        ("train", ["TS_5_4", "TS_6_6"]),
        ("test", ["TS_5_4", "TS_9_9"]),
        ("train/static", ["TS_5_4", "TS_6_6"]),
        ("train/overlay", ["TS_5_4", "TS_6_6"]),
        ("test/static/ExperimentRuns", ["TS_5_4", "TS_9_9"]),
    ],
)
def test_every_part_of_the_challenges_folder_opens(tmp_path, part, names):
    project = open_project(kaggle(tmp_path) / part)
    assert project.layout == "kaggle"
    assert project.names == names
    assert project.objects == CZII


def test_a_training_run_repeated_in_test_is_read_from_train(tmp_path):
    run = open_project(kaggle(tmp_path))["TS_5_4"]
    np.testing.assert_array_equal(run.tomogram().read(), ARRAY)
    assert len(run.picks()) == 2


def test_of_several_spacings_the_nearest_to_ten_or_to_the_given_is_read(tmp_path):
    for spacing in (5.0, 10.012, 20.0):
        write_run(tmp_path, "TS_1", Volume(ARRAY, spacing), None)
    assert open_project(tmp_path).runs[0].tomogram().voxel_spacing == 10.012
    assert open_project(tmp_path, voxel_spacing=5).runs[0].tomogram().voxel_spacing == 5
    with pytest.raises(UserError, match=r"no tomogram at 13\.48 Å, found 5, 10\.012, 20 Å"):
        open_project(tmp_path, voxel_spacing=13.48)


def test_the_folders_rounded_spacing_serves_only_where_the_store_says_nothing(tmp_path):
    write_run(tmp_path, "TS_1", Volume(ARRAY, 10.012444), None)
    run = open_project(tmp_path, voxel_spacing=10).runs[0]
    assert run.tomogram().voxel_spacing == 10.012444
    store = next(tmp_path.rglob("denoised.zarr"))
    shutil.rmtree(store)
    zarr.create_array(str(store), data=ARRAY, zarr_format=2)
    assert open_project(tmp_path).runs[0].tomogram().voxel_spacing == 10.012


def test_features_hidden_folders_and_strangers_are_passed_over(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    tree = tmp_path / "static" / "ExperimentRuns"
    (tree / "TS_1" / "VoxelSpacing10.000" / "denoised_sobel_features.zarr").mkdir()
    (tree / "TS_1" / "VoxelSpacingUnknown" / "x.zarr").mkdir(parents=True)
    (tree / "TS_1" / "Segmentations" / "10.000_a_0_b.zarr").mkdir(parents=True)
    (tree / ".snapshots" / "VoxelSpacing10.000" / "denoised.zarr").mkdir(parents=True)
    (tree / "TS_empty").mkdir()
    project = open_project(tmp_path)
    assert project.names == ["TS_1"]
    assert list(project.runs[0].tomograms) == ["denoised"]


def test_a_tree_without_anything_in_it_is_refused(tmp_path):
    (tmp_path / "static" / "ExperimentRuns" / "TS_1").mkdir(parents=True)
    with pytest.raises(UserError, match="no run with a tomogram"):
        open_project(tmp_path)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("rec_TS_1_10.00Apx.mrc", "TS_1"),
        ("TS_1.mrc.gz", "TS_1"),
        ("TS_1.5.rec", "TS_1.5"),
        ("TS_1.ome.zarr", "TS_1"),
        ("rec_.mrc", "rec_"),
        ("TS_1_10Apx.star", "TS_1"),
    ],
)
def test_a_run_is_named_after_its_tomogram(file, name):
    assert run_name(file) == name


def test_a_folder_finds_the_picks_beside_each_tomogram(tmp_path):
    for name in ("TS_1.mrc", "rec_TS_1_2_10.00Apx.rec", "TS_3.ome.zarr", "TS_4.map.gz"):
        write_volume(VOLUME, tmp_path / name)
    (tmp_path / "notes.txt").write_text("")
    extent = VOLUME.geometry.extent
    write_picks(Picks(ZYX, "ribosome", run="TS_1", extent=extent), tmp_path / "TS_1.star")
    points = [{"type": "point", "location": {"x": 3.0, "y": 2.0, "z": 1.0}}]
    text = "\n".join(json.dumps(point) for point in points)
    (tmp_path / "TS_1_2_ribosome.ndjson").write_text(text)
    write_picks(Picks(ZYX, "ribosome", run="another name"), tmp_path / "TS_4.json")
    project = open_project(tmp_path)
    assert project.layout == "folder"
    assert project.names == ["TS_1", "TS_1_2", "TS_3", "TS_4"]
    np.testing.assert_allclose(project["TS_1"].picks().zyx, ZYX, atol=1e-3)
    np.testing.assert_allclose(project["TS_1_2"].picks().zyx, [[10.0, 20.0, 30.0]])  # voxels
    assert not project["TS_3"].has_picks
    np.testing.assert_allclose(project["TS_4"].picks().zyx, ZYX)
    np.testing.assert_array_equal(project["TS_3"].tomogram().read(), ARRAY)


def test_one_file_may_hold_the_picks_of_all_runs(tmp_path):
    for name in ("TS_1", "TS_2", "rec_TS_3_10.00Apx"):
        write_volume(VOLUME, tmp_path / f"{name}.mrc")
    parts = [Picks(ZYX[:1], "ribosome", run="TS_1"), Picks(ZYX, "ribosome", run="TS_2")]
    write_picks([*parts, Picks(ZYX + 1, "ribosome", run="rec_TS_3")], tmp_path / "picks.csv")
    project = open_project(tmp_path)
    assert [len(run.picks()) for run in project.runs] == [1, 2, 2]
    np.testing.assert_allclose(project["TS_3"].picks().zyx, ZYX + 1)
    with pytest.raises(UserError, match="found files of no user"):
        project["TS_1"].picks(user="alice")


def test_two_tomograms_of_one_run_are_refused(tmp_path):
    write_volume(VOLUME, tmp_path / "TS_1.mrc")
    write_volume(VOLUME, tmp_path / "rec_TS_1.mrc")
    with pytest.raises(UserError, match=r"found 'TS_1' twice: TS_1\.mrc and rec_TS_1\.mrc"):
        open_project(tmp_path)
