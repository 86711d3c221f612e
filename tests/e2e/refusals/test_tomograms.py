"""Tomograms that cannot be used, and some that look as if they could not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tomoscout.io.picks import read_picks
from tomoscout.io.scores import read_scores

PICK = "pick {} --model model.safetensors -o {{out}}"
Refuse = Callable[..., str]


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
