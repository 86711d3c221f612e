"""What a checkpoint may bring along, and what it may not."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tomoscout.core.errors import UserError
from tomoscout.inference.unpickle import read_checkpoint


class Malice:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_something_is_refused_by_name(zipped, tmp_path):
    content = {"model": {"backbone.x": torch.zeros(2)}, "extra": Malice(tmp_path / "done")}
    torch.save(content, tmp_path / "c.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=r"posix\.system|nt\.system") as error:
        read_checkpoint(tmp_path / "c.pth")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "done").exists()


def test_a_bare_pickle_is_refused_too(tmp_path):
    (tmp_path / "c.pkl").write_bytes(pickle.dumps(Malice(tmp_path / "done"), protocol=2))
    with pytest.raises(UserError):
        read_checkpoint(tmp_path / "c.pkl")
    assert not (tmp_path / "done").exists()


def test_tensors_arrays_and_paths_come_back(tmp_path):
    content = {
        "tensor": torch.arange(6.0).reshape(2, 3),
        "whole": np.array([0, 0, 1, 1]),
        "real": np.array([[0.5, 1.5]]),
        "path": Path("out/jobs"),
        "plain": [1, "two", None, {"three": 3.0}],
    }
    torch.save(content, tmp_path / "c.ckpt")
    found = read_checkpoint(tmp_path / "c.ckpt")
    torch.testing.assert_close(found["tensor"], content["tensor"])
    np.testing.assert_array_equal(found["whole"], [0, 0, 1, 1])
    np.testing.assert_array_equal(found["real"], [[0.5, 1.5]])
    assert str(found["path"]) == os.path.join("out", "jobs")
    assert found["plain"] == content["plain"]


def test_arrays_pickled_by_older_numpy_come_back(tmp_path):
    """NumPy 1 named the function that rebuilds arrays otherwise."""
    array = np.array([0, 0, 1, 1])
    torch.save({"weights": array}, tmp_path / "new.ckpt")
    with (
        zipfile.ZipFile(tmp_path / "new.ckpt") as new,
        zipfile.ZipFile(tmp_path / "old.ckpt", "w") as older,
    ):
        for name in new.namelist():
            older.writestr(name, new.read(name).replace(b"numpy._core.", b"numpy.core."))
    assert b"numpy.core.multiarray" in (tmp_path / "old.ckpt").read_bytes()
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "old.ckpt")["weights"], array)


class Trusted:
    """A class that some library has told torch to trust."""


def test_what_others_allowed_is_refused_here_and_allowed_again_afterwards(tmp_path):
    torch.save({"a": np.zeros(2)}, tmp_path / "array.ckpt")
    torch.save({"a": Trusted()}, tmp_path / "trusted.ckpt")
    with torch.serialization.safe_globals([Trusted]):
        before = set(torch.serialization.get_safe_globals())
        read_checkpoint(tmp_path / "array.ckpt")
        with pytest.raises(UserError, match="Trusted"):
            read_checkpoint(tmp_path / "trusted.ckpt")
        assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "jit.pt")
    (tmp_path / "text.pth").write_text("weights")
    (tmp_path / "empty.pth").touch()
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:2000])
    for name in ("jit.pt", "text.pth", "empty.pth", "cut.pth", "none.pth"):
        with pytest.raises(UserError, match=name) as error:
            read_checkpoint(tmp_path / name)
        assert "\n" not in str(error.value)
