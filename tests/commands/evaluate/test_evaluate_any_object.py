"""``tomoscout evaluate --any-object``."""

import json

import pytest

from samples.scored import PICKS, write_csv
from tomoscout.cli import main
from tomoscout.commands.evaluate import evaluate
from tomoscout.core.errors import UserError


def test_picks_may_be_called_anything_where_only_places_count(project, picks, tmp_path, capsys):
    """Of four particles two have a pick of their own; one pick more is on one of them."""
    blobs = write_csv(tmp_path / "blobs.csv", PICKS, name="blob-80")
    with pytest.raises(UserError, match="blob-80"):
        evaluate(blobs, project)
    evaluate(blobs, project, any_object=True, output=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["any_object.json"]
    written = json.loads((tmp_path / "out" / "any_object.json").read_text())
    assert written["truth"] == str(project)
    found = written["any_object"]
    assert [found[k] for k in ("tp", "fp", "fn", "again", "nothing")] == [2, 2, 2, 1, 1]
    assert [found[k] for k in ("precision", "recall", "f1")] == [0.5] * 3
    assert found["objects"]["apo-ferritin"] == {"found": 2, "missed": 2}
    lines = capsys.readouterr().out.splitlines()
    assert "4 picks, whatever they are called: 2 on a particle each, 1 one more" in (
        " ".join(" ".join(lines).split())
    )
    row = next(line.split() for line in lines if line.startswith("apo-ferritin"))
    assert row == ["apo-ferritin", "4", "2", "0.500"]
    footer = next(line.split() for line in lines if line.startswith("any "))
    assert footer == ["any", "4", "2", "0.500", "0.500", "0.500", "12.2"]
    assert not [line for line in lines if line.startswith(("blob", "ribosome"))]
    evaluate(picks, project, output=tmp_path / "named")
    assert json.loads((tmp_path / "named" / "evaluation.json").read_text())["any_object"] == found


def test_a_known_alias_may_be_called_anything_as_well(project, tmp_path):
    """Names that the table knows are read as ever; a wrong one beside them does not matter."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    write_csv(mixed / "TS_1.csv", {"TS_1": PICKS["TS_1"][:2]})
    write_csv(mixed / "TS_2.csv", {"TS_2": [700.0]}, name="c-0")
    evaluate(mixed, project, any_object=True, output=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "any_object.json").read_text())["any_object"]
    assert [found[k] for k in ("tp", "fp", "fn")] == [3, 0, 2]


@pytest.mark.parametrize("flag", ["--candidates", "--metric", "--beta"])
def test_what_has_no_meaning_without_names_is_refused(project, picks, flag, capsys):
    value = {"--candidates": str(picks), "--metric": "czii", "--beta": "2"}[flag]
    assert main(["evaluate", str(picks), str(project), "--any-object", flag, value]) == 2
    assert flag in capsys.readouterr().err


def test_older_counts_are_not_replaced_unasked(project, picks, tmp_path):
    evaluate(picks, project, any_object=True, output=tmp_path)
    with pytest.raises(UserError, match=r"any_object\.json: exists"):
        evaluate(picks, project, any_object=True, output=tmp_path)
    evaluate(picks, project, any_object=True, output=tmp_path, overwrite=True)
