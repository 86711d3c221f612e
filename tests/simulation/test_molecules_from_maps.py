import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from samples.chains import ALANINE, centre, chain
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.simulation.density import Blobs, Density
from tomoscout.simulation.molecules import estimate_mass, from_atoms, from_map, realise


def similarity(a: Density, b: Density) -> float:
    side = max(len(a.data), len(b.data))
    padded = [np.pad(m.data, (side - len(m.data)) // 2).ravel() for m in (a, b)]
    return float(np.corrcoef(*padded)[0, 1])


def computed(voxel_spacing: float = 5.0, resolution: float = 12.0, copies: int = 900) -> Density:
    blobs = from_atoms(chain(ALANINE, copies), resolution=resolution)
    return realise(blobs, voxel_spacing=voxel_spacing)


def boxed(density: Density, *, noise: float = 0.0, seed: int = 0) -> Volume:
    """Put a molecule off centre into a box of three different edges, in units of its own."""
    n = len(density.data)
    data = np.random.default_rng(seed).normal(size=(n + 14, n + 9, n + 21)) * noise
    data[3 : 3 + n, 4 : 4 + n, 11 : 11 + n] += density.data
    return Volume((37 * data - 1200).astype(np.float32), density.voxel_spacing, "m.mrc")


def test_a_molecule_is_the_same_from_a_map_and_from_atoms():
    truth = computed()
    found = from_map(boxed(truth), mass=truth.mass)
    assert similarity(found, truth) > 0.999
    assert found.mass == pytest.approx(truth.mass, rel=1e-4)
    assert found.data.max() == pytest.approx(truth.data.max(), rel=0.03)
    np.testing.assert_allclose(centre(found), 0, atol=0.05)


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_noise_offset_and_negative_values_around_the_molecule_go(noise):
    truth = computed()
    found = from_map(boxed(truth, noise=noise * truth.data.max()), mass=truth.mass)
    assert similarity(found, truth) > (0.995 if noise < 0.05 else 0.95)
    assert found.data.min() >= 0
    corner = found.data[:3, :3, :3]
    assert not corner.any()
    assert len(found.data) <= len(truth.data) + 6  # cropped
    np.testing.assert_allclose(centre(found), 0, atol=0.05)


def test_a_halo_and_a_crumb_are_not_the_molecule():
    truth = computed()
    volume = boxed(truth)
    data = volume.read()
    halo = ndimage.gaussian_filter(data + 1200, 3)
    data -= 0.5 * halo
    data[-2:, -2:, -2:] += 0.5 * (data.max() + 1200)
    found = from_map(Volume(data, volume.voxel_spacing), mass=truth.mass)
    assert len(found.data) <= len(truth.data)
    assert similarity(found, truth) > 0.9


def test_a_fine_map_of_atoms_holds_together():
    truth = computed(voxel_spacing=1.5, resolution=4.0, copies=300)
    found = from_map(boxed(truth, noise=0.05 * truth.data.max()), mass=truth.mass)
    a, b = (realise(m, voxel_spacing=6.0) for m in (found, truth))
    assert similarity(a, b) > 0.99


@pytest.mark.parametrize("resolution", [8.0, 14.0])
def test_an_unknown_mass_is_guessed_from_the_size(resolution):
    solid = np.random.default_rng(0).uniform(-1, 1, (40_000, 3))
    solid = solid[(solid**2).sum(axis=1) < 1] * 45  # a ball of protein of 309 kDa
    truth = realise(Blobs(solid, np.ones(len(solid)), 309.0, 0.225 * resolution), voxel_spacing=4.0)
    volume = boxed(truth)
    # A solid ball has none of the pores and furrows that the guess allows for: 0.7 of its mass.
    assert estimate_mass(volume) == pytest.approx(0.7 * 309, rel=0.1)
    assert from_map(volume).mass == pytest.approx(estimate_mass(volume), rel=1e-4)


def test_maps_that_hold_no_bright_molecule_are_refused():
    noise = np.random.default_rng(0).normal(size=(30, 30, 30)).astype(np.float32)
    molecule = boxed(computed()).read()
    for data, complaint in (
        (noise, "no molecule stands out, its peak is"),
        (np.ones((9, 9, 9), np.float32), "its values are all one"),
        (-molecule, "darker than its background: invert"),
        (np.full((9, 9, 9), np.nan, np.float32), "values that are not numbers"),
    ):
        with pytest.raises(UserError, match=complaint) as caught:
            from_map(Volume(data, 5.0, "m.mrc"), mass=100)
        assert str(caught.value).startswith("m.mrc: ")
        assert "\n" not in str(caught.value)


def test_a_mass_or_voxel_size_that_cannot_be_is_refused():
    truth = computed()
    volume = boxed(truth)
    with pytest.raises(UserError, match=r"check the mass .in kilodalton. and the voxel size"):
        from_map(volume, mass=1000 * truth.mass)
    with pytest.raises(UserError, match="check the mass"):
        from_map(Volume(volume.data, 1.0), mass=truth.mass)
    with pytest.raises(UserError, match="mass must be above 0 kDa"):
        from_map(volume, mass=0)


@settings(deadline=None, max_examples=15)
@given(
    old=st.floats(3.0, 10.0),
    ratio=st.floats(0.4, 5.0),
    seed=st.integers(0, 99),
)
def test_mass_and_centre_survive_any_change_of_spacing(old, ratio, seed):
    blobs = from_atoms(chain(ALANINE, 150, seed=seed), resolution=2.5 * old)
    density = realise(blobs, voxel_spacing=old)
    moved = realise(density, voxel_spacing=old * ratio)
    assert moved.voxel_spacing == old * ratio
    assert moved.mass == pytest.approx(density.mass, rel=1e-3)
    np.testing.assert_allclose(centre(moved), 0, atol=0.05)


@pytest.mark.parametrize(("old", "new"), [(10.0, 5.0), (1.0, 10.0), (5.0, 5.3)])
def test_a_resampled_density_is_the_one_made_at_that_spacing(old, new):
    blobs = from_atoms(chain(ALANINE, 100), resolution=25.0)
    direct = realise(blobs, voxel_spacing=new)
    moved = realise(realise(blobs, voxel_spacing=old), voxel_spacing=new)
    assert similarity(moved, direct) > 0.985
    assert moved.mass == pytest.approx(blobs.mass, rel=1e-3)
    np.testing.assert_allclose(centre(moved), 0, atol=0.05)


def test_a_pattern_finer_than_the_new_voxels_does_not_alias():
    # Every third plane is empty: taken every 9 Å of 1 Å, it would be all or nothing.
    data = np.ones((61, 61, 61), np.float32)
    data[1::3] = 0
    coarse = realise(Density(data, 1.0), voxel_spacing=9.0)
    middle = len(coarse.data) // 2
    inside = coarse.data[middle - 2 : middle + 3, middle, middle]
    np.testing.assert_allclose(inside, 2 / 3, rtol=0.05)


def test_the_same_spacing_changes_nothing():
    density = computed()
    np.testing.assert_array_equal(realise(density, voxel_spacing=5.0).data, density.data)
    with pytest.raises(UserError, match="voxel spacing must be above 0"):
        realise(density, voxel_spacing=0)
