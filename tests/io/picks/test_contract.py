"""What every pick format promises: what is written is what is read."""

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.io.picks import FORMATS, read_picks, write_picks

GEOMETRY = Geometry((184, 630, 630), 10.012444)
EXTENT = GEOMETRY.extent
OBJECTS = CZII.names
NAMES = FORMATS.names()
MANY = [name for name in NAMES if name in ("csv", "star")]  # several objects and runs in a file


@st.composite
def columns(draw: st.DrawFn, objects: int = 1) -> dict[str, Any]:
    """Arguments of `Picks`: a strategy may not call checked code, as beartype draws at random."""
    n = draw(st.integers(1, 8))
    zyx = draw(hnp.arrays(np.float64, (n, 3), elements=st.floats(-500, 7000, width=32)))
    scores = draw(hnp.arrays(np.float64, n, elements=st.floats(0, 1, width=32)))
    quaternions = draw(hnp.arrays(np.float64, (n, 4), elements=st.floats(-1, 1, width=32)))
    quaternions[:, 0] += 2  # never all the identity: formats take that as an unknown pose
    turns = Rotation.from_quat(quaternions).as_matrix()
    names = draw(st.lists(st.sampled_from(OBJECTS[:objects]), min_size=n, max_size=n))
    return {
        "zyx": zyx,
        "objects": np.array(names),
        "scores": draw(st.sampled_from([scores, np.ones(n)])),
        "rotations": draw(st.sampled_from([None, turns])),
        "run": "TS_5_4",
        "extent": EXTENT,
    }


def file_of(folder: Path, name: str) -> Path:
    return folder / f"TS_5_4_apo-ferritin{FORMATS[name].SUFFIXES[0]}"


def assert_same(found: Picks, expected: Picks) -> None:
    assert found.run == expected.run
    np.testing.assert_array_equal(found.objects, expected.objects)
    np.testing.assert_allclose(found.zyx, expected.zyx, atol=1e-3)  # Å, and in the same order
    np.testing.assert_allclose(found.score_array, expected.score_array, atol=1e-6)
    assert (found.rotations is None) == (expected.rotations is None)
    if expected.rotations is not None:
        np.testing.assert_allclose(found.rotations, expected.rotations, atol=1e-6)
    np.testing.assert_allclose(found.extent, GEOMETRY.extent)


@pytest.mark.parametrize("name", NAMES)
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=columns())
def test_what_is_written_is_read(name: str, drawn: dict[str, Any], tmp_path: Path):
    picks = Picks(**drawn)
    path = file_of(tmp_path, name)
    write_picks(picks, path, voxel_spacing=GEOMETRY.voxel_spacing)
    found = read_picks(path, geometry=GEOMETRY, objects=CZII)
    assert len(found) == 1
    assert_same(found[0], picks)


@pytest.mark.parametrize("name", MANY)
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=columns(objects=6))
def test_a_table_keeps_runs_and_objects_apart(name: str, drawn: dict[str, Any], tmp_path: Path):
    picks = Picks(**drawn)
    path = tmp_path / f"all{FORMATS[name].SUFFIXES[0]}"
    other = Picks(picks.zyx[::-1] + 5, "ribosome", run="TS_6_4", extent=GEOMETRY.extent)
    write_picks([picks, other], path)
    first, second = read_picks(path, geometry={"TS_5_4": GEOMETRY, "TS_6_4": GEOMETRY})
    assert_same(first, picks)
    assert_same(second, other)


@pytest.mark.parametrize("name", NAMES)
def test_no_picks_are_written_and_read_with_a_warning(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = file_of(tmp_path, name)
    empty = Picks.empty("TS_5_4", GEOMETRY.extent)
    write_picks(empty, path, voxel_spacing=10)
    assert path.exists()
    (found,) = read_picks(path, geometry=GEOMETRY, run="TS_5_4", object_name="ribosome")
    assert (len(found), found.run, found.extent) == (0, "TS_5_4", GEOMETRY.extent)
    assert "holds no picks" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_exists_is_not_replaced_unless_asked(name: str, tmp_path: Path):
    path = file_of(tmp_path, name)
    path.write_text("mine")
    picks = Picks(np.ones((1, 3)), "apo-ferritin", run="TS_5_4", extent=GEOMETRY.extent)
    with pytest.raises(UserError, match="exists: pass --overwrite"):
        write_picks(picks, path, overwrite=False, voxel_spacing=10)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["", "not picks\n", "\x00\x01", '{"a": 1}\n'])
def test_a_file_that_holds_no_table_of_picks_is_refused_by_name(
    name: str, text: str, tmp_path: Path
):
    path = file_of(tmp_path, name)
    path.write_text(text)
    if (name, text) == ("ndjson", ""):  # no lines are no picks
        assert len(read_picks(path, geometry=GEOMETRY)[0]) == 0
        return
    with pytest.raises(UserError, match="expected") as caught:
        read_picks(path, geometry=GEOMETRY, run="a", object_name="b")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_are_no_text_are_refused(name: str, tmp_path: Path):
    path = file_of(tmp_path, name)
    path.write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(UserError, match="found no text"):
        read_picks(path, geometry=GEOMETRY)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_object_names_the_file_and_the_nearest_object(name: str, tmp_path: Path):
    path = tmp_path / f"TS_5_4_ribosom{FORMATS[name].SUFFIXES[0]}"
    picks = Picks(np.ones((1, 3)), "ribosom", run="TS_5_4", extent=GEOMETRY.extent)
    write_picks(picks, path, voxel_spacing=10)
    with pytest.raises(UserError, match="Did you mean 'ribosome'") as caught:
        read_picks(path, geometry=GEOMETRY, objects=CZII)
    assert str(path) in str(caught.value)


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path):
    picks = Picks(np.ones((1, 3)), "ribosome")
    with pytest.raises(UserError, match=r"\.json, \.csv, \.ndjson, \.star, found suffix '\.xyz'"):
        write_picks(picks, tmp_path / "picks.xyz")
    (tmp_path / "picks.stra").touch()
    with pytest.raises(UserError, match=r"Did you mean '\.star'"):
        read_picks(tmp_path / "picks.stra")


def test_picks_write_themselves_by_suffix(tmp_path: Path):
    Picks(np.array([[1.0, 2.0, 3.0]]), "ribosome", run="TS_5_4").write(tmp_path / "picks.csv")
    assert "0,TS_5_4,ribosome,3.000,2.000,1.000" in (tmp_path / "picks.csv").read_text()


def test_a_format_may_be_named_for_another_suffix(tmp_path: Path):
    picks = Picks(np.ones((1, 3)), "ribosome", run="TS_5_4")
    write_picks(picks, tmp_path / "picks.txt", format="csv")
    assert read_picks(tmp_path / "picks.txt", format="csv")[0].names == ["ribosome"]
