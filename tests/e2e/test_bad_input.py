"""What a user can get wrong: one line that says what, where and how to mend it, and exit code 2."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tomoscout.cli import main
from tomoscout.inference.weights import load_detector
from tomoscout.io.picks import read_picks
from tomoscout.io.scores import read_scores

PICK = "pick {} --model model.safetensors -o {{out}}"
TRAIN = "train project/copick.json -o {out} --recipe tiny.yaml"
Refuse = Callable[..., str]


def tree(folder: Path) -> dict[str, int]:
    """Every file and folder below, with its time: what a command must leave as it was."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def say(
    shelf: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Type a command in the shelf's folder; ``{out}`` is a path of the test's own."""
    monkeypatch.chdir(shelf)

    def typed(command: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([word.format(out=out) for word in command.split()])
        return code, capsys.readouterr().err

    return typed


@pytest.fixture
def refuse(shelf: Path, tmp_path: Path, say: Callable[[str], tuple[int, str]]) -> Refuse:
    """Type a command that must be refused in one line with all these words, and leave no trace."""

    def typed(command: str, *words: str) -> str:
        before = tree(shelf), tree(tmp_path)
        code, error = say(command)
        assert code == 2, error
        lines = error.splitlines()
        assert len(lines) == 1, error
        assert lines[0].startswith("tomoscout: ")
        for word in words:
            assert word in lines[0]
        assert (tree(shelf), tree(tmp_path)) == before
        return lines[0]

    return typed


# Tomograms


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.mrc", "nowhere.mrc: no such file or folder"),
        ("cut.mrc", "cut.mrc: truncated|asks for 154624 bytes, found 154524|copy the file again"),
        ("header.mrc", "header.mrc: not an MRC file, or truncated|found a file of 500 bytes"),
        ("nothing.mrc", "nothing.mrc: not an MRC file, or truncated|copy the file again"),
        ("text.mrc", "text.mrc: not an MRC file|found mode|write it again as float32"),
        ("text.txt", "text.txt: no project found|.mrc, .rec, .map, .zarr"),
        ("empty", "empty: no project found"),
        ("cut.mrc.gz", "cut.mrc.gz: truncated or corrupt|copy the file again"),
        ("cut.mrc.bz2", "cut.mrc.bz2: not an MRC file, or truncated|copy the file again"),
        ("cut.zarr", "cut.zarr/0/0/0/0: a chunk is truncated|found 50|copy the store again"),
        ("meta.zarr", "meta.zarr/0: broken zarr array"),
        ("unsized0.mrc", "unsized0.mrc: does not know its voxel size|give it with --voxel-spacing"),
        ("unsized1.mrc", "unsized1.mrc: does not know its voxel size|found 1 x 1 x 1"),
        ("good.mrc --voxel-spacing 0", "good.mrc: --voxel-spacing must be above 0 Å, found 0"),
        ("good.mrc --voxel-spacing inf", "good.mrc: --voxel-spacing must be above 0 Å, found inf"),
        ("good.mrc --voxel-spacing ten", 'Invalid value for --voxel-spacing|"ten"|--help'),
        ("flat.mrc", "flat.mrc: a tomogram has 3 axes|one image|give the reconstructed volume"),
        ("stack.mrc", "stack.mrc: a tomogram has 3 axes|stack of 2 volumes: split it first"),
        ("flat.zarr --voxel-spacing 10", "flat.zarr: a tomogram has 3 axes|found 2|give one"),
        ("stack.zarr --voxel-spacing 10", "stack.zarr: a tomogram has 3 axes|found 4"),
        ("nan.mrc", "nan: 1 voxels are not numbers|replace them"),
        ("constant.mrc", "constant: (nearly) all voxels have the value 3|right file"),
        ("found.csv", "found.csv: no project found"),
        ("other.json", "other.json: not a copick configuration: no 'pickable_objects' in it"),
        ("moved", "copick.json: its static_root /nowhere does not exist: correct the path"),
        ("braces", "braces/copick.json: not a copick configuration"),
        ("radius", "radius/copick.json: 'objects.0.radius'"),
        ("twins", "twins: run names must differ|'TS_1' twice: TS_1.mrc and rec_TS_1.mrc|move one"),
    ],
)
def test_an_unusable_tomogram_is_refused(name: str, words: str, refuse: Refuse):
    refuse(PICK.format(name), *words.split("|"))


@pytest.mark.parametrize("name", ["cut.mrc", "nan.mrc"])
def test_score_maps_of_a_broken_tomogram_are_refused_too(name: str, refuse: Refuse):
    refuse(f"predict {name} --model model.safetensors -o {{out}}", name.removesuffix(".mrc"))


def test_a_broken_tomogram_is_not_converted(refuse: Refuse):
    refuse("convert cut.zarr {out}.mrc", "cut.zarr/0/0/0/0: a chunk is truncated")
    refuse("convert unsized0.mrc {out}.zarr", "give it with --voxel-spacing")
    refuse("convert good.mrc {out}.xyz", "unknown kind of volume '.xyz'")
    refuse("convert good.mrc {out}", "a volume needs a suffix", ".zarr")


@pytest.mark.parametrize(("name", "run"), [("small.mrc", "small"), ("speck.zarr", "speck")])
def test_a_tomogram_smaller_than_a_patch_is_padded(name: str, run: str, say, out: Path):
    assert say(f"predict {name} --model model.safetensors -o {{out}}")[0] == 0
    scores = read_scores(out / f"{run}.scores.zarr")
    assert scores.data.shape[1:] == scores.geometry.cells
    shutil.rmtree(out)
    assert say(PICK.format(name) + " --threshold 0.05")[0] == 0
    (found,) = read_picks(out / "picks.csv", run=run)
    assert len(found) > 0
    assert scores.geometry.contains(found.zyx).all()


def test_a_voxel_spacing_given_serves_where_the_header_has_none(say, out: Path):
    for name in ("unsized0", "unsized1"):
        assert say(PICK.format(f"{name}.mrc --voxel-spacing 10 --overwrite"))[0] == 0
        facts = json.loads((out / "pick.json").read_text())["runs"][name]
        assert facts["extent"] == [240, 400, 400]


def test_one_broken_run_of_several_is_told_at_the_end_and_the_others_are_picked(say, out: Path):
    code, error = say(PICK.format("mixed"))
    assert code == 2
    last = error.splitlines()[-1]
    assert last.startswith("tomoscout: 1 of 3 runs failed; the first: mixed/TS_3.mrc: truncated")
    done = json.loads((out / "pick.json").read_text())["runs"]
    assert sorted(done) == ["TS_1", "TS_2"]
    assert {part.run for part in read_picks(out / "picks.csv")} == {"TS_1", "TS_2"}
    # The same command goes on with what is missing, and says the same.
    assert say(PICK.format("mixed"))[1].splitlines()[-1] == last


def test_score_maps_go_on_past_a_broken_run(say, out: Path):
    code, error = say("predict mixed --model model.safetensors -o {out}")
    assert code == 2
    assert "1 of 3 runs failed; the first: mixed/TS_3.mrc" in error.splitlines()[-1]
    assert sorted(p.name for p in out.glob("*.zarr")) == ["TS_1.scores.zarr", "TS_2.scores.zarr"]


# Picks


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.csv", "nowhere.csv: no such file or folder"),
        ("unknown.csv", "unknown.csv: unknown object 'lagre'|large, small|Did you mean 'large'?"),
        ("columns.csv", "columns.csv: expected columns|add x, y, z, particle_type"),
        ("nan.csv", "nan.csv: a coordinate of pick 1 is not a finite number"),
        ("words.csv", "words.csv: line 2: expected a number for x, found 'a'"),
        ("short.csv", "short.csv: line 2: expected 6 values, found 4"),
        ("bytes.csv", "bytes.csv: expected a CSV table, found no text"),
        ("other.json", "other.json: JSON but not picks: expected 'pickable_object_name'|found a"),
        ("list.json", "list.json: JSON but not picks"),
        ("broken.json", "broken.json: expected copick JSON, found broken JSON"),
        ("point.json", "point.json: expected points with 'location' x, y, z"),
        ("hello.star", "hello.star: expected a STAR file"),
        ("hello.ndjson", "hello.ndjson: line 1: expected a point"),
        ("picks.xyz", "picks.xyz: pick files end in .json, .csv, .ndjson, .star"),
        ("empty", "empty: no pick files"),
    ],
)
def test_picks_that_cannot_be_read_are_refused(name: str, words: str, refuse: Refuse):
    refuse(f"evaluate {name} project/copick.json -o {{out}}", *words.split("|"))
    refuse(f"report {name} project/copick.json -o {{out}}.html", *words.split("|"))


@pytest.mark.parametrize("name", ["nowhere.csv", "columns.csv", "other.json", "broken.json"])
def test_picks_that_cannot_be_read_are_not_converted(name: str, refuse: Refuse):
    refuse(f"convert {name} {{out}}.csv", name)


def test_picks_without_rows_have_no_score_unless_the_runs_are_named(say):
    code, error = say("evaluate none.csv project/copick.json")
    assert code == 2
    assert error.splitlines()[-1] == (
        "tomoscout: none.csv: holds no picks: to count all as missed, name runs with --runs"
    )
    assert say("evaluate none.csv project/copick.json --runs run0")[0] == 0


def test_picks_without_rows_are_converted_with_a_remark(say, out: Path):
    assert say("convert none.csv {out}.star --project project") == (
        0,
        "none.csv: holds no picks\n",
    )
    assert out.with_suffix(".star").exists()


def test_picks_outside_the_volume_are_remarked_on_once(say, capsys):
    code, error = say("evaluate outside.csv project/copick.json")
    assert code == 0
    assert error.splitlines() == [
        "outside.csv: 1 of 2 picks of run 'run0' lie outside its tomogram: "
        "is the voxel spacing 10 Å right?"
    ]


def test_truth_outside_the_volume_is_dropped_with_one_remark(say, shelf, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(shelf / "project", folder)
    config = folder / "copick.json"
    config.write_text(config.read_text().replace(str(shelf), str(tmp_path)))
    (picks,) = (folder / "overlay").glob("ExperimentRuns/run2/Picks/*large.json")
    picks.write_text(picks.read_text().replace('"x": 100.0', '"x": 9999.0'))
    code, error = say(f"evaluate found.csv {folder} --runs run0,run2")
    assert code == 0
    (remark,) = error.splitlines()
    assert remark.startswith(f"{picks}: 1 of 2 picks of run 'run2' lie outside")
    assert "are dropped" in remark


def test_a_truth_that_is_missing_or_misnamed_is_refused(refuse: Refuse):
    refuse("evaluate found.csv nowhere", "nowhere: no such file or folder")
    refuse("evaluate found.csv good.mrc", "good.mrc: none of its 1 runs has picks")
    refuse("evaluate found.csv project --runs rnu0", "no truth for run 'rnu0'", "mean 'run0'?")
    refuse("evaluate found.csv project --runs ,", "--runs: no run in ','")
    refuse("report found.csv project --runs rnu0 -o {out}.html", "no run 'rnu0'", "mean 'run0'?")
    refuse("evaluate found.csv project --objects nowhere.yaml", "nowhere.yaml: no such file")


# Weights


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no weights 'nowhere': no such file or training folder"),
        ("empty", "empty: no model.safetensors in this folder; has its training finished?"),
        ("pickle.pth", "pickle.pth: not a safetensors file|pickled weights are never opened"),
        ("cut.safetensors", "cut.safetensors: not a safetensors file, or cut short|copy it again"),
        ("header.safetensors", "header.safetensors: not a safetensors file, or cut short"),
        ("plain.safetensors", "plain.safetensors: no Tomoscout card|a file that 'train' wrote"),
        ("card.safetensors", "card.safetensors: its card is broken|copy the file again"),
        ("good.mrc", "good.mrc: not a safetensors file"),
    ],
)
def test_unreadable_weights_are_refused(name: str, words: str, refuse: Refuse):
    refuse(f"pick good.mrc --model {name} -o {{out}}", *words.split("|"))
    refuse(f"predict good.mrc --model {name} -o {{out}}", *words.split("|"))
    refuse(f"tune {name} project", *words.split("|"))


def test_weights_for_other_objects_than_the_projects_are_refused(refuse: Refuse):
    words = "foreign.safetensors finds lagre", "project/copick.json", "use other weights"
    refuse("pick project/copick.json --model foreign.safetensors -o {out}", *words)
    refuse("predict project/copick.json --model foreign.safetensors -o {out}", *words)
    refuse("tune foreign.safetensors project/copick.json", *words)


def test_folds_for_different_objects_are_not_tuned_together(refuse: Refuse):
    refuse(
        "tune model.safetensors project --also fewer.safetensors",
        "fewer.safetensors finds large, but model.safetensors large, small",
        "give folds of one recipe",
    )


def test_thresholds_are_not_tuned_on_runs_that_were_trained_on(refuse: Refuse):
    refuse("tune model.safetensors project --runs run0", "was trained on run0", "with --runs")
    refuse("tune all.safetensors project", "was trained on every annotated run of project")
    refuse("tune model.safetensors good.mrc", "good.mrc: no run has picks")
    refuse("tune model.safetensors project --runs rnu2", "no run 'rnu2'", "Did you mean 'run2'?")


def test_a_threshold_from_few_particles_comes_with_a_caution(say, shelf, tmp_path, capsys):
    weights = shutil.copy(shelf / "model.safetensors", tmp_path)
    assert main(["tune", str(weights), str(shelf / "project"), "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "tuned on 2 particles only" in told.out or "no pick hits one of its 2" in told.out
    assert load_detector(weights).card.tuned_on == ("run2",)


# Flags


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
        ("pick", "--source requires an argument|See tomoscout pick --help"),
        ("predict good.mrc", "--output requires an argument|See tomoscout predict --help"),
        ("pick good.mrc --model", "--model requires an argument"),
        ("predict good.mrc --model model.safetensors", "--output requires an argument"),
        (PICK.format("good.mrc --treshold 0.3"), "--treshold. Did you mean --threshold?"),
        (PICK.format("good.mrc more.mrc"), "unexpected argument 'more.mrc'"),
        (PICK.format("good.mrc --picker.name x"), "--picker.name: pick takes no settings"),
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
        (f"{TRAIN} --fold one", 'Invalid value for --fold: unable to convert "one"'),
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


# Recipes and training


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("--recipe scuot", "no recipe 'scuot': choose from|Did you mean 'scout'?"),
        ("--recipe nowhere.yaml", "nowhere.yaml: no such file"),
        ("--training.stesp 3", "unknown setting 'training.stesp'. Did you mean 'steps'?"),
        ("--trainng.steps 3", "unknown setting 'trainng'. Did you mean 'training'?"),
        ("--training.steps many", "'training.steps': input should be a valid integer|found 'many'"),
        ("--training.steps", "--training.steps: its value is missing"),
        ("--training.steps --fold 1", "--training.steps: its value is missing"),
        ("--training.steps [1", "--training.steps=[1: not a value (line 1: expected"),
        ("--training 3", "Unknown option: --training."),
        ("--set training", "'training': write a setting as section.key=value"),
        ("--set training=3 --training.steps 3", "'training' was set as a whole before"),
        ("--model.name unte", "no 'unte' among the models|Did you mean 'unet'?"),
        ("--model.widhts 8,16", "unknown setting 'widhts'. Did you mean 'widths'?"),
        ("--model.name unet --model.norm nrom", "unet: MONAI refuses these settings"),
        ("--sampling.patch 33,32,32", "sampling.patch (33, 32, 32)|multiples of|use 32,32,32"),
        ("--training.level-weights 1,2", "training.level_weights (1.0, 2.0)|has 1 output"),
        ("--normalise.clip 9,3", "'normalise.clip': two rising percentiles"),
    ],
)
def test_a_wrong_setting_is_refused(setting: str, words: str, refuse: Refuse):
    base = TRAIN if "--recipe" not in setting else "train project -o {out}"
    refuse(f"{base} {setting}", *words.split("|"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {stesp: 3}", "unknown setting 'training.stesp'. Did you mean 'steps'?"),
        ("trainng: {steps: 3}", "unknown setting 'trainng'. Did you mean 'training'?"),
        ("- a", "expected 'key: value' lines, found list"),
        ("steps: 3\na: b: c", "not YAML (line 2: mapping values are not allowed here)"),
        ("model: unet", "'model': input should be a valid dictionary|found 'unet'"),
        ("target: {name: heatmaps}\nloss: {name: tverksy}", "no 'tverksy' among the losses"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(text: str, words: str, refuse: Refuse, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(text)
    refuse(f"train project -o {{out}} --recipe {tmp_path}/mine.yaml", *words.split("|"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train nowhere -o {out}", "nowhere: no such file or folder"),
        ("train good.mrc -o {out}", "good.mrc: no run has picks to train on|beside the tomograms"),
        ("train project/static -o {out}", "project/static: no run has picks to train on"),
        ("train twins -o {out}", "twins: run names must differ, found 'TS_1' twice"),
        ("train misnamed -o {out}", "unknown object 'ribosom'|Did you mean 'ribosome'?"),
        (f"{TRAIN} --objects three.yaml", "no particle of tiny in the training runs|take it out"),
        (f"{TRAIN} --objects renamed.yaml", "small.json: unknown object 'small'|mean 'smal'?"),
        (f"{TRAIN} --objects twice.yaml", "twice.yaml|names must differ, found twice: large"),
        (f"{TRAIN} --objects negative.yaml", "negative.yaml: 'objects.0.radius'|found -3"),
        (f"{TRAIN} --objects misspelt.yaml", "'objects.0.radus'. Did you mean 'radius'?"),
        (f"{TRAIN} --objects nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_a_project_that_cannot_be_trained_on_is_refused(command: str, words: str, refuse: Refuse):
    """Before anything is written, although some of it shows only when all runs are read."""
    refuse(command, *words.split("|"))


def test_a_broken_checkpoint_is_told_from_a_broken_program(say, refuse: Refuse, out: Path):
    assert say(TRAIN)[0] == 0
    (out / "last.ckpt").write_bytes((out / "last.ckpt").read_bytes()[:5000])
    refuse(TRAIN, "last.ckpt: cannot be read", "--overwrite to start anew")
    refuse(f"{TRAIN} --training.steps 3", "out: holds a training with another recipe")
    assert say(f"{TRAIN} --overwrite")[0] == 0


# Output


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


# The disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Make a disk with so many bytes left; skipped where a test may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")

    def leave(free: int) -> Path:
        found = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(found.f_bavail * found.f_frsize - free))
        return disk

    yield leave
    subprocess.run(["umount", str(disk)], check=True)


WRITERS = {
    "convert found.csv {out}/a.csv": (0, "a.csv"),
    "convert found.csv {out}/a.star --project project": (0, "a.star"),
    "convert found.csv {out}/tree": (0, "run0_large.json"),
    "convert found.csv {out}/a --to ndjson --voxel-spacing 10": (0, "run0_large.ndjson"),
    "convert good.mrc {out}/a.mrc": (8192, "a.mrc"),
    "convert good.mrc {out}/a.mrc.gz": (8192, "a.mrc.gz"),
    "convert good.mrc {out}/a.zarr": (8192, "a.zarr"),
    "evaluate found.csv project -o {out}": (0, "evaluation.json"),
    "report found.csv project -o {out}/a.html": (8192, "a.html"),
    "simulate {out} --runs 1 --shape 32 64 64": (16384, "denoised.zarr"),
    "predict good.mrc --model model.safetensors -o {out}": (8192, "good.scores.zarr"),
    PICK.format("good.mrc"): (4096, "good.csv"),
    TRAIN: (8192, "model.safetensors"),
    f"{TRAIN} --validation none": (8192, "last.ckpt"),
}


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    command: str, say, small_disk, monkeypatch
):
    free, name = WRITERS[command]
    disk = small_disk(free)
    code, error = say(command.replace("{out}", str(disk / "new")))
    last = error.splitlines()[-1]
    assert code == 2, error
    assert last.startswith(f"tomoscout: {disk}/new")
    assert f"{name}: the disk is full: free some space or write elsewhere" in last.replace(
        "tomoscout_0_large", "run0_large"
    )
    assert not [path for path in disk.rglob("*") if path.name == name or "partial" in path.name]


@pytest.mark.parametrize("command", WRITERS)
def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing(
    command: str, say, out: Path, monkeypatch
):
    """As above where no disk can be mounted: the move to the final name fails."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tomoscout.io._atomic._put", full)
    code, error = say(command)
    assert code == 2
    assert "the disk is full: free some space or write elsewhere" in error.splitlines()[-1]
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_tuning_on_a_full_disk_leaves_the_weights_as_they_were(say, shelf, small_disk, tmp_path):
    weights = tmp_path / "disk" / "model.safetensors"
    shutil.copy(shelf / "model.safetensors", weights)
    small_disk(4096)
    code, error = say(f"tune {weights} project")
    assert code == 2
    assert f"{weights}: the disk is full" in error.splitlines()[-1]
    assert weights.read_bytes() == (shelf / "model.safetensors").read_bytes()


# Stopping


def test_ctrl_c_is_one_line_and_leaves_nothing(say, shelf, out: Path, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tomoscout.inference.detect.predict", stop)
    before = tree(shelf)
    code, error = say(PICK.format("good.mrc"))
    assert (code, error) == (
        130,
        "tomoscout: stopped; run the same command again to go on\n",
    )
    assert tree(shelf) == before
    assert not out.exists()


def test_ctrl_c_while_training_can_be_pressed_again_later(say, monkeypatch):
    """Lightning answers the first one with exit code 1, and ignores all that follow."""
    import signal

    from tomoscout.training.detection import DetectionModule

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(DetectionModule, "training_step", stop)
    code, error = say(TRAIN)
    assert code == 130
    assert error.splitlines()[-1] == "tomoscout: stopped; run the same command again to go on"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_bug_of_ours_is_told_from_a_mistake_of_the_users(say, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("tomoscout.io.project.open_project", fail)
    monkeypatch.delenv("TOMOSCOUT_DEBUG", raising=False)
    code, error = say(PICK.format("good.mrc"))
    assert code == 1
    assert error.splitlines() == [
        "tomoscout: internal error, ZeroDivisionError: division by zero",
        "This is a bug of ours: please report it with the output of TOMOSCOUT_DEBUG=1.",
    ]
    monkeypatch.setenv("TOMOSCOUT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        say(PICK.format("good.mrc"))


def test_an_error_is_not_broken_into_lines_in_a_pipe(shelf: Path, tmp_path: Path):
    command = [sys.executable, "-m", "tomoscout.cli", "pick", "cut.mrc"]
    done = subprocess.run(
        [*command, "--model", "model.safetensors", "-o", str(tmp_path / "out")],
        cwd=shelf,
        env={**os.environ, "COLUMNS": "20"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"tomoscout: {shelf}/cut.mrc: truncated: its header asks for 154624 bytes, found 154524: "
        "copy the file again\n"
    )
    assert not (tmp_path / "out").exists()
