"""SHREC's folders as a project: grids, spacing and masks."""

import logging
import shutil

import mrcfile
import numpy as np
import pytest

from samples.shrec import NOISE, bare_mrc, model
from tomoscout.core.errors import UserError
from tomoscout.core.shrec import SHREC20, SHREC21
from tomoscout.core.volume import Volume
from tomoscout.io.layouts.shrec import _Lifted
from tomoscout.io.project import open_project
from tomoscout.io.volumes import write_volume


def test_a_dataset_opens_as_runs_in_the_order_of_their_numbers(tmp_path):
    for index in (0, 10, 9):
        model(tmp_path, index)
    (tmp_path / "model_0.partial-7").mkdir()
    (tmp_path / "model_11").mkdir()
    (tmp_path / "eval.py").write_text("")
    project = open_project(tmp_path)
    assert project.layout == "shrec"
    assert project.names == ["model_0", "model_9", "model_10"]
    assert project.objects == SHREC21
    run = project["model_9"]
    assert list(run.tomograms) == ["reconstruction", "grandmodel"]
    np.testing.assert_array_equal(run.tomogram().read(), NOISE)  # the default kind
    assert run.tomogram("grandmodel").read()[5, 10, 20] == 1


def test_one_model_and_the_folder_above_the_models_open_as_well(tmp_path):
    model(tmp_path / "full_dataset", 4)
    assert open_project(tmp_path).names == ["model_4"]
    assert open_project(tmp_path / "full_dataset").names == ["model_4"]
    assert open_project(tmp_path / "full_dataset" / "model_4").names == ["model_4"]
    shutil.move(tmp_path / "full_dataset" / "model_4", tmp_path / "mine")
    project = open_project(tmp_path / "mine")
    assert (project.layout, project.names) == ("shrec", ["mine"])
    assert len(project.runs[0].picks()) == 2


def test_a_folder_of_tomograms_is_not_taken_for_a_model(tmp_path):
    write_volume(Volume(NOISE, 10.0), tmp_path / "reconstruction.mrc")
    write_volume(Volume(NOISE, 10.0), tmp_path / "TS_1.mrc")
    assert open_project(tmp_path).layout == "folder"


def test_picks_are_in_angstrom_and_posed(tmp_path):
    model(tmp_path, 0)
    picks = open_project(tmp_path).runs[0].picks()
    assert picks.objects.tolist() == ["1BXN", "4CR2"]
    assert picks.zyx.tolist() == [[50.0, 100.0, 200.0], [150.0, 200.0, 300.0]]
    assert picks.extent == (240.0, 320.0, 400.0)
    assert picks.run == "model_0"
    np.testing.assert_allclose(picks.rotations[0] @ [0, 0, 1], [1, 0, 0], atol=1e-12)


def test_the_published_spacing_serves_where_the_header_has_none_and_is_remarked_on(
    tmp_path, caplog
):
    folder = model(tmp_path, 0)
    with caplog.at_level(logging.WARNING, logger="tomoscout"):
        assert open_project(tmp_path).runs[0].tomogram().voxel_spacing == 10.0
    assert "reconstruction.mrc: does not know its voxel size: 10 Å is taken" in caplog.text
    for header, given, spacing in ((1.0, None, 10.0), (7.8, None, 7.8), (0.0, 5.0, 5.0)):
        with mrcfile.open(folder / "reconstruction.mrc", "r+") as file:
            file.voxel_size = header
        run = open_project(tmp_path, voxel_spacing=given).runs[0]
        assert run.tomogram().voxel_spacing == pytest.approx(spacing)
        assert run.segmentation("class_mask").voxel_spacing == pytest.approx(spacing)
        np.testing.assert_allclose(run.picks().zyx[0], np.array([5, 10, 20]) * spacing, rtol=1e-6)


def test_masks_are_the_runs_segmentations(tmp_path):
    model(tmp_path, 0)
    run = open_project(tmp_path).runs[0]
    for name, value in (("class_mask", 4), ("occupancy_mask", 2)):
        mask = run.segmentation(name)
        assert mask.geometry == run.geometry
        assert np.argwhere(mask.read()).tolist() == [[5, 10, 20]]
        assert mask.read()[5, 10, 20] == value
    at = tuple((run.picks().zyx[0] / 10).astype(int))
    assert SHREC21.names[int(run.segmentation("class_mask").read()[at]) - 1] == "1BXN"
    with pytest.raises(UserError, match=r"no segmentation 'clas_mask', found class_mask, occup"):
        run.segmentation("clas_mask")


def test_a_tomogram_without_truth_is_a_run_without_picks(tmp_path):
    model(tmp_path, 9, lines=None, parts=None)
    run = open_project(tmp_path).runs[0]
    assert not run.has_picks
    assert list(run.tomograms) == ["reconstruction"]
    with pytest.raises(UserError, match="no segmentation 'class_mask', found none"):
        run.segmentation("class_mask")


def test_the_slab_of_2020_is_put_back_into_the_middle(tmp_path):
    # The official script of 2020 adds (512 - 200) / 2 to z of the text, and pads the masks so.
    lines = "4d8q 30 20 7 10.0 45.0 301.2\n1bxn 20 10 5 90.0 90.0 0.0\n"
    model(tmp_path, 0, lines=lines, parts=(14, 32, 40))
    project = open_project(tmp_path)
    assert project.objects == SHREC20
    run = project.runs[0]
    picks = run.picks()
    assert picks.objects.tolist() == ["4D8Q", "1BXN"]
    assert picks.zyx.tolist() == [[120.0, 200.0, 300.0], [100.0, 100.0, 200.0]]
    for volume in (run.tomogram("grandmodel"), run.segmentation("occupancy_mask")):
        assert volume.geometry == run.geometry
        assert np.argwhere(volume.read()).tolist() == [[10, 10, 20]]


def test_a_lifted_array_reads_as_the_padded_one_does():
    data = np.random.default_rng(1).normal(size=(5, 4, 3))
    padded, lifted = np.pad(data, ((3, 4), (0, 0), (0, 0))), _Lifted(data, 3, 12)
    assert (lifted.shape, lifted.dtype) == (padded.shape, padded.dtype)
    slices = [slice(a, b) for a in (None, 0, 2, 5, 9) for b in (None, 1, 4, 8, 40, -2)]
    boxes = [(z, slice(1, 3), slice(2)) for z in slices]
    odd = [..., (4, 1), slice(0, 9, 2), (slice(2, 6), ..., 1), np.array([0, 3])]
    for region in [*slices, *boxes, *odd]:
        np.testing.assert_array_equal(lifted[region], padded[region])


def test_a_model_without_its_reconstruction_is_refused(tmp_path):
    model(tmp_path, 0)
    (model(tmp_path, 1) / "reconstruction.mrc").unlink()
    with pytest.raises(
        UserError, match=r"model_1: no reconstruction\.mrc in it, found class_mask\.mrc, grandm"
    ):
        open_project(tmp_path)


@pytest.mark.parametrize("shape", [(24, 32, 39), (23, 32, 40), (26, 32, 40)])
@pytest.mark.parametrize("part", ["grandmodel", "class_mask", "occupancy_mask"])
def test_a_mask_of_another_shape_is_refused(tmp_path, part, shape):
    folder = model(tmp_path, 0)
    (folder / f"{part}.mrc").unlink()
    bare_mrc(folder / f"{part}.mrc", np.zeros(shape))
    run = open_project(tmp_path).runs[0]
    words = " x ".join(map(str, shape))
    message = rf"{part}\.mrc: has {words} voxels .*reconstruction\.mrc has 24 x 32 x 40"
    for read in (run.picks, lambda: run.segmentation("class_mask")):
        with pytest.raises(UserError, match=message):
            read()
    np.testing.assert_array_equal(run.tomogram().read(), NOISE)  # which needs no mask


def test_masks_that_differ_from_each_other_are_refused(tmp_path):
    folder = model(tmp_path, 0)
    (folder / "occupancy_mask.mrc").unlink()
    bare_mrc(folder / "occupancy_mask.mrc", np.zeros((14, 32, 40)))
    with pytest.raises(UserError, match=r"occupancy_mask\.mrc: has 14 x 32 x 40 voxels"):
        open_project(tmp_path).runs[0].picks()
