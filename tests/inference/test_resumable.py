"""A prediction that was stopped goes on where it was, and ends as if it had not been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.volume import Volume
from tomoscout.inference import detect, resumable, scratch
from tomoscout.inference.detect import pick, predict
from tomoscout.inference.resumable import partial_path, predict_to, predicted
from tomoscout.inference.tiling import WindowSettings
from tomoscout.io.scores import read_scores

WINDOW = WindowSettings(limit=(32, 24, 32), overlap=8)


def noise(seed=0, shape=(112, 20, 36), spacing=10.0) -> Volume:
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Volume(data, spacing, f"TS_{seed}")


class Killed(BaseException):
    """What no handler of ours may catch, as no handler sees a kill."""


def predict_and_die(path, volume, model, *, planes, monkeypatch, **options):
    """Begin a prediction and stop when so many planes are written."""
    with monkeypatch.context() as patch:
        write = resumable.ScoreStore.write

        def until(store, start, slab):
            if start + slab.shape[1] > planes:
                raise Killed
            write(store, start, slab)

        patch.setattr(resumable.ScoreStore, "write", until)
        with pytest.raises(Killed):
            predict_to(path, volume, model, **{"window": WINDOW, **options})


def counted(monkeypatch) -> list[int]:
    """Note where predictions begin."""
    begun, real = [], detect.predict

    def noting(*args, **options):
        begun.append(options["first"])
        return real(*args, **options)

    monkeypatch.setattr(detect, "predict", noting)
    return begun


@pytest.mark.parametrize("options", [{}, {"tta": "z_flip"}, {"limit": (112, 24, 40)}])
def test_a_stopped_prediction_ends_bit_for_bit_as_one_that_was_not(
    detector, tmp_path, monkeypatch, options
):
    window = WINDOW.model_copy(update=options)
    whole = predict(noise(), detector, window=window).data
    path = tmp_path / "s.zarr"
    for planes in (16, 32, 44):
        predict_and_die(
            path, noise(), detector, planes=planes, monkeypatch=monkeypatch, window=window
        )
    begun = counted(monkeypatch)
    scores, store = predict_to(path, noise(), detector, window=window)
    assert 24 <= begun[0] <= 44
    np.testing.assert_array_equal(scores.data[:], whole)
    store.move(tmp_path / "done.zarr")
    assert read_scores(tmp_path / "done.zarr").run == "TS_0"


def test_a_finished_map_that_lacks_only_its_name_is_not_computed_again(
    detector, tmp_path, monkeypatch
):
    predict_to(tmp_path / "s.zarr", noise(), detector, window=WINDOW)
    monkeypatch.setattr("tomoscout.inference.detect.stream_model", None)
    scores, _ = predict_to(tmp_path / "s.zarr", noise(), detector, window=WINDOW)
    assert scores.data[:].any()


@pytest.mark.parametrize("other", ["tomogram", "window", "weights", "version"])
def test_what_was_begun_with_something_else_is_begun_anew(detector, tmp_path, monkeypatch, other):
    path, volume, window, model = tmp_path / "s.zarr", noise(), WINDOW, detector
    predict_and_die(path, volume, model, planes=32, monkeypatch=monkeypatch)
    if other == "tomogram":
        volume = noise(seed=1)
    elif other == "window":
        window = WINDOW.model_copy(update={"overlap": 12})
    elif other == "weights":
        next(model.network.parameters()).data.mul_(1.5)
    else:
        monkeypatch.setattr(resumable, "__version__", "99.0")
    begun = counted(monkeypatch)
    scores, _ = predict_to(path, volume, model, window=window)
    assert begun == [0]
    wanted = predict(volume, model, window=window).data
    np.testing.assert_array_equal(scores.data[:], wanted)


def test_a_store_that_cannot_be_read_is_begun_anew(detector, tmp_path, monkeypatch):
    path = tmp_path / "s.zarr"
    predict_and_die(path, noise(), detector, planes=32, monkeypatch=monkeypatch)
    (path / ".zattrs").write_text('{"done": 3')
    begun = counted(monkeypatch)
    predict_to(path, noise(), detector, window=WINDOW)
    assert begun == [0]


def test_nothing_is_left_of_a_tomogram_that_cannot_be_used(detector, tmp_path):
    volume = noise()
    volume.data[3, 4, 5] = np.nan
    with pytest.raises(UserError, match="not numbers"):
        predict_to(tmp_path / "s.zarr", volume, detector, window=WINDOW)
    assert not list(tmp_path.iterdir())


def test_large_maps_lie_on_disk_while_they_are_worked_on_and_small_ones_do_not(
    detector, tmp_path, monkeypatch
):
    keep = partial_path(tmp_path / "TS_0.scores.zarr")
    with predicted(noise(), detector, keep=keep, window=WINDOW) as small:
        assert isinstance(small.data, np.ndarray)
        assert not keep.exists()
    monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
    with predicted(noise(), detector, keep=keep, window=WINDOW) as large:
        assert keep.exists()
        np.testing.assert_array_equal(large.data[:], small.data)
    assert not keep.exists()
    with pytest.raises(Killed), predicted(noise(), detector, keep=keep, window=WINDOW):
        raise Killed
    assert keep.exists()


def test_a_map_in_a_scratch_folder_gives_the_same_picks_and_leaves_nothing(
    dark_spots, tmp_path, monkeypatch
):
    volume = noise(shape=(64, 64, 64))
    wanted = pick(volume, dark_spots, thresholds={"large": 0.03})
    monkeypatch.setattr(scratch, "_IN_MEMORY", 0)
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    found = pick(volume, dark_spots, thresholds={"large": 0.03})
    assert len(found) > 10
    np.testing.assert_array_equal(found.zyx, wanted.zyx)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    assert not list(tmp_path.iterdir())


def test_resampled_tomograms_are_gone_on_with_too(detector, tmp_path, monkeypatch):
    volume = replace(noise(), voxel_spacing=8.0)
    predict_and_die(tmp_path / "s.zarr", volume, detector, planes=32, monkeypatch=monkeypatch)
    begun = counted(monkeypatch)
    scores, store = predict_to(tmp_path / "s.zarr", volume, detector, window=WINDOW)
    assert begun[0] > 0
    np.testing.assert_array_equal(scores.data[:], predict(volume, detector, window=WINDOW).data)
    store.move(tmp_path / "done.zarr")
    assert read_scores(tmp_path / "done.zarr").extent == volume.geometry.extent
