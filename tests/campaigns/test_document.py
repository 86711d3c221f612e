"""What docs/campaigns.md says holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from tomoscout.campaigns.settings import Strategy, Tuning, read_campaign
from tomoscout.cli import main

TEXT = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text("utf-8")


def test_the_example_can_be_read(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    (tmp_path / "campaign.yaml").write_text(example)
    read = read_campaign(tmp_path / "campaign.yaml")
    assert list(read.experiments) == ["scout", "winner", "shipped"]
    assert read.search.space["local_max"]["distance"] == (0.8, 1.0, 1.2)
    assert set(yaml.safe_load(example)) < set(type(read).model_fields)


def test_every_strategy_and_way_to_tune_is_explained():
    for name in (*get_args(Strategy), *get_args(Tuning)):
        assert f"| `{name}` |" in TEXT


def test_the_flags_exist(capsys):
    assert main(["campaign", "--help"]) == 0
    told = capsys.readouterr().out
    for flag in ("--plan", "--limit-runs", "--limit-final", "--force", "--device"):
        assert flag in told
    for line in re.findall(r"tomoscout campaign .*", TEXT):
        assert all(flag in told for flag in re.findall(r"--[a-z-]+", line))
