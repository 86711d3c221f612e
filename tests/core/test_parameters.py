from __future__ import annotations

import json

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.parameters import Parameters, read_parameters
from tomoscout.core.settings import Choice


def test_what_is_written_is_what_is_read(tmp_path):
    written = Parameters(
        thresholds={"ribosome": 0.2, "apo-ferritin": 0.1},
        pickers={"ribosome": Choice(name="components", min_volume=0.1)},
        tta="z_flip",
        average="logits",
        ensemble="mean",
        blend="ranks",
        shares={"ribosome": (0.7, 0.3)},
        tuned_on=("TS_1", "TS_2"),
        score={"ribosome": 0.9},
        intervals={"ribosome": (0.8, 0.95)},
    )
    path = tmp_path / "tuning.json"
    path.write_text(written.model_dump_json())
    read = read_parameters(path)
    assert read == written
    assert read.pickers["ribosome"].options == {"min_volume": 0.1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "no parameters, found list"),
        ('{"threshold": {}}', "unknown setting 'threshold'. Did you mean 'thresholds'"),
        ('{"thresholds": {"a": 0}}', "'thresholds.a': input should be greater than 0, found 0"),
        ('{"thresholds": {"a": NaN}}', "'thresholds.a'"),
        ('{"thresholds": {"a": 1.5}}', "less than or equal to 1"),
        ('{"blend": "median"}', "'blend'"),
        ('{"average": "ranks"}', "'average'"),
        ('{"pickers": {"a": {"distance": 1}}}', "'pickers.a.name'"),
        ('{"intervals": {"a": [0.9, 0.1]}}', "'a': the lower bound comes first"),
    ],
)
def test_a_broken_file_says_where(tmp_path, content, message):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"p\.json: ") as caught:
        read_parameters(path)
    assert message in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_parameters(tmp_path / "none.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_parameters(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"thresholds": {"ribosom": 0.5}},
        {"pickers": {"ribosom": Choice(name="local_max")}},
        {"shares": {"ribosom": (1.0,)}},
    ],
)
def test_parameters_of_an_unknown_object_are_refused(values):
    with pytest.raises(UserError, match=r"model\.st finds ribosome.*Did you mean 'ribosome'"):
        Parameters(**values).check_objects(["ribosome"], finder="model.st")


def test_json_holds_nothing_that_is_not_a_number():
    text = Parameters(thresholds={"a": 0.5}).model_dump_json()
    assert json.loads(text)["thresholds"] == {"a": 0.5}
