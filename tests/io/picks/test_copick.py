import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.picks.copick import plain

EYE = np.eye(4).tolist()
# A quarter turn about z: x goes to y, y to -x.
TURN = [[0, -1, 0, 1.0], [1, 0, 0, 2.0], [0, 0, 1, 3.0], [0, 0, 0, 1]]


def point(x: float, y: float, z: float, matrix: Any = EYE, **more: Any) -> dict[str, Any]:
    return {"location": {"x": x, "y": y, "z": z}, "transformation_": matrix, **more}


def save(path: Path, points: list[dict[str, Any]], **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {"pickable_object_name": "ribosome", "run_name": "TS_99_9", "unit": "angstrom"}
    path.write_text(json.dumps(head | {"points": points} | more))
    return path


def test_a_challenge_file_gives_zyx_in_angstrom_without_poses(tmp_path: Path):
    # The challenge's files claim trust in orientations that are all the identity.
    points = [point(3319.52, 5476.3, 1014.511, instance_id=0), point(3106.079, 5574.209, 1186.11)]
    (picks,) = read_picks(save(tmp_path / "ribosome.json", points, trust_orientation=True))
    np.testing.assert_array_equal(
        picks.zyx, [[1014.511, 5476.3, 3319.52], [1186.11, 5574.209, 3106.079]]
    )
    assert picks.run == "TS_99_9"
    assert picks.names == ["ribosome"]
    assert picks.rotations is None
    np.testing.assert_array_equal(picks.score_array, [1, 1])


def test_the_matrix_shifts_the_point_and_turns_the_object(tmp_path: Path):
    path = save(tmp_path / "a.json", [point(10, 20, 30, TURN, score=0.25)])
    (picks,) = read_picks(path)
    np.testing.assert_array_equal(picks.zyx, [[33, 22, 11]])  # 30+3, 20+2, 10+1
    assert picks.rotations is not None
    np.testing.assert_array_equal(picks.rotations[0] @ [1, 0, 0], [0, 1, 0])
    np.testing.assert_array_equal(picks.score_array, [0.25])


def test_poses_that_are_not_trusted_are_unknown_but_still_shift(tmp_path: Path):
    path = save(tmp_path / "a.json", [point(10, 20, 30, TURN)], trust_orientation=False)
    (picks,) = read_picks(path)
    assert picks.rotations is None
    np.testing.assert_array_equal(picks.zyx, [[33, 22, 11]])


def test_trust_is_written_only_for_known_poses(tmp_path: Path):
    known = Picks(
        np.array([[1.0, 2, 3]]), "a", rotations=np.array(TURN)[None, :3, :3].astype(float)
    )
    for picks, trust in ((known, True), (Picks(np.array([[1.0, 2, 3]]), "a"), False)):
        write_picks(picks, tmp_path / "a.json")
        content = json.loads((tmp_path / "a.json").read_text())
        assert content["trust_orientation"] is trust
        assert content["points"][0]["location"] == {"x": 3.0, "y": 2.0, "z": 1.0}


def test_names_come_from_the_path_when_the_file_has_none(tmp_path: Path):
    folder = tmp_path / "ExperimentRuns" / "TS_1" / "Picks"
    head: dict[str, Any] = {"run_name": None, "pickable_object_name": None}
    for name in ("ribosome.json", "user_0_ribosome.json"):
        (picks,) = read_picks(save(folder / name, [point(1, 2, 3)], **head))
        assert (picks.run, picks.names) == ("TS_1", ["ribosome"])


@pytest.mark.parametrize("content", ['{"name": "p", "pickable_objects": []}', "[1, 2]", "3"])
def test_json_that_is_not_picks_says_what_it_found(content: str, tmp_path: Path):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(UserError, match="JSON but not picks: expected 'pickable_object_name'"):
        read_picks(path)


def test_a_point_without_a_location_is_refused(tmp_path: Path):
    path = save(tmp_path / "a.json", [{"transformation_": EYE}])
    with pytest.raises(UserError, match=r"a\.json: expected points with 'location' x, y, z"):
        read_picks(path)


def test_a_coordinate_that_is_not_finite_names_file_and_pick(tmp_path: Path):
    path = save(tmp_path / "a.json", [point(1, 2, 3), point(1, float("nan"), 3)])
    with pytest.raises(UserError, match=r"a\.json: a coordinate of pick 2 is not a finite number"):
        read_picks(path)


def test_several_objects_do_not_fit_one_file(tmp_path: Path):
    picks = Picks(np.ones((2, 3)), np.array(["ribosome", "apo-ferritin"]))
    with pytest.raises(UserError, match=r"found 2 objects \(apo-ferritin, ribosome\): give a fol"):
        write_picks(picks, tmp_path / "picks.json")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_becomes_a_copick_tree_and_is_read_back(tmp_path: Path):
    rng = np.random.default_rng(0)
    picks = [
        Picks(rng.uniform(0, 900, (6, 3)), np.array(["ribosome", "apo-ferritin"] * 3), run=run)
        for run in ("TS_5_4", "TS_6_4")
    ]
    files = write_picks(picks, tmp_path / "overlay", user="my_net", session="fold 0")
    assert [str(f.relative_to(tmp_path / "overlay")) for f in files[:2]] == [
        "ExperimentRuns/TS_5_4/Picks/my-net_fold-0_apo-ferritin.json",
        "ExperimentRuns/TS_5_4/Picks/my-net_fold-0_ribosome.json",
    ]
    # From the root, from the tree's parent and from one run.
    for place in (tmp_path / "overlay", tmp_path, tmp_path / "overlay/ExperimentRuns"):
        found = read_picks(place, objects=CZII)
        assert [part.run for part in found] == ["TS_5_4", "TS_6_4"]
        for part, expected in zip(found, picks, strict=True):
            for name in expected.names:
                np.testing.assert_array_equal(part.of(name).zyx, expected.of(name).zyx)
    (one,) = read_picks(tmp_path / "overlay/ExperimentRuns/TS_6_4")
    assert (one.run, len(one)) == ("TS_6_4", 6)


def test_a_tree_gets_an_empty_file_for_an_object_that_was_not_found(tmp_path: Path):
    picks = Picks(np.ones((1, 3)), "ribosome", run="TS_5_4")
    files = write_picks(picks, tmp_path, names=CZII.names)
    assert len(files) == 6
    assert {name: len(read_picks(tmp_path)[0].of(name)) for name in CZII.names} == {
        name: int(name == "ribosome") for name in CZII.names
    }


def test_an_object_with_an_underscore_comes_back_under_its_own_name(tmp_path: Path):
    """Copick allows none in a file's name; the project's table knows no other name."""
    table = ObjectTable(objects=(ObjectType(name="26S_proteasome", radius=75),))
    (file,) = write_picks(Picks(np.ones((1, 3)), "26S_proteasome", run="TS_1"), tmp_path)
    assert file.name == "tomoscout_0_26S-proteasome.json"
    assert read_picks(tmp_path, objects=table)[0].names == ["26S_proteasome"]


def test_a_tree_is_written_whole_or_not_at_all(tmp_path: Path):
    picks = Picks(np.ones((2, 3)), np.array(["ribosome", "apo-ferritin"]), run="TS_5_4")
    write_picks(picks.of("ribosome"), tmp_path)
    with pytest.raises(UserError, match=r"tomoscout_0_ribosome\.json: exists"):
        write_picks(picks, tmp_path, overwrite=False)
    assert len(list(tmp_path.rglob("*.json"))) == 1
    assert len(write_picks(picks, tmp_path, overwrite=True)) == 2


@pytest.mark.parametrize("run", ["", "../up", "a\\b", ".."])
def test_a_tree_needs_a_plain_run_name(run: str, tmp_path: Path):
    with pytest.raises(UserError, match="plain run name"):
        write_picks(Picks(np.ones((1, 3)), "ribosome", run=run), tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_two_authors_in_one_tree_are_read_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    picks = Picks(np.ones((1, 3)), "ribosome", run="TS_5_4")
    write_picks(picks, tmp_path, user="curation")
    write_picks(picks, tmp_path, user="tomoscout")
    assert len(read_picks(tmp_path)[0]) == 2
    assert "several authors" in caplog.text
    assert "curation_0, tomoscout_0" in caplog.text


def test_names_lose_what_copick_refuses():
    assert plain("my net_2/x") == "my-net-2-x"


def test_a_run_wanted_is_picked_from_a_tree(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    geometry = Geometry((10, 10, 10), 10.0)
    for run in ("TS_5_4", "TS_6_4"):
        write_picks(Picks(np.ones((1, 3)), "ribosome", run=run), tmp_path)
    (found,) = read_picks(tmp_path, run="TS_6_4", geometry=geometry)
    assert (found.run, len(found), found.extent) == ("TS_6_4", 1, (100.0, 100.0, 100.0))
    (none,) = read_picks(tmp_path, run="TS_7_4")
    assert (none.run, len(none)) == ("TS_7_4", 0)
    assert "no picks of run 'TS_7_4', only of TS_5_4, TS_6_4" in caplog.text
