import numpy as np
import pytest

from samples.chains import ALANINE, centre, chain
from tomoscout.core.atoms import Atoms
from tomoscout.core.errors import UserError
from tomoscout.simulation.density import PROTEIN_DENSITY
from tomoscout.simulation.elements import ELEMENTS, ICE
from tomoscout.simulation.molecules import from_atoms, mass_of, realise

URIDINE = {"C": 9, "N": 2, "O": 8, "P": 1}  # of a chain, an ion: 305.16 Da with ten


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
