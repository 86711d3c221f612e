"""Molecules of a user's own in simulations: their poses, their names, the tables they are in."""

from __future__ import annotations

import numpy as np
import pytest
import starfile
from scipy.spatial.transform import Rotation

from samples.mmcif import ATOMS
from samples.twins import NAMES, QUIET, SHAPE, SPACING, TWIN, run, source
from tomoscout.commands._simulated import tables, with_counts
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.project import open_project
from tomoscout.io.volumes import read_volume, write_volume
from tomoscout.simulation.density import Blobs, rasterise
from tomoscout.simulation.preset import read_preset

# Three lobes of different weight on three axes: no turn, and no mirror, leaves it as it was.
LOBES = Blobs(
    zyx=np.array([[0.0, 0, 0], [90, 0, 0], [0, 65, 0], [0, 0, 45]])
    - np.array([[90 * 0.25, 65 * 0.2, 45 * 0.15]]),
    weights=np.array([0.4, 0.25, 0.2, 0.15]),
    mass=400.0,
    sigma=18.0,
)


@pytest.fixture
def lobes(tmp_path):
    path = tmp_path / "lobes.mrc"
    write_volume(Volume(rasterise(LOBES, voxel_spacing=5.0).data, 5.0), path)
    return path


@pytest.fixture
def ball(tmp_path):
    """An atomic model: a ball of 2500 carbon atoms, 70 Å across."""
    pytest.importorskip("gemmi")
    rng = np.random.default_rng(0)
    xyz = rng.normal(size=(2500, 3))
    xyz *= 35 * rng.random((2500, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1, keepdims=True)
    rows = (
        f"ATOM {i} C CA . GLY A 1 {i} {x:.3f} {y:.3f} {z:.3f} 1.0 0 {i} A 1"
        for i, (x, y, z) in enumerate(xyz, start=1)
    )
    path = tmp_path / "ball.cif"
    path.write_text("data_TINY\n" + ATOMS + "\n".join(rows) + "\n")
    return path


def test_the_star_file_of_a_twin_turns_as_relion_does(tmp_path, lobes):
    grid = np.array([[z, y, x] for z in (240.0,) for y in (250, 700) for x in (250, 700)])
    zyx = grid + np.random.default_rng(1).uniform(-10, 10, (4, 3))
    turns = Rotation.random(4, random_state=np.random.default_rng(2)).as_matrix()
    write_picks(given_lobes(zyx, turns), tmp_path / "mine.star")
    run(
        f"simulate {tmp_path / 'twin'} --picks {tmp_path / 'mine.star'}"
        f" --molecule mine={lobes}@400 {TWIN} --quick.noise 0,0.01 --quick.max-tilt 60,60"
        " --quick.highpass 3000,3000 --set strangers=0 --set wobble=0"
    )
    run(f"convert {tmp_path / 'twin'} -o {tmp_path / 'out.star'} -q")
    table = starfile.read(tmp_path / "out.star")
    angles = table[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy(float)
    names = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    found = table[names].to_numpy(float)[:, ::-1] + np.array(SHAPE) * SPACING / 2

    # RELION's rot, tilt and psi turn the tomogram onto the reference, about z, the new y, and the
    # new z: the same matrices as the picks', the other way round.
    order = np.linalg.norm(found[:, None] - zyx, axis=2).argmin(axis=1)
    assert sorted(order) == [0, 1, 2, 3]
    onto = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(onto.transpose(0, 2, 1), turns[order], atol=1e-5)

    # And so they turn the picture: no other reading of the angles looks as much like it.
    volume = open_project(tmp_path / "twin").runs[0].tomogram("denoised").read()
    others = Rotation.random(40, random_state=np.random.default_rng(3)).as_matrix()
    for place, matrix, (rot, tilt, psi) in zip(found, onto, angles, strict=True):
        right = likeness(volume, place, matrix)
        readings = [
            matrix.T,
            *(
                Rotation.from_euler(axes, each, degrees=True).as_matrix()
                for axes, each in [
                    ("ZYZ", (psi, tilt, rot)),
                    ("ZYZ", (rot, -tilt, psi)),
                    ("ZYZ", (-psi, tilt, -rot)),
                    ("zyz", (rot, tilt, psi)),
                    ("ZXZ", (rot, tilt, psi)),
                ]
            ),
        ]
        assert right > 0.6
        assert right > max(likeness(volume, place, m) for m in (*others, *readings)) + 0.02


def given_lobes(zyx, turns):
    extent = tuple(n * SPACING for n in SHAPE)
    return Picks(zyx, "mine", rotations=turns, run="TS_1", extent=extent)


def likeness(volume, zyx, onto):
    """Correlate a particle with the molecule, turned by a matrix from tomogram to reference."""
    middle = np.rint(zyx / SPACING).astype(int)
    offsets = np.indices((25, 25, 25)).reshape(3, -1).T - 12
    at = middle + offsets
    xyz = (at * SPACING - zyx)[:, ::-1] @ onto.T
    squared = ((xyz[:, None, ::-1] - LOBES.zyx) ** 2).sum(axis=2)
    reference = (LOBES.weights * np.exp(-0.5 * squared / 20.0**2)).sum(axis=1)
    near = np.linalg.norm(offsets, axis=1) <= 12
    return -np.corrcoef(volume[tuple(at[near].T)], reference[near])[0, 1]


def test_a_molecule_of_a_new_name_is_what_is_looked_for(tmp_path, ball):
    command = (
        f"simulate {{}} --molecule mine={ball} --physics quick --shape 64 96 96 --crowding 60 "
        f"--runs 1 --truth {QUIET} -q --seed 1"
    )
    run(command.format(tmp_path / "sim"))
    run(command.format(tmp_path / "alone") + " --set strangers=0")
    project = open_project(tmp_path / "sim")
    assert project.objects.names == ["mine"]
    assert 30 < project.objects["mine"].radius < 45  # a ball of 35 Å
    assert project.runs[0].picks().names == ["mine"]
    # The package's own stand among them: in the picture, and nowhere in the truth.
    folder = tmp_path / "sim/overlay/ExperimentRuns/TS_sim_0/Segmentations"
    classes = read_volume(folder / "10.012_simulation_0_objects-multilabel.zarr").read()
    assert set(np.unique(classes)) == {0, 1}
    picture, alone = (
        open_project(tmp_path / name).runs[0].tomogram("denoised").read()
        for name in ("sim", "alone")
    )
    assert np.corrcoef(picture.ravel(), alone.ravel())[0, 1] < 0.9


def test_a_molecule_of_a_known_name_changes_its_look_only(tmp_path, lobes):
    picks = source("star", tmp_path)
    sizes = []
    for name, extra in (("own", ""), ("given", f"--molecule ribosome={lobes}@300")):
        run(f"simulate {tmp_path / name} --picks {picks} {TWIN} --truth {extra}")
        project = open_project(tmp_path / name)
        assert project.objects.names == CZII.names
        assert sorted(project.runs[0].picks().names) == sorted(NAMES)
        folder = tmp_path / name / "overlay/ExperimentRuns/TS_1_twin/Segmentations"
        classes = read_volume(folder / "10.012_simulation_0_objects-multilabel.zarr").read()
        sizes.append([np.count_nonzero(classes == CZII.label(str(n))) for n in NAMES])
    (ribosome, *others), (lobed, *same) = sizes
    assert 0 < lobed < 0.3 * ribosome
    assert np.allclose(others, same, rtol=0.3)


def test_tables_say_what_is_picked_and_what_stands_among_it():
    preset = read_preset("training")
    strangers = list(preset.distractors)
    assert tables(preset, {}, given=CZII)[0] is CZII
    looks = {"ribosome": LOBES, "4v94": LOBES}
    picked, among = tables(preset, looks, given=CZII)
    assert picked is CZII
    assert among.names == strangers
    picked, among = tables(preset, {**looks, "mine": LOBES}, given=CZII)
    assert picked.names == ["ribosome", "mine"]
    assert picked["ribosome"] == CZII["ribosome"]
    assert among.names == [n for n in CZII.names if n != "ribosome"] + strangers


def test_numbers_of_objects_follow_the_tables():
    preset = read_preset("shrec")
    own = ObjectTable(objects=(ObjectType(name="mine", radius=50),))
    changed = with_counts(preset, own, preset.table)
    assert changed.scene.counts == {"mine": 154, **preset.scene.counts}
    assert with_counts(preset, own).scene.counts == {"mine": 154}
    assert with_counts(preset, preset.table) == preset
    assert with_counts(read_preset("czii"), own).scene.counts is None
