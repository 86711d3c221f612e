"""The folder of the challenge's test tomograms: all runs, one after the other, to a submission."""

from __future__ import annotations

import json
import threading

import pytest

from samples.detectors import save_tomogram
from tomoscout.cli import main
from tomoscout.commands._ahead import read_ahead
from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.io.run import Run


@pytest.fixture
def kaggle(place):
    """Three runs, of which the second is broken."""
    for index in range(3):
        folder = place / f"test/static/ExperimentRuns/TS_{index}/VoxelSpacing10.000"
        save_tomogram(folder / "denoised.zarr", seed=index)
    chunk = place / "test/static/ExperimentRuns/TS_1/VoxelSpacing10.000/denoised.zarr/0/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:60])
    return place


def test_a_test_folder_becomes_a_submission_and_a_broken_tomogram_is_told_at_the_end(
    kaggle, run, capsys
):
    assert run("pick", "test") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "1 of 3 runs failed; the first: " in error
    assert "TS_1" in error
    header, *rows = (kaggle / "out/submission.csv").read_text().splitlines()
    assert header == "id,experiment,particle_type,x,y,z"
    assert [int(row.split(",")[0]) for row in rows] == list(range(len(rows)))
    assert {row.split(",")[1] for row in rows} == {"TS_0", "TS_2"}
    assert all(len(row.split(",")) == 6 for row in rows)
    assert main(["convert", "out", "again.csv", "--to", "kaggle", "--quiet"]) == 0
    assert (kaggle / "again.csv").read_text() == (kaggle / "out/submission.csv").read_text()
    assert main(["convert", "out/picks.csv", "third.csv", "--to", "kaggle", "--quiet"]) == 0
    assert (kaggle / "third.csv").read_text() == (kaggle / "out/submission.csv").read_text()


def test_runs_that_are_done_are_not_read_again(kaggle, run, monkeypatch):
    assert run("pick", "test") == 2
    before = json.loads((kaggle / "out/pick.json").read_text())["runs"]
    opened, tomogram = [], Run.tomogram
    monkeypatch.setattr(Run, "tomogram", lambda r, k=None: opened.append(r.name) or tomogram(r, k))
    assert run("pick", "test") == 2
    assert opened == ["TS_1"]
    assert json.loads((kaggle / "out/pick.json").read_text())["runs"] == before


def runs(count):
    return [Run(str(index), {}, (), CZII) for index in range(count)]


def test_the_next_run_is_read_while_one_is_worked_on_and_no_more():
    started = [threading.Event() for _ in range(4)]

    def read(run):
        started[int(run.name)].set()
        return f"material {run.name}"

    for index, (run, material) in enumerate(read_ahead(runs(4), read)):
        assert material() == f"material {run.name}"
        if index < 3:
            assert started[index + 1].wait(10)
        if index < 2:
            assert not started[index + 2].wait(0.05)


def test_what_goes_wrong_while_reading_is_told_when_the_run_has_its_turn():
    def read(run):
        if run.name == "1":
            raise UserError("broken")
        return run.name

    told = []
    for run, material in read_ahead(runs(3), read):
        try:
            told.append(material())
        except UserError as error:
            told.append(f"{run.name} {error}")
    assert told == ["0", "1 broken", "2"]


def test_an_objects_name_that_the_challenge_lacks_is_remarked_on(place, capsys):
    (place / "in.csv").write_text("experiment,particle_type,x,y,z\nTS_1,spike,1,2,3\n")
    assert main(["convert", "in.csv", "out.csv", "--to", "kaggle"]) == 0
    assert "the challenge does not know spike" in capsys.readouterr().err
