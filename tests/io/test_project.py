import json
from pathlib import Path

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import write_picks
from tomoscout.io.project import Project, Run, open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.volumes import write_volume

SHAPE = (6, 8, 10)
SPACING = 10.012444
VOLUME = Volume(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), SPACING)
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0], [0.0, 0.0, 90.0]])
PICKS = Picks(ZYX, np.array(["ribosome", "apo-ferritin", "ribosome"]), np.array([0.5, 0.25, 1.0]))


def project_of(tmp_path, *names, **options):
    for name in names:
        write_run(tmp_path, name, VOLUME, PICKS, **options)
    return tmp_path


def sorted_rows(picks):
    rows = zip(picks.zyx.tolist(), np.asarray(picks.objects).tolist(), strict=True)
    return sorted(rows)


def test_runs_are_found_by_name_and_the_nearest_is_suggested(tmp_path):
    project = open_project(project_of(tmp_path, "TS_5_4", "TS_6_6"))
    assert project.names == ["TS_5_4", "TS_6_6"]
    assert project["TS_6_6"].name == "TS_6_6"
    with pytest.raises(UserError, match=r"no run 'TS_5_5': .*Did you mean 'TS_5_4'"):
        project["TS_5_5"]
    assert project.select(["TS_6_6"]).names == ["TS_6_6"]
    with pytest.raises(UserError, match="no run 'TS_9'"):
        project.select(["TS_5_4", "TS_9"])


def test_run_names_must_differ():
    run = Run("TS_1", {}, (), CZII)
    with pytest.raises(UserError, match=r"run names must differ, found twice: TS_1"):
        Project(path=Path("p"), layout="folder", objects=CZII, runs=(run, run))


def test_a_run_gives_its_tomogram_under_its_own_name(tmp_path):
    run = open_project(project_of(tmp_path, "TS_1")).runs[0]
    volume = run.tomogram()
    assert volume.name == "TS_1"
    assert volume.voxel_spacing == SPACING
    np.testing.assert_array_equal(volume.read(), VOLUME.read())


def test_the_kind_of_tomogram_is_denoised_or_the_only_one_or_asked_for(tmp_path):
    project_of(tmp_path, "TS_1", kind="wbp")
    assert open_project(tmp_path).runs[0].tomogram().shape == SHAPE
    write_run(tmp_path, "TS_1", VOLUME, None, kind="isonetcorrected")
    run = open_project(tmp_path).runs[0]
    with pytest.raises(UserError, match=r"'TS_1': choose a kind of tomogram: isonetcorrected, wbp"):
        run.tomogram()
    with pytest.raises(UserError, match=r"no tomogram 'wpb'.*Did you mean 'wbp'"):
        run.tomogram("wpb")
    write_run(tmp_path, "TS_1", Volume(VOLUME.read() + 1, SPACING), None)
    run = open_project(tmp_path).runs[0]
    np.testing.assert_array_equal(run.tomogram().read(), VOLUME.read() + 1)
    np.testing.assert_array_equal(run.tomogram("wbp").read(), VOLUME.read())


def test_picks_of_all_objects_come_joined_with_run_and_extent(tmp_path):
    run = open_project(project_of(tmp_path, "TS_1")).runs[0]
    assert run.has_picks
    picks = run.picks()
    assert sorted_rows(picks) == sorted_rows(PICKS)
    assert picks.run == "TS_1"
    assert picks.extent == pytest.approx(tuple(n * SPACING for n in SHAPE))
    assert picks.of("apo-ferritin").score_array.tolist() == [0.25]


def test_a_run_without_pick_files_says_so(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, None)
    run = open_project(tmp_path).runs[0]
    assert not run.has_picks
    with pytest.raises(UserError, match="run 'TS_1': no picks"):
        run.picks()


@pytest.mark.filterwarnings("ignore")
def test_an_object_without_picks_does_not_take_the_poses_of_the_others(tmp_path):
    turned = Picks(ZYX, "ribosome", rotations=np.stack([np.diag([-1.0, -1, 1])] * 3))
    write_run(tmp_path, "TS_1", VOLUME, turned)
    folder = tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "Picks"
    empty = {"pickable_object_name": "thyroglobulin", "points": []}
    (folder / "simulation_0_thyroglobulin.json").write_text(json.dumps(empty))
    picks = open_project(tmp_path).runs[0].picks()
    np.testing.assert_allclose(picks.rotations, turned.rotations)


def test_pick_files_without_rows_give_picks_without_rows(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, None)
    folder = tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "Picks"
    folder.mkdir(parents=True)
    empty = {"pickable_object_name": "ribosome", "points": []}
    (folder / "ribosome.json").write_text(json.dumps(empty))
    picks = open_project(tmp_path).runs[0].picks()
    assert len(picks) == 0
    assert picks.run == "TS_1"
    assert picks.extent is not None


def test_an_unknown_object_names_the_file_and_the_nearest(tmp_path):
    path = project_of(tmp_path, "TS_1")
    picks = path / "overlay" / "ExperimentRuns" / "TS_1" / "Picks"
    (picks / "simulation_0_ribosome.json").rename(picks / "simulation_0_ribosme.json")
    text = (picks / "simulation_0_ribosme.json").read_text().replace("ribosome", "ribosme")
    (picks / "simulation_0_ribosme.json").write_text(text)
    with pytest.raises(UserError, match=r"ribosme\.json: unknown object 'ribosme'.*'ribosome'"):
        open_project(path).runs[0].picks()


def test_picks_outside_the_tomogram_are_dropped_with_a_warning(tmp_path, caplog):
    edge = SHAPE[2] * SPACING
    far = Picks(np.array([[10.0, 10, 10], [10, 10, edge], [-20, 10, 10]]), "ribosome")
    write_run(tmp_path, "TS_1", VOLUME, far)
    picks = open_project(tmp_path).runs[0].picks()
    np.testing.assert_allclose(picks.zyx, far.zyx[:1])
    dropped = [r.getMessage() for r in caplog.records if "dropped" in r.getMessage()]
    assert len(dropped) == 1
    assert "simulation_0_ribosome.json: 2 of 3 picks" in dropped[0]


def test_several_users_of_one_object_must_be_told_apart(tmp_path):
    project_of(tmp_path, "TS_1", user="alice")
    write_run(tmp_path, "TS_1", VOLUME, PICKS[:1], user="bob", session="7", overwrite=True)
    run = open_project(tmp_path).runs[0]
    with pytest.raises(UserError, match=r"ribosome was picked by several, alice/0, bob/7: choose"):
        run.picks()
    assert len(run.picks(user="alice")) == 3
    assert len(run.picks(session="7")) == 1
    with pytest.raises(UserError, match=r"no picks by user 'carol', found alice/0, bob/7"):
        run.picks(user="carol")


def test_users_who_picked_different_objects_are_joined(tmp_path):
    write_run(tmp_path, "TS_1", VOLUME, PICKS.of("ribosome"), user="alice")
    write_run(tmp_path, "TS_1", VOLUME, PICKS.of("apo-ferritin"), user="bob", overwrite=True)
    assert sorted_rows(open_project(tmp_path).runs[0].picks()) == sorted_rows(PICKS)


def test_plain_pick_names_of_the_challenge_know_their_user_from_inside(tmp_path):
    project_of(tmp_path, "TS_1", user="tomoscout")
    folder = tmp_path / "overlay" / "ExperimentRuns" / "TS_1" / "Picks"
    truth = json.loads((folder / "tomoscout_0_ribosome.json").read_text())
    truth |= {"user_id": "curation", "points": truth["points"][:1]}
    (folder / "ribosome.json").write_text(json.dumps(truth))
    run = open_project(tmp_path).runs[0]
    with pytest.raises(UserError, match="curation/0, tomoscout/0"):
        run.picks()
    assert len(run.picks(user="curation")) == 1


def test_a_run_with_only_picks_has_no_tomogram(tmp_path):
    project_of(tmp_path, "TS_1")
    run = open_project(tmp_path / "overlay").runs[0]
    assert len(run.picks()) == 3
    assert run.picks().extent is None
    with pytest.raises(UserError, match="run 'TS_1': no tomogram, only picks"):
        run.tomogram()


def test_a_path_that_is_missing_or_no_project_says_what_was_looked_for(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        open_project(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no project found: looked for a copick configuration"):
        open_project(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UserError, match="no project found"):
        open_project(tmp_path / "a.txt")


def test_the_users_table_replaces_the_projects(tmp_path):
    project_of(tmp_path, "TS_1")
    write_copick_config(tmp_path, CZII, name="demo")
    table = tmp_path / "objects.yaml"
    table.write_text("objects:\n- {name: ribosome, radius: 140}\n- {name: apo-ferritin, radius: 1}")
    project = open_project(tmp_path, objects=table)
    assert project.objects.names == ["ribosome", "apo-ferritin"]
    assert len(project.runs[0].picks()) == 3
    with pytest.raises(UserError, match=r"none\.yaml: no such file"):
        open_project(tmp_path, objects=tmp_path / "none.yaml")


def test_a_single_tomogram_is_a_project_with_the_picks_beside_it(tmp_path):
    path = tmp_path / "rec_TS_1_10.01Apx.mrc"
    write_volume(VOLUME, path)
    write_volume(VOLUME, tmp_path / "TS_2.mrc")
    write_picks(Picks(ZYX, "ribosome", run="TS_1", extent=VOLUME.geometry.extent),
                tmp_path / "TS_1.star")  # fmt: skip
    project = open_project(path)
    assert project.layout == "single"
    assert project.names == ["TS_1"]
    np.testing.assert_allclose(project.runs[0].picks().zyx, ZYX, atol=1e-4)


def test_a_single_store_opens_whatever_its_folder_is_called(tmp_path):
    write_volume(VOLUME, tmp_path / "a.zarr")
    (tmp_path / "a.zarr").rename(tmp_path / "tomogram")
    project = open_project(tmp_path / "tomogram")
    assert (project.layout, project.names) == ("single", ["tomogram"])
    np.testing.assert_array_equal(project.runs[0].tomogram().read(), VOLUME.read())


def test_the_given_voxel_spacing_reaches_a_file_that_has_none(tmp_path):
    write_volume(Volume(VOLUME.data, 1.0), tmp_path / "a.mrc")
    with pytest.raises(UserError, match="--voxel-spacing"):
        open_project(tmp_path / "a.mrc").runs[0].tomogram()
    for path in (tmp_path / "a.mrc", tmp_path):
        run = open_project(path, voxel_spacing=SPACING).runs[0]
        assert run.tomogram().voxel_spacing == SPACING


def test_an_object_under_its_name_in_the_data_portal_is_the_projects(tmp_path):
    project_of(tmp_path, "TS_1", user="alice")
    portal = Picks(PICKS.of("apo-ferritin").zyx, "ferritin-complex")
    write_run(tmp_path, "TS_1", VOLUME, portal, user="portal", overwrite=True)
    run = open_project(tmp_path).runs[0]
    assert run.picks(user="portal").names == ["apo-ferritin"]
    np.testing.assert_allclose(run.picks(user="portal").zyx, portal.zyx)
    with pytest.raises(UserError, match="apo-ferritin was picked by several, alice/0, portal/0"):
        run.picks()
