import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.runs import load_run, load_runs
from tomoscout.io.project import Run
from tomoscout.ops.normalise import NormaliseSettings, measure

DATA = (np.random.default_rng(0).standard_normal((20, 24, 28)) * 7e-6).astype(np.float32)
PICKS = Picks(np.array([[10.0, 20, 30]]), "ribosome")


class InMemory(Run):
    """A run whose picks need no file."""

    def picks(self, *, user: str | None = None, session: str | None = None) -> Picks:
        return PICKS


def run(name: str, data: np.ndarray = DATA, spacing: float = 10.0) -> Run:
    kinds = {kind: lambda: Volume(data, spacing, name) for kind in ("denoised", "wbp")}
    return InMemory(name, kinds, (), CZII)


@pytest.mark.parametrize("at_once", [0, 1 << 28])
def test_a_run_is_held_normalised_in_half_precision(at_once, monkeypatch):
    monkeypatch.setattr("tomoscout.ops.normalise._SLAB", 2_000)  # several slabs
    monkeypatch.setattr("tomoscout.data.runs._AT_ONCE", at_once)
    settings = NormaliseSettings(clip=(1, 99), invert=True)
    loaded = load_run(Volume(DATA, 10.0, "TS_1"), PICKS, normalise=settings)
    expected = measure(Volume(DATA, 10.0), settings).apply(DATA)
    assert loaded.volume.data.dtype == np.float16
    np.testing.assert_allclose(loaded.volume.read(), expected, atol=2e-3)
    assert (loaded.name, loaded.voxel_spacing) == ("TS_1", 10.0)


def test_runs_are_loaded_in_order_with_their_picks():
    shares = []
    loaded = load_runs([run("b"), run("a")], NormaliseSettings(), progress=shares.append)
    assert [r.name for r in loaded] == ["b", "a"]
    np.testing.assert_array_equal(loaded[0].picks.zyx, PICKS.zyx)
    assert shares == [0.5, 1.0]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([run("a"), run("a")], "found twice: a"),
        ([run("a"), run("b", spacing=7.84)], r"'b' has voxels of 7\.84 Å and 'a' of 10 Å"),
        ([run("a", np.full((4, 5, 6), np.nan))], "a: 120 voxels are not numbers"),
    ],
)
def test_runs_that_do_not_fit_are_refused(runs, message):
    with pytest.raises(UserError, match=message):
        load_runs(runs, NormaliseSettings())
