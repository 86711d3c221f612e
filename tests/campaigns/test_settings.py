"""A campaign's YAML: what is misspelt is refused, in one line and with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tomoscout.campaigns.settings import label, read_campaign
from tomoscout.core.errors import UserError
from tomoscout.core.settings import Choice, parse_overrides

GOOD = {"experiments": {"scout": "out"}, "validation": {"project": "data"}}


def write(folder: Path, **changes) -> Path:
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return path


def test_the_least_one_must_say(tmp_path):
    read = read_campaign(write(tmp_path))
    assert read.strategies == ("best_single",)
    assert read.tuning == ("thresholds",)
    assert [label(picker) for picker in read.pickers] == ["card"]
    assert read.tested == read.validation


def test_one_name_stands_for_a_list_of_one(tmp_path):
    path = write(
        tmp_path, strategies="kfold_ensemble", tta="z_flip", pickers="local_max", tuning="global"
    )
    read = read_campaign(path)
    assert (read.strategies, read.tta, read.tuning) == (
        ("kfold_ensemble",), ("z_flip",), ("global",)
    )  # fmt: skip
    assert read.pickers == (Choice(name="local_max"),)


def test_a_flag_lies_over_the_file(tmp_path):
    read = read_campaign(write(tmp_path), over=parse_overrides(["tta=none,z_flip", "spread=0.3"]))
    assert (read.tta, read.spread) == (("none", "z_flip"), 0.3)


def test_a_picker_is_called_by_what_was_set():
    assert label(Choice(name="components", min_volume=0.1)) == "components min_volume=0.1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy": ["best_single"]}, "unknown setting 'strategy'. Did you mean 'strategies'?"),
        ({"strategies": ["kfold_ensembel"]}, "Did you mean 'kfold_ensemble'?"),
        ({"tta": ["wedge_save"]}, "Did you mean 'wedge_safe'?"),
        ({"tuning": ["treshold"]}, "Did you mean 'thresholds'?"),
        ({"pickers": ["localmax"]}, "Did you mean 'local_max'?"),
        ({"pickers": [{"name": "local_max", "distanze": 1}]}, "Did you mean 'distance'?"),
        ({"pickers": [{"name": "card", "distance": 1}]}, "takes no settings"),
        ({"pickers": ["card", "card"]}, "named twice: card"),
        ({"tta": ["none", "none"]}, "named twice: none"),
        ({"experiments": {}}, "'experiments'"),
        ({"experiments": {"a/b": "out"}}, "cannot name an experiment"),
        ({"validation": None}, "no runs"),
        ({"validation": {"projekt": "data"}}, "unknown setting 'validation.projekt'"),
        ({"validation": None, "test": {"project": "x"}}, "nothing to tune on"),
        ({"window": {"tta": "z_flip"}}, "list groups of views under 'tta'"),
        ({"search": {"space": {"watershet": {}}}}, "Did you mean 'watershed'?"),
    ],
)
def test_mistakes_are_told_in_one_line(changes, words, tmp_path):
    with pytest.raises(UserError) as caught:
        read_campaign(write(tmp_path, **changes))
    told = str(caught.value)
    assert words in told
    assert told.startswith(str(tmp_path / "campaign.yaml"))
    assert "\n" not in told


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "campaign.yaml").write_text("experiments: [")
    with pytest.raises(UserError, match="not YAML"):
        read_campaign(tmp_path / "campaign.yaml")
