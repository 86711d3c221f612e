import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.geometry import Geometry
from tomoscout.io.embeddings import EmbeddedRun, read_embeddings, write_embeddings


def embedded(seed=0):
    rng = np.random.default_rng(seed)
    geometry = Geometry((9, 17, 20), 10.012, 8)
    return EmbeddedRun(
        "TS_1",
        geometry,
        geometry.extent,
        rng.normal(size=(*geometry.cells, 4)).astype(np.float16),
        rng.normal(size=geometry.cells).astype(np.float32),
        rng.uniform(0, 90, (5, 3)),
        rng.normal(size=(5, 4)).astype(np.float16),
    )


def test_what_is_written_is_read_to_the_last_bit(tmp_path):
    found, path = embedded(), tmp_path / "TS_1.embeddings.npz"
    write_embeddings(found, path, made_by="encoder a")
    again = read_embeddings(path, made_by="encoder a")
    assert again is not None
    assert (again.run, again.geometry, again.extent) == (found.run, found.geometry, found.extent)
    for name in ("vectors", "darkness", "places", "place_vectors"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        assert getattr(again, name).dtype == getattr(found, name).dtype
    np.testing.assert_array_equal(again.rows()[1], found.vectors[0, 0, 1])


def test_embeddings_of_another_encoder_and_missing_ones_are_none(tmp_path):
    path = tmp_path / "TS_1.embeddings.npz"
    assert read_embeddings(path, made_by="a") is None
    write_embeddings(embedded(), path, made_by="a")
    assert read_embeddings(path, made_by="b") is None


def test_a_file_that_was_cut_short_is_told_with_the_remedy(tmp_path):
    path = tmp_path / "TS_1.embeddings.npz"
    write_embeddings(embedded(), path, made_by="a")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match=r"TS_1.embeddings.npz: cannot be read .*delete it"):
        read_embeddings(path, made_by="a")


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "TS_1.embeddings.npz"
    np.savez(path, note=np.array([{"made_by": "a"}], object), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be read"):
        read_embeddings(path, made_by="a")
