import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import write_volume

ARRAY = np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32)
VOLUME = Volume(ARRAY, 10.0)
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
PICKS = Picks(ZYX, np.array(["ribosome", "apo-ferritin"]))


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
