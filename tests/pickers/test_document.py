"""docs/pickers.md is true: it has all pickers, its settings exist, its figures add up."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import ndimage

from tomoscout.core.settings import Choice
from tomoscout.pickers import PICKERS

TEXT = (Path(__file__).parents[2] / "docs" / "pickers.md").read_text("utf-8")
TABLE = TEXT[TEXT.index("## ETFinder's parameters") :]


def test_every_picker_has_a_line_and_no_other_has():
    table = TEXT[TEXT.index("## Which one") : TEXT.index("Two ribosomes")]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.M)) == PICKERS.names()


def test_every_line_of_yaml_is_a_picker():
    blocks = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        Choice(**yaml.safe_load(line)["picker"]).resolve(PICKERS)


def test_settings_in_the_table_exist_and_hold_the_values():
    """`picker`: `setting: 0.1 to 0.3`, and those of all where no picker is named."""
    rows = [line.split("|")[4].strip() for line in TABLE.splitlines() if line.startswith("| ")][2:]
    named = 0
    for cell in rows:
        words = re.findall(r"`([^`]+)`", cell)
        pickers = [words.pop(0)] if words and words[0] in PICKERS.names() else ["watershed"]
        for word in words:
            setting, _, value = word.partition(":")
            field = PICKERS[pickers[0]].Settings.model_fields[setting]
            assert field.description
            if value:
                Choice(name=pickers[0], **{setting: yaml.safe_load(value)}).resolve(PICKERS)
            named += 1
    assert named >= 11


@pytest.mark.parametrize(("radius", "height"), [(60, 0.48), (65, 0.63), (90, 0.90), (150, 1.0)])
def test_peaks_of_ideal_balls_are_as_told(radius, height):
    ball = np.linalg.norm(np.indices((31, 31, 31)) - 15, axis=0) <= radius / 2 / 10.012444
    soft = ball.astype(float)
    for _ in range(5):
        soft = ndimage.uniform_filter(soft, 3)
    assert abs(soft.max() - height) < 0.03
    if height < 1:
        assert f"{height:.2f}" in TABLE


def test_five_averages_over_three_cells_have_the_width_told():
    assert np.isclose(np.sqrt(5 * 2 / 3), 1.83, atol=0.005)
    assert np.isclose(np.sqrt(5 * 2 / 3) * 10.012444, 18.3, atol=0.03)
