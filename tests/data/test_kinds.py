"""Several reconstructions of a run as training samples."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.module import EpochSampler, PatchDataset, collate
from tomoscout.data.pool import Pool
from tomoscout.data.runs import TrainingRun, load_run, load_runs
from tomoscout.data.sampling import SamplingSettings
from tomoscout.data.simulated import DataSettings, SimulatedTomograms, validation_tomograms
from tomoscout.data.streams import Streams
from tomoscout.io.project import Run
from tomoscout.ops.normalise import NormaliseSettings
from tomoscout.simulation import Scene

OBJECTS = ObjectTable(objects=(CZII["ribosome"],))
SHAPE = (20, 24, 28)
VALUES = {"denoised": 1.0, "wbp": 2.0, "isonetcorrected": 3.0, "ctfdeconvolved": 4.0}
PICKS = Picks(np.array([[100.0, 120, 130]]), "ribosome")


class InMemory(Run):
    """A run whose picks need no file."""

    def picks(self, *, user: str | None = None, session: str | None = None) -> Picks:
        return PICKS


def run(name: str, *kinds: str, shape=SHAPE) -> Run:
    rng = np.random.default_rng(len(name))
    noise = rng.standard_normal(shape).astype(np.float32)
    made = {k: lambda k=k: Volume(noise * VALUES[k] + VALUES[k], 10.0, name) for k in kinds}
    return InMemory(name, made, (), OBJECTS)


def telling(*values: float) -> TrainingRun:
    """A run whose kinds tell themselves by their only grey value."""
    first, *others = (Volume(np.full(SHAPE, v, np.float16), 10.0, "TS_1") for v in values)
    return TrainingRun(first, PICKS, tuple(others))


def patches(*runs: TrainingRun, seed: int = 0) -> PatchDataset:
    sampling = SamplingSettings(patch=(8, 8, 8))
    pool = Pool(runs, objects=OBJECTS, sampling=sampling)
    return PatchDataset(pool, objects=OBJECTS, patch=sampling.patch, seed=seed)


def value(sample) -> float:
    (found,) = sample["image"].unique().tolist()
    return found


def test_kinds_are_drawn_evenly():
    dataset = patches(telling(1, 2, 3, 4))
    drawn = [value(dataset[0, i]) for i in range(400)]
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > 75  # 100 are expected


def test_the_kind_depends_on_the_key_and_the_seed_alone():
    first, second = patches(telling(1, 2, 3)), patches(telling(1, 2, 3))
    _ = [second[0, i] for i in range(3)]
    assert [value(first[2, i]) for i in range(30)] == [value(second[2, i]) for i in range(30)]
    other = patches(telling(1, 2, 3), seed=1)
    assert [value(first[2, i]) for i in range(30)] != [value(other[2, i]) for i in range(30)]


def test_a_run_of_one_kind_gives_the_patches_it_always_gave():
    noise = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float16)
    one = TrainingRun(Volume(noise, 10.0, "TS_1"), PICKS)
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    assert one.one_kind(rng) is one.volume
    assert rng.random() == again.random()  # nothing was drawn


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_patches_are_the_same_bytes_for_any_number_of_workers():
    seen = []
    for workers in (0, 2):
        sampler = EpochSampler(12)
        loader = DataLoader(
            patches(telling(1, 2, 3), telling(5, 6)),
            batch_size=3,
            sampler=sampler,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
            collate_fn=lambda items: collate(items, mixup=1.0, mixup_probability=0.5, cutmix=0.3),
        )
        seen.append(list(loader))
    for one, two in zip(*seen, strict=True):
        assert torch.equal(one["image"], two["image"])
        assert torch.equal(one["target"], two["target"])


def test_of_each_run_the_kinds_that_it_has_are_loaded_each_normalised_by_itself():
    runs = [run("a", "denoised", "wbp", "isonetcorrected"), run("bb", "wbp", "ctfdeconvolved")]
    loaded = load_runs(runs, NormaliseSettings(), kinds=("wbp", "denoised"))
    assert [len(r.others) for r in loaded] == [1, 0]
    for volume in (loaded[0].volume, *loaded[0].others, loaded[1].volume):
        assert volume.data.dtype == np.float16
        assert abs(volume.read().mean()) < 0.01
        assert abs(volume.read().std() - 1) < 0.01
    (alone,) = load_runs(runs[:1], NormaliseSettings(), kind="wbp")
    np.testing.assert_array_equal(alone.volume.data, loaded[0].volume.data)
    assert alone.others == ()


@pytest.mark.parametrize(
    ("runs", "kinds", "message"),
    [
        ([run("a", "denoised")], ("denoisd",), "Did you mean 'denoised'"),
        ([run("a", "denoised"), run("bb", "wbp")], ("wbp",), "'a': has none of the kinds wbp"),
    ],
)
def test_kinds_that_are_not_there_are_refused(runs, kinds, message):
    with pytest.raises(UserError, match=message):
        load_runs(runs, NormaliseSettings(), kinds=kinds)


@pytest.mark.parametrize(
    ("kinds", "remark"),
    [
        (("denoised", "isonetcorrected"), "no run has isonetcorrected; trained on the others"),
        (("wbp", "isonetcorrected"), "no run has wbp, isonetcorrected; trained on the usual one"),
    ],
)
def test_a_recipe_made_for_more_kinds_trains_on_those_there_are(kinds, remark, caplog):
    runs = [run("a", "denoised")]
    loaded = load_runs(runs, NormaliseSettings(), kinds=kinds)
    assert loaded[0].others == ()
    (usual,) = load_runs(runs, NormaliseSettings())
    np.testing.assert_array_equal(loaded[0].volume.data, usual.volume.data)
    assert remark in caplog.text


def test_kinds_of_different_shapes_are_refused():
    small, large = (
        Volume(np.random.default_rng(0).random(s, np.float32), 10.0, "TS_1")
        for s in (SHAPE, (20, 24, 30))
    )
    with pytest.raises(UserError, match="a kind of tomogram has 20 x 24 x 30 voxels"):
        load_run(small, PICKS, normalise=NormaliseSettings(), others=[large])


FEW_TILTS = {"tilt_step": (10.0, 10.0)}
SCENE = Scene(
    shape=(16, 32, 32), voxel_spacing=20.0, ice=(0.9, 0.95), vesicles=0, beads=0, carbon=0,
    debris=0, counts={"ribosome": 3},
)  # fmt: skip


def supply(**options) -> SimulatedTomograms:
    kinds = options.pop("kinds", ())
    return SimulatedTomograms(
        DataSettings(source="simulation", scene=SCENE, streams=1, kept=1, **options),
        objects=OBJECTS,
        sampling=SamplingSettings(patch=(8, 8, 8), allow_missing=True),
        normalise=NormaliseSettings(),
        streams=Streams(1, batches=4),
        kinds=kinds,
    )


def test_the_full_microscope_simulates_every_kind_of_the_same_scene():
    drawn = supply(physics="full", full=FEW_TILTS, kinds=("wbp", "denoised")).draw(
        (0, 0), np.random.default_rng(0)
    )
    (other,) = drawn.run.others
    assert other.shape == drawn.run.volume.shape == SCENE.shape
    together = np.corrcoef(other.read().ravel(), drawn.run.volume.read().ravel())[0, 1]
    assert 0.1 < together < 0.99  # the same molecules, but not the same voxels
    smooth = [np.abs(np.diff(v.read(), axis=2)).mean() for v in (drawn.run.volume, other)]
    assert smooth[1] < smooth[0]  # the second is denoised


def test_the_quick_microscope_refuses_other_kinds_at_once():
    with pytest.raises(UserError, match="the quick microscope makes 'denoised' only"):
        supply(kinds=("wbp",))
    with pytest.raises(UserError, match="the quick microscope makes 'denoised' only"):
        validation_tomograms(
            DataSettings(source="simulation", scene=SCENE), objects=OBJECTS, kind="wbp"
        )
