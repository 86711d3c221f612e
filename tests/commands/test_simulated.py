"""Twins at given picks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from samples.twins import NAMES, SPACING, TURNS, TWIN, ZYX, given, run, source
from tomoscout.cli import main
from tomoscout.io.picks import write_picks
from tomoscout.io.project import open_project


@pytest.mark.parametrize("kind", ["star", "csv", "project"])
def test_a_twin_stands_where_the_given_picks_say(tmp_path, kind):
    picks = source(kind, tmp_path)
    run(f"simulate {tmp_path / 'twin'} --picks {picks} {TWIN}")
    project = open_project(tmp_path / "twin")
    assert project.names == ["TS_1_twin"]
    found = project.runs[0].picks()
    assert len(found) == 3
    for zyx, name, turn in zip(ZYX, NAMES, TURNS, strict=True):
        one = found.of(str(name))
        np.testing.assert_allclose(one.zyx, [zyx], atol=1e-3)
        if kind == "csv":  # which has no poses: they were drawn
            np.testing.assert_allclose(np.linalg.det(one.rotations), 1.0)
        else:
            np.testing.assert_allclose(one.rotations, [turn], atol=1e-5)


def test_what_stands_at_the_picks_is_dark(tmp_path):
    picks = source("csv", tmp_path)
    run(f"simulate {tmp_path / 'twin'} --picks {picks} {TWIN} --quick.noise 0,0.01")
    volume = open_project(tmp_path / "twin").runs[0].tomogram("denoised").read()
    smooth = ndimage.gaussian_filter(volume, 2)
    for z, y, x in np.rint(ZYX / SPACING).astype(int):
        assert smooth[z, y, x] < np.percentile(smooth, 5)


def test_several_runs_make_twins_each_and_again(tmp_path):
    path = tmp_path / "two.csv"
    write_picks([given(run="A"), given(run="B")], path)
    run(f"simulate {tmp_path / 'twin'} --picks {path} {TWIN.replace('--runs 1', '--runs 3')}")
    project = open_project(tmp_path / "twin")
    assert sorted(project.names) == ["A_twin", "A_twin_1", "B_twin"]
    first, again = (project[name].tomogram("denoised").read() for name in ("A_twin", "A_twin_1"))
    assert not np.array_equal(first, again)
    np.testing.assert_allclose(
        project["A_twin"].picks().zyx, project["A_twin_1"].picks().zyx, atol=1e-9
    )


def test_a_star_file_that_names_no_object_is_told_which(tmp_path):
    path = tmp_path / "particles.star"
    write_picks(given(), path)
    path.write_text(path.read_text().replace("tomoscoutObject", "rlnSomething"))
    assert main(f"simulate {tmp_path / 'twin'} --picks {path} {TWIN}".split()) == 2
    assert not (tmp_path / "twin").exists()
    run(f"simulate {tmp_path / 'twin'} --picks {path} --object-name ribosome {TWIN}")
    assert open_project(tmp_path / "twin").runs[0].picks().names == ["ribosome"]
