from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tomoscout.core.objects import CZII, ObjectType
from tomoscout.simulation.density import rasterise
from tomoscout.simulation.shapes import CATALOGUE, blobs, cluster

MASSES = {  # kDa
    "apo-ferritin": 480,
    "beta-amylase": 224,
    "beta-galactosidase": 465,
    "ribosome": 4300,
    "thyroglobulin": 660,
    "virus-like-particle": 2500,
}
GROUPS = {
    "apo-ferritin": ("O", 24),
    "beta-amylase": ("D2", 4),
    "beta-galactosidase": ("D2", 4),
    "thyroglobulin": ("C2", 2),
    "virus-like-particle": ("I", 60),
}
# Root-mean-square extent along the principal axes, in Å, of densities computed at 10 Å from PDB
# entries: 6PXM, 1F4A, 6QZP (80S), 7N4Y (thyroglobulin).
EXTENTS = {
    "apo-ferritin": (31.3, 31.3, 31.3),
    "beta-galactosidase": (19.4, 30.4, 39.7),
    "ribosome": (46.8, 52.6, 66.7),
    "thyroglobulin": (24.9, 27.1, 56.3),
}


def density_of(name, voxel_spacing=10.0, **options):
    return rasterise(blobs(CZII[name], **options), voxel_spacing=voxel_spacing)


def radial_profile(data, bins=20):
    middle = data.shape[0] // 2
    radius = np.sqrt(sum((axis - middle) ** 2.0 for axis in np.indices(data.shape)))
    index = np.rint(radius).astype(int).ravel()
    sums = np.bincount(index, data.ravel(), minlength=bins)[:bins]
    return sums / np.maximum(np.bincount(index, minlength=bins)[:bins], 1)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("voxel_spacing", [5.0, 10.0, 13.48])
def test_the_sum_over_a_density_is_the_mass_at_any_voxel(name, voxel_spacing):
    density = density_of(name, voxel_spacing)
    total = density.data.sum(dtype=np.float64) * voxel_spacing**3 * 0.00081
    assert total == pytest.approx(MASSES[name], rel=1e-5)
    assert density.mass == pytest.approx(total)
    assert density.data.dtype == np.float32
    assert density.data.min() >= 0
    assert len(set(density.data.shape)) == 1
    assert density.data.shape[0] % 2 == 1


@pytest.mark.parametrize("name", CATALOGUE)
def test_solid_protein_has_density_near_one(name):
    data = density_of(name).data
    assert 0.6 < np.median(data[data > 0.4 * data.max()]) < 1.6


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_centre_of_mass_is_the_middle_voxel(name):
    data = density_of(name).data.astype(np.float64)
    centre = np.array(ndimage.center_of_mass(data)) - data.shape[0] // 2
    assert np.abs(centre).max() < 0.05  # half an ångström


@pytest.mark.parametrize("name", EXTENTS)
def test_molecules_have_the_extent_of_the_real_structure(name):
    data = density_of(name).data.astype(np.float64)
    offset = np.indices(data.shape).reshape(3, -1) - data.shape[0] // 2
    spread = (offset * data.ravel()) @ offset.T / data.sum()
    assert np.sqrt(np.linalg.eigvalsh(spread)) * 10 == pytest.approx(EXTENTS[name], rel=0.12)


def test_ferritin_is_a_shell_of_8_nm_inside_and_12_nm_outside():
    profile = radial_profile(density_of("apo-ferritin", 5.0).data, bins=16)  # every 5 Å
    assert profile[:6].max() < 0.05  # empty to 3 nm
    assert 4.5 * 10 <= 5 * int(profile.argmax()) <= 5.5 * 10
    half = np.flatnonzero(profile > profile.max() / 2) * 5
    assert half.min() == pytest.approx(40, abs=5)
    assert half.max() == pytest.approx(60, abs=5)


def test_the_capsid_is_an_empty_thin_shell_of_27_nm():
    profile = radial_profile(density_of("virus-like-particle", 5.0).data, bins=34)
    assert profile[:18].max() < 0.02
    assert 5 * int(profile.argmax()) == pytest.approx(130, abs=8)
    half = np.flatnonzero(profile > profile.max() / 2) * 5
    assert np.ptp(half) <= 35


def test_the_ribosome_has_two_lobes_with_a_cleft():
    data = density_of("ribosome").data.astype(np.float64)
    along = data.sum(axis=(1, 2))  # the subunits follow each other along z
    peaks = [i for i in range(1, len(along) - 1) if along[i - 1] < along[i] > along[i + 1]]
    low, high = peaks[0], max(peaks, key=lambda i: along[i])
    valley = along[low : high + 1].min()
    assert high - low >= 8
    assert valley < 0.9 * min(along[low], along[high])


@pytest.mark.parametrize("name", GROUPS)
def test_molecules_obey_their_symmetry(name):
    group, order = GROUPS[name]
    cloud = blobs(CZII[name]).zyx[:, ::-1]
    tree = cKDTree(cloud)
    turns = Rotation.create_group(group)
    assert len(turns) == order
    for turn in turns:
        distance, partner = tree.query(turn.apply(cloud))
        assert distance.max() < 1e-6
        assert len(set(partner)) == len(cloud)


def test_symmetry_is_not_there_by_being_round():
    cloud = blobs(CZII["apo-ferritin"]).zyx[:, ::-1]
    turned = Rotation.from_rotvec([0.0, 0.0, np.pi / 4]).apply(cloud)
    assert np.median(cKDTree(cloud).query(turned)[0]) > 1.0


def test_no_two_objects_are_alike_in_profile_mass_and_length_at_once():
    profiles, lengths = {}, {}
    for name in CATALOGUE:
        data = density_of(name).data.astype(np.float64)
        profiles[name] = radial_profile(data) * (1 + np.arange(20.0))  # weight by shell area
        offset = np.indices(data.shape).reshape(3, -1) - data.shape[0] // 2
        spread = (offset * data.ravel()) @ offset.T / data.sum()
        lengths[name] = np.sqrt(np.linalg.eigvalsh(spread)[-1])
    for first, second in itertools.combinations(CATALOGUE, 2):
        a, b = profiles[first], profiles[second]
        differences = (
            1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.1,
            abs(np.log(MASSES[first] / MASSES[second])) > np.log(1.5),
            abs(np.log(lengths[first] / lengths[second])) > np.log(1.25),
        )
        assert any(differences), (first, second)


@pytest.mark.parametrize("name", CATALOGUE)
def test_variants_differ_but_the_same_variant_is_the_same(name):
    first = blobs(CZII[name], variant=1, wobble=3.0)
    again = blobs(CZII[name], variant=1, wobble=3.0)
    other = blobs(CZII[name], variant=2, wobble=3.0)
    np.testing.assert_array_equal(first.zyx, again.zyx)
    np.testing.assert_array_equal(first.weights, again.weights)
    assert first.zyx.shape != other.zyx.shape or not np.allclose(first.zyx, other.zyx)
    assert np.abs(np.average(other.zyx, axis=0, weights=other.weights)).max() < 1e-6


def test_a_wobbled_capsid_may_hold_cargo_and_an_exact_one_does_not():
    held = [blobs(CZII["virus-like-particle"], variant=v, wobble=3.0).mass for v in range(6)]
    assert min(held) > MASSES["virus-like-particle"]
    assert max(held) > min(held) + 200
    assert blobs(CZII["virus-like-particle"]).mass == MASSES["virus-like-particle"]


@pytest.mark.parametrize("radius", [25.0, 80.0, 160.0])
def test_an_unknown_object_is_as_large_as_the_table_says(radius):
    made = blobs(ObjectType(name="mystery", radius=radius))
    reach = np.linalg.norm(made.zyx, axis=1).max()
    assert 0.65 * radius < reach < 1.35 * radius
    solid = 4 / 3 * np.pi * radius**3 * 0.00081
    assert 0.1 * solid < made.mass < solid


def test_a_cluster_fits_its_sphere():
    for seed in range(20):
        molecule = cluster(70.0, np.random.default_rng(seed))
        for domain in molecule.domains:
            assert np.linalg.norm(domain.zyx) + domain.semi_axes[0] <= 70.0 + 1e-9
