"""Commands and flags with a mistake in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

PICK = "pick {} --model model.safetensors -o {{out}}"
TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"
Refuse = Callable[..., str]


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("2", "--threshold 2: a score lies above 0 and at most at 1"),
        ("0", "--threshold 0: a score lies above 0"),
        ("nan", "--threshold nan: a score lies above 0"),
        ("high", "--threshold high: write object=0.4, or one number"),
        ("large=1.5", "--threshold large=1.5: a score lies above 0"),
        ("lagre=0.4", "threshold for 'lagre': the detector finds large, small|mean 'large'?"),
    ],
)
def test_a_threshold_out_of_range_is_refused(threshold: str, words: str, refuse: Refuse):
    refuse(PICK.format(f"good.mrc --threshold {threshold}"), *words.split("|"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("pikc", "unknown command 'pikc'. Did you mean 'pick'? See tomoscout --help"),
        ("--hlep", 'Unknown command "--hlep"|See tomoscout --help'),
        ("pick", "nothing to pick: give a tomogram|--scores|See tomoscout pick --help"),
        ("predict good.mrc", "--output requires an argument|See tomoscout predict --help"),
        ("pick good.mrc --model", "--model requires an argument"),
        ("predict good.mrc --model model.safetensors", "--output requires an argument"),
        (PICK.format("good.mrc --treshold 0.3"), "--treshold. Did you mean --threshold?"),
        (PICK.format("good.mrc more.mrc"), "unexpected argument 'more.mrc'"),
        (PICK.format("good.mrc --picker.name x"), "no 'x' among the pickers: choose from"),
        (PICK.format("good.mrc --loss.name x"), "--loss: only a picker has settings here"),
        ("predict good.mrc -o {out} --picker.name x", "--picker.name: predict takes no settings"),
        (PICK.format("project --runs rnu1"), "no run 'rnu1': found run0, run1|mean 'run1'?"),
        (PICK.format("project --runs ,"), "--runs: no run in ','"),
        ("convert found.csv {out}.csv --centre hlf", '"hlf" for --centre|"half"'),
        ("convert found.csv {out}.csv --to relon", "--to relon: choose from|mean 'relion'?"),
        ("simulate {out} --runs 0", "--runs: at least 1 tomogram, found 0"),
        ("simulate {out} --seed -1", "--seed: 0 or above, found -1"),
        ("simulate {out} --shape 0 8 8", "'scene.shape.0': input should be greater than 0"),
        ("simulate {out} --shape 8 8", "--shape requires 3"),
        ("simulate {out} --quick.noise 3,1", "'quick.noise': the lowest value comes first"),
        ("simulate {out} --objects nowhere.yaml", "nowhere.yaml: no such file"),
        (f"{TRAIN} --fold 7", "fold 7: there are 3 runs, choose 0 to 2"),
        (f"{TRAIN} --fold one", "--fold 'one': give the number of a run, from 0, or all"),
        (f"{TRAIN} --validation rnu1", "unknown validation run 'rnu1'|Did you mean 'run1'?"),
        (f"{TRAIN} --validation ,", "--validation: no run in ','"),
        (f"{TRAIN} --validation run0,run1,run2", "every run is held out|leave one or more"),
        (f"{TRAIN} --device gpu", "--device gpu: choose auto, cpu, cuda or cuda:0"),
        (f"{TRAIN} --device mps", "--device mps: choose auto, cpu, cuda or cuda:0"),
    ],
)
def test_a_wrong_command_is_refused(command: str, words: str, refuse: Refuse):
    refuse(command, *words.split("|"))


def test_a_kind_of_tomogram_that_no_run_has_is_refused(say, out: Path):
    code, error = say(PICK.format("project --kind wbp"))
    assert code == 2
    assert "3 of 3 runs failed; the first: run 'run0': no tomogram 'wbp', found denoised" in error
    assert not out.exists()


@pytest.mark.parametrize("verb", ["pick", "predict", "tune", "train"])
def test_a_gpu_that_is_not_there_is_refused(verb: str, refuse: Refuse, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    command = {"tune": "tune model.safetensors project", "train": TRAIN}.get(
        verb, f"{verb} good.mrc --model model.safetensors -o {{out}}"
    )
    refuse(f"{command} --device cuda", "--device cuda: 0 CUDA devices found; use --device cpu")
