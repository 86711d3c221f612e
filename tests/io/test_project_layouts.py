import json
import shutil
import sys
from types import SimpleNamespace

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
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import write_volume

ARRAY = np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32)
VOLUME = Volume(ARRAY, 10.0)
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
PICKS = Picks(ZYX, np.array(["ribosome", "apo-ferritin"]))


def test_every_layout_has_a_rank_of_its_own():
    ranks = [LAYOUTS[name].RANK for name in LAYOUTS.names()]
    assert LAYOUTS.names() == ["copick", "folder", "kaggle", "shrec", "single"]
    assert len(set(ranks)) == len(ranks)


# ---------------------------------------------------------------- the challenge's folder


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


# ---------------------------------------------------------------- copick


def config(path, **changes):
    write_copick_config(path, CZII, name="demo", overwrite=True)
    content = json.loads((path / "copick.json").read_text()) | changes
    (path / "copick.json").write_text(json.dumps(content))
    return path / "copick.json"


@pytest.mark.parametrize("style", ["local://{}", "file://{}", "{}"])
@pytest.mark.parametrize("relative", [True, False])
def test_roots_in_every_style_are_found(tmp_path, monkeypatch, style, relative):
    write_run(tmp_path / "data", "TS_1", VOLUME, PICKS)
    monkeypatch.chdir(tmp_path)  # a root is relative to its configuration, not to us
    base = "" if relative else f"{tmp_path}/data/"
    roots = {f"{p}_root": style.format(f"{base}{p}/") for p in ("static", "overlay")}
    project = open_project(config(tmp_path / "data", **roots))
    assert project.layout == "copick"
    assert project.names == ["TS_1"]
    np.testing.assert_array_equal(project.runs[0].tomogram().read(), ARRAY)
    assert len(project.runs[0].picks()) == 2


def test_the_overlay_hides_the_static_file_of_the_same_name(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    picks = "ExperimentRuns/TS_1/Picks"
    shutil.copytree(tmp_path / "overlay" / picks, tmp_path / "static" / picks)
    write_run(tmp_path, "TS_1", VOLUME, PICKS.of("ribosome")[[0, 0]], overwrite=True)
    found = open_project(config(tmp_path)).runs[0].picks()
    assert len(found.of("ribosome")) == 2  # the overlay's
    assert len(found.of("apo-ferritin")) == 1


def test_a_moved_project_is_found_beside_its_configuration(tmp_path):
    write_run(tmp_path / "old", "TS_1", VOLUME, PICKS)
    config(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert len(open_project(tmp_path / "new" / "copick.json").runs[0].picks()) == 2
    assert open_project(tmp_path / "new").layout == "copick"


def test_the_objects_are_the_configurations(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    items = [
        {"name": "apo-ferritin", "label": 2, "radius": 61.0, "is_particle": True},
        {"name": "ribosome", "label": 1, "radius": 151.0, "is_particle": True},
        {"name": "membrane", "label": 3, "radius": 10.0, "is_particle": False},
    ]
    project = open_project(config(tmp_path, pickable_objects=items))
    assert project.objects.names == ["ribosome", "apo-ferritin"]
    assert project.runs[0].objects["ribosome"].radius == 151


def test_broken_configurations_are_refused_in_one_line(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not a copick configuration"):
        open_project(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"points": []}')
    with pytest.raises(UserError, match="no 'pickable_objects'"):
        open_project(tmp_path / "a.json")
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match=r"its static_root .*nowhere does not exist"):
        open_project(config(tmp_path / "bare", static_root="local:///nowhere"))
    with pytest.raises(UserError, match="no folder to read: found neither root"):
        open_project(config(tmp_path / "bare", static_root=None, overlay_root=None))


@pytest.mark.parametrize(
    "changes",
    [{"config_type": "cryoet_data_portal"}, {"static_root": "s3://bucket/static"}],
)
def test_remote_projects_ask_for_the_extra(tmp_path, monkeypatch, changes):
    monkeypatch.setitem(sys.modules, "copick", None)
    with pytest.raises(UserError, match=r"pip install 'tomoscout\[copick\]'"):
        open_project(config(tmp_path, **changes))


def test_remote_projects_are_read_through_copick(tmp_path, monkeypatch):
    write_volume(Volume(ARRAY, 10.012444), tmp_path / "fetched.zarr")
    store = str(tmp_path / "fetched.zarr")
    shift = np.eye(4)
    shift[:3, 3] = (1, 2, 3)
    points = [
        SimpleNamespace(
            location=SimpleNamespace(x=30.0, y=20.0, z=10.0), transformation=shift, score=None
        )
    ]
    picks = SimpleNamespace(
        user_id="portal", session_id="0", pickable_object_name="ribosome",
        points=points, trust_orientation=True,
    )  # fmt: skip
    nothing = SimpleNamespace(
        user_id="portal", session_id="0", pickable_object_name="thyroglobulin", points=[]
    )
    tomogram = SimpleNamespace(tomo_type="wbp", zarr=lambda: store)
    far = SimpleNamespace(voxel_size=20.0, tomograms=[])
    near = SimpleNamespace(voxel_size=10.012, tomograms=[tomogram])
    run = SimpleNamespace(name="TS_1", voxel_spacings=[far, near], picks=[picks, nothing])
    root = SimpleNamespace(runs=[run])
    monkeypatch.setitem(sys.modules, "copick", SimpleNamespace(from_file=lambda path: root))
    found = open_project(config(tmp_path, config_type="cryoet_data_portal")).runs[0]
    assert found.tomogram().voxel_spacing == 10.012444
    assert found.tomogram().name == "TS_1"
    np.testing.assert_array_equal(found.tomogram().read(slice(1, 3)), ARRAY[1:3])
    assert found.picks(user="portal").zyx.tolist() == [[13.0, 22.0, 31.0]]


def test_what_copick_cannot_open_is_said_in_one_line(tmp_path, monkeypatch):
    def from_file(path):
        raise ConnectionError("no route to host")

    monkeypatch.setitem(sys.modules, "copick", SimpleNamespace(from_file=from_file))
    with pytest.raises(UserError, match=r"copick cannot open it \(no route to host\)"):
        open_project(config(tmp_path, config_type="ssh"))


# ---------------------------------------------------------------- a folder of tomograms


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
