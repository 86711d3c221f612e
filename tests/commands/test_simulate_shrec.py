"""Models in SHREC's layout, from the command to a score: their truth is whole and exact."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from tomoscout.cli import main
from tomoscout.core.shrec import SHREC21
from tomoscout.io.project import open_project

COUNTS = {"4V94": 6, "5MRC": 3, "1QVR": 8, "3GL1": 20}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shrec") / "models"
    counts = {name: COUNTS.get(name, 0) for name in SHREC21.names}
    command = (
        f"simulate {folder} --preset shrec --runs 1 --shape 72 112 112 --seed 4 -q "
        "--physics quick --kinds denoised --scene.vesicles 40 --scene.beads 120"
    )
    code = main([*command.split(), "--scene.counts", json.dumps(counts)])
    assert code == 0
    return folder


def lines(folder):
    text = (folder / "model_0" / "particle_locations.txt").read_text()
    return [line.split() for line in text.splitlines()]


def test_the_folder_opens_as_a_project_with_exact_truth(models):
    project = open_project(models)
    assert project.layout == "shrec"
    assert project.names == ["model_0"]
    assert project.objects == SHREC21
    run = project["model_0"]
    assert run.tomogram().shape == run.tomogram("grandmodel").shape == (72, 112, 112)
    assert run.tomogram().voxel_spacing == 10
    picks = run.picks()
    assert set(picks.names) == {"4V94", "5MRC", "1QVR", "3GL1"}
    mask = run.segmentation("occupancy_mask").read()
    index = np.arange(1, len(picks) + 1)
    centres = np.array(ndimage.center_of_mass(mask > 0, mask, index)) * 10.0
    gap = np.minimum(picks.zyx, np.array(mask.shape) * 10.0 - picks.zyx).min(axis=1)
    small = (picks.objects == "3GL1") & (gap > 70)
    assert np.count_nonzero(small) > 5
    assert np.linalg.norm(centres - picks.zyx, axis=1)[small].max() < 5
    protein = run.tomogram("grandmodel").read()[mask > 0]
    assert protein.mean() > 0.4  # bright in the model, dark in the tomogram
    tomogram = run.tomogram().read()
    assert tomogram[mask > 0].mean() < tomogram[mask == 0].mean()


def test_membranes_and_gold_are_marked_and_listed_and_are_no_particles(models):
    run = open_project(models)["model_0"]
    classes = run.segmentation("class_mask").read()
    occupancy = run.segmentation("occupancy_mask").read()
    density = run.tomogram("grandmodel").read()
    table = lines(models)
    names = [line[0] for line in table]
    count = len(run.picks())
    assert set(names[:count]) <= set(SHREC21.names)
    assert set(names[count:]) == {"vesicle", "fiducial"}
    assert all(line[4:] == ["NaN"] * 3 for line in table[count:])
    for label in (14, 15):
        assert np.count_nonzero(classes == label) > 20
        assert occupancy[classes == label].max() > count  # lines after the particles'
    assert occupancy.max() <= len(names)
    # Gold has 8 to 16 times the density of protein, and half of it at the bead's surface.
    assert (density[classes == 15] > 3.9).all()
    assert (density[classes != 15] < 8.1).all()
    # Membranes are thin: marked is what is dense there, not the vesicle's inside.
    membrane = classes == 14
    assert density[membrane].mean() > 0.15
    for name, x, y, z, *_ in table[count:]:
        at = (int(float(z)), int(float(y)), int(float(x)))
        if name == "fiducial":
            assert classes[at] == 15


def test_its_own_picks_score_one(models, tmp_path):
    found = tmp_path / "found.csv"
    assert main(f"convert {models} -o {found} -q".split()) == 0
    assert main(f"evaluate {found} {models} -o {tmp_path / 'scores'} -q".split()) == 0
    scores = json.loads((tmp_path / "scores" / "evaluation.json").read_text())["scores"]
    there = open_project(models)["model_0"].picks().names
    for metric in ("czii", "one-to-one"):
        counts = scores[metric]["objects"]
        for name in there:
            assert counts[name]["f_beta"] == 1.0
            assert counts[name]["fp"] == counts[name]["fn"] == 0


def test_the_full_microscope_tells_its_tilts(tmp_path):
    command = f"simulate {tmp_path / 'm'} --preset shrec --runs 1 --shape 40 64 64 -q"
    assert main(command.split()) == 0
    tilts = np.loadtxt(tmp_path / "m" / "model_0" / "projections.tlt")
    np.testing.assert_allclose(tilts, np.arange(-60, 61, 2))
    assert not (tmp_path / "m" / "copick.json").exists()


def test_a_protein_of_ones_own_stands_among_the_thirteen(tmp_path):
    (tmp_path / "mine.yaml").write_text("objects: [{name: mine, radius: 50}]\n")
    command = (
        f"simulate {tmp_path / 'm'} --preset shrec --objects {tmp_path / 'mine.yaml'} --runs 1 "
        "--physics quick --kinds denoised --shape 48 160 160 -q"
    )
    assert main(command.split()) == 0
    assert {line[0] for line in lines(tmp_path / "m")} <= {"mine", "vesicle", "fiducial"}
    project = open_project(tmp_path / "m", objects=tmp_path / "mine.yaml")
    assert project.runs[0].picks().names == ["mine"]
