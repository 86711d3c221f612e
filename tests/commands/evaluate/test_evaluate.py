import csv
import json

import mrcfile
import numpy as np
import pytest

from samples.scored import PICKS, TRUTH, write_csv
from tomoscout.cli import main
from tomoscout.commands.evaluate import evaluate
from tomoscout.core.errors import UserError


def scores(folder):
    return json.loads((folder / "evaluation.json").read_text())


def test_a_file_is_scored_against_a_project(project, picks, tmp_path, capsys):
    evaluate(picks, project, output=tmp_path / "out")
    found = scores(tmp_path / "out")
    assert found["runs"] == ["TS_1"]
    loose, strict = (found["scores"][m]["objects"]["apo-ferritin"] for m in ("czii", "one-to-one"))
    assert [loose[k] for k in ("tp", "fp", "fn")] == [3, 1, 1]
    assert [strict[k] for k in ("tp", "fp", "fn")] == [2, 2, 2]
    assert loose["error_angstrom"] == pytest.approx(14.5)  # of 15, 14.5 and 10
    f4 = 17 * 0.75 * 0.75 / (16 * 0.75 + 0.75)
    assert loose["f_beta"] == pytest.approx(f4)
    assert found["scores"]["czii"]["weighted"] == pytest.approx(f4 / 7)
    assert found["scores"]["one-to-one"]["weighted"] == pytest.approx(0.5 / 7)
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith("apo-ferritin"))
    # The picks have no scores: AP is their precision, 2 of 4, times their recall, 2 of 4.
    assert row.split()[1:] == ["3", "1", "1", "0.750", "0.750", "0.750", "0.500", "0.250", "14.5"]
    footer = next(line for line in printed.splitlines() if line.startswith("weighted"))
    assert footer.split()[1:] == ["0.107", "0.071", "0.250"]
    assert "not scored: TS_2" in printed
    assert "not in the truth: beta-galactosidase, ribosome" in printed


def test_runs_asked_for_count_even_without_picks(project, picks, tmp_path):
    evaluate(picks, project, runs="TS_1, TS_2", output=tmp_path / "out")
    counts = scores(tmp_path / "out")["scores"]["czii"]["objects"]["apo-ferritin"]
    assert [counts[k] for k in ("tp", "fp", "fn")] == [3, 1, 2]


def test_the_table_has_every_run_object_and_metric(project, tmp_path):
    found = write_csv(tmp_path / "found.csv", PICKS | {"TS_2": [700.0, 5000.0]})
    evaluate(found, project, output=tmp_path / "out")
    with (tmp_path / "out" / "evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 6
    totals = scores(tmp_path / "out")["scores"]
    for metric in ("czii", "one-to-one"):
        mine = [r for r in rows if r["metric"] == metric and r["object"] == "apo-ferritin"]
        assert [r["run"] for r in mine] == ["TS_1", "TS_2"]
        for key in ("tp", "fp", "fn"):
            total = totals[metric]["objects"]["apo-ferritin"][key]
            assert sum(int(r[key]) for r in mine) == total
        assert float(mine[1]["precision"]) == 0.5


def test_files_are_scored_against_files(picks, tmp_path):
    truth = write_csv(tmp_path / "truth.csv", TRUTH)
    evaluate(picks, truth, output=tmp_path / "out")
    assert scores(tmp_path / "out")["scores"]["czii"]["objects"]["apo-ferritin"]["tp"] == 3


def test_a_json_of_picks_is_a_truth_too(project, picks, tmp_path):
    truth = next((project / "overlay/ExperimentRuns/TS_1/Picks").iterdir())
    evaluate(picks, truth, output=tmp_path / "out")
    assert scores(tmp_path / "out")["scores"]["czii"]["objects"]["apo-ferritin"]["tp"] == 3


def test_files_that_name_no_run_belong_together(tmp_path):
    files = []
    for name, x in (("found", 515.0), ("truth", 500.0)):
        files.append(tmp_path / f"{name}.json")
        points = [{"location": {"x": x, "y": 200.0, "z": 100.0}}]
        content = {"pickable_object_name": "apo-ferritin", "points": points}
        files[-1].write_text(json.dumps(content))
    evaluate(*files, output=tmp_path / "out")
    assert scores(tmp_path / "out")["scores"]["czii"]["objects"]["apo-ferritin"]["tp"] == 1


def test_the_folder_of_pick_is_read_once_and_its_empty_runs_count(project, tmp_path):
    folder = tmp_path / "picks"
    folder.mkdir()
    write_csv(folder / "picks.csv", PICKS)
    (folder / "picks.star").write_text("the same picks again, in a format that is not read\n")
    (folder / "pick.json").write_text(json.dumps({"runs": {"TS_1": {}, "TS_2": {}, "TS_9": {}}}))
    evaluate(folder, project, output=tmp_path / "out")
    found = scores(tmp_path / "out")
    assert found["runs"] == ["TS_1", "TS_2"]
    assert found["scores"]["czii"]["objects"]["apo-ferritin"]["fn"] == 2


def test_another_table_gives_other_radii_and_weights(project, picks, tmp_path):
    table = tmp_path / "objects.yaml"
    table.write_text("objects:\n  - {name: apo-ferritin, radius: 10}\n")
    evaluate(picks, project, objects=table, output=tmp_path / "out")
    found = scores(tmp_path / "out")["scores"]["czii"]
    assert found["objects"]["apo-ferritin"]["tp"] == 0  # none is within 5 Å
    assert list(found["objects"]) == ["apo-ferritin"]


def test_results_are_not_replaced_unless_asked(project, picks, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "evaluation.csv").write_text("old")
    with pytest.raises(UserError, match=r"evaluation.csv: exists.*--overwrite"):
        evaluate(picks, project, output=out)
    assert [p.name for p in out.iterdir()] == ["evaluation.csv"]
    evaluate(picks, project, output=out, overwrite=True)
    assert (out / "evaluation.csv").read_text().startswith("metric,run,object,tp,fp,fn")


def test_nothing_is_written_without_an_output(project, picks, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    evaluate(picks, project)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_without_truth_is_refused_with_the_nearest_name(project, picks):
    with pytest.raises(UserError, match=r"no truth for run 'TS_11'.*Did you mean 'TS_1'"):
        evaluate(picks, project, runs="TS_11")


def test_picks_of_other_runs_are_refused(project, tmp_path):
    found = write_csv(tmp_path / "found.csv", {"TS_7": [1.0]})
    with pytest.raises(UserError, match=r"no run in common.*TS_7.*TS_1, TS_2"):
        evaluate(found, project)


def test_a_file_that_names_no_run_needs_one_of_several_to_be_chosen(project, tmp_path):
    table = tmp_path / "found.csv"
    table.write_text("particle_type,x,y,z\napo-ferritin,515,200,100\n")
    with pytest.raises(UserError, match="add experiment"):
        evaluate(table, project)
    points = [{"location": {"x": 515.0, "y": 200.0, "z": 100.0}}]
    copick = tmp_path / "found.json"
    copick.write_text(json.dumps({"pickable_object_name": "apo-ferritin", "points": points}))
    with pytest.raises(UserError, match=r"which run its picks belong to.*--runs"):
        evaluate(copick, project)
    for n, path in enumerate((table, copick)):
        evaluate(path, project, runs="TS_1", output=tmp_path / str(n))
        found = scores(tmp_path / str(n))["scores"]["czii"]["objects"]["apo-ferritin"]
        assert found["tp"] == 2


def test_a_project_without_picks_is_refused(picks, tmp_path):
    (tmp_path / "bare").mkdir()
    with mrcfile.new(tmp_path / "bare" / "TS_1.mrc", np.zeros((4, 4, 4), np.float32)) as file:
        file.voxel_size = 10
    with pytest.raises(UserError, match="none of its 1 runs has picks"):
        evaluate(picks, tmp_path / "bare")


@pytest.mark.parametrize("which", ["picks", "truth", "objects"])
def test_the_command_line_explains_a_missing_path_in_one_line(
    project, picks, tmp_path, capsys, which
):
    paths = {"picks": picks, "truth": project, "objects": None} | {which: tmp_path / "gone.csv"}
    given = [str(paths["picks"]), str(paths["truth"])]
    if paths["objects"]:
        given += ["--objects", str(paths["objects"])]
    assert main(["evaluate", *given]) == 2
    message = capsys.readouterr().err.strip()
    assert "gone.csv: no such file" in message
    assert "\n" not in message


def test_the_command_line_scores(project, picks, capsys):
    assert main(["evaluate", str(picks), str(project), "--runs", "TS_1"]) == 0
    assert "0.107" in capsys.readouterr().out


def test_an_unknown_object_is_refused(project, tmp_path):
    found = write_csv(tmp_path / "found.csv", PICKS, name="apo-ferritine")
    with pytest.raises(UserError, match="Did you mean 'apo-ferritin'"):
        evaluate(found, project)
