"""CONTRIBUTING.md lists the layers and the families that there are."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
LAYERS, FAMILIES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
    "importlinter"
]["contracts"][:2]


def test_layers_stand_in_the_order_that_is_checked():
    table = TEXT[TEXT.index("| layer |") :]
    rows = [line for line in table.splitlines() if line.strip().startswith("| `")]
    told = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in rows]
    flat = [name for row in told[: len(LAYERS["layers"])] for name in row]
    assert flat == [name for layer in LAYERS["layers"] for name in layer.split(" | ")]


def test_every_family_has_a_line_and_its_contract_a_file():
    table = TEXT[TEXT.index("| folder |") : TEXT.index("## The house")]
    rows = [
        re.findall(r"`([\w.]+)`", line) for line in table.splitlines() if line.startswith("| `")
    ]
    families = {name.split(".")[1] for name in FAMILIES["modules"]} - {"inference"}
    assert {row[0] for row in rows} == families
    for _, *files in rows:
        assert files
        assert all((ROOT / "tests" / "contracts" / file).exists() for file in files)
