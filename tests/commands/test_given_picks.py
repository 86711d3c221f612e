"""Picks that a flag gives for a project's tomograms: which runs, which objects, which voxels."""

import json

import numpy as np
import pytest

from tomoscout.commands._picks import LEDGERS, given_picks
from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.picks.copick import write_overlay
from tomoscout.io.project import open_project
from tomoscout.io.volumes import write_volume

PLACES = np.array([[20.0, 40.0, 60.0], [70.0, 80.0, 120.0]])


@pytest.fixture
def project(tmp_path):
    """Three tomograms of 8 x 12 x 16 voxels of 10 Å, without picks."""
    for name in ("TS_1", "TS_2", "TS_3"):
        write_volume(Volume(np.zeros((8, 12, 16), np.float32), 10.0), tmp_path / f"{name}.mrc")
    return open_project(tmp_path)


def given(path, project, **how):
    return given_picks(path, project, None, flag="--picks", **how)


def write_job(folder, ledger, *, done, found=("TS_1",), name="ribosome"):
    """What a verb that picks leaves: picks of the runs in which it found some, and its ledger."""
    parts = [Picks(PLACES, name, run=run) for run in found] or [Picks.empty("TS_1")]
    write_overlay(parts, folder, names=[name])
    write_picks(parts, folder / "picks.csv")
    (folder / ledger).write_text(json.dumps({"runs": {run: {} for run in done}}))
    return folder


@pytest.mark.parametrize("ledger", LEDGERS)
def test_runs_searched_in_vain_are_kept_where_asked(ledger, project, tmp_path):
    folder = write_job(tmp_path / "job", ledger, done=["TS_2", "TS_1", "of another project"])
    assert {run: len(p) for run, p in given(folder, project).items()} == {"TS_1": 2}
    kept = given(folder, project, searched=True)
    assert {run: len(p) for run, p in kept.items()} == {"TS_1": 2, "TS_2": 0}
    of_file = given(folder / "picks.csv", project, searched=True)
    assert set(of_file) == {"TS_1", "TS_2"}


@pytest.mark.parametrize("searched", [False, True])
def test_no_picks_at_all_are_refused(searched, project, tmp_path):
    folder = write_job(tmp_path / "job", "pick.json", done=["TS_1", "TS_2"], found=())
    with pytest.raises(UserError, match=r"--picks .*job: no picks in it"):
        given(folder, project, searched=searched)


def test_picks_of_a_verb_may_be_of_any_object(project, tmp_path):
    """Its folder looks like one of Kaggle's, whose objects are the challenge's."""
    folder = write_job(tmp_path / "job", "discover.json", done=["TS_1"], name="cluster-3")
    assert given(folder, project)["TS_1"].names == ["cluster-3"]


def test_picks_of_runs_that_the_project_lacks_are_refused(project, tmp_path):
    folder = write_job(tmp_path / "job", "pick.json", done=["TS_9"], found=["TS_9"])
    with pytest.raises(UserError, match="picks of run 'TS_9', which the project does not have"):
        given(folder, project, searched=True)


def test_a_project_with_picks_is_read_with_the_users_voxels_and_objects(project, tmp_path):
    folder, table = tmp_path / "picked", tmp_path / "objects.yaml"
    folder.mkdir()
    table.write_text("objects:\n- {name: ball, radius: 50}\n")
    volume = Volume(np.zeros((8, 12, 16), np.float32), 1.0)  # what a header says that does not know
    write_volume(volume, folder / "TS_1.mrc")
    write_picks(Picks(PLACES, "ball", run="TS_1"), folder / "TS_1.csv")
    found = given(folder, project, voxel_spacing=10.0, table=table)["TS_1"]
    np.testing.assert_allclose(found.zyx, PLACES)
    assert found.extent == pytest.approx((80, 120, 160))
    with pytest.raises(UserError, match="give it with --voxel-spacing"):
        given(folder, project, table=table)
    with pytest.raises(UserError, match="unknown object 'ball'"):
        given(folder, project, voxel_spacing=10.0)
