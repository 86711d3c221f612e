import logging

import numpy as np
import pytest

from tomoscout.candidates import dog
from tomoscout.candidates.dog import blob_name, is_blob
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.blobs import BlobSettings, blob_objects, blobs_in, check_blobs

SPACING = 10.0
PLANTED = {"blob-80": [120.0, 160, 200], "blob-200": [180.0, 400, 420]}


@pytest.fixture
def volume():
    """One dark ball of each of two sizes, in noise."""
    values = np.random.default_rng(0).normal(0, 0.2, (36, 56, 56)).astype(np.float32)
    grid = np.indices(values.shape) * SPACING
    for name, centre in PLANTED.items():
        radius = float(name.removeprefix("blob-")) / 2
        distance = np.sqrt(((grid - np.array(centre)[:, None, None, None]) ** 2).sum(0))
        values[distance < radius] -= 2.0
    return Volume(values, SPACING, name="run")


def test_blobs_are_named_by_the_size_they_stand_out_most_at(volume):
    found = blobs_in(volume, BlobSettings(diameters=(80, 200), threshold=8), bright=False)
    assert {str(name) for name in found.objects} == set(PLANTED)
    for name, centre in PLANTED.items():
        np.testing.assert_allclose(found.of(name).zyx[0], centre, atol=20)
    assert found.run == "run"


def test_bright_protein_is_found_alike(volume):
    settings = BlobSettings(diameters=(80, 200), threshold=8)
    bright = Volume(-volume.read(), SPACING, name="run")
    np.testing.assert_allclose(
        blobs_in(bright, settings, bright=True).zyx, blobs_in(volume, settings, bright=False).zyx
    )


def test_each_size_is_an_object_of_half_its_diameter():
    table = blob_objects(BlobSettings(diameters=(80.0, 122.5)))
    assert {one.name: one.radius for one in table.each()} == {"blob-80": 40.0, "blob-122.5": 61.25}


def test_labels_stand_out_more_than_candidates():
    assert BlobSettings().threshold > dog.Settings().threshold


def test_they_are_the_candidates_with_names(volume):
    settings = BlobSettings(diameters=(80, 200), threshold=0.2, limit=7)
    blobs = blobs_in(volume, settings, bright=False)
    same = dog.find(volume, settings=settings, rng=np.random.default_rng(0))
    assert len(blobs) == 7
    np.testing.assert_array_equal(blobs.zyx, same.zyx)
    np.testing.assert_array_equal(blobs.score_array, same.score_array)
    every = blobs_in(volume, BlobSettings(diameters=(80, 200), threshold=0.2), bright=False)
    assert list(blobs.objects) == list(every.objects[:7]), "names stay with their places"


def test_sizes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="diameters must differ"):
        BlobSettings(diameters=(80.0, 80.0))


def test_no_blob_at_all_is_refused_and_a_size_without_any_is_told(caplog):
    settings = BlobSettings(diameters=(80, 200))
    with pytest.raises(UserError, match=r"no dark blob stands out by 3\.5 .* in 2 tomograms"):
        check_blobs([Picks.empty(), Picks.empty()], settings)
    with caplog.at_level(logging.WARNING, logger="tomoscout"):
        check_blobs([Picks(np.zeros((1, 3)), "blob-80")], settings)
    assert "blob-200: none stands out" in caplog.text


def test_names_of_blobs_are_known_again():
    assert all(is_blob(blob_name(diameter)) for diameter in (80.0, 122.5, 1000.0))
    assert not any(is_blob(name) for name in ("blob", "blob-", "blob-large", "ribosome", "80"))
