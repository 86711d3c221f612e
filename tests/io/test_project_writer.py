import json

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run

VOLUME = Volume(np.random.default_rng(0).normal(size=(6, 8, 10)).astype(np.float32), 10.012444)
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
PICKS = Picks(ZYX, np.array(["ribosome", "apo-ferritin"]))


def files(root):
    return sorted(
        p.relative_to(root).as_posix()
        for p in root.rglob("*")
        if p.is_file() and ".zarr/" not in p.as_posix()
    )


def test_the_tree_is_the_one_of_the_challenge(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS, user="simulation", session="3")
    write_copick_config(tmp_path, CZII, name="demo")
    runs = "ExperimentRuns/TS_1"
    assert (tmp_path / "static" / runs / "VoxelSpacing10.012" / "denoised.zarr").is_dir()
    assert files(tmp_path) == [
        "copick.json",
        f"overlay/{runs}/Picks/simulation_3_apo-ferritin.json",
        f"overlay/{runs}/Picks/simulation_3_ribosome.json",
    ]
    content = json.loads(
        (tmp_path / f"overlay/{runs}/Picks/simulation_3_ribosome.json").read_text()
    )
    assert content["run_name"] == "TS_1"
    assert content["points"][0]["location"] == {"x": 30.0, "y": 20.0, "z": 10.0}


def test_the_configuration_holds_the_whole_table(tmp_path):
    path = write_copick_config(tmp_path, CZII, name="demo")
    content = json.loads(path.read_text())
    assert content["static_root"] == f"local://{tmp_path.resolve()}/static/"
    ribosome = content["pickable_objects"][3]
    assert ribosome == {
        "name": "ribosome",
        "is_particle": True,
        "pdb_id": "6EK0",
        "label": 4,
        "color": [0, 114, 178, 255],
        "radius": 150.0,
        "metadata": {"score_weight": 1.0},
    }
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    assert open_project(tmp_path).objects == CZII


def test_what_is_there_is_kept_without_overwrite(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS)
    with pytest.raises(UserError, match=r"denoised\.zarr: exists: pass --overwrite"):
        write_run(tmp_path, "TS_1", VOLUME, PICKS)
    with pytest.raises(UserError, match=r"exists: pass --overwrite"):
        write_run(tmp_path, "TS_1", VOLUME, PICKS[:1], kind="wbp")
    write_run(tmp_path, "TS_1", VOLUME, PICKS, overwrite=True)
    write_copick_config(tmp_path, CZII, name="demo")
    with pytest.raises(UserError, match="--overwrite"):
        write_copick_config(tmp_path, CZII, name="demo")


@pytest.mark.parametrize("name", ["", "..", ".", "../TS_1", "a/b", "a\\b", ".hidden", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot be the name of a file"):
        write_run(tmp_path / "project", name, VOLUME, PICKS)
    with pytest.raises(UserError, match="cannot be the name of a file"):
        write_run(tmp_path / "project", "TS_1", VOLUME, PICKS, kind=name)
    assert list(tmp_path.iterdir()) == []


def test_the_same_run_written_twice_is_the_same_bytes(tmp_path):
    contents = []
    for root in (tmp_path / "a", tmp_path / "b"):
        write_run(root, "TS_1", VOLUME, PICKS)
        found = (p for p in root.rglob("*") if p.is_file())
        contents.append({p.relative_to(root): p.read_bytes() for p in found})
    assert contents[0] == contents[1]


def test_names_copick_refuses_are_the_same_in_the_configuration_and_in_the_picks(tmp_path):
    table = ObjectTable(objects=(ObjectType(name="26S_proteasome", radius=75),))
    write_run(tmp_path, "TS_1", VOLUME, Picks(ZYX, "26S_proteasome"))
    project = open_project(write_copick_config(tmp_path, table, name="demo"))
    assert project["TS_1"].picks().names == project.objects.names == ["26S-proteasome"]
