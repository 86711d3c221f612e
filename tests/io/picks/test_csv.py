from pathlib import Path

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.core.picks import Picks
from tomoscout.io.picks import read_picks, write_picks

SUBMISSION = """id,experiment,particle_type,x,y,z
0,TS_5_4,beta-amylase,2983.596,3154.13,764.124
1,TS_5_4,beta-amylase,2983.596,3154.13,764.124
2,TS_6_4,ribosome,100.5,200.25,300.125
"""
FOLDED = """x,y,z,particle_type,experiment,fold
5417.091,1120.574,567.527,beta-amylase,TS_5_4,0
4340.0,1220.0,365.0,ribosome,TS_86_3,1
"""


def save(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_submission_is_read_by_run_in_order(tmp_path: Path):
    first, second = read_picks(save(tmp_path / "a.csv", SUBMISSION), objects=CZII)
    assert (first.run, second.run) == ("TS_5_4", "TS_6_4")
    np.testing.assert_array_equal(first.zyx, [[764.124, 3154.13, 2983.596]] * 2)
    np.testing.assert_array_equal(second.zyx, [[300.125, 200.25, 100.5]])
    assert list(second.objects) == ["ribosome"]


def test_columns_are_found_by_name_without_id(tmp_path: Path):
    first, second = read_picks(save(tmp_path / "a.csv", FOLDED))
    np.testing.assert_array_equal(first.zyx, [[567.527, 1120.574, 5417.091]])
    assert (second.run, second.names) == ("TS_86_3", ["ribosome"])


def test_unscored_picks_are_written_as_the_challenge_wants_them(tmp_path: Path):
    picks = Picks(np.array([[764.124, 3154.13, 2983.596]] * 2), "beta-amylase", run="TS_5_4")
    more = Picks(np.array([[300.125, 200.25, 100.5]]), "ribosome", run="TS_6_4")
    write_picks([picks, more], tmp_path / "a.csv")
    # The numbers as the challenge writes them, but for trailing zeros.
    assert (tmp_path / "a.csv").read_text() == (
        "id,experiment,particle_type,x,y,z\n"
        "0,TS_5_4,beta-amylase,2983.596,3154.130,764.124\n"
        "1,TS_5_4,beta-amylase,2983.596,3154.130,764.124\n"
        "2,TS_6_4,ribosome,100.500,200.250,300.125\n"
    )


def test_scores_add_a_column_unless_the_challenge_is_asked_for(tmp_path: Path):
    picks = Picks(np.array([[1.0, 2.0, 3.0]]), "ribosome", scores=np.array([0.5]), run="TS_5_4")
    write_picks(picks, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "id,experiment,particle_type,x,y,z,score",
        "0,TS_5_4,ribosome,3.000,2.000,1.000,0.5",
    ]
    write_picks(picks, tmp_path / "a.csv", kaggle=True)
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "id,experiment,particle_type,x,y,z"


def test_a_copick_table_is_shifted_and_turned_by_its_matrix(tmp_path: Path):
    header = [f"transform_{i}{j}" for i in range(4) for j in range(4)]
    matrix = [0, -1, 0, 1, 1, 0, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]
    text = (
        "run_name,x,y,z," + ",".join(header) + ",score,instance_id\n"
        "TS_1,10,20,30," + ",".join(map(str, matrix)) + ",0.75,0\n"
    )
    (picks,) = read_picks(save(tmp_path / "TS_1_ribosome.csv", text), objects=CZII)
    np.testing.assert_array_equal(picks.zyx, [[33, 22, 11]])
    assert picks.rotations is not None
    np.testing.assert_array_equal(picks.rotations[0] @ [1, 0, 0], [0, 1, 0])
    assert (picks.names, list(picks.score_array)) == (["ribosome"], [0.75])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_delimiter_and_case_will_do(delimiter: str, tmp_path: Path):
    text = "\ufeff X, Y ,Z\n1,2,3\n\n4,5,6\n".replace(",", delimiter)
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    (picks,) = read_picks(path, run="TS_1", object_name="ribosome")
    np.testing.assert_array_equal(picks.zyx, [[3, 2, 1], [6, 5, 4]])
    assert (picks.run, picks.names) == ("TS_1", ["ribosome"])


def test_missing_columns_are_named_beside_what_was_found(tmp_path: Path):
    path = save(tmp_path / "a.csv", "x,y,run\n1,2,a\n")
    with pytest.raises(UserError, match="found x, y, run: add z, particle_type"):
        read_picks(path)


def test_a_table_without_runs_needs_a_run(tmp_path: Path):
    path = save(tmp_path / "a.csv", "x,y,z,particle_type\n1,2,3,ribosome\n")
    with pytest.raises(UserError, match="add experiment"):
        read_picks(path)


def test_a_bad_number_names_line_and_column(tmp_path: Path):
    path = save(tmp_path / "a.csv", SUBMISSION.replace("200.25", "two"))
    with pytest.raises(UserError, match=r"a\.csv: line 4: expected a number for y, found 'two'"):
        read_picks(path)


def test_a_short_line_is_named(tmp_path: Path):
    path = save(tmp_path / "a.csv", SUBMISSION + "3,TS_6_4,ribosome,1\n")
    with pytest.raises(UserError, match="line 5: expected 6 values, found 4"):
        read_picks(path)


def test_a_score_that_is_not_a_number_is_refused(tmp_path: Path):
    path = save(tmp_path / "a.csv", "experiment,particle_type,x,y,z,score\na,b,1,2,3,nan\n")
    with pytest.raises(UserError, match="the score of pick 1"):
        read_picks(path)


def test_picks_without_a_run_take_the_name_of_the_file(tmp_path: Path):
    write_picks(Picks(np.array([[1.0, 2.0, 3.0]]), "ribosome"), tmp_path / "TS_9.csv")
    assert read_picks(tmp_path / "TS_9.csv")[0].run == "TS_9"
