"""The verb ``convert``, through the command line as users call it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.io.picks import read_picks, write_picks
from tomoscout.io.volumes import read_volume, write_volume

SPACING = 5.0
SHAPE = (12, 16, 20)  # 60 x 80 x 100 Å
ZYX = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])


def run(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def picks_of(run: str) -> Picks:
    return Picks(ZYX, np.array(["ribosome", "apo-ferritin"]), np.array([0.5, 0.25]), run=run)


@pytest.fixture
def volume() -> Volume:
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return Volume(data, SPACING)


@pytest.fixture
def project(tmp_path: Path, volume: Volume) -> Path:
    """A folder of two tomograms."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("TS_1", "TS_2"):
        write_volume(volume, folder / f"{name}.mrc")
    return folder


def test_picks_become_a_submission(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_picks([picks_of("TS_1"), picks_of("TS_2")], tmp_path / "in.csv")
    assert run(tmp_path / "in.csv", tmp_path / "out.csv", "--to", "kaggle") == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[:2] == [
        "id,experiment,particle_type,x,y,z",
        "0,TS_1,ribosome,30.000,20.000,10.000",
    ]
    assert "4 picks of 2 runs" in capsys.readouterr().out


def test_relion_counts_from_the_centre_of_the_tomogram(tmp_path: Path, project: Path):
    write_picks(picks_of("TS_1"), tmp_path / "in.csv")
    star = tmp_path / "out.star"
    assert run(tmp_path / "in.csv", star, "--tomogram", project / "TS_1.mrc") == 0
    # The centre lies at 50, 40, 30 Å (x, y, z): 30 - 50 = -20, 20 - 40 = -20, 10 - 30 = -20.
    assert "TS_1\t-20\t-20\t-20\t0\t0\t0\t0.5\tribosome" in star.read_text()


def test_a_project_knows_the_tomogram_of_each_run(tmp_path: Path, project: Path):
    write_picks([picks_of("TS_1"), picks_of("TS_2")], tmp_path / "in.csv")
    assert run(tmp_path / "in.csv", tmp_path / "out.star", "--project", project) == 0
    assert run(tmp_path / "out.star", tmp_path / "back.csv", "--project", project) == 0
    assert (tmp_path / "back.csv").read_text() == (tmp_path / "in.csv").read_text()


def test_picks_in_a_project_need_no_more_said(tmp_path: Path, project: Path):
    write_picks([picks_of("TS_1"), picks_of("TS_2")], project / "picks.csv")
    assert run(project, tmp_path / "out.star") == 0
    assert (tmp_path / "out.star").read_text().count("\t-20\t-20\t-20\t") == 2


def test_a_copick_configuration_leads_to_its_picks(tmp_path: Path):
    (tmp_path / "static").mkdir()
    write_picks(picks_of("TS_1"), tmp_path / "overlay")
    objects = [
        {"name": name, "is_particle": True, "label": label, "radius": 10.0}
        for label, name in enumerate(["ribosome", "apo-ferritin"], start=1)
    ]
    config = {
        "config_type": "filesystem",
        "pickable_objects": objects,
        "overlay_root": f"local://{tmp_path / 'overlay'}",
        "static_root": f"local://{tmp_path / 'static'}",
    }
    (tmp_path / "copick.json").write_text(json.dumps(config))
    assert run(tmp_path / "copick.json", tmp_path / "out.csv") == 0
    (found,) = read_picks(tmp_path / "out.csv")
    assert (found.run, len(found)) == ("TS_1", 2)


def test_a_folder_becomes_a_copick_tree_of_a_user(tmp_path: Path):
    write_picks(picks_of("TS_1"), tmp_path / "in.csv")
    tree = tmp_path / "tree"
    assert run(tmp_path / "in.csv", tree, "--user", "me", "--session", "3") == 0
    names = sorted(path.name for path in (tree / "ExperimentRuns/TS_1/Picks").iterdir())
    assert names == ["me_3_apo-ferritin.json", "me_3_ribosome.json"]


def test_ndjson_counts_the_voxels_of_the_projects_tomograms(tmp_path: Path, project: Path):
    write_picks(picks_of("TS_1"), tmp_path / "in.csv")
    out = tmp_path / "out"
    assert run(tmp_path / "in.csv", out, "--to", "ndjson", "--project", project) == 0
    text = (out / "TS_1_ribosome.ndjson").read_text()
    assert json.loads(text)["location"] == {"x": 6.0, "y": 4.0, "z": 2.0}
    assert run(out / "TS_1_ribosome.ndjson", tmp_path / "a.csv", "--voxel-spacing", "5") == 0
    np.testing.assert_array_equal(read_picks(tmp_path / "a.csv")[0].zyx, ZYX[:1])


@pytest.mark.parametrize(("first", "second"), [("a.mrc", "b.zarr"), ("a.zarr", "b.mrc")])
def test_volumes_change_format_voxel_for_voxel(
    first: str, second: str, tmp_path: Path, volume: Volume
):
    write_volume(volume, tmp_path / first)
    assert run(tmp_path / first, tmp_path / second) == 0
    found = read_volume(tmp_path / second)
    np.testing.assert_array_equal(found.read(), volume.read())
    assert found.voxel_spacing == pytest.approx(SPACING)


def test_a_voxel_spacing_given_is_written_into_the_volume(tmp_path: Path, volume: Volume):
    write_volume(volume, tmp_path / "a.mrc")
    assert run(tmp_path / "a.mrc", tmp_path / "b.zarr", "--voxel-spacing", "7.5") == 0
    assert read_volume(tmp_path / "b.zarr").voxel_spacing == 7.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv", "out.star"], "nothing.csv: no such file"),
        (["in.csv", "out.xyz"], "pick files end in"),
        (["in.csv", "out.star"], "give the tomogram (--tomogram)"),
        (["in.csv", "out.ndjson", "--voxel-spacing", "5"], "found 2 objects"),
        (["in.csv", "out", "--to", "ndjson"], "give the voxel spacing"),
        (["in.csv", "out.csv", "--to", "relon"], "Did you mean 'relion'?"),
        (["in.csv", "out.csv", "--to", "relion"], "but --to relion writes .star"),
        (["in.csv", "old.csv"], "old.csv: exists: pass --overwrite"),
        (["in.csv", "in.csv", "--overwrite"], "is the source itself"),
        (["project/TS_1.mrc", "out.csv"], "unknown kind of volume '.csv'"),
        (["project/TS_1.mrc", "out.mrc", "--to", "relion"], "--to is for picks"),
        (["project/TS_1.mrc", "project/TS_2.mrc"], "exists"),
        (["project", "out.csv"], "no pick files"),
        (["in.csv", "out.star", "--project", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    write_picks(picks_of("TS_1"), "in.csv")
    Path("old.csv").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("old.csv").read_text() == "mine"


def test_old_files_are_replaced_when_asked(tmp_path: Path):
    write_picks(picks_of("TS_1"), tmp_path / "in.csv")
    (tmp_path / "old.csv").write_text("mine")
    assert run(tmp_path / "in.csv", tmp_path / "old.csv", "--overwrite") == 0
    assert len(read_picks(tmp_path / "old.csv")[0]) == 2
