from __future__ import annotations

import json

import numpy as np
import pytest

from tomoscout.commands.simulate import simulate
from tomoscout.core.errors import UserError
from tomoscout.io.project import open_project

SMALL = {"shape": (48, 96, 96), "crowding": 3.0}


def tomograms(folder):
    project = open_project(folder)
    return {name: project[name].tomogram("denoised").read() for name in project.names}


def test_a_project_is_written_that_opens_with_its_truth(tmp_path, capsys):
    simulate(tmp_path / "sim", runs=2, **SMALL)
    project = open_project(tmp_path / "sim" / "copick.json")
    assert sorted(project.names) == ["TS_sim_0", "TS_sim_1"]
    run = project["TS_sim_0"]
    volume, picks = run.tomogram("denoised"), run.picks()
    assert volume.shape == (48, 96, 96)
    assert volume.voxel_spacing == pytest.approx(10.012444)
    noted = json.loads((tmp_path / "sim" / "simulation.json").read_text())
    counts = noted["runs"]["TS_sim_0"]["particles"]
    assert counts == {name: len(picks.of(name)) for name in picks.names}
    assert picks.rotations is not None
    assert "TS_sim_1" in capsys.readouterr().out


def test_the_truth_on_disk_is_the_simulators(tmp_path):
    from tomoscout import simulation

    simulate(tmp_path / "sim", runs=1, seed=7, **SMALL)
    noted = json.loads((tmp_path / "sim" / "simulation.json").read_text())
    volume, picks = simulation.simulate(
        seed=noted["runs"]["TS_sim_0"]["seed"], scene=simulation.Scene(**SMALL)
    )
    run = open_project(tmp_path / "sim")["TS_sim_0"]
    np.testing.assert_array_equal(run.tomogram("denoised").read(), volume.data)
    found = run.picks()
    for name in picks.names:
        np.testing.assert_allclose(found.of(name).zyx, picks.of(name).zyx, atol=1e-3)
        np.testing.assert_allclose(found.of(name).rotations, picks.of(name).rotations, atol=1e-6)


def test_more_runs_are_added_and_finished_ones_kept(tmp_path):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, **SMALL)
    first = tomograms(folder)["TS_sim_0"]
    stamp = (folder / "static/ExperimentRuns/TS_sim_0").stat().st_mtime_ns
    simulate(folder, runs=2, **SMALL)
    assert (folder / "static/ExperimentRuns/TS_sim_0").stat().st_mtime_ns == stamp
    both = tomograms(folder)
    np.testing.assert_array_equal(both["TS_sim_0"], first)
    assert not np.array_equal(both["TS_sim_0"], both["TS_sim_1"])


def test_a_run_cut_short_is_made_anew(tmp_path):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, **SMALL)
    whole = tomograms(folder)["TS_sim_0"]
    noted = json.loads((folder / "simulation.json").read_text())
    (folder / "simulation.json").write_text(json.dumps(noted | {"runs": {}}))
    simulate(folder, runs=1, **SMALL)
    np.testing.assert_array_equal(tomograms(folder)["TS_sim_0"], whole)


def test_other_settings_need_another_folder_or_overwrite(tmp_path):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, **SMALL)
    before = tomograms(folder)["TS_sim_0"]
    with pytest.raises(UserError, match="overwrite"):
        simulate(folder, runs=1, seed=1, **SMALL)
    simulate(folder, runs=1, seed=1, overwrite=True, **SMALL)
    assert not np.array_equal(tomograms(folder)["TS_sim_0"], before)


def test_an_object_table_of_ones_own_is_simulated(tmp_path):
    table = tmp_path / "objects.yaml"
    table.write_text("objects:\n- {name: mystery, radius: 70}\n")
    simulate(tmp_path / "sim", runs=1, objects=table, **SMALL)
    project = open_project(tmp_path / "sim")
    assert project.objects.names == ["mystery"]
    assert project["TS_sim_0"].picks().names == ["mystery"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"runs": 0}, "--runs"),
        ({"seed": -1}, "--seed"),
        ({"crowding": -1.0}, "crowding"),
        ({"voxel_spacing": 0.0}, "voxel_spacing"),
        ({"max_tilt": (40.0, 95.0)}, "max_tilt"),
        ({"noise": (0.3, 0.1)}, "lowest value comes first"),
    ],
)
def test_impossible_settings_are_told_in_one_line_and_leave_nothing(tmp_path, wrong, told):
    with pytest.raises(UserError, match=told) as error:
        simulate(tmp_path / "sim", **({"runs": 1} | SMALL | wrong))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "sim").exists()
