"""``tomoscout discover``: tomograms in, clusters, presence and picks out, no label looked at."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from samples.balls import OBJECTS, make_run
from tomoscout.cli import main
from tomoscout.core.geometry import Geometry
from tomoscout.io.picks import read_picks
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run
from tomoscout.io.scores import read_scores
from tomoscout.reporting import umap_plane

FLAGS = ["--clusters", "4", "--radius", "45", "--stride", "4"]


def test_picks_lie_on_particles_and_find_the_kind_that_stands_out(balls, discovered):
    found = {picks.run: picks for picks in read_picks(discovered / "picks" / "picks.csv")}
    hits = particles = false = 0
    for run in open_project(balls).runs:
        truth = run.picks()
        picks = found[run.name]
        distance, _ = cKDTree(picks.zyx).query(truth.zyx)
        hits += int((distance < 30).sum())
        particles += len(truth)
        false += int((cKDTree(truth.zyx).query(picks.zyx)[0] > 40).sum())
    assert hits / particles >= 0.45  # half of the 28 are large; nobody told where any of them is
    assert false <= 0.2 * particles


def test_presence_maps_are_brighter_at_particles(balls, discovered):
    run = open_project(balls)["run0"]
    scores = read_scores(discovered / "presence" / "run0.scores.zarr")
    assert scores.geometry == Geometry((32, 64, 64), 10.0, 4)
    assert scores.objects == ["particle"]
    soft = np.asarray(scores.data[0], np.float32)
    at = np.clip(
        np.rint(scores.geometry.to_cells(run.picks().zyx)).astype(int), 0, np.array(soft.shape) - 1
    )
    assert soft[tuple(at.T)].mean() > soft.mean() + 0.1
    hard = np.load(discovered / "presence" / "run0.presence.npy")
    assert hard.shape == soft.shape
    assert set(np.unique(hard)) <= {0, 1}


def test_the_page_and_the_figures_of_the_rule_are_there(discovered):
    facts = json.loads((discovered / "discover.json").read_text())
    assert len(facts["clusters"]) == 4
    assert sum(one["share"] for one in facts["clusters"]) == pytest.approx(1.0)
    assert facts["kept"]
    page = (discovered / "discover.html").read_text()
    assert "Typical crops" in page
    assert "--keep" in page


def test_keep_picks_other_clusters_and_embeds_nothing_again(balls, discovered, tmp_path, capsys):
    output = tmp_path / "out"
    shutil.copytree(discovered, output)
    before = {p.name: p.stat().st_mtime_ns for p in (output / "embeddings").iterdir()}
    command = ["discover", str(balls), "-o", str(output), *FLAGS, "--keep", "0"]
    assert main([*command, "--encoder", str(output / "encoder")]) == 0
    assert {p.name: p.stat().st_mtime_ns for p in (output / "embeddings").iterdir()} == before
    names = {n for picks in read_picks(output / "picks" / "picks.csv") for n in picks.names}
    assert names <= {"cluster-0"}
    assert "kept: cluster 0, as asked for" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--keep", "two"], "--keep 'two': give numbers of clusters"),
        (["--clusters", "1"], "'k'"),
        (["--stride", "0"], "'stride'"),
        (["--projection", "tsne"], "--projection"),
        (["--radius", "-5"], "'radius'"),
        (["--threshold", "5"], "'threshold'"),
        (["--method", "kmaens"], "'method'"),
        (["--recipe", "contrast-4d"], "no recipe 'contrast-4d'"),
        (["--training.stesp", "3"], "Did you mean 'steps'"),
        (["--encoder", "x", "--training.steps", "3"], "--training.steps: is for an encoder to be"),
        (["--runs", "run7"], "no run 'run7'"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_nothing(flags, told, balls, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["discover", str(balls), "-o", str(output), *flags]) == 2
    assert told in capsys.readouterr().err
    assert not output.exists()


def test_a_projection_that_is_not_installed_is_told_before_anything_is_done(
    balls, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(umap_plane, "find_spec", lambda name: None)
    command = ["discover", str(balls), "-o", str(tmp_path / "out"), "--projection", "umap"]
    assert main(command) == 2
    assert "pip install 'tomoscout[umap]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_there_is_not_is_told(balls, discovered, tmp_path, capsys):
    output = tmp_path / "out"
    shutil.copytree(discovered, output)
    command = ["discover", str(balls), "-o", str(output), *FLAGS, "--keep", "9"]
    assert main([*command, "--encoder", str(output / "encoder")]) == 2
    assert "no cluster 9: choose from 0 to 3" in capsys.readouterr().err
    assert len(read_picks(output / "picks" / "picks.csv")) == 2  # those of before are still there


def test_numbers_of_clusters_are_those_of_the_page(balls, discovered, tmp_path, capsys):
    output = tmp_path / "out"
    shutil.copytree(discovered, output)
    encoder = ["--encoder", str(output / "encoder"), "--radius", "45", "--stride", "4"]
    command = ["discover", str(balls), "-o", str(output), *encoder, "--clusters", "3"]
    assert main([*command, "--keep", "0"]) == 2
    assert "were made with other settings or runs" in capsys.readouterr().err
    assert main(command) == 0
    assert main([*command, "--keep", "0"]) == 0


def test_picks_that_are_not_its_own_are_left_alone(balls, discovered, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(discovered, output)
    mine = output / "picks" / "ExperimentRuns" / "run0" / "Picks" / "me_1_cluster-2.json"
    mine.write_text(next(mine.parent.glob("tomoscout_0_*.json")).read_text())
    command = ["discover", str(balls), "-o", str(output), *FLAGS, "--keep", "0"]
    assert main([*command, "--encoder", str(output / "encoder")]) == 0
    assert mine.exists()
    assert [p.name for p in mine.parent.glob("tomoscout_0_*")] == ["tomoscout_0_cluster-0.json"]


def test_a_folder_of_other_things_is_refused_before_anything_is_done(balls, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("")
    assert main(["discover", str(balls), "-o", str(tmp_path), *FLAGS]) == 2
    assert "holds other things than results of 'discover'" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_cannot_be_used_stops_no_other_and_is_told_at_the_end(
    discovered, tmp_path, capsys
):
    project, output = tmp_path / "project", tmp_path / "out"
    volume, picks = make_run(0)
    write_run(project, "run0", volume, picks)
    write_run(project, "run1", replace(volume, data=np.ones(volume.shape, np.float32)), picks)
    write_copick_config(project, OBJECTS, name="balls")
    command = ["discover", str(project / "copick.json"), "-o", str(output), *FLAGS]
    assert main([*command, "--encoder", str(discovered / "encoder")]) == 2
    assert "1 of 2 runs failed; the first: run1: (nearly) all voxels" in capsys.readouterr().err
    assert (output / "picks" / "picks.csv").exists()
    assert {p.name for p in (output / "embeddings").iterdir()} == {"run0.embeddings.npz"}


def test_a_job_that_was_killed_before_its_last_file_goes_on(balls, discovered, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(discovered, output)
    (output / "discover.json").unlink()
    (output / "discover.html").unlink()
    command = ["discover", str(balls), "-o", str(output), *FLAGS]
    assert main([*command, "--encoder", str(output / "encoder")]) == 0
    assert (output / "picks" / "picks.csv").read_text() == (
        discovered / "picks" / "picks.csv"
    ).read_text()
