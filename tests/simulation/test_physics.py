import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.settings import validate
from tomoscout.simulation import physics, quick
from tomoscout.simulation.physics import PhysicsSettings
from tomoscout.simulation.quick import QuickSettings
from tomoscout.simulation.reconstruction import KINDS

SHAPE = (48, 64, 64)
CLEAN = {
    "max_tilt": (60, 60),
    "tilt_step": (2, 2),
    "defocus": (30_000, 30_000),
    "envelope": (10, 10),
    "amplitude_contrast": (0.07, 0.07),
    "restoration": (2.5, 2.5),
    "falloff": (40, 40),
    "highpass": (900, 900),
    "contrast": (1, 1),
    "offset": (0, 0),
}


def scene(seed=0):
    """Balls and shells of protein, none at the border."""
    rng = np.random.default_rng(seed)
    at = np.indices(SHAPE).astype(np.float32)
    volume = np.zeros(SHAPE, np.float32)
    for _ in range(8):
        centre = rng.uniform(12, np.array(SHAPE) - 12)
        distance = np.sqrt(((at - centre[:, None, None, None]) ** 2).sum(axis=0))
        radius = rng.uniform(2, 7)
        volume += np.clip(radius - distance, 0, 1)
    return volume


def full(density, *, rng, **over):
    conditions = physics.draw(PhysicsSettings(**(CLEAN | over)), np.random.default_rng(0))
    return physics.image(
        density, voxel_spacing=10.0, conditions=conditions, thickness=400.0, rng=rng
    )


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_both_microscopes_agree_on_a_scene_and_on_a_point():
    # Without noise, damage and denoising they are two ways to compute one thing.
    at = np.indices(SHAPE) - np.array([24, 32, 32])[:, None, None, None]
    point = np.exp(-(at**2).sum(axis=0) / (2 * 1.0**2)).astype(np.float32)  # 10 Å wide
    conditions = quick.draw(
        QuickSettings(**(CLEAN | {"noise": (0, 0), "smoothing": (0, 0)})),
        np.random.default_rng(0),
    )
    for density, least in ((scene(), 0.95), (point, 0.9)):
        slow = full(density, rng=None, damage=(0, 0))["ctfdeconvolved"]
        fast = quick.image(
            density.copy(),
            voxel_spacing=10.0,
            conditions=conditions,
            rng=np.random.default_rng(1),
        )
        inner = (slice(6, -6),) * 3
        found = correlation(slow[inner], fast[inner])
        assert found > least


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads():
    conditions = physics.draw(PhysicsSettings(), np.random.default_rng(0))

    def once(seed, workers):
        return physics.image(
            scene(),
            voxel_spacing=10.0,
            conditions=conditions,
            thickness=400.0,
            rng=np.random.default_rng(seed),
            workers=workers,
        )

    first, again, other = once(1, 1), once(1, 2), once(2, 1)
    assert set(first) == set(KINDS)
    for kind in KINDS:
        np.testing.assert_array_equal(first[kind], again[kind])
        assert not np.array_equal(first[kind], other[kind])


def test_each_kind_is_closer_to_the_truth_than_the_one_before():
    truth = scene()
    made = full(truth, rng=np.random.default_rng(3), denoising=(1, 1), ice_noise=(0.3, 0.3))
    likeness = [
        -correlation(made[kind], truth)
        for kind in ("wbp", "ctfdeconvolved", "denoised", "isonetcorrected")
    ]
    assert likeness == sorted(likeness)
    assert likeness[0] > 0.05  # protein is dark in all of them


def test_isonet_stand_in_fills_the_wedge_and_nothing_else():
    truth = scene()
    made = full(truth, rng=np.random.default_rng(3), wedge_filling=(0.6, 0.6), max_tilt=(45, 45))
    plane = {kind: np.fft.rfftn(made[kind])[:, 0] for kind in ("denoised", "isonetcorrected")}
    z = np.abs(np.fft.fftfreq(SHAPE[0]))[:, None]
    x = np.fft.rfftfreq(SHAPE[2])[None, :]
    missing, seen = z > 1.5 * x + 0.03, z < 0.7 * x - 0.03
    power = {kind: np.abs(values) ** 2 for kind, values in plane.items()}
    gain = power["isonetcorrected"][missing].sum() / power["denoised"][missing].sum()
    assert gain > 5
    # But for one factor: both are brought to one standard deviation at the end.
    one, other = plane["isonetcorrected"][seen], plane["denoised"][seen]
    factor = np.vdot(other, one).real / np.vdot(other, other).real
    assert np.linalg.norm(one - factor * other) < 0.01 * np.linalg.norm(one)


def test_a_denoiser_that_holds_back_spares_particles_and_fades_the_rest():
    truth = np.zeros(SHAPE, np.float32)
    truth[20:28, 28:36, 28:36] = 1
    far = (slice(None), slice(4, 16), slice(4, 60))
    core = (slice(22, 26), slice(30, 34), slice(30, 34))

    def stands_out(quieting):
        made = full(
            truth,
            rng=np.random.default_rng(4),
            quieting=(quieting, quieting),
            ice_noise=(0.1, 0.1),
        )["denoised"]
        return -float(made[core].mean() - made[far].mean()) / float(made[far].std())

    plain, half, most = stands_out(0), stands_out(0.5), stands_out(0.9)
    assert half > 1.3 * plain
    assert most > 1.3 * half


def test_weighting_takes_noise_of_high_tilts_and_no_truth_of_the_middle():
    """Slices across y lose the cross of the highest tilts."""
    nothing = np.zeros(SHAPE, np.float32)

    def share_of_high_tilts(power):
        made = full(
            nothing,
            rng=np.random.default_rng(5),
            image_weighting=(power, power),
            dose=(100, 100),
        )["wbp"]
        spectrum = np.abs(np.fft.rfftn(made)[:, 0]) ** 2
        z = np.abs(np.fft.fftfreq(SHAPE[0]))[:, None]
        x = np.fft.rfftfreq(SHAPE[2])[None, :]
        angle = np.degrees(np.arctan2(z, np.maximum(x, 1e-9)))
        ring = (np.hypot(z, x) > 0.1) & (np.hypot(z, x) < 0.4)
        high = spectrum[ring & (angle > 45) & (angle < 58)].mean()
        return high / spectrum[ring & (angle < 20)].mean()

    assert share_of_high_tilts(0) > 0.7
    assert share_of_high_tilts(1) < 0.5 * share_of_high_tilts(0)


def test_the_tilt_axis_may_lie_along_x():
    truth = scene()
    along_y = full(truth, rng=None)["wbp"]
    along_x = full(truth.transpose(0, 2, 1).copy(), rng=None, tilt_axis="x")["wbp"]
    np.testing.assert_allclose(along_x, along_y.transpose(0, 2, 1), atol=1e-4)


def test_standard_deviation_and_mean_are_those_asked_for():
    made = full(scene(), rng=np.random.default_rng(0), contrast=(6e-6, 6e-6), offset=(1e-7, 1e-7))
    for tomogram in made.values():
        assert tomogram.std() == pytest.approx(6e-6, rel=1e-3)
        assert tomogram.mean() == pytest.approx(1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_tilt": (0, 40)}, "must be above 0"),
        ({"max_tilt": (40, 86)}, "at most 85"),
        ({"max_tilt": (2, 3), "tilt_step": (3, 5)}, "one image gives no tomogram"),
        ({"schemes": ("spiral",)}, "dose_symmetric"),
        ({"quieting": (0, 1.2)}, "at most 1"),
        ({"dosage": (1, 2)}, "dose"),
    ],
)
def test_impossible_conditions_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        validate(PhysicsSettings, wrong, source="test")
