"""What is in the way of the output: other things, files, results of other settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PICK = "pick {} --model model.safetensors -o {{out}}"
TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"
Refuse = Callable[..., str]
VERBS = {
    "pick": PICK.format("good.mrc"),
    "predict": "predict good.mrc --model model.safetensors -o {out}",
    "train": TRAIN,
    "simulate": "simulate {out} --runs 1 --shape 8 16 16",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_with_other_things_is_refused_and_never_emptied(
    verb: str, refuse: Refuse, out: Path
):
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    for more in ("", " --overwrite"):
        refuse(VERBS[verb] + more, "out: exists and holds other things", "choose another folder")


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_in_the_place_of_the_folder_is_refused(verb: str, refuse: Refuse, out: Path):
    out.write_text("mine")
    refuse(VERBS[verb], "out: is a file; give a folder")


@pytest.mark.parametrize("verb", ["pick", "simulate"])
def test_results_of_other_settings_are_replaced_only_if_asked(
    verb: str, say, refuse: Refuse, out: Path
):
    other = {"pick": " --threshold 0.3", "simulate": " --seed 1"}[verb]
    assert say(VERBS[verb])[0] == 0
    refuse(VERBS[verb] + other, "out: holds results of other settings", "--overwrite")
    assert say(f"{VERBS[verb]}{other} --overwrite")[0] == 0
    ledger = {"pick": "pick.json", "simulate": "simulation.json"}[verb]
    (out / ledger).write_text("{")
    refuse(VERBS[verb], f"{ledger}: cannot be read", "--overwrite to start anew")


@pytest.mark.parametrize(
    "command",
    [
        "convert found.csv {out}.csv",
        "convert good.mrc {out}.csv.mrc",
        "report found.csv project -o {out}.csv",
    ],
)
def test_a_file_that_exists_is_replaced_only_if_asked(command: str, say, refuse: Refuse, out: Path):
    target = Path(command.split()[-1].format(out=out))
    target.write_text("mine")
    refuse(command, f"{target}: exists: pass --overwrite to replace it")
    assert say(f"{command} --overwrite")[0] == 0
    assert target.read_bytes() != b"mine"


def test_scores_that_exist_are_replaced_only_if_asked(say, refuse: Refuse, out: Path):
    assert say("evaluate found.csv project -o {out}")[0] == 0
    refuse("evaluate found.csv project -o {out}", "evaluation.json: exists: pass --overwrite")
    assert say("evaluate found.csv project -o {out} --overwrite")[0] == 0
