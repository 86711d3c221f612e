"""Weights may find what a project's table lists, and dark blobs, which no table does."""

from __future__ import annotations

import numpy as np
import pytest

from samples.planted import OBJECTS, save_weights
from tomoscout.cli import main
from tomoscout.commands._runs import check_objects
from tomoscout.core.errors import UserError
from tomoscout.core.objects import ObjectTable
from tomoscout.core.picks import Picks
from tomoscout.core.volume import Volume
from tomoscout.data.blobs import BlobSettings, blob_objects
from tomoscout.io.project import open_project
from tomoscout.io.project_writer import write_copick_config, write_run


@pytest.fixture
def project(tmp_path):
    volume = Volume(np.zeros((8, 16, 16), np.float32), 10.0)
    write_run(tmp_path / "project", "run0", volume, Picks.empty("run0"))
    write_copick_config(tmp_path / "project", OBJECTS, name="planted")
    return open_project(tmp_path / "project" / "copick.json")


def weights(folder, table: ObjectTable):
    objects = tuple(entry.model_dump() for entry in table.each())
    return save_weights(folder / "w.safetensors", objects=objects, thresholds={})


def test_blobs_need_not_be_listed(project, tmp_path):
    check_objects(weights(tmp_path, blob_objects(BlobSettings())), project)


def test_there_is_nothing_to_tune_blobs_on(project, tmp_path):
    with pytest.raises(UserError, match=r"dark blobs \(blob-80, .*no truth to tune on"):
        check_objects(weights(tmp_path, blob_objects(BlobSettings())), project, scored=True)


def test_blobs_are_their_own_objects(project, tmp_path, capsys):
    words = ["train", str(project.path), "--recipe", "self-taught", "-o", str(tmp_path / "out")]
    assert main([*words, "--objects", str(project.path)]) == 2
    assert "dark blobs are their own objects: leave it out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_others_must_be(project, tmp_path):
    listed = list(OBJECTS.each())
    stranger = listed[0].model_copy(update={"name": "blob-shaped"})
    detector = weights(tmp_path, ObjectTable(objects=(*listed, stranger)))
    with pytest.raises(UserError, match=r"finds blob-shaped, which .* does not list"):
        check_objects(detector, project)
    check_objects(detector, project, wanted=["large"])
