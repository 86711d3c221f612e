import csv
import json

import numpy as np
import pytest

from samples import shrec
from tomoscout.cli import main
from tomoscout.commands.evaluate import evaluate
from tomoscout.core.errors import UserError

LATTICE = 300.0 * np.argwhere(np.ones((2, 3, 4))) + 200


def write(path, zyx, *, name="apo-ferritin", run="TS_1", scores=None):
    """A table of picks; a score of 1 for each when none are given."""
    scores = np.ones(len(zyx)) if scores is None else scores
    lines = ["id,experiment,particle_type,x,y,z,score"]
    for n, ((z, y, x), score) in enumerate(zip(zyx, scores, strict=True)):
        lines.append(f"{n},{run},{name},{x},{y},{z},{score}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def facts(folder):
    return json.loads((folder / "evaluation.json").read_text())


@pytest.fixture
def truth(tmp_path):
    return write(tmp_path / "truth.csv", LATTICE)


def test_a_shift_of_half_a_voxel_is_told_with_its_axis(truth, tmp_path, capsys):
    noise = np.random.default_rng(0).normal(0, 3, LATTICE.shape)
    evaluate(write(tmp_path / "fair.csv", LATTICE + noise), truth)
    assert "shifted" not in capsys.readouterr().out
    found = write(tmp_path / "off.csv", LATTICE + noise + np.array([0, 0, 5]))
    evaluate(found, truth, output=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "shifted: the hits are off by x +5" in printed
    assert "y +" not in printed
    every = facts(tmp_path / "out")["localisation"]["all"]
    assert every["hits"] == len(LATTICE)
    assert every["shift_zyx"][2] == pytest.approx(5, abs=2)
    assert max(map(abs, every["shift_zyx"][:2])) < 2


def test_axes_in_another_order_are_told(truth, tmp_path, capsys):
    swapped = write(tmp_path / "swapped.csv", LATTICE[:, [2, 1, 0]])
    evaluate(swapped, truth, output=tmp_path / "out")
    assert "axes: read as xyz instead of zyx" in capsys.readouterr().out
    assert facts(tmp_path / "out")["localisation"]["likely_axes"] == "xyz"


def test_the_confusion_is_a_table_of_its_own(truth, tmp_path):
    found = write(tmp_path / "found.csv", LATTICE[:20], name="beta-amylase")
    evaluate(found, truth, output=tmp_path / "out")
    with (tmp_path / "out" / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0][0] == "is"
    assert rows[0][1:3] == ["apo-ferritin", "beta-amylase"]
    assert rows[0][-1] == "missed"
    assert rows[1] == ["apo-ferritin", "0", "20", "0", "0", "0", "0", "4"]
    assert [row[0] for row in rows[-2:]] == ["second pick", "nothing"]


def test_candidates_beside_the_picks_extend_the_average_precision(truth, tmp_path, capsys):
    scores = np.linspace(0.9, 0.1, len(LATTICE))
    folder = tmp_path / "picks"
    write(folder / "picks.csv", LATTICE[:12], scores=scores[:12])
    evaluate(folder, truth, output=tmp_path / "kept")
    write(folder / "candidates" / "TS_1.csv", LATTICE, scores=scores)
    evaluate(folder, truth, output=tmp_path / "all")
    ap = [facts(tmp_path / n)["average_precision"]["objects"] for n in ("kept", "all")]
    assert [one["apo-ferritin"] for one in ap] == pytest.approx([0.5, 1.0])
    assert facts(tmp_path / "all")["scores"]["czii"]["objects"]["apo-ferritin"]["tp"] == 12
    assert "average precision over the candidates" in capsys.readouterr().out


def test_beta_and_reach_can_be_set_and_are_noted(truth, tmp_path, capsys):
    found = write(tmp_path / "found.csv", LATTICE[:12] + np.array([0, 0, 40]))
    evaluate(found, truth, beta=1, radius_fraction=0.7, output=tmp_path / "out")
    noted = facts(tmp_path / "out")
    assert (noted["beta"], noted["radius_fraction"]) == (1, 0.7)
    one = noted["scores"]["czii"]["objects"]["apo-ferritin"]
    assert one["f_beta"] == one["f1"] == pytest.approx(2 * 0.5 / 1.5)
    assert "F1" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--beta", "--radius-fraction"])
def test_a_reach_or_a_beta_of_zero_is_refused(truth, capsys, flag):
    assert main(["evaluate", str(truth), str(truth), flag, "0"]) == 2
    assert f"{flag}: give a number above 0" in capsys.readouterr().err


def test_every_run_has_a_score_of_its_own(tmp_path, capsys):
    rows = (tmp_path / "truth", tmp_path / "found")
    for run in ("TS_1", "TS_2"):
        write(rows[0] / f"{run}.csv", LATTICE, run=run)
        write(rows[1] / f"{run}.csv", LATTICE[: 24 if run == "TS_1" else 0], run=run)
    evaluate(rows[1], rows[0], runs="TS_1,TS_2", output=tmp_path / "out")
    noted = facts(tmp_path / "out")
    assert noted["per_run"]["czii"] == pytest.approx({"TS_1": 1 / 7, "TS_2": 0})
    assert noted["scores"]["czii"]["per_run_mean"] == pytest.approx(1 / 14)
    assert "per-run mean 0.071, strict 0.071" in capsys.readouterr().out


def test_shrec_data_are_scored_by_its_masks_too(tmp_path, capsys):
    shrec.model(tmp_path / "shrec", 9)
    # The mask of this model is the voxel (5, 10, 20) of 1BXN, and nothing of 4CR2.
    places = np.array([[60.0, 100, 200], [150, 200, 300]])
    found = write(tmp_path / "found.csv", places[:1], name="4CR2", run="model_9")
    other = write(tmp_path / "other.csv", places[1:], name="4CR2", run="model_9")
    evaluate(found, tmp_path / "shrec", output=tmp_path / "out")
    noted = facts(tmp_path / "out")["shrec"]
    assert noted["localisation"]["tp"] == 1
    assert noted["localisation"]["average_distance_angstrom"] == pytest.approx(10)
    assert noted["classification"]["1BXN"]["fn"] == 1  # found, by the wrong name
    assert noted["classification"]["4CR2"]["fp"] == 1
    assert "SHREC: 1 of 2 particles found with 1 picks" in capsys.readouterr().out.replace(
        "\n", " "
    )
    evaluate(other, tmp_path / "shrec", output=tmp_path / "beside")
    assert facts(tmp_path / "beside")["shrec"]["localisation"]["fp"] == 1
    evaluate(other, tmp_path / "shrec", metric="czii", output=tmp_path / "none")
    assert "shrec" not in facts(tmp_path / "none")


def test_other_data_are_scored_as_shrec_does_when_asked(truth, tmp_path):
    found = write(tmp_path / "found.csv", LATTICE[:6] + np.array([0, 0, 55]))
    evaluate(found, truth, metric="shrec", output=tmp_path / "out")
    noted = facts(tmp_path / "out")
    assert noted["shrec"]["localisation"]["tp"] == 6  # within the radius of 60 Å
    assert noted["scores"]["czii"]["objects"]["apo-ferritin"]["tp"] == 0


def test_where_particles_are_missed_needs_the_size_of_the_tomogram(truth, tmp_path):
    evaluate(truth, truth, output=tmp_path / "out")
    assert facts(tmp_path / "out")["depth_and_border"]["runs_left_out"] == ["TS_1"]
    shrec.model(tmp_path / "shrec", 1)
    found = write(tmp_path / "f.csv", np.zeros((1, 3)), name="1BXN", run="model_1")
    evaluate(found, tmp_path / "shrec", output=tmp_path / "placed")
    places = facts(tmp_path / "placed")["depth_and_border"]
    assert places["runs_left_out"] == []
    assert sum(places["objects"]["1BXN"]["missed_by_depth"]["wrong"]) == 1


def test_an_older_confusion_is_not_replaced_unasked(truth, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "confusion.csv").write_text("mine")
    with pytest.raises(UserError, match=r"confusion.csv: exists"):
        evaluate(truth, truth, output=tmp_path / "out")
