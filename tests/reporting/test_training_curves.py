import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII
from tomoscout.reporting.training_curves import read_history, training_curves


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_the_packages_own_log_gives_loss_and_scores_by_step(tmp_path):
    log = write(
        tmp_path / "history.csv",
        "step,seconds,learning_rate,loss,weighted,ribosome\n"
        "10,1.0,1e-3,2.0,,\n20,2.0,1e-3,1.5,,\n20,3.0,,,0.5,0.6\n40,5.0,1e-3,1.25,0.75,0.8\n",
    )
    loss, score = training_curves(read_history(log), objects=CZII).axes
    assert lines(loss) == {"loss": [[10, 2.0], [20, 1.5], [40, 1.25]]}
    assert lines(score) == {
        "weighted": [[20, 0.5], [40, 0.75]],
        "ribosome": [[20, 0.6], [40, 0.8]],
    }


def test_a_lightning_log_is_joined_by_epoch(tmp_path):
    log = write(
        tmp_path / "metrics.csv",
        "epoch,step,train/loss,val/loss,val/f4\n0,1,3.0,,\n0,2,1.0,,\n0,2,,2.0,0.25\n1,4,1.0,,\n",
    )
    loss, score = training_curves(read_history(log), objects=CZII).axes
    assert lines(loss) == {"train loss": [[0, 2.0], [1, 1.0]], "val loss": [[0, 2.0]]}
    assert lines(score) == {"val f4": [[0, 0.25]]}


def test_an_objects_line_has_its_colour(tmp_path):
    log = write(tmp_path / "h.csv", "epoch,f4/ribosome\n0,0.5\n1,0.6\n")
    (axes,) = training_curves(read_history(log), objects=CZII).axes
    assert axes.lines[0].get_color() == "#0072b2"


def test_a_log_without_losses_or_scores_draws_nothing(tmp_path):
    log = write(tmp_path / "h.csv", "epoch,seconds\n0,0.5\n")
    assert training_curves(read_history(log), objects=CZII) is None


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "epoch,loss\n", "epoch\n1,2,3\n1,2\n,,,,,\n"])
def test_what_is_no_training_log_is_refused_by_name(tmp_path, text):
    log = write(tmp_path / "h.csv", text)
    with pytest.raises(UserError, match=r"h\.csv"):
        read_history(log)


def test_a_missing_log_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"h\.csv: no such training log"):
        read_history(tmp_path / "h.csv")
