"""The text file of SHREC: columns, classes and, above all, angles."""

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import affine_transform, center_of_mass, gaussian_filter
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.io._shrec import format_locations, from_angles, read_locations, to_angles
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.picks._relion import to_angles as to_relion

EXAMPLE = "1BXN 20 10 5 90.0000 90.0000 0.0000\n"
DEGREES = st.floats(-180, 180, allow_nan=False)
TILTS = st.floats(0.01, 179.99)


def write(tmp_path, text):
    path = tmp_path / "particle_locations.txt"
    path.write_text(text)
    return path


def test_the_worked_example_turns_x_to_y_to_z_to_x(tmp_path):
    found = read_locations(write(tmp_path, EXAMPLE), objects=SHREC21)
    assert found.names == ["1BXN"]
    assert found.xyz.tolist() == [[20, 10, 5]]
    turned = found.rotations[0] @ np.eye(3)  # columns are where the molecule's axes go
    np.testing.assert_allclose(turned, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-12)
    assert format_locations(found.names, found.xyz, found.rotations) == EXAMPLE


def test_the_matrix_is_the_product_of_the_three_turns_in_the_order_of_the_file():
    def rz(angle):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])

    def rx(angle):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])

    angles = np.array([[30.0, 40.0, 70.0]])
    np.testing.assert_allclose(from_angles(angles)[0], rz(30) @ rx(40) @ rz(70), atol=1e-12)


def test_it_is_the_turn_that_the_simulator_of_the_challenge_makes():
    # voltools' matrix for rotation=(30, 40, 70), rotation_order="szxz", as its release 0.6.0 gives
    # it; scipy's affine_transform takes it as the way from the turned array back to the first.
    pull = np.array(
        [[-0.063725, 0.7944153, 0.6040228], [-0.944799, -0.2429454, 0.2198463],
         [0.3213938, -0.5566704, 0.7660444]]
    )  # fmt: skip
    point, middle = np.array([8, 3, -5]), np.full(3, 20)
    array = np.zeros((41, 41, 41))
    array[tuple(point + middle)] = 1
    turned = affine_transform(gaussian_filter(array, 1.5), pull, offset=middle - pull @ middle)
    found = np.array(center_of_mass(turned)) - middle
    np.testing.assert_allclose(found, [-4.9512, 8.4098, 1.6615], atol=1e-3)
    turn = from_angles(np.array([[30.0, 40.0, 70.0]]))[0]
    np.testing.assert_allclose(turn @ point, found, atol=1e-3)


@given(DEGREES, TILTS, DEGREES)
def test_angles_come_back_from_their_matrix(first, tilt, second):
    angles = np.array([[first, tilt, second]])
    back = to_angles(from_angles(angles))
    off = (back - angles + 180) % 360 - 180  # 180 and -180 are one angle
    np.testing.assert_allclose(off, 0, atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_matrices_come_back_from_their_angles(seed):
    matrices = Rotation.random(5, random_state=np.random.default_rng(seed)).as_matrix()
    np.testing.assert_allclose(from_angles(to_angles(matrices)), matrices, atol=1e-9)


@pytest.mark.parametrize("tilt", [0.0, 180.0])
def test_a_molecule_upright_or_upside_down_keeps_its_pose(tilt):
    matrices = from_angles(np.array([[20.0, tilt, 50.0]]))
    np.testing.assert_allclose(from_angles(to_angles(matrices)), matrices, atol=1e-9)


@given(DEGREES, TILTS, DEGREES)
def test_relion_calls_the_same_pose_by_the_angles_the_documentation_says(first, tilt, second):
    rotations = from_angles(np.array([[first, tilt, second]]))
    found = to_relion(Picks(np.zeros((1, 3)), "1BXN", rotations=rotations))
    off = found - [90 - second, tilt, -90 - first]
    np.testing.assert_allclose((off + 180) % 360 - 180, 0, atol=1e-5)


def test_the_star_file_and_the_locations_hold_the_same_matrix(tmp_path):
    rng = np.random.default_rng(3)
    matrices = Rotation.random(20, random_state=rng).as_matrix()
    zyx = rng.integers(1, 20, (20, 3)) * 10.0
    picks = Picks(zyx, "4CR2", rotations=matrices, run="model_0", extent=(240.0, 240.0, 240.0))
    text = format_locations(["4CR2"] * 20, zyx[:, ::-1] / 10, matrices)
    here = read_locations(write(tmp_path, text), objects=SHREC21)
    write_picks(picks, tmp_path / "a.star")
    columns = [line.split() for line in (tmp_path / "a.star").read_text().splitlines()]
    rows = [[float(x) for x in row[4:7]] for row in columns if row[:1] == ["model_0"]]
    relion = Rotation.from_euler("ZYZ", np.array(rows), degrees=True).inv().as_matrix()
    np.testing.assert_allclose(relion, here.rotations, atol=1e-5)
    lattice = Geometry((24, 24, 24), 10.0)
    [star] = read_picks(tmp_path / "a.star", run="model_0", geometry=lattice)
    np.testing.assert_allclose(star.rotations, here.rotations, atol=1e-5)
    np.testing.assert_allclose(star.zyx, here.xyz[:, ::-1] * 10, atol=1e-3)


def test_vesicles_and_fiducials_are_passed_over_in_any_spelling(tmp_path):
    text = (
        "vesicle 100 90 80 NaN NaN NaN\nfiducial 1 2 3 NaN NaN NaN\nfiducials 1 2 3\n"
        "\n1s3x 7 8 9 10.0 20.0 30.0\n4V94_fixed 4 5 6 1.0 2.0 3.0\n"
    )
    found = read_locations(write(tmp_path, text), objects=SHREC21)
    assert found.names == ["1S3X", "4V94"]  # as the table writes them, whatever the year
    assert found.xyz.tolist() == [[7, 8, 9], [4, 5, 6]]
    np.testing.assert_allclose(found.rotations, from_angles(np.array([[10.0, 20, 30], [1, 2, 3]])))


def test_a_table_that_lists_fiducials_gets_them(tmp_path):
    table = ObjectTable(objects=(ObjectType(name="fiducial", radius=50),))
    found = read_locations(write(tmp_path, "fiducial 1 2 3 NaN NaN NaN\n"), objects=table)
    assert found.names == ["fiducial"]
    assert found.rotations is None


def test_poses_are_kept_whole_or_not_at_all(tmp_path, caplog):
    path = write(tmp_path, EXAMPLE + "1BXN 1 2 3 NaN NaN NaN\n")
    with caplog.at_level(logging.WARNING):
        assert read_locations(path, objects=SHREC21).rotations is None
    assert "1 of 2 particles have no angles" in caplog.text


def test_an_empty_file_holds_no_particles(tmp_path):
    found = read_locations(write(tmp_path, ""), objects=SHREC21)
    assert found.names == []
    assert found.xyz.shape == (0, 3)


@pytest.mark.parametrize(
    "line",
    ["1BXN 1 2", "1BXN 1 2 3 4", "1BXN 1 2 z 4 5 6", "1BXN", "1BXN 1 nan 3 4 5 6", "1,2,3,4,5,6,7",
     "1BXN 1 2 3 4 5 6 7"],
)  # fmt: skip
def test_a_malformed_line_is_named_with_what_was_expected(tmp_path, line):
    path = write(tmp_path, f"{EXAMPLE}\n{line}\n")
    with pytest.raises(UserError) as error:
        read_locations(path, objects=SHREC21)
    assert str(error.value) == (
        f"{path}, line 3: expected 'class x y z rotation_Z1 rotation_X rotation_Z2', found '{line}'"
    )


def test_an_unknown_class_is_named_with_its_line_and_the_nearest(tmp_path):
    path = write(tmp_path, f"{EXAMPLE}1BXM 1 2 3 4 5 6\n")
    with pytest.raises(
        UserError, match=r"locations\.txt, line 2: unknown class '1BXM'.*Did you mean '1BXN'"
    ):
        read_locations(path, objects=SHREC21)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "particle_locations.txt"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match="expected lines 'class x y z"):
        read_locations(path, objects=SHREC21)
