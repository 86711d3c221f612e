"""The verb writes whole projects whose truth is the simulator's, and goes on where it stopped."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from tomoscout import simulation
from tomoscout.commands.simulate import simulate
from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.io.project import open_project
from tomoscout.io.volumes import read_volume
from tomoscout.simulation.preset import read_preset, run_preset

SMALL = {"shape": (48, 96, 96), "crowding": 3.0}
QUICK = {**SMALL, "physics": "quick"}


def tomograms(folder):
    project = open_project(folder)
    return {name: project[name].tomogram("denoised").read() for name in project.names}


def noted(folder, run="TS_sim_0"):
    return json.loads((folder / "simulation.json").read_text())["runs"][run]


def same_picks(found, expected):
    assert found.names == expected.names
    for name in expected.names:
        a, b = found.of(name), expected.of(name)
        np.testing.assert_allclose(a.zyx, b.zyx, atol=1e-3)
        np.testing.assert_allclose(a.rotations, b.rotations, atol=1e-6)


def test_a_project_is_written_that_opens_with_its_truth(tmp_path, capsys):
    simulate(tmp_path / "sim", runs=2, **QUICK)
    project = open_project(tmp_path / "sim" / "copick.json")
    assert sorted(project.names) == ["TS_sim_0", "TS_sim_1"]
    run = project["TS_sim_0"]
    volume, picks = run.tomogram("denoised"), run.picks()
    assert volume.shape == (48, 96, 96)
    assert volume.voxel_spacing == pytest.approx(10.012444)
    counts = noted(tmp_path / "sim")["particles"]
    assert {name: n for name, n in counts.items() if n} == {
        name: len(picks.of(name)) for name in picks.names
    }
    assert picks.rotations is not None
    assert "TS_sim_1" in capsys.readouterr().out


def test_the_truth_on_disk_is_the_simulators_with_the_full_microscope_by_default(tmp_path):
    simulate(tmp_path / "sim", runs=1, seed=7, **SMALL)
    preset = read_preset("czii", {"scene": SMALL})
    assert preset.physics == "full"
    seed = noted(tmp_path / "sim")["seed"]
    made = run_preset(preset, seed=seed, objects=CZII, name="TS_sim_0")
    run = open_project(tmp_path / "sim")["TS_sim_0"]
    np.testing.assert_array_equal(run.tomogram("denoised").read(), made.tomogram.data)
    same_picks(run.picks(), made.picks)


def test_the_quick_microscope_is_still_there(tmp_path):
    # Without the preset's variation, the verb is one call of `simulation.simulate`.
    still = ("vary.crowding=1,1", "vary.debris=1,1")
    simulate(tmp_path / "sim", runs=1, settings=still, **QUICK)
    made = simulation.simulate(
        seed=noted(tmp_path / "sim")["seed"],
        scene=simulation.Scene(**SMALL),
        microscope=simulation.QuickSettings(),
        name="TS_sim_0",
    )
    run = open_project(tmp_path / "sim")["TS_sim_0"]
    np.testing.assert_array_equal(run.tomogram("denoised").read(), made.tomogram.data)
    same_picks(run.picks(), made.picks)


def test_all_kinds_are_four_tomograms_of_one_run(tmp_path):
    simulate(tmp_path / "sim", runs=1, kinds="all", **SMALL)
    (folder,) = (tmp_path / "sim/static/ExperimentRuns/TS_sim_0").iterdir()
    assert folder.name == "VoxelSpacing10.012"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{kind}.zarr" for kind in sorted(simulation.KINDS)
    ]
    run = open_project(tmp_path / "sim")["TS_sim_0"]
    found = {kind: run.tomogram(kind).read() for kind in simulation.KINDS}
    assert all(volume.shape == (48, 96, 96) for volume in found.values())

    def likeness(a, b):
        return np.corrcoef(found[a].ravel(), found[b].ravel())[0, 1]

    # One scene: the two without noise show it nearly alike, the others under their noise.
    assert 0.6 < likeness("denoised", "isonetcorrected") < 0.999
    assert 0.05 < likeness("denoised", "ctfdeconvolved") < 0.95
    assert 0.05 < likeness("denoised", "wbp") < 0.95


def test_label_volumes_agree_with_the_picks_to_half_a_voxel(tmp_path):
    simulate(
        tmp_path / "sim", runs=1, truth=True, shape=(96, 144, 144), physics="quick", seed=3,
        settings=("scene.counts={ribosome: 12, apo-ferritin: 12, virus-like-particle: 5}",
                  "scene.vesicles=0", "scene.carbon=0", "wobble=0"),
    )  # fmt: skip
    folder = tmp_path / "sim/overlay/ExperimentRuns/TS_sim_0/Segmentations"
    assert sorted(path.name for path in folder.iterdir()) == [
        "10.012_simulation_0_objects-multilabel.zarr",
        "10.012_simulation_0_particles-multilabel.zarr",
    ]
    classes, particles = (read_volume(path) for path in sorted(folder.iterdir()))
    assert classes.voxel_spacing == pytest.approx(10.012444)
    run = open_project(tmp_path / "sim")["TS_sim_0"]
    picks, spacing = run.picks(), run.tomogram("denoised").voxel_spacing
    index = np.arange(1, len(picks) + 1)
    mask = particles.read()
    assert set(np.unique(mask)) == {0, *index}
    centres = np.array(ndimage.center_of_mass(mask > 0, mask, index)) * spacing
    off = np.linalg.norm(picks.zyx[:, None] - centres, axis=2)
    extent = np.array(mask.shape) * spacing
    whole = np.minimum(picks.zyx, extent - picks.zyx).min(axis=1) > 170
    assert set(picks.objects[whole]) == {"ribosome", "apo-ferritin", "virus-like-particle"}
    assert off[whole].min(axis=1).max() < spacing / 2
    for row in np.flatnonzero(whole):
        here = mask == index[off[row].argmin()]
        assert set(classes.read()[here]) == {CZII.label(str(picks.objects[row]))}


def test_more_runs_are_added_and_finished_ones_kept(tmp_path, capsys):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, **QUICK)
    first = tomograms(folder)["TS_sim_0"]
    stamp = (folder / "static/ExperimentRuns/TS_sim_0").stat().st_mtime_ns
    simulate(folder, runs=2, **QUICK)
    assert (folder / "static/ExperimentRuns/TS_sim_0").stat().st_mtime_ns == stamp
    both = tomograms(folder)
    np.testing.assert_array_equal(both["TS_sim_0"], first)
    assert not np.array_equal(both["TS_sim_0"], both["TS_sim_1"])
    assert "2 tomograms (1 kept)" in capsys.readouterr().out


def test_a_run_cut_short_is_made_anew(tmp_path):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, truth=True, **QUICK)
    whole = tomograms(folder)["TS_sim_0"]
    note = json.loads((folder / "simulation.json").read_text())
    (folder / "simulation.json").write_text(json.dumps(note | {"runs": {}}))
    simulate(folder, runs=1, truth=True, **QUICK)
    np.testing.assert_array_equal(tomograms(folder)["TS_sim_0"], whole)


def test_other_settings_need_another_folder_or_overwrite(tmp_path):
    folder = tmp_path / "sim"
    simulate(folder, runs=1, **QUICK)
    before = tomograms(folder)["TS_sim_0"]
    with pytest.raises(UserError, match="overwrite"):
        simulate(folder, runs=1, seed=1, **QUICK)
    simulate(folder, runs=1, seed=1, overwrite=True, **QUICK)
    assert not np.array_equal(tomograms(folder)["TS_sim_0"], before)


def test_an_object_table_of_ones_own_is_simulated(tmp_path):
    table = tmp_path / "objects.yaml"
    table.write_text("objects:\n- {name: mystery, radius: 70}\n")
    simulate(tmp_path / "sim", runs=1, objects=table, **(QUICK | {"crowding": 60.0}))
    project = open_project(tmp_path / "sim")
    assert project.objects.names == ["mystery"]
    assert project["TS_sim_0"].picks().names == ["mystery"]


def test_what_does_not_fit_is_told_as_so_many_of_how_many(tmp_path, capsys):
    crowd = ("scene.counts={ribosome: 400, apo-ferritin: 2}", "scene.carbon=0")
    simulate(tmp_path / "sim", runs=1, shape=(48, 96, 96), physics="quick", settings=crowd)
    picks = open_project(tmp_path / "sim")["TS_sim_0"].picks()
    placed = len(picks.of("ribosome"))
    assert 0 < placed < 40
    line = capsys.readouterr().out.splitlines()[0]
    assert f"ribosome {placed} of 400" in line
    assert " of 2 " not in f"{line} "  # nobody tells of what did fit


def test_particles_beyond_the_border_are_not_told_as_missing(tmp_path, capsys):
    # In a volume this small a third of all placed stand outside, on purpose.
    few = ("scene.counts={ribosome: 6}", "scene.carbon=0", "scene.vesicles=0")
    for seed in range(3):
        simulate(
            tmp_path / f"{seed}", runs=1, shape=(48, 64, 64), physics="quick", seed=seed,
            settings=few,
        )  # fmt: skip
        facts = noted(tmp_path / f"{seed}")
        told = capsys.readouterr().out.splitlines()[0]
        assert ("of 6" in told) == (facts["placed"]["ribosome"] < 0.7 * 6)
    assert facts["particles"]["ribosome"] <= facts["placed"]["ribosome"] <= 6
