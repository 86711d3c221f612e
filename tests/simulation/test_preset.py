"""Presets: every one reads and simulates, flags win over YAML, misspelt words are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.objects import CZII, ObjectTable, ObjectType
from tomoscout.core.picks import Picks
from tomoscout.simulation import PhysicsSettings, QuickSettings
from tomoscout.simulation.density import Blobs
from tomoscout.simulation.preset import Preset, Simulation, preset_names, read_preset, run_preset

TINY = {"shape": (40, 72, 72)}


def test_the_issues_presets_are_there():
    assert {"czii", "czii-twin", "shrec", "in-situ", "training"} <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_simulates(name):
    preset = read_preset(name, {"scene": TINY})
    given = Picks(np.array([[200.0, 350, 350]]), "ribosome") if preset.needs_picks else None
    made = run_preset(
        preset,
        seed=1,
        objects=preset.table,
        distractors=preset.distractor_table(),
        given=given,
        truth=True,
    )
    assert tuple(made.tomograms) == preset.kinds
    for volume in made.tomograms.values():
        assert volume.shape == TINY["shape"]
        deviation = abs(volume.voxel_spacing / preset.scene.voxel_spacing - 1)
        assert deviation <= preset.vary.spacing + 1e-9
        assert np.isfinite(volume.data).all()
        assert volume.data.std() > 0
    assert set(made.picks.names) <= set(preset.table.names)
    assert (made.tilts is None) == (preset.physics == "quick")
    assert made.density.data.max() > 0.1
    assert set(np.unique(made.labels.classes)) <= set(range(len(preset.table) + 1))


@pytest.mark.parametrize("name", preset_names())
def test_the_published_ranges_are_kept(name):
    full = read_preset(name).full
    assert 40 <= full.max_tilt[0] <= full.max_tilt[1] <= 62
    assert 2 <= full.tilt_step[0] <= full.tilt_step[1] <= 3
    assert 70 <= full.dose[0] <= full.dose[1] <= 140


def test_the_shrec_preset_has_the_benchmarks_numbers():
    preset = read_preset("shrec")
    assert preset.table.names[0] == "4V94"
    assert len(preset.table) == 13
    assert 1000 <= sum(preset.scene.counts.values()) <= 3000
    assert set(preset.scene.counts) == set(preset.table.names)
    assert preset.layout == "shrec"
    assert len(np.arange(-60, 61, preset.full.tilt_step[0])) == 61


def test_another_volume_holds_as_many_for_its_size_unless_counts_are_given():
    quarter = read_preset("shrec", {"scene": {"shape": (180, 256, 256)}}).scene.counts
    assert set(quarter.values()) == {round(154 / 4)}
    assert set(read_preset("shrec", {"scene": TINY}).scene.counts.values()) == {1}
    finer = read_preset("shrec", {"scene": {"voxel_spacing": 5.0}}).scene.counts
    assert set(finer.values()) == {round(154 / 8)}
    given = {"scene": TINY | {"counts": {"4V94": 20, "5MRC": 2}}}
    told = read_preset("shrec", given).scene.counts
    assert (told["4V94"], told["5MRC"], told["3GL1"]) == (20, 2, 154)


def test_flags_win_over_the_preset_and_the_preset_over_defaults():
    assert read_preset("czii-twin").wobble == 1.0 != Simulation().wobble
    changed = read_preset("czii-twin", {"wobble": 2.5, "full": {"dose": (50, 60)}})
    assert changed.wobble == 2.5
    assert changed.full.dose == (50, 60)
    assert changed.full.tilt_step == (3, 3)
    assert isinstance(changed.microscope, PhysicsSettings)
    quick = read_preset("czii-twin", {"physics": "quick"})
    assert isinstance(quick.microscope, QuickSettings)


def test_a_file_of_ones_own_is_a_preset(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("physics: quick\nscene: {shape: [8, 16, 16], debris: 0}\n")
    assert read_preset(path) == Preset(physics="quick", scene={"shape": (8, 16, 16), "debris": 0})


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("shreck", {}, r"no preset 'shreck': choose from czii.* Did you mean 'shrec'\?"),
        ("none.yaml", {}, "none.yaml: no such file"),
        ("czii", {"fisics": "full"}, r"preset czii: unknown setting 'fisics'.*'physics'\?"),
        ("czii", {"scene": {"bead": 1}}, r"unknown setting 'scene.bead'.*'beads'\?"),
        ("czii", {"kinds": ["denoise"]}, "preset czii: 'kinds.0': .*found 'denoise'"),
        ("czii", {"kinds": []}, "preset czii: 'kinds': .*at least 1"),
        ("czii", {"physics": "quick", "kinds": ["wbp"]}, "makes 'denoised' only, not wbp: choose"),
        ("czii", {"full": {"max_tilt": (0, 60)}}, "above 0 and at most 85 degrees"),
        ("czii", {"full": {"max_tilt": (40, 86)}}, "above 0 and at most 85 degrees"),
        ("czii", {"full": {"dose": (90, 80)}}, "the lowest value comes first"),
        ("czii", {"vary": {"spacing": 0.5}}, "'vary.spacing': .*found 0.5"),
        ("czii", {"scene": {"cytosol": (0, 0.9)}}, "at most 0.3 of the volume"),
    ],
)
def test_what_is_misspelt_or_impossible_is_told_in_one_line(name, changes, told):
    with pytest.raises(UserError, match=told) as caught:
        read_preset(name, changes)
    assert "\n" not in str(caught.value)


def test_an_unknown_distractor_is_refused():
    preset = read_preset("czii", {"distractors": ["1s3y"]})
    with pytest.raises(UserError, match=r"distractors: no model of '1s3y'.* Did you mean"):
        preset.distractor_table()


def test_distractors_stand_there_and_are_never_picked():
    quiet = {"vesicles": 0, "beads": 0, "carbon": 0, "debris": 0, "actin": 0, "contamination": 0}
    preset = read_preset(
        "training",
        {
            "physics": "quick",
            "scene": {"shape": (64, 96, 96), "crowding": 0.1, **quiet},
            "strangers": 4000.0,
        },
    )
    few = ObjectTable(objects=(CZII["apo-ferritin"],))
    distractors = preset.distractor_table()
    for seed in range(2):
        made = run_preset(preset, seed=seed, objects=few, distractors=distractors, truth=True)
        assert set(made.picks.names) <= {"apo-ferritin"}
        assert set(made.placed) == set(made.asked) == {"apo-ferritin"}
        protein = made.density.data > 0.5
        assert set(np.unique(made.labels.classes)) <= {0, 1}
        assert np.count_nonzero(protein & (made.labels.classes == 0)) > 2000  # strangers


def test_objects_are_no_distractors_of_themselves():
    preset = read_preset("czii", {"physics": "quick", "scene": TINY, "distractors": ["ribosome"]})
    few = ObjectTable(objects=(CZII["ribosome"],))
    made = run_preset(preset, seed=0, objects=few, distractors=preset.distractor_table())
    assert made.picks.names == ["ribosome"]


def test_tomograms_of_a_preset_vary_as_it_says():
    preset = read_preset(
        "czii", {"physics": "quick", "scene": TINY, "vary": {"spacing": 0.1, "crowding": (1, 4)}}
    )
    made = [run_preset(preset, seed=seed, objects=CZII) for seed in range(4)]
    spacings = [m.tomogram.voxel_spacing for m in made]
    assert len(set(spacings)) == 4
    assert max(abs(s / preset.scene.voxel_spacing - 1) for s in spacings) <= 0.1
    again = run_preset(preset, seed=2, objects=CZII)
    np.testing.assert_array_equal(again.tomogram.data, made[2].tomogram.data)


def test_a_given_molecule_has_its_own_look_or_the_packages_as_often_as_told():
    table = ObjectTable(objects=(ObjectType(name="ribosome", radius=150),))
    speck = Blobs(zyx=np.zeros((1, 3)), weights=np.ones(1), sigma=15.0, mass=50.0)
    given = Picks(np.array([[200.0, 350, 350]]), "ribosome")
    preset = {"physics": "quick", "scene": TINY}
    masses = {}
    for share in (0, 1):
        made = run_preset(
            read_preset("czii-twin", {**preset, "vary": {"own_look": share}}),
            seed=0, objects=table, molecules={"ribosome": speck}, given=given, truth=True,
        )  # fmt: skip
        masses[share] = np.count_nonzero(made.labels.classes)
    assert 0 < masses[0] < 0.1 * masses[1]
