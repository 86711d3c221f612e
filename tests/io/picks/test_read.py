"""Folders of pick files, and picks beside their tomogram."""

from pathlib import Path

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.picks._hints import split_stem

GEOMETRY = Geometry((20, 30, 40), 5.0)


def picks_of(run: str, name: str = "ribosome", z: float = 1.0) -> Picks:
    return Picks(np.array([[z, 2.0, 3.0]]), name, run=run, extent=GEOMETRY.extent)


def test_the_files_of_a_folder_are_joined_by_run(tmp_path: Path):
    write_picks(picks_of("TS_5_4", "ribosome"), tmp_path / "b.csv")
    write_picks([picks_of("TS_6_4"), picks_of("TS_5_4", "apo-ferritin")], tmp_path / "a.csv")
    found = {part.run: part.names for part in read_picks(tmp_path)}
    assert found == {"TS_6_4": ["ribosome"], "TS_5_4": ["apo-ferritin", "ribosome"]}


def test_files_of_other_things_in_a_folder_are_passed_by(tmp_path: Path):
    write_picks(picks_of("TS_5_4"), tmp_path / "TS_5_4.json")
    (tmp_path / "config.json").write_text('{"pickable_objects": []}')
    (tmp_path / "metrics.csv").write_text("epoch,loss\n1,0.5\n")
    (tmp_path / "notes.txt").write_text("x,y,z")
    assert [len(part) for part in read_picks(tmp_path)] == [1]


def test_a_folder_with_only_other_things_says_why(tmp_path: Path):
    with pytest.raises(UserError, match="no pick files"):
        read_picks(tmp_path)
    (tmp_path / "config.json").write_text('{"pickable_objects": []}')
    with pytest.raises(UserError, match="JSON but not picks"):
        read_picks(tmp_path)


def test_a_broken_pick_file_in_a_folder_is_not_passed_by(tmp_path: Path):
    write_picks(picks_of("TS_5_4"), tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("experiment,particle_type,x,y,z\nTS_5_4,ribosome,1,2,z\n")
    with pytest.raises(UserError, match=r"b\.csv: line 2"):
        read_picks(tmp_path)


def test_tables_beside_other_picks_are_the_same_picks(tmp_path: Path):
    write_picks(picks_of("TS_5_4"), tmp_path / "picks.star")
    write_picks(picks_of("TS_5_4"), tmp_path / "picks.csv")
    assert [len(part) for part in read_picks(tmp_path)] == [1]
    write_picks([picks_of("TS_5_4"), picks_of("TS_6_4")], tmp_path)  # a copick tree
    (tmp_path / "pick.json").write_text('{"settings": {}}')
    assert [(part.run, len(part)) for part in read_picks(tmp_path)] == [
        ("TS_5_4", 1),
        ("TS_6_4", 1),
    ]


def test_other_files_in_two_formats_are_not_mixed(tmp_path: Path):
    write_picks(picks_of("TS_5_4"), tmp_path / "TS_5_4.csv")
    write_picks(picks_of("TS_5_4"), tmp_path / "TS_5_4.star")
    with pytest.raises(UserError, match=r"several formats \(TS_5_4\.csv, TS_5_4\.star\)"):
        read_picks(tmp_path, geometry=GEOMETRY)
    (found,) = read_picks(tmp_path, format="csv")
    assert len(found) == 1


def test_an_empty_file_does_not_take_the_poses_of_the_others(tmp_path: Path):
    turn = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    posed = Picks(np.array([[1.0, 2.0, 3.0]]), "ribosome", rotations=turn, run="TS_5_4")
    write_picks(posed, tmp_path, names=["apo-ferritin", "ribosome"])
    (found,) = read_picks(tmp_path)
    assert found.rotations is not None
    np.testing.assert_array_equal(found.rotations, turn)


def test_poses_dropped_for_lack_of_others_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    turn = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    write_picks(
        Picks(np.array([[1.0, 2.0, 3.0]]), "a", rotations=turn, run="r"), tmp_path / "a.json"
    )
    write_picks(Picks(np.array([[1.0, 2.0, 3.0]]), "b", run="r"), tmp_path / "b.json")
    assert read_picks(tmp_path)[0].rotations is None
    assert "poses are dropped" in caplog.text


def test_picks_outside_the_tomogram_are_kept_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write_picks([picks_of("a", z=1.0), picks_of("a", z=101.0)], tmp_path / "a.csv")
    (found,) = read_picks(tmp_path / "a.csv", geometry=GEOMETRY)
    assert len(found) == 2
    assert "1 of 2 picks of run 'a' lie outside" in caplog.text


def test_a_path_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"picks\.csv: no such file"):
        read_picks(tmp_path / "picks.csv")


def test_no_half_written_file_is_left_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="disk is full"):
        write_picks(picks_of("a"), tmp_path / "a.star")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("TS_5_4_ribosome", ("TS_5_4", "ribosome")),
        ("ribosome", ("", "ribosome")),
        ("TS_5_4_my_virus", ("TS_5_4", "my_virus")),  # the table knows the longer name
        ("TS_5_4_virus", ("TS_5_4", "virus")),
        ("TS_5_4_other", ("TS_5_4", "other")),
    ],
)
def test_a_file_name_is_taken_apart_at_the_object(stem: str, expected: tuple[str, str]):
    names = ("ribosome", "virus", "my_virus")
    table = ObjectTable(objects=tuple(ObjectType(name=name, radius=1) for name in names))
    assert split_stem(stem, table) == expected


def test_without_a_table_the_last_underscore_divides():
    assert split_stem("TS_5_4_ribosome") == ("TS_5_4", "ribosome")
    assert split_stem("TS_5_4_virus-like-particle", CZII) == ("TS_5_4", "virus-like-particle")


@pytest.mark.parametrize(
    ("file", "portal", "own"),
    [
        ("TS_1_ferritin_complex.ndjson", "ferritin_complex", "apo-ferritin"),
        ("TS_1_cytosolic-ribosome.json", "cytosolic-ribosome", "ribosome"),
        ("TS_1.csv", "PP7_VLP", "virus-like-particle"),
        ("TS_1.star", "beta galactosidase", "beta-galactosidase"),
    ],
)
def test_the_portals_names_become_the_projects(tmp_path: Path, file: str, portal: str, own: str):
    planted = np.array([[10.0, 20.0, 30.0], [55.0, 45.0, 35.0]])
    there = Picks(planted, portal, run="TS_1", extent=GEOMETRY.extent)
    write_picks(there, tmp_path / file, voxel_spacing=5.0)
    (found,) = read_picks(tmp_path / file, objects=CZII, geometry=GEOMETRY)
    assert (found.run, found.names) == ("TS_1", [own])
    np.testing.assert_allclose(found.zyx, planted, atol=1e-3)
    (plain,) = read_picks(tmp_path / file, geometry=GEOMETRY, run="TS_1")
    assert own not in plain.names, "without a project they stay as they are"
