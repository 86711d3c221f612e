"""``tomoscout models``."""

from __future__ import annotations

import pytest

from tomoscout.inference.download import checksum
from tomoscout.inference.weights import (
    load_detector,
)

NOTES = "Trained on simulations alone: it has never seen a real tomogram."


def test_the_list_tells_shipped_weights_from_own_ones(
    say, shipped, place, monkeypatch, save_weights
):
    save_weights(place / "own/mine.safetensors", score={})
    save_weights(place / "own/czii-sim.safetensors")
    (place / "own/bad.safetensors").write_bytes(b"no")
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", "own")
    code, out, _ = say("models")
    assert code == 0
    rows = [line.split() for line in out.split("\n\n")[0].splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        ["bad", "TOMOSCOUT_WEIGHTS"],
        ["czii-sim", "TOMOSCOUT_WEIGHTS"],
        ["mine", "TOMOSCOUT_WEIGHTS"],
        ["czii-sim", "package"],
    ]
    assert "cannot be read: models verify own/bad.safetensors says why" in out
    assert rows[2][2] == "detector"
    assert rows[2][-5:] == ["Å", "F4", "0.812", "0.0", "MB"]
    assert rows[4][2] == "(hidden)"
    assert say("models", "list")[1] == out


def test_an_empty_list_says_what_that_means(say, place, save_weights):
    code, out, _ = say("models", "list")
    assert code == 0
    assert "no weights in the package" in out
    assert "without 'czii-sim', pick and predict need --model" in out
    (place / "empty").mkdir()
    assert say("models", "list", "empty")[1] == "no weights in empty\n"
    save_weights(place / "empty/fold0/model.safetensors")
    assert "fold0" in say("models", "list", "empty")[1]


def test_inspect_tells_the_card_and_what_tells_the_weights_apart(say, shipped):
    for name in ((), ("czii-sim",), (str(shipped),)):
        code, out, _ = say("models", "inspect", *name)
        assert code == 0
        words = " ".join(out.split())
        assert NOTES in words
        assert f"sha256 {checksum(shipped)}" in words
        assert f"fingerprint {load_detector(shipped).fingerprint}" in words
        assert "network scout_unet, widths [4, 8]" in words
        assert "trained on 40 runs, sim_0 to sim_39" in words
        assert "ribosome 150 Å 0.250 0.910" in words
        assert "0.812 weighted" in words


def test_the_list_ends_with_what_there_is_to_train(say, shipped):
    code, out, _ = say("models", "list")
    assert code == 0
    block = out.split("\n\n")[1]
    kinds = [line.split()[0] for line in block.splitlines() if not line.startswith(" ")]
    assert kinds == ["to", "detectors", "encoders", "classifiers"]
    words = set(block.replace(",", " ").split())
    assert {"scout_unet", "token_summary", "transformer_head"} <= words
    assert {"czii-1st-resnet34", "contrast-2d-original", "puzzle-rotate", "teach"} <= words


def test_encoders_and_classifiers_are_listed_with_what_they_are_for(
    say, place, save_encoder, save_classifier
):
    save_encoder(place / "here/seen/encoder/encoder.safetensors")
    save_encoder(place / "here/flat.safetensors", voxel_spacing=13.5)
    save_classifier(place / "here/taught/classifier.safetensors")
    code, out, _ = say("models", "list", "here")
    assert code == 0
    rows = {line.split()[0]: " ".join(line.split()) for line in out.splitlines()}
    assert rows["seen"].startswith("seen here encoder crops that look alike 10 Å 0.")
    assert " 13.5 Å " in rows["flat"]
    assert rows["taught"].startswith("taught here classifier ribosome, apo 10 Å balanced 0.875 0.")


def test_inspect_tells_whether_objects_are_picked_together(say, place, save_weights):
    for name, together in (("each", False), ("joint", True)):
        save_weights(place / f"{name}.safetensors", together=together)
        words = " ".join(say("models", "inspect", f"{name}.safetensors")[1].split())
        assert ("picks by local_max, of all objects together" in words) == together


def test_inspect_tells_what_an_encoder_is(say, place, save_encoder):
    encoder = save_encoder(place / "seen/encoder/encoder.safetensors")
    for given in ("seen", "seen/encoder", "seen/encoder/encoder.safetensors"):
        code, out, _ = say("models", "inspect", given)
        assert code == 0
        words = " ".join(out.split())
        assert "name seen, an encoder" in words
        assert f"fingerprint {encoder.fingerprint}" in words
        assert "network resnet3d, widths [4, 8], projection [8]; 0.0" in words
        assert "gives 8 features of a crop" in words
        assert "crops 16 x 16 x 16 voxels, 160 Å along the longest edge" in words
        assert "tomograms 10 Å voxels, denoised, planes averaged over 50 Å" in words
        assert "trained for nt_xent, temperature 0.2" in words
        assert "trained on TS_1, TS_2, 400 steps of 64 crops" in words
        assert "tomoscout discover PROJECT --encoder seen/encoder/encoder.safetensors" in words
    save_encoder(place / "fresh.safetensors", objective=None, recipe={}, trained_on=())
    words = " ".join(say("models", "inspect", "fresh.safetensors")[1].split())
    assert "trained for nothing: its weights are random" in words
    assert "trained on no runs that have a name, nobody noted how long" in words


def test_inspect_tells_what_a_classifier_is(say, place, save_classifier):
    classifier = save_classifier(place / "taught/classifier.safetensors")
    code, out, _ = say("models", "inspect", "taught")
    assert code == 0
    words = " ".join(out.split())
    assert "name taught, a classifier" in words
    assert f"fingerprint {classifier.fingerprint}" in words
    assert "tells apart background, ribosome, apo" in words
    assert "crops 8 x 8 x 8 voxels, 80 Å along the longest edge" in words
    assert "taught puzzle, a 0.4; 25% of the crops were background" in words
    assert "right 0.900 of crops, 0.875 balanced, on TS_9" in words
    assert "ribosome 150 Å 1.000" in words
    assert "apo 60 Å 0.750" in words


def test_verify_says_what_it_looked_at(say, shipped):
    code, out, _ = say("models", "verify", "czii-sim")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()[:4]] == [
        "ok  file", "ok  card", "ok  tensors", "ok  forward pass",
    ]  # fmt: skip
    assert out.endswith("whole, and works\n")
    assert say("models", "verify", "czii-sim", "--sha256", checksum(shipped).upper())[0] == 0


def test_verify_works_for_a_url(say, shipped, place):
    url = f"{shipped.as_uri()}#sha256={checksum(shipped)}"
    code, out, _ = say("models", "verify", url)
    assert code == 0
    assert checksum(shipped) in out
    assert len(list((place / "cache").rglob("*.safetensors"))) == 1
    code, _, error = say("models", "verify", url[:-64] + "0" * 64)
    assert code == 2
    assert "not " + "0" * 64 in error


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "models lsit",
            "models lsit: choose from list, inspect, verify, import, soup. Did you mean 'list'?",
        ),
        ("models inspect czii-simm", "no weights 'czii-simm'|Did you mean 'czii-sim'?"),
        ("models verify t1.mrc", "t1.mrc: not a safetensors file"),
        ("models verify czii-sim --sha256 12", "'12': a sha256 has 64 hex digits"),
        ("models verify czii-sim --sha256 " + "0" * 64, "not " + "0" * 64 + " as asked"),
        ("models inspect czii-sim --sha256 " + "0" * 64, "models inspect checks nothing"),
        ("models list nowhere", "nowhere: no such folder"),
        ("model list", "unknown command 'model'. Did you mean 'models'?"),
        ("pick t1.mrc -o out --model czii", "no weights 'czii': no such file|mean 'czii-sim'?"),
        ("pick t1.mrc -o out --objects ribosom", "object 'ribosom': the|Did you mean 'ribosome'?"),
        ("pick t1.mrc -o out --objects ,", "--objects: no object in ','"),
        (
            "pick t1.mrc -o out --objects ribosome --threshold apo-ferritin=0.3",
            "threshold for 'apo-ferritin': it is not among the objects to pick",
        ),
        ("tune t1.mrc", "czii-sim: these weights are not yours to change|with --output"),
        ("tune czii-sim t1.mrc", "czii-sim: these weights are not yours to change"),
        ("tune czii-sim", "these are weights; give the project with the truth after them"),
        ("tune czii-sim t1.mrc -o out --also czii-sim", "--output: holds one copy"),
        ("tune czii-sim t1.mrc -o t1.mrc", "t1.mrc: is a file; give a folder"),
        ("tune czii-sim t1.mrc -o package/..", "no run has picks"),
    ],
)
def test_mistakes_are_told_in_one_line(command, words, say, shipped, place):
    code, _, error = say(*command.split())
    assert code == 2, error
    (line,) = error.splitlines()
    for word in words.split("|"):
        assert word in line
    assert not (place / "out").exists()
