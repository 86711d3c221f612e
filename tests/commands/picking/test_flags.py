"""The flags that ``pick`` and ``predict`` share, and those of picking alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from samples.detectors import save_weights
from tomoscout.core.objects import CZII
from tomoscout.io.picks import read_picks
from tomoscout.io.scores import read_scores


@pytest.fixture
def maps(run, place):
    """Predict with some flags and return the map."""

    def made(name, *words):
        assert run("predict", "a/t1.mrc", "-o", name, *words) == 0
        return read_scores(place / name / "t1.scores.zarr").data[...].astype(np.float32)

    return made


def test_several_weights_answer_with_their_mean(maps):
    both = ("--model", "w.safetensors", "--model", "v.safetensors")
    w, v = maps("w"), maps("v", "--model", "v.safetensors")
    assert np.abs(w - v).max() > 0.05
    np.testing.assert_allclose(maps("mean", *both), (w + v) / 2, atol=2e-3)
    np.testing.assert_allclose(maps("shared", *both, "--shares", "3,1"), (3 * w + v) / 4, atol=2e-3)
    named = maps("named", *both, "--shares", "ribosome=0,1", "--shares", "apo-ferritin=1,0")
    # Probabilities that members share differently are brought back to a common sum of one.
    for name, own, other in (("ribosome", v, w), ("apo-ferritin", w, v)):
        row = CZII.names.index(name)
        far, near = (np.abs(named[row] - member[row]).mean() for member in (other, own))
        assert near < 0.3 * far


def test_views_change_scores_and_are_noted(maps, place):
    plain, flipped = maps("plain"), maps("flipped", "--tta", "z_flip", "--average", "logits")
    assert np.abs(plain - flipped).max() > 0.01
    noted = json.loads((place / "flipped/predict.json").read_text())["settings"]
    assert (noted["tta"], noted["average"], noted["backend"]) == ("z_flip", "logits", "torch")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tta", "zflip"], "z_flip"),
        (["--model", "w.safetensors", "--shares", "1,2"], "2 shares for 1 models"),
        (["--shares", "1;2"], "--shares 1;2: write one number per model"),
        (["--shares", "ribosome=1", "--shares", "1"], "not both"),
        (["--shares", "1", "--shares", "1"], "given twice for all objects"),
        (["--ensemble", "median"], "--ensemble"),
        (["--blend", "product"], "--blend"),
        (["--average", "median"], "--average"),
        (["--backend", "tensorflow"], "tensorflow"),
        (["--device", "abacus"], "--device abacus"),
    ],
)
@pytest.mark.parametrize("verb", ["pick", "predict"])
def test_a_flag_that_cannot_be_followed_is_refused(refused, verb, words, said):
    assert said in refused(verb, "a/t1.mrc", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--picker", "local_maxx"], "Did you mean 'local_max'?"),
        (["--picker", "local_max", "--picker.distence", "2"], "Did you mean 'distance'?"),
        (["--picker.distance", "2"], "--picker.distance: say of which picker with --picker"),
        (["--model.name", "unet"], "--model: only a picker has settings here"),
        (["--params", "none.json"], "none.json: no such file"),
        (["--params", "a/t1.mrc"], "not JSON"),
        (["--params", "lagre.json"], "parameters for 'ribosom'"),
        (["--params", "high.json"], "high.json: 'thresholds.ribosome'"),
        (["--threshold", "ribosome=2"], "a score lies above 0 and at most at 1"),
        (["--threshold", "ribosom=0.2"], "Did you mean 'ribosome'?"),
    ],
)
def test_a_way_of_picking_that_there_is_not_is_refused(refused, place, words, said):
    (place / "lagre.json").write_text('{"thresholds": {"ribosom": 0.5}}')
    (place / "high.json").write_text('{"thresholds": {"ribosome": 1.5}}')
    assert said in refused("pick", "a/t1.mrc", *words)


def picked(place, folder="out"):
    (found,) = read_picks(place / folder / "picks.csv")
    return found


def test_parameters_lie_over_the_card_and_flags_over_them(run, place):
    parameters = {
        "thresholds": {"ribosome": 0.3, "apo-ferritin": 0.9},
        "pickers": {"ribosome": {"name": "local_max", "distance": 3.0}},
        "tta": "z_flip",
    }
    (place / "p.json").write_text(json.dumps(parameters))
    words = ("a/t1.mrc", "--params", "p.json", "--threshold", "apo-ferritin=0.25")
    assert run("pick", *words) == 0
    noted = json.loads((place / "out/pick.json").read_text())["settings"]
    assert noted["tta"] == "z_flip"
    limits = {"ribosome": 0.3, "apo-ferritin": 0.25, "thyroglobulin": 0.2}
    assert {name: noted["thresholds"][name] for name in limits} == limits
    assert noted["pickers"]["ribosome"] == {"name": "local_max", "distance": 3.0}
    assert noted["pickers"]["thyroglobulin"] == {"name": "local_max"}
    assert run("pick", *words, "--tta", "none", "--picker", "components", "-o", "other") == 0
    noted = json.loads((place / "other/pick.json").read_text())["settings"]
    assert noted["tta"] == "none"
    assert {choice["name"] for choice in noted["pickers"].values()} == {"components"}


def test_a_pickers_settings_are_given_by_dotted_flags(run, place):
    near, far = (("a/t1.mrc", "--picker", "local_max", "--picker.distance", d) for d in (0.5, 4))
    assert run("pick", *near, "-o", "near") == 0
    assert run("pick", *far, "-o", "far") == 0
    assert len(picked(place, "far")) < 0.5 * len(picked(place, "near"))


def test_what_was_picked_in_another_way_is_not_gone_on_with(run, capsys):
    assert run("pick", "a/t1.mrc") == 0
    for other in (["--tta", "z_flip"], ["--picker", "components"], ["--average", "logits"]):
        assert run("pick", "a/t1.mrc", *other) == 2
        assert "other settings" in capsys.readouterr().err


def test_parameters_bring_how_weights_are_joined_and_looked_through(run, place, maps):
    both = ("--model", "w.safetensors", "--model", "v.safetensors")
    ways = {"blend": "logits", "tta": "z_flip", "average": "logits"}
    (place / "p.json").write_text(json.dumps({**ways, "ensemble": "mean"}))
    assert run("pick", "a/t1.mrc", *both, "--params", "p.json") == 0
    noted = json.loads((place / "out/pick.json").read_text())["settings"]
    assert {name: noted[name] for name in ways} == ways
    flags = [word for name, way in ways.items() for word in (f"--{name}", way)]
    assert run("pick", "a/t1.mrc", *both, *flags, "-o", "flags") == 0
    np.testing.assert_array_equal(picked(place).zyx, picked(place, "flags").zyx)
    plain = ("pick", "a/t1.mrc", *both, "-o", "plain")
    assert run(*plain) == 0
    assert not np.array_equal(picked(place).score_array, picked(place, "plain").score_array)


def test_a_flag_comes_before_the_parameters_with_a_remark(place, capsys):
    from tomoscout.cli import main

    (place / "p.json").write_text('{"blend": "logits", "average": "logits", "tta": "z_flip"}')
    words = ["pick", "a/t1.mrc", "--params", "p.json", "-o", "out"]
    words += ["--model", "w.safetensors", "--model", "v.safetensors", "--tta", "z_flip"]
    assert main([*words, "--blend", "ranks", "--average", "probabilities"]) == 0
    told = capsys.readouterr().err
    assert "--blend ranks: the parameters are for 'logits', and may not fit" in told
    assert "--average probabilities: the parameters are for 'logits'" in told
    assert "--tta" not in told
    noted = json.loads((place / "out/pick.json").read_text())["settings"]
    assert (noted["blend"], noted["average"], noted["tta"]) == ("ranks", "probabilities", "z_flip")


def test_thresholds_for_one_map_are_not_used_for_many(place, refused):
    words = ("pick", "a/t1.mrc", "--together")
    assert "were found for objects picked one by one" in refused(*words)  # those of the card
    (place / "p.json").write_text('{"thresholds": {"ribosome": 0.5}, "together": true}')
    told = refused("pick", "a/t1.mrc", "--params", "p.json", "--no-together")
    assert "--no-together: the thresholds in use were found for objects picked together" in told
    told = refused(*words, "--threshold", "0.5", "--picker", "mean_shift")
    assert "mean_shift: looks for one size at a time" in told


def test_parameters_say_whether_objects_are_picked_together(run, place):
    (place / "p.json").write_text('{"thresholds": {"ribosome": 0.3}, "together": true}')
    assert run("pick", "a/t1.mrc", "--params", "p.json") == 0
    assert json.loads((place / "out/pick.json").read_text())["settings"]["together"] is True
    over = ("--no-together", "--threshold", "0.3", "-o", "apart")  # none of theirs is in use
    assert run("pick", "a/t1.mrc", "--params", "p.json", *over) == 0
    assert "together" not in json.loads((place / "apart/pick.json").read_text())["settings"]


def test_objects_are_picked_together_where_asked(run, place):
    """Each place of some maps is picked once, whatever is likeliest there, and this is noted."""
    assert run("predict", "a/t1.mrc", "-o", "maps") == 0
    for name, *words in (("each",), ("joint", "--together"), ("apart", "--no-together")):
        assert run("pick", "--scores", "maps", "-o", name, "--threshold", "0.3", *words) == 0
    each, joint, apart = (
        read_picks(place / name / "picks.csv")[0] for name in ("each", "joint", "apart")
    )
    assert pdist(joint.zyx).min() > 1.2 * min(entry.radius for entry in CZII.each())
    assert len(joint) > len(each)  # many a place that no object has for itself alone
    assert joint.score_array.mean() > each.score_array.mean()
    np.testing.assert_array_equal(each.zyx, apart.zyx)
    noted = [
        json.loads((place / n / "pick.json").read_text())["settings"] for n in ("each", "joint")
    ]
    assert [note.get("together") for note in noted] == [None, True]
    assert run("pick", "--scores", "maps", "-o", "joint", "--threshold", "0.3") == 2  # another job


def test_weights_whose_card_says_so_pick_objects_together(run, place):
    save_weights(place / "j.safetensors", seed=0, together=True)  # else as those of ``run``
    words = ("pick", "a/t1.mrc", "--threshold", "0.3", "-o")
    assert run(*words, "asked", "--together") == 0
    for name, *more in (("card",), ("apart", "--no-together")):
        assert run(*words, name, "--model", "j.safetensors", *more) == 0
    asked, card, apart = (picked(place, name) for name in ("asked", "card", "apart"))
    np.testing.assert_array_equal(card.zyx, asked.zyx)
    assert not np.array_equal(apart.zyx, asked.zyx)
