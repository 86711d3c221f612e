from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from samples.shapes import density_of, extents, kind_of, radial_profile
from tomoscout.core.objects import CZII, ObjectType
from tomoscout.simulation.shapes import CATALOGUE, blobs, cluster

MASSES = {  # kDa, as published
    "apo-ferritin": 480,
    "beta-amylase": 224,
    "beta-galactosidase": 465,
    "ribosome": 4300,
    "thyroglobulin": 660,
    "virus-like-particle": 2500,
    "1s3x": 42.8,
    "2cg9": 188.7,
    "3cf3": 541.7,
    "1bxn": 559.6,
    "4cr2": 1309,
    "2uv8": 2600,
    "5mrc": 3325,
}
SYMMETRIC = [name for name, shape in CATALOGUE.items() if shape.symmetry != "C1"]


def nearest_partners(cloud, turned):
    distance, partner = cKDTree(cloud).query(turned)
    return distance, partner


@pytest.mark.parametrize(
    ("name", "wobble"),
    [
        *((name, 0.0) for name in SYMMETRIC),
        *((name, 3.0) for name in SYMMETRIC if not CATALOGUE[name].cargo),  # cargo obeys none
    ],
)
def test_molecules_obey_their_symmetry(name, wobble):
    cloud = blobs(kind_of(name), wobble=wobble).zyx[:, ::-1]
    for turn in Rotation.create_group(CATALOGUE[name].symmetry):
        distance, partner = nearest_partners(cloud, turn.apply(cloud))
        assert distance.max() < 1e-6
        assert len(set(partner)) == len(cloud)


@pytest.mark.parametrize("name", ["apo-ferritin", "beta-galactosidase", "1bxn"])
def test_a_quarter_turn_or_half_turn_leaves_the_density_unchanged(name):
    data = density_of(name).data
    half_turn = data[:, ::-1, ::-1]  # about z
    np.testing.assert_allclose(half_turn, data, atol=1e-5 * data.max())
    if name != "beta-galactosidase":
        quarter = np.rot90(data, axes=(1, 2))
        np.testing.assert_allclose(quarter, data, atol=1e-5 * data.max())


@pytest.mark.parametrize("name", ["apo-ferritin", "thyroglobulin", "3cf3"])
def test_symmetry_is_not_there_by_being_round(name):
    cloud = blobs(kind_of(name)).zyx[:, ::-1]
    turned = Rotation.from_rotvec([0.0, 0.0, np.pi / 4.5]).apply(cloud)
    assert np.median(nearest_partners(cloud, turned)[0]) > 1.0


@pytest.mark.parametrize("name", SYMMETRIC)
def test_no_part_of_a_symmetric_molecule_is_filled_twice(name):
    # Symmetry copies of one ball may overlap; the blobs must still be one lattice thick.
    cloud = blobs(kind_of(name)).zyx
    neighbours = cKDTree(cloud).query_ball_point(cloud, 10.0, return_length=True) - 1
    # A solid of one point per 7 Å cube has 12 others within 10 Å.
    assert np.percentile(neighbours, 99) < 22


@pytest.mark.parametrize("name", CATALOGUE)
def test_variants_differ_but_the_same_variant_is_the_same(name):
    first = blobs(kind_of(name), variant=1, wobble=3.0)
    again = blobs(kind_of(name), variant=1, wobble=3.0)
    other = blobs(kind_of(name), variant=2, wobble=3.0)
    np.testing.assert_array_equal(first.zyx, again.zyx)
    np.testing.assert_array_equal(first.weights, again.weights)
    assert first.zyx.shape != other.zyx.shape or not np.allclose(first.zyx, other.zyx)
    assert np.abs(np.average(other.zyx, axis=0, weights=other.weights)).max() < 1e-6


@pytest.mark.parametrize("name", CATALOGUE)
def test_wobble_keeps_the_mass(name):
    shape = CATALOGUE[name]
    for variant in range(3):
        made = blobs(kind_of(name), variant=variant, wobble=4.0)
        assert made.weights.sum() == pytest.approx(made.mass)
        cargo = shape.cargo.most if shape.cargo else 0.0
        assert shape.mass * (1 - 1e-9) <= made.mass <= (shape.mass + cargo) * (1 + 1e-9)


def test_a_wobbled_capsid_holds_up_to_its_own_genome_in_rna():
    own = CATALOGUE["virus-like-particle"].mass
    held = np.array([blobs(kind_of("vlp"), variant=v, wobble=3.0).mass - own for v in range(16)])
    assert held.max() <= 3588 * 0.33  # kDa: nucleotides of the phage's genome
    assert held.min() > 800  # full, as VLPs made in bacteria are
    assert np.ptp(held) > 150
    assert blobs(kind_of("vlp")).mass == pytest.approx(own)


def test_rna_stays_inside_the_capsid():
    made = blobs(kind_of("vlp"), variant=1, wobble=3.0)
    empty = blobs(kind_of("vlp"))
    inner = np.linalg.norm(empty.zyx, axis=1).min()
    inside = np.linalg.norm(made.zyx, axis=1) < 100
    assert inner > 105
    assert made.weights[inside].sum() == pytest.approx(made.mass - 2500, rel=0.25)


def test_no_two_of_the_challenges_objects_are_alike():
    profiles, lengths = {}, {}
    for name in CZII.names:
        data = density_of(name).data.astype(np.float64)
        profiles[name] = radial_profile(data) * (1 + np.arange(20.0))  # weight by shell area
        lengths[name] = extents(data)[-1]
    for first, second in itertools.combinations(CZII.names, 2):
        a, b = profiles[first], profiles[second]
        differences = (
            1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.1,
            abs(np.log(MASSES[first] / MASSES[second])) > np.log(1.5),
            abs(np.log(lengths[first] / lengths[second])) > np.log(1.25),
        )
        assert any(differences), (first, second)


@pytest.mark.parametrize("radius", [25.0, 80.0, 160.0])
def test_an_unknown_object_is_as_large_as_the_table_says(radius):
    made = blobs(ObjectType(name="mystery", radius=radius))
    reach = np.linalg.norm(made.zyx, axis=1).max()
    assert 0.65 * radius < reach < 1.35 * radius
    solid = 4 / 3 * np.pi * radius**3 * 0.00081
    assert 0.1 * solid < made.mass < solid


def test_a_cluster_fits_its_sphere():
    for seed in range(20):
        balls = cluster(70.0, np.random.default_rng(seed)).balls
        assert (np.linalg.norm(balls[:, :3], axis=1) + balls[:, 3]).max() <= 70.0 + 1e-9
