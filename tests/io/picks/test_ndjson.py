import json
from pathlib import Path

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks

GEOMETRY = Geometry((20, 30, 40), 5.0)
LINES = """{"type":"point","location":{"x":10.0,"y":8.0,"z":6.0}}
{"type":"instancePoint","location":{"x":1.5,"y":2,"z":3},"instance_id":3}

"""
TURNED = (
    '{"type":"orientedPoint","location":{"x":10.0,"y":8.0,"z":6.0},'
    '"xyz_rotation_matrix":[[0,-1,0],[1,0,0],[0,0,1]]}\n'
)


def save(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_voxels_become_angstrom(tmp_path: Path):
    path = save(tmp_path / "TS_5_4_ribosome.ndjson", LINES)
    (picks,) = read_picks(path, geometry=GEOMETRY)
    np.testing.assert_array_equal(picks.zyx, [[30, 40, 50], [15, 10, 7.5]])
    assert (picks.run, picks.names, picks.rotations) == ("TS_5_4", ["ribosome"], None)
    assert picks.extent == (100.0, 150.0, 200.0)


def test_a_matrix_turns_xyz_columns(tmp_path: Path):
    (picks,) = read_picks(save(tmp_path / "a.ndjson", TURNED), geometry=GEOMETRY)
    assert picks.rotations is not None
    np.testing.assert_array_equal(picks.rotations[0] @ [1, 0, 0], [0, 1, 0])


def test_angstrom_become_voxels(tmp_path: Path):
    turn = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    picks = Picks(np.array([[30.0, 40.0, 50.0]]), "ribosome", rotations=turn, run="TS_5_4")
    write_picks(picks, tmp_path / "a.ndjson", voxel_spacing=5.0)
    assert json.loads((tmp_path / "a.ndjson").read_text()) == json.loads(TURNED)


def test_the_voxel_spacing_is_asked_for(tmp_path: Path):
    with pytest.raises(UserError, match="ndjson counts voxels"):
        read_picks(save(tmp_path / "a.ndjson", LINES))
    with pytest.raises(UserError, match="ndjson counts voxels"):
        read_picks(tmp_path / "a.ndjson", geometry={"other": GEOMETRY})
    with pytest.raises(UserError, match="give the voxel spacing"):
        write_picks(Picks(np.ones((1, 3)), "a"), tmp_path / "b.ndjson")
    assert not (tmp_path / "b.ndjson").exists()


@pytest.mark.parametrize(
    "line", ['{"type":"point"}', '{"type":"mask","location":{"x":1,"y":1,"z":1}}', "[1]", "{"]
)
def test_a_line_that_is_no_point_is_named(line: str, tmp_path: Path):
    path = save(tmp_path / "a.ndjson", LINES + line + "\n")
    with pytest.raises(UserError, match=r"a\.ndjson: line 4: expected a point"):
        read_picks(path, geometry=GEOMETRY)


def test_the_voxel_spacing_alone_is_enough(tmp_path: Path):
    path = save(tmp_path / "a.ndjson", LINES)
    (picks,) = read_picks(path, voxel_spacing=2.0)
    np.testing.assert_array_equal(picks.zyx[0], [12, 16, 20])
    assert picks.extent is None


def test_a_folder_takes_a_file_per_run_and_object(tmp_path: Path):
    picks = [
        Picks(np.full((2, 3), 10.0), np.array(["ribosome", "apo-ferritin"]), run=run)
        for run in ("TS_5_4", "TS_6_4")
    ]
    spacings = {"TS_5_4": 5.0, "TS_6_4": 2.0}
    files = write_picks(picks, tmp_path / "out", format="ndjson", voxel_spacing=spacings)
    assert [file.name for file in files] == [
        "TS_5_4_apo-ferritin.ndjson",
        "TS_5_4_ribosome.ndjson",
        "TS_6_4_apo-ferritin.ndjson",
        "TS_6_4_ribosome.ndjson",
    ]
    assert '{"x": 5.0, "y": 5.0, "z": 5.0}' in files[2].read_text()  # 10 Å in voxels of 2 Å
    found = read_picks(tmp_path / "out", geometry=GEOMETRY, objects=CZII)
    assert [(part.run, part.names) for part in found] == [
        ("TS_5_4", ["apo-ferritin", "ribosome"]),
        ("TS_6_4", ["apo-ferritin", "ribosome"]),
    ]
