"""What is written is the challenge's layout, byte for byte where its readers look, or nothing."""

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.shrec import SHREC21
from tomoscout.core.volume import Volume
from tomoscout.io import shrec_writer
from tomoscout.io.project import open_project
from tomoscout.io.shrec_writer import write_shrec_model

SHAPE = (8, 12, 16)
ZYX = np.array([[40.0, 60.0, 80.0], [21.0, 34.0, 48.0], [70.0, 110.0, 150.0]])
NAMES = np.array(["fiducial", "5MRC", "1S3X"])
TURNS = Rotation.random(3, random_state=np.random.default_rng(1)).as_matrix()


def model(**changes):
    """Everything a model needs, with exact truth: each particle is one voxel."""
    classes, occupancy = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint16)
    for row, (z, y, x) in enumerate(np.rint(ZYX / 10).astype(int), start=1):
        occupancy[z, y, x] = row
        classes[z, y, x] = {"fiducial": 15, "5MRC": 13, "1S3X": 12}[NAMES[row - 1]]
    density = Volume(classes.astype(np.float32), 10.0)
    return {
        "grandmodel": density,
        "reconstruction": Volume(-density.data, 10.0),
        "classes": classes,
        "occupancy": occupancy,
        "picks": Picks(ZYX, NAMES, rotations=TURNS),
        **changes,
    }


def test_the_folder_is_the_challenges(tmp_path):
    folder = write_shrec_model(tmp_path, 3, **model())
    assert folder == tmp_path / "model_3"
    assert sorted(p.name for p in folder.iterdir()) == [
        "class_mask.mrc", "grandmodel.mrc", "occupancy_mask.mrc", "particle_locations.txt",
        "reconstruction.mrc",
    ]  # fmt: skip
    lines = (folder / "particle_locations.txt").read_text().splitlines()
    assert lines[0] == "fiducial 8 6 4 NaN NaN NaN"
    assert [line.split()[:4] for line in lines[1:]] == [
        ["5MRC", "5", "3", "2"], ["1S3X", "15", "11", "7"],
    ]  # fmt: skip


def test_the_challenges_script_finds_each_particle_where_it_looks(tmp_path):
    # As the official script does: line k of the text is value k of the mask, at [z, y, x].
    folder = write_shrec_model(tmp_path, 0, **model())
    with mrcfile.open(folder / "occupancy_mask.mrc", permissive=True) as file:
        mask = file.data
    with mrcfile.open(folder / "class_mask.mrc", permissive=True) as file:
        classes = file.data
    order = ["background", *SHREC21.names, "vesicle", "fiducial"]
    lines = (folder / "particle_locations.txt").read_text().splitlines()
    for row, line in enumerate(lines, start=1):
        name, x, y, z, *_ = line.split()
        assert int(mask[int(z), int(y), int(x)]) == row
        assert order[int(classes[int(z), int(y), int(x)])] == name


def test_what_was_written_is_read_back(tmp_path):
    write_shrec_model(tmp_path, 0, **model())
    write_shrec_model(tmp_path, 1, **model(), decimals=2)
    project = open_project(tmp_path)
    assert project.layout == "shrec"
    for run, off in zip(project.runs, (5.0, 0.051), strict=True):  # half a voxel, or its hundredth
        picks = run.picks()
        assert picks.objects.tolist() == ["5MRC", "1S3X"]  # a fiducial is nothing to be found
        np.testing.assert_allclose(picks.zyx, ZYX[1:], atol=off)
        np.testing.assert_allclose(picks.rotations, TURNS[1:], atol=1e-5)
    np.testing.assert_allclose(project["model_1"].picks().zyx, ZYX[1:], atol=0.051)
    run = project["model_0"]
    np.testing.assert_array_equal(run.tomogram().read(), model()["reconstruction"].data)
    np.testing.assert_array_equal(run.tomogram("grandmodel").read(), model()["grandmodel"].data)
    np.testing.assert_array_equal(run.segmentation("class_mask").read(), model()["classes"])
    np.testing.assert_array_equal(run.segmentation("occupancy_mask").read(), model()["occupancy"])


def test_positions_round_to_voxels_of_the_tomogram(tmp_path):
    edge = Picks(np.array([[-4.9, 54.9, 159.0 - 4.1]]), "1S3X")
    folder = write_shrec_model(
        tmp_path, 0, **model(picks=edge, occupancy=np.zeros(SHAPE, np.uint16))
    )
    assert (folder / "particle_locations.txt").read_text() == "1S3X 15 5 0 NaN NaN NaN\n"


def test_tilt_angles_are_written_where_they_are_known(tmp_path):
    folder = write_shrec_model(tmp_path, 0, **model(), tilt_angles=[-60.0, 0.001, 60.0])
    assert (folder / "projections.tlt").read_text() == "-60.000\n0.001\n60.000\n"


def test_a_model_is_replaced_as_a_whole_and_only_on_request(tmp_path):
    folder = write_shrec_model(tmp_path, 0, **model(), tilt_angles=[0.0])
    with pytest.raises(UserError, match=r"model_0: exists: pass --overwrite"):
        write_shrec_model(tmp_path, 0, **model())
    write_shrec_model(tmp_path, 0, **model(), overwrite=True)
    assert not (folder / "projections.tlt").exists()
    (folder / "my_notes.txt").write_text("dear diary")
    with pytest.raises(UserError, match=r"none of a model's \(my_notes\.txt\)"):
        write_shrec_model(tmp_path, 0, **model(), overwrite=True)
    assert (folder / "my_notes.txt").read_text() == "dear diary"


def test_a_failure_leaves_nothing_new_and_keeps_the_old(tmp_path, monkeypatch):
    write_shrec_model(tmp_path, 0, **model())
    before = (tmp_path / "model_0" / "particle_locations.txt").read_text()

    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shrec_writer, "_locations", full)
    for index in (0, 1):
        with pytest.raises(UserError, match="the disk is full"):
            write_shrec_model(tmp_path, index, **model(), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["model_0"]
    assert (tmp_path / "model_0" / "particle_locations.txt").read_text() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict.fromkeys(("classes", "occupancy"), np.zeros((8, 12, 15), np.uint8)),
            r"class_mask has shape \(8, 12, 15\)",
        ),
        ({"grandmodel": Volume(np.zeros((4, 12, 16), np.float32), 10.0)}, "grandmodel has shape"),
        ({"grandmodel": Volume(np.zeros(SHAPE, np.float32), 5.0)}, "grandmodel are of 5 Å"),
        ({"classes": np.full(SHAPE, 16, np.uint8)}, "class_mask must hold 0 to 15.*found 16 to 16"),
        ({"occupancy": np.full(SHAPE, 4, np.uint16)}, "must hold 0 to 3, as there are 3 picks"),
        ({"picks": Picks(ZYX, "ribosome")}, "unknown object 'ribosome': expected 4V94"),
        ({"picks": Picks(ZYX + 40, "5MRC")}, "2 of 3 picks lie outside the tomogram"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_anything_is_written(
    tmp_path, changes, message
):
    with pytest.raises(UserError, match=message):
        write_shrec_model(tmp_path, 0, **model(**changes))
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_written_and_read_with_it(tmp_path):
    table = ObjectTable(objects=(ObjectType(name="mine", radius=50),))
    picks = Picks(ZYX[1:], "mine")
    empty = np.zeros(SHAPE, np.uint8)
    write_shrec_model(
        tmp_path / "m", 0, **model(picks=picks, classes=empty, occupancy=empty), objects=table
    )
    (tmp_path / "mine.yaml").write_text("objects: [{name: mine, radius: 50}]")
    project = open_project(tmp_path / "m", objects=tmp_path / "mine.yaml")
    assert project.runs[0].picks().names == ["mine"]
