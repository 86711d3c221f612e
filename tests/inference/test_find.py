"""What a name, a folder or a path of weights stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tomoscout.core.errors import UserError
from tomoscout.inference import find
from tomoscout.inference.find import (
    every_in,
    find_any,
    find_in,
    find_weights,
    is_own_path,
    named_weights,
    title,
    weights_in,
)
from tomoscout.inference.weights import load_detector, save_detector


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package that ships nothing yet, and a user who has no folder of weights."""
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(find, "SHIPPED", folder)
    monkeypatch.delenv("TOMOSCOUT_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    (folder / "fold0").mkdir(parents=True)
    (folder / "mine.safetensors").touch()
    (folder / "fold0" / "model.safetensors").touch()
    (folder / "notes.txt").touch()
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", str(folder))
    return folder


def test_none_stands_for_the_shipped_weights(shipped, detector):
    save_detector(detector, shipped / "czii-sim.safetensors")
    assert find_weights() == find_weights("czii-sim") == shipped / "czii-sim.safetensors"
    assert load_detector().name == "czii-sim"


def test_without_shipped_weights_the_error_says_so(shipped):
    with pytest.raises(UserError, match="no weights given, and 'czii-sim' is not shipped"):
        find_weights()
    with pytest.raises(UserError, match="none are shipped"):
        find_weights("other")
    (shipped / "other.safetensors").touch()
    with pytest.raises(UserError, match=r"there are: other\): give a training folder"):
        find_weights()


def test_a_folder_of_weights_names_files_and_trainings(shipped, own):
    assert find_weights("mine") == own / "mine.safetensors"
    assert find_weights("fold0") == own / "fold0" / "model.safetensors"
    assert list(named_weights()) == ["fold0", "mine"]
    assert list(weights_in(own / "fold0")) == ["fold0"]


def test_the_users_own_folder_wins_over_the_package(shipped, own):
    (shipped / "mine.safetensors").touch()
    (shipped / "czii-sim.safetensors").touch()
    assert find_weights("mine") == own / "mine.safetensors"
    assert find_weights() == shipped / "czii-sim.safetensors"
    (own / "czii-sim.safetensors").touch()
    assert find_weights() == own / "czii-sim.safetensors"


def test_a_folder_of_weights_that_is_not_there_is_told(shipped, monkeypatch):
    monkeypatch.setenv("TOMOSCOUT_WEIGHTS", "nowhere")
    with pytest.raises(UserError, match="TOMOSCOUT_WEIGHTS=nowhere: no such folder"):
        find_weights("mine")
    (shipped.parent / "w.safetensors").touch()
    assert find_weights("w.safetensors").name == "w.safetensors"  # a path needs no folder


def test_a_path_wins_over_a_name_unless_it_holds_no_weights(shipped, own, tmp_path):
    (tmp_path / "mine").mkdir()
    assert find_weights("mine") == own / "mine.safetensors"
    (tmp_path / "mine" / "model.safetensors").touch()
    assert find_weights("mine").parent.name == "mine"
    assert not is_own_path("fold0")
    assert not is_own_path(None)
    assert is_own_path("mine")
    assert is_own_path(own / "mine.safetensors")


def test_a_misspelt_name_is_answered_with_the_nearest(shipped, own):
    with pytest.raises(UserError, match=r"among the names \(fold0, mine\)\. Did you mean 'mine'\?"):
        find_weights("mien")


def test_weights_are_called_after_their_file_or_their_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert title(tmp_path / "a.b.safetensors") == "a.b"
    assert title(tmp_path / "fold0" / "model.safetensors") == "fold0"
    assert title(Path("model.safetensors")) == tmp_path.name


def test_encoders_and_classifiers_are_named_by_the_folder_of_their_training(tmp_path):
    assert title(tmp_path / "taught" / "classifier.safetensors") == "taught"
    assert title(tmp_path / "pretrained" / "encoder.safetensors") == "pretrained"
    assert title(tmp_path / "discovered" / "encoder" / "encoder.safetensors") == "discovered"
    assert title(tmp_path / "encoder" / "model.safetensors") == "encoder"


def test_names_stand_for_weights_of_the_kind_that_is_wanted(shipped, own):
    """A training without labels may leave a detector to start from beside its encoder."""
    for place in ("both", "seen/encoder", "taught"):
        (own / place).mkdir(parents=True)
    (own / "both" / "model.safetensors").touch()
    (own / "both" / "encoder.safetensors").touch()
    (own / "seen" / "encoder" / "encoder.safetensors").touch()
    (own / "taught" / "classifier.safetensors").touch()
    assert sorted(named_weights()) == ["both", "fold0", "mine", "seen", "taught"]
    assert find_weights("both") == own / "both" / "model.safetensors"
    assert find_in("both", "encoder.safetensors") == own / "both" / "encoder.safetensors"
    for given in ("seen", own / "seen"):
        assert find_any(given) == own / "seen" / "encoder" / "encoder.safetensors"
        assert find_in(given, "encoder.safetensors") == find_any(given)
    for given in ("taught", own / "taught"):
        assert find_any(given) == own / "taught" / "classifier.safetensors"
    assert find_any(own / "both") == own / "both" / "model.safetensors"
    assert [name for name, _ in sorted(every_in(own))].count("both") == 2


def test_of_a_folder_without_any_weights_all_kinds_are_said_to_be_missing(shipped, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no model\.safetensors or classifier\.safetensors or enc"):
        find_any(tmp_path / "empty")
