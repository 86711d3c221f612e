import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.simulation.density import PROTEIN_DENSITY, Blobs, Density
from tomoscout.simulation.elements import ELEMENTS, ICE
from tomoscout.simulation.molecules import estimate_mass, from_atoms, from_map, mass_of, realise

ALANINE = {"C": 3, "N": 1, "O": 1}  # of a chain: 71.08 Da with its five hydrogens
URIDINE = {"C": 9, "N": 2, "O": 8, "P": 1}  # of a chain, an ion: 305.16 Da with ten


def chain(composition: dict[str, int], copies: int, seed: int = 0) -> Atoms:
    """Return atoms of a composition: two ellipsoids of unlike size, as dense as protein."""
    symbols = np.array([s for s, count in composition.items() for _ in range(count)] * copies)
    rng = np.random.default_rng(seed)
    zyx = rng.normal(size=(len(symbols), 3))
    zyx *= rng.random((len(zyx), 1)) ** (1 / 3) / np.linalg.norm(zyx, axis=1, keepdims=True)
    radius = (17.5 * len(zyx) * 0.75 / np.pi) ** (1 / 3)  # 17.5 Å^3 per heavy atom of protein
    zyx *= radius * np.array([1.4, 1.0, 0.7])
    few = len(zyx) // 5
    zyx[:few] = 0.6 * zyx[:few, ::-1] + radius * np.array([1.1, 1.0, 0.0])
    return Atoms(zyx + np.array([100, -50, 7]), symbols)


def centre(density: Density) -> np.ndarray:
    """Return the centre of mass in voxels from the middle voxel."""
    data = density.data.astype(float)
    return np.array(ndimage.center_of_mass(data)) - data.shape[0] // 2


def similarity(a: Density, b: Density) -> float:
    side = max(len(a.data), len(b.data))
    padded = [np.pad(m.data, (side - len(m.data)) // 2).ravel() for m in (a, b)]
    return float(np.corrcoef(*padded)[0, 1])


# ---- atoms


def test_a_protein_weighs_what_its_residues_do():
    assert mass_of(chain(ALANINE, 400)) == pytest.approx(400 * 71.08 / 1000, rel=0.01)


def test_a_nucleic_acid_weighs_what_its_nucleotides_do():
    assert mass_of(chain(URIDINE, 300)) == pytest.approx(300 * 305.16 / 1000, rel=0.01)


def test_hydrogens_in_the_file_are_not_added_again():
    water = Atoms(np.eye(3), np.array(["O", "H", "H"]))
    assert mass_of(water) == pytest.approx(0.018, rel=0.01)


def test_occupancy_counts_in_the_mass_and_in_the_weights():
    zyx = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    blobs = from_atoms(Atoms(zyx, "C", np.array([1.0, 0.5])), resolution=5)
    assert blobs.mass == pytest.approx(1.5 * (12.01 + 1.008) / 1000, rel=1e-3)
    np.testing.assert_allclose(blobs.zyx[:, 2], [-3, 6])  # centred on the centre of mass


@pytest.mark.parametrize("resolution", [4.0, 10.0, 25.0])
@pytest.mark.parametrize("voxel_spacing", [2.5, 10.0])
def test_the_density_of_a_molecule_integrates_to_its_mass(resolution, voxel_spacing):
    blobs = from_atoms(chain(ALANINE, 60), resolution=resolution)
    density = realise(blobs, voxel_spacing=voxel_spacing)
    total = density.data.sum(dtype=float) * voxel_spacing**3 * PROTEIN_DENSITY
    assert total == pytest.approx(60 * 0.07108, rel=0.01)
    assert density.mass == pytest.approx(blobs.mass, rel=1e-4)
    np.testing.assert_allclose(centre(density), 0, atol=0.05)


def test_atoms_far_finer_than_the_voxels_keep_their_weight_wherever_they_fall():
    zyx = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    blobs = from_atoms(Atoms(zyx, "C", np.array([1.0, 0.5])), resolution=3)
    np.testing.assert_allclose(centre(realise(blobs, voxel_spacing=10.0)), 0, atol=0.03)


@pytest.mark.parametrize("resolution", [8.0, 16.0])
def test_the_spectrum_falls_to_1_over_e_at_the_resolution(resolution):
    density = realise(
        from_atoms(Atoms(np.zeros((1, 3)), "C"), resolution=resolution),
        voxel_spacing=resolution / 16,
    )
    profile = density.data.sum(axis=(0, 1), dtype=float)
    x = np.arange(len(profile)) * density.voxel_spacing
    at_resolution = abs((profile * np.exp(2j * np.pi * x / resolution)).sum()) / profile.sum()
    assert at_resolution == pytest.approx(np.exp(-1), rel=0.05)


def test_nucleic_acid_has_half_more_contrast_per_volume_but_not_per_dalton():
    # Average residue of a protein, average nucleotide of an RNA: with all hydrogens.
    protein = {"C": 4.92, "H": 7.76, "N": 1.35, "O": 1.48, "S": 0.044}
    rna = {"C": 9.5, "H": 10.7, "N": 3.75, "O": 7.0, "P": 1.0}

    def total(of: str, composition: dict[str, float]) -> float:
        return sum(n * getattr(ELEMENTS[symbol], of) for symbol, n in composition.items())

    volume = total("volume", rna) / total("volume", protein)
    mass = total("mass", rna) / total("mass", protein)
    contrast = total("contrast", rna) / total("contrast", protein)
    assert contrast / volume == pytest.approx(1.46, abs=0.06)
    assert contrast / mass == pytest.approx(1.06, abs=0.03)
    # Densities of protein and RNA, 1.35 and 1.85 g/cm^3.
    to_grams = 1.66054
    for composition, density in ((protein, 1.35), (rna, 1.85)):
        found = total("mass", composition) / total("volume", composition) * to_grams
        assert found == pytest.approx(density, rel=0.02)


def test_in_a_complex_the_nucleic_acid_is_brighter():
    protein, rna = chain(ALANINE, 100), chain(URIDINE, 25)
    both = Atoms(
        np.concatenate([protein.zyx, rna.zyx + 500]),
        np.concatenate([protein.symbols, rna.symbols]),
    )
    blobs = from_atoms(both, resolution=10)
    share = blobs.weights[len(protein) :].sum() / blobs.weights.sum()
    ratio = share / (1 - share) / (25 * 305.16 / (100 * 71.08))
    assert 1.0 < ratio < 1.2
    assert blobs.mass == pytest.approx(100 * 0.07108 + 25 * 0.30516, rel=0.01)


def test_scattering_factors_are_those_of_the_international_tables():
    # f(0) in Å: Peng et al. 1996, sums of the five coefficients printed there.
    for symbol, factor in {"H": 0.5288, "C": 2.5088, "N": 2.2135, "O": 1.9834, "P": 5.4876}.items():
        assert ELEMENTS[symbol].scattering == pytest.approx(factor, abs=6e-4)
    gemmi = pytest.importorskip("gemmi")
    for symbol, element in ELEMENTS.items():
        theirs = gemmi.Element(symbol)
        assert element.scattering == pytest.approx(sum(theirs.c4322.a), abs=6e-4), symbol
        assert element.mass == pytest.approx(theirs.weight, abs=0.007), symbol
    # Ice of 0.93 g/cm^3 holds 0.0311 molecules per Å^3.
    assert pytest.approx(0.0311 * (1.9834 + 2 * 0.5288), rel=0.005) == ICE


def test_unknown_elements_no_atoms_and_no_resolution_are_refused():
    with pytest.raises(UserError, match=r"x\.cif: unknown element 'Q'"):
        from_atoms(Atoms(np.zeros((1, 3)), "Q", name="x.cif"), resolution=10)
    with pytest.raises(UserError, match="no atoms"):
        from_atoms(Atoms(np.zeros((0, 3)), "C"), resolution=10)
    with pytest.raises(UserError, match="resolution must be above 0"):
        from_atoms(chain(ALANINE, 1), resolution=0)


# ---- maps


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


# ---- any spacing


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
