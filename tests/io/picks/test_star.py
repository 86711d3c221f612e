from pathlib import Path

import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks

# 32 x 24 x 16 voxels (x, y, z) of 10.012 Å: the centre lies at 160.192, 120.144, 80.096 Å.
GEOMETRY = Geometry((16, 24, 32), 10.012)
# 100.12 - 160.192 = -60.072; 80.096 - 120.144 = -40.048; 60.072 - 80.096 = -20.024.
POSITION = [60.072, 80.096, 100.12]
CENTRED = [-60.072, -40.048, -20.024]

RELION5 = """
data_particles

loop_
_rlnTomoName #1
_rlnCenteredCoordinateXAngst #2
_rlnCenteredCoordinateYAngst #3
_rlnCenteredCoordinateZAngst #4
_rlnAngleRot #5
_rlnAngleTilt #6
_rlnAnglePsi #7
TS_5_4  -60.072 -40.048 -20.024  0 0 0
"""

RELION4 = """
# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnTomoTiltSeriesPixelSize #3
1 first 2.0
2 second 4.0

# version 30001

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnOriginXAngst #5
_rlnOriginYAngst #6
_rlnOriginZAngst #7
_rlnOpticsGroup #8
_rlnLCCmax #9
007 10 20 30 1 2 3 1 0.25
007 10 20 30 0 0 0 2 0.5
"""

RELION3 = """
data_

loop_
_rlnMicrographName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnMagnification #5
_rlnDetectorPixelSize #6
_rlnOriginX #7
_rlnOriginY #8
_rlnOriginZ #9
tomograms/tomo_1.tomostar 10 20 30 10000 2.0 1 2 3
"""


def save(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_centred_coordinate_read_by_hand(tmp_path: Path):
    path = save(tmp_path / "a.star", RELION5)
    (picks,) = read_picks(path, geometry=GEOMETRY, object_name="ribosome")
    np.testing.assert_allclose(picks.zyx, [POSITION], atol=1e-9)
    assert (picks.run, picks.names, picks.rotations) == ("TS_5_4", ["ribosome"], None)


def test_a_centred_coordinate_written_by_hand(tmp_path: Path):
    picks = Picks(np.array([POSITION]), "ribosome", run="TS_5_4", extent=GEOMETRY.extent)
    write_picks(picks, tmp_path / "a.star")
    blocks = starfile.read(tmp_path / "a.star", always_dict=True)
    assert list(blocks) == ["particles"]
    table = blocks["particles"]
    assert list(table) == [
        "rlnTomoName",
        *(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"),
        *("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"),
        *("rlnAutopickFigureOfMerit", "tomoscoutObject"),
    ]
    assert table.iloc[0].tolist() == ["TS_5_4", *CENTRED, 0, 0, 0, 1, "ribosome"]


def test_the_other_definition_of_the_centre_lies_one_unbinned_pixel_before(tmp_path: Path):
    path = save(tmp_path / "a.star", RELION5)
    (picks,) = read_picks(
        path, geometry=GEOMETRY, object_name="a", centre="half-minus-one", pixel_size=1.5
    )
    np.testing.assert_allclose(picks.zyx, np.array([POSITION]) - 1.5, atol=1e-9)
    write_picks(picks, tmp_path / "b.star", centre="half-minus-one", pixel_size=1.5)
    table = starfile.read(tmp_path / "b.star")
    assert table.iloc[0].tolist()[1:4] == CENTRED
    with pytest.raises(UserError, match="give the pixel size"):
        write_picks(picks, tmp_path / "c.star", centre="half-minus-one")


def test_the_size_of_the_tomogram_is_asked_for(tmp_path: Path):
    with pytest.raises(UserError, match="run 'TS_5_4' is not known: give the tomogram"):
        read_picks(save(tmp_path / "a.star", RELION5), object_name="a")
    with pytest.raises(UserError, match="run 'TS_5_4' is not known: give the tomogram"):
        write_picks(Picks(np.array([POSITION]), "a", run="TS_5_4"), tmp_path / "b.star")
    assert not (tmp_path / "b.star").exists()


def test_angles_are_the_inverse_of_the_pose_in_intrinsic_zyz(tmp_path: Path):
    # The pose is the inverse of Rz(90) Ry(90), that is Ry(-90) Rz(-90). It turns the reference's
    # y axis first to x, then Ry(-90) takes x to z.
    text = RELION5.replace("0 0 0\n", "90 90 0\n")
    (picks,) = read_picks(save(tmp_path / "a.star", text), geometry=GEOMETRY, object_name="a")
    assert picks.rotations is not None
    np.testing.assert_allclose(picks.rotations[0] @ [0, 1, 0], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("tilt", [0.0, 180.0])
def test_a_pose_with_gimbal_lock_survives_without_a_warning(tilt: float, tmp_path: Path):
    turn = Rotation.from_euler("ZYZ", [[30.0, tilt, 20.0]], degrees=True).inv().as_matrix()
    picks = Picks(np.array([POSITION]), "a", rotations=turn, run="TS_5_4", extent=GEOMETRY.extent)
    write_picks(picks, tmp_path / "a.star")
    found = read_picks(tmp_path / "a.star", geometry=GEOMETRY)[0].rotations
    assert found is not None
    np.testing.assert_allclose(found, turn, atol=1e-7)


def test_pixels_are_scaled_by_their_optics_group_and_shifted_back(tmp_path: Path):
    # Group 1: 10, 20, 30 pixels of 2 Å less 1, 2, 3 Å. Group 2: 10, 20, 30 pixels of 4 Å.
    (picks,) = read_picks(save(tmp_path / "a.star", RELION4), object_name="a")
    np.testing.assert_allclose(picks.zyx, [[57, 38, 19], [120, 80, 40]])
    np.testing.assert_allclose(picks.score_array, [0.25, 0.5])
    assert picks.run == "007"  # a name, though it looks like a number
    assert picks.extent is None


def test_a_given_pixel_size_comes_first(tmp_path: Path):
    (picks,) = read_picks(save(tmp_path / "a.star", RELION4), object_name="a", pixel_size=1.0)
    np.testing.assert_allclose(picks.zyx, [[27, 18, 9], [30, 20, 10]])


def test_relion_3_scales_pixels_and_shifts_by_magnification(tmp_path: Path):
    # 2 µm / 10 000 = 2 Å; shifts count pixels: (10 - 1) * 2 = 18, and so on.
    (picks,) = read_picks(save(tmp_path / "a.star", RELION3), object_name="a")
    np.testing.assert_allclose(picks.zyx, [[54, 36, 18]])
    assert picks.run == "tomo_1"


def test_pixels_of_unknown_size_are_refused(tmp_path: Path):
    text = RELION4.replace("_rlnTomoTiltSeriesPixelSize", "_rlnVoltage")
    with pytest.raises(UserError, match="give the pixel size"):
        read_picks(save(tmp_path / "a.star", text), object_name="a")


def test_the_box_turns_both_the_shift_and_the_pose(tmp_path: Path):
    text = """
data_particles

loop_
_rlnTomoName
_rlnCenteredCoordinateXAngst
_rlnCenteredCoordinateYAngst
_rlnCenteredCoordinateZAngst
_rlnTomoSubtomogramRot
_rlnTomoSubtomogramTilt
_rlnTomoSubtomogramPsi
_rlnAngleRot
_rlnAngleTilt
_rlnAnglePsi
_rlnOriginXAngst
_rlnOriginYAngst
_rlnOriginZAngst
TS_5_4 0 0 0  90 0 0  0 90 0  10 0 0
"""
    (picks,) = read_picks(save(tmp_path / "a.star", text), geometry=GEOMETRY, object_name="a")
    # The box is turned by Rz(-90): its x axis points along -y, so the shift of 10 is -10 in y,
    # and taking it away moves the pick to +10 in y.
    np.testing.assert_allclose(picks.zyx, [[80.096, 120.144 + 10, 160.192]], atol=1e-9)
    # The pose is Rz(-90) Ry(-90): x goes to z by the inner turn and the outer leaves z alone.
    assert picks.rotations is not None
    np.testing.assert_allclose(picks.rotations[0] @ [1, 0, 0], [0, 0, 1], atol=1e-12)
    # z goes to -x by the inner turn, and -x to y by the outer.
    np.testing.assert_allclose(picks.rotations[0] @ [0, 0, 1], [0, 1, 0], atol=1e-12)


def test_a_particle_name_that_repeats_is_the_object(tmp_path: Path):
    text = RELION4.replace("_rlnOpticsGroup #8", "_rlnParticleName #8")
    text = text.replace("_rlnOpticsGroup #1\n", "_rlnOpticsGroup #1\n")
    text = text.replace("3 1 0.25", "3 PSII 0.25").replace("0 2 0.5", "0 PSII 0.5")
    (picks,) = read_picks(save(tmp_path / "a.star", text))
    assert picks.names == ["PSII"]


def test_the_object_is_asked_for_when_the_file_does_not_say(tmp_path: Path):
    with pytest.raises(UserError, match="give its name"):
        read_picks(save(tmp_path / "particles.star", RELION5), geometry=GEOMETRY)


def test_a_star_file_of_something_else_is_refused(tmp_path: Path):
    path = save(tmp_path / "a.star", "data_general\n\n_rlnFinalResolution 16.3\n")
    with pytest.raises(UserError, match="particle table, found data_general"):
        read_picks(path)
    path = save(tmp_path / "a.star", "data_particles\n\nloop_\n_rlnTomoName #1\n_rlnX #2\na 1\n")
    with pytest.raises(UserError, match="found rlnTomoName, rlnX"):
        read_picks(path)


def test_text_where_a_number_belongs_is_refused(tmp_path: Path):
    path = save(tmp_path / "a.star", RELION5.replace("-40.048", "left"))
    with pytest.raises(UserError, match="expected numbers in rlnCenteredCoordinateYAngst"):
        read_picks(path, geometry=GEOMETRY, object_name="a")


def test_the_same_picks_give_the_same_bytes(tmp_path: Path):
    picks = Picks(np.array([POSITION]), "a", run="TS_5_4", extent=GEOMETRY.extent)
    write_picks(picks, tmp_path / "a.star")
    write_picks(picks, tmp_path / "b.star")
    assert (tmp_path / "a.star").read_bytes() == (tmp_path / "b.star").read_bytes()
    assert (tmp_path / "a.star").read_text().startswith("# version 50001\n\ndata_particles\n")
