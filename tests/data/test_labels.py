"""Label volumes: from projects and simulations into targets, cut and moved with the patch."""

import numpy as np
import pytest

from tomoscout.augment import levels
from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.core.settings import Choice
from tomoscout.core.volume import Volume
from tomoscout.data.module import PatchDataset
from tomoscout.data.patches import crop, crop_labels
from tomoscout.data.pool import Pool
from tomoscout.data.runs import TrainingRun, load_runs
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.simulated import DataSettings, SimulatedTomograms
from tomoscout.data.streams import Streams
from tomoscout.io.project import Run, open_project
from tomoscout.io.project_writer import write_copick_config, write_run, write_segmentation
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation import Scene
from tomoscout.targets import spheres

OBJECTS = ObjectTable(
    objects=(ObjectType(name="small", radius=25), ObjectType(name="large", radius=45))
)
SHAPE = (24, 28, 32)
MOVES = (Choice(name="flip"), Choice(name="noise"), Choice(name="quarter_turn"))


def drawn(picks: Picks, geometry) -> np.ndarray:
    """Labels of balls around picks."""
    masks = spheres.encode(
        picks, objects=OBJECTS, geometry=geometry, settings=spheres.Settings(radius=1.0)
    )
    return (masks * np.array([1, 2])[:, None, None, None]).sum(0).astype(np.uint8)


def training_run() -> TrainingRun:
    rng = np.random.default_rng(0)
    zyx = rng.uniform(0, 10 * (np.array(SHAPE) - 1), (8, 3))
    picks = Picks(zyx, np.array(OBJECTS.names * 4))
    volume = Volume(rng.standard_normal(SHAPE).astype(np.float16), 10.0, "TS_1")
    return TrainingRun(volume, picks, labels=Volume(drawn(picks, volume.geometry), 10.0, "TS_1"))


def patches(run: TrainingRun, target: str, augment=MOVES, patch=(16, 20, 20)) -> PatchDataset:
    options = {"radius": 1.0} if target == "spheres" else {}
    return PatchDataset(
        Pool([run], objects=OBJECTS, sampling=SamplingSettings(patch=patch)),
        objects=OBJECTS,
        patch=patch,
        augment=augment,
        target=Choice(name=target, **options),
        seed=3,
    )


def test_moved_labels_give_the_target_that_the_moved_points_give():
    by_labels, by_points = patches(training_run(), "masks"), patches(training_run(), "spheres")
    for i in range(20):
        one, two = by_labels[0, i], by_points[0, i]
        np.testing.assert_array_equal(one["image"], two["image"])
        np.testing.assert_array_equal(one["target"], two["target"])


def test_labels_beyond_the_edge_are_reflected_with_the_image():
    run = training_run()
    for start in ((-5, 3, 20), (10, -8, 0), (0, 0, 0)):
        volume, picks = crop(run.volume, run.picks, start=start, shape=(28, 24, 24), margin=100.0)
        found = crop_labels(run.labels, start=start, shape=(28, 24, 24))
        np.testing.assert_array_equal(found, drawn(picks, volume.geometry))
        assert found.dtype == np.uint8


def test_interpolating_steps_are_refused_before_the_first_patch():
    with pytest.raises(UserError, match="augment: rotate, scale would blur the label volumes"):
        patches(training_run(), "masks", augment=levels("base-anisotropic"))


def test_a_run_without_labels_is_named():
    run = training_run()
    with pytest.raises(UserError, match="'TS_1': no label volume"):
        patches(TrainingRun(run.volume, run.picks), "masks")[0, 0]
    with pytest.raises(UserError, match="a label volume has 4 x 4 x 4 voxels"):
        TrainingRun(run.volume, run.picks, labels=Volume(np.zeros((4, 4, 4), np.uint8), 10.0))


@pytest.fixture
def project(tmp_path):
    run = training_run()
    write_run(tmp_path, "TS_1", Volume(run.volume.read(), 10.0), run.picks)
    write_copick_config(tmp_path, OBJECTS, name="test")
    return tmp_path


def test_a_segmentation_of_a_copick_project_is_read_as_labels(project):
    run = training_run()
    write_segmentation(project, "TS_1", run.labels, name="masks")
    opened = open_project(project)["TS_1"]
    assert list(opened.segmentations) == ["masks"]
    (loaded,) = load_runs([opened], NormaliseSettings(), needs_labels=True)
    np.testing.assert_array_equal(loaded.labels.data, run.labels.data)
    assert loaded.labels.data.dtype == np.uint8
    (without,) = load_runs([opened], NormaliseSettings())
    assert without.labels is None


def test_values_are_translated_by_the_names_that_the_layout_gives_them():
    data = np.arange(5, dtype=np.float32).reshape(1, 1, 5).repeat(4, axis=1)
    tomogram = Volume(np.random.default_rng(0).random((1, 4, 5), np.float32), 10.0)
    run = Run(
        "TS_1", {"denoised": lambda: tomogram}, (), OBJECTS,
        segmentations={"mask": lambda: Volume(data, 10.0)},
        segmentation_names={1: "large", 2: "membrane", 4: "small"},
    )  # fmt: skip
    from tomoscout.data._choose import read_labels

    np.testing.assert_array_equal(read_labels(run, "mask").data[0, 0], [0, 2, 0, 0, 1])


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        ((), None, "no label volume, which this target learns from: make one with 'tomoscout prep"),
        (("one", "two"), None, "several label volumes, one, two: choose one with --data.labels"),
        (("masks",), "mask", "no label volume 'mask', found masks. Did you mean 'masks'"),
    ],
)
def test_labels_that_cannot_be_chosen_are_refused(project, names, wanted, message):
    for name in names:
        write_segmentation(project, "TS_1", training_run().labels, name=name)
    runs = open_project(project).runs
    with pytest.raises(UserError, match=message):
        load_runs(runs, NormaliseSettings(), needs_labels=True, labels=wanted)


def test_of_two_owners_of_a_name_each_has_its_own(project):
    for user in ("alice", "bob"):
        write_segmentation(project, "TS_1", training_run().labels, name="masks", user=user)
    found = open_project(project)["TS_1"].segmentations
    assert list(found) == ["masks:alice/0", "masks:bob/0"]


def test_a_volume_that_holds_no_labels_is_refused():
    grey = Volume(np.random.default_rng(0).random((2, 4, 5), np.float32), 10.0)
    run = Run("TS_1", {"denoised": lambda: grey}, (), OBJECTS, segmentations={"m": lambda: grey})
    from tomoscout.data._choose import read_labels

    with pytest.raises(UserError, match="holds other values than whole numbers"):
        read_labels(run, "m")


def test_simulated_labels_lie_on_the_dark_particles():
    ribosome = ObjectTable(objects=(CZII["ribosome"],))
    supply = SimulatedTomograms(
        DataSettings(
            source="simulation", streams=1, kept=1,
            scene=Scene(shape=(40, 64, 64), ice=(0.9, 0.95), vesicles=0, beads=0, carbon=0,
                        debris=0, counts={"ribosome": 4}),
        ),
        objects=ribosome, sampling=SamplingSettings(patch=(32, 32, 32)),
        normalise=NormaliseSettings(), streams=Streams(1, batches=4), needs_labels=True,
    )  # fmt: skip
    dataset = PatchDataset(
        supply, objects=ribosome, patch=(32, 32, 32), augment=MOVES, target=Choice(name="masks"),
        stride=2,
    )  # fmt: skip
    sample = dataset[0, 0]
    shown = sample["image"][0].unfold(0, 2, 2).unfold(1, 2, 2).unfold(2, 2, 2).mean((3, 4, 5))
    inside = sample["target"][0] > 0
    assert 0.02 < inside.float().mean() < 0.6
    assert shown[inside].mean() < shown[~inside].mean() - 0.8
