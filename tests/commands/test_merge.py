"""The verb ``merge``, through the command line as users call it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tomoscout.cli import main
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks

EXTENT = (1840.0, 6300.0, 6300.0)


def run(*arguments: object) -> int:
    return main(["merge", *map(str, arguments), "--quiet"])


def picks(*rows, run="TS_1", name="ribosome"):
    """Rows of z, y, x, score."""
    table = np.array(rows, float).reshape(-1, 4)
    return Picks(table[:, :3], name, table[:, 3], run=run)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two methods that agree on one ribosome of two, within half its radius of 150 Å."""
    monkeypatch.chdir(tmp_path)
    a = [picks((200, 300, 400, 0.8), (900, 900, 900, 0.6)), picks((1, 2, 3, 0.5), run="TS_2")]
    b = [picks((200, 300, 460, 0.4)), picks((50, 60, 70, 0.9), run="TS_2", name="thyroglobulin")]
    write_picks(a, "a.csv")
    write_picks(b, "b.csv")
    return tmp_path


def read(path="out/picks.csv"):
    return {part.run: part.best_first() for part in read_picks(path)}


def test_picks_of_two_methods_become_one(place, capsys):
    assert run("a.csv", "b.csv", "-o", "out", "--shares", "0.7,0.3") == 0
    found = read()["TS_1"].of("ribosome")
    pull = 0.7 * 0.8, 0.3 * 0.4
    x = (400 * pull[0] + 460 * pull[1]) / sum(pull)
    np.testing.assert_allclose(found.zyx, [[200, 300, x], [900, 900, 900]], atol=0.01)
    np.testing.assert_allclose(found.score_array, [sum(pull), 0.7 * 0.6], atol=1e-4)
    assert "TS_1: ribosome 2  thyroglobulin 0" in capsys.readouterr().out
    noted = json.loads(Path("out/merge.json").read_text())
    assert noted["settings"]["shares"] == [0.7, 0.3]
    assert noted["runs"]["TS_2"]["picks"] == {"ribosome": 1, "thyroglobulin": 1}
    assert Path("out/ExperimentRuns/TS_1/Picks/tomoscout_0_ribosome.json").is_file()


def test_an_object_that_only_one_looks_for_keeps_its_scores(place):
    """Only the second method knows thyroglobulin: the first one's silence means nothing."""
    assert run("a.csv", "b.csv", "-o", "out") == 0
    found = read()
    assert found["TS_2"].of("thyroglobulin").score_array.tolist() == [0.9]
    assert found["TS_2"].of("ribosome").score_array.tolist() == [0.25]
    assert run("a.csv", "b.csv", "-o", "ignored", "--missing", "ignore") == 0
    assert read("ignored/picks.csv")["TS_2"].of("ribosome").score_array.tolist() == [0.5]


def test_nearer_is_a_part_of_the_radius(place):
    assert run("a.csv", "b.csv", "-o", "out", "--within", "0.3") == 0
    assert len(read()["TS_1"]) == 3


def test_thresholds_cut_merged_scores(place):
    flags = ("--threshold", "0.28", "--threshold", "thyroglobulin=0.95")
    assert run("a.csv", "b.csv", "-o", "out", *flags) == 0
    found = read()
    assert len(found["TS_1"]) == 2
    assert "TS_2" not in found


def test_ranks_bring_scores_to_one_scale(place):
    write_picks([picks((200, 300, 400, 8000), (900, 900, 900, 6000))], "high.csv")
    write_picks([picks((200, 300, 400, 0.2), (900, 900, 900, 0.1))], "low.csv")
    assert run("high.csv", "low.csv", "-o", "out", "--scale", "ranks") == 0
    np.testing.assert_allclose(read()["TS_1"].score_array, [4000.1, 3000.05])


def test_a_folder_of_pick_tells_extents_and_runs_without_picks(place):
    """With the extents there is a STAR file, and a run searched in vain is one of the common."""
    methods = (("a", "pick", 0.8), ("b", "find", 0.6))
    for name, verb, score in methods:
        part = picks((200, 300, 400, score))
        write_picks([part], f"{name}/picks.csv")
        facts = {"extent": EXTENT, "picks": {"ribosome": 1, "apo-ferritin": 0}}
        runs = {"TS_1": facts, "TS_3": facts | {"picks": {"ribosome": 0, "apo-ferritin": 0}}}
        write = {"settings": {}, "runs": runs}
        Path(f"{name}/{verb}.json").write_text(json.dumps(write))
        write_picks([picks((200, 300, 400, 0.8), (1, 1, 1, 0.1))], f"{name}/candidates/TS_1.csv")
    assert run("a", "b", "-o", "out") == 0
    assert Path("out/picks.star").is_file()
    assert set(json.loads(Path("out/merge.json").read_text())["runs"]) == {"TS_1", "TS_3"}
    assert run("a", "b", "-o", "more", "--candidates") == 0
    assert len(read("more/picks.csv")["TS_1"]) == 2
    assert run("out", "b", "-o", "again") == 0  # merged picks are picks


def test_merged_with_themselves_picks_stay(place):
    assert run("a.csv", "a.csv", "a.csv", "-o", "out.csv") == 0
    before, after = read("a.csv"), read("out.csv")
    for name, part in before.items():
        np.testing.assert_allclose(after[name].zyx, part.zyx)
        np.testing.assert_allclose(after[name].score_array, part.score_array)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("a.csv -o out", "found 1 input: give the picks of two methods"),
        ("a.csv b.csv -o out --shares 1", "found 1 for 2 inputs"),
        ("a.csv b.csv -o out --shares 1,x", "one number per input"),
        ("a.csv b.csv -o out --shares 1,0", "each must be above 0"),
        ("a.csv b.csv -o out --within 0", "a part of the radius"),
        ("a.csv b.csv -o out --runs TS_4", "no picks of run 'TS_4': it has TS_1, TS_2"),
        ("a.csv b.csv -o out --threshold ribosom=1", "Did you mean 'ribosome'"),
        ("a.csv b.csv -o out --threshold x", "write object=0.4, or one number"),
        ("a.csv none.csv -o out", "none.csv: no such file"),
        ("a.csv b.csv -o a.csv", "a.csv: exists: pass --overwrite"),
        ("a.csv b.csv -o full --overwrite", "holds other things than merged picks"),
        ("a.csv b.csv -o out --candidates", "no folder 'candidates'"),
        ("a.csv low.csv -o out", "score of -1"),
        ("a.csv other.csv -o out", "no run that all inputs have"),
    ],
)
def test_mistakes_are_told_in_one_line(command, words, place, capsys):
    write_picks([picks((1, 1, 1, -1.0))], "low.csv")
    write_picks([picks((1, 1, 1, 1.0), run="TS_9")], "other.csv")
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    assert run(*command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not Path("out").exists()
    assert Path("full/mine.txt").exists()
