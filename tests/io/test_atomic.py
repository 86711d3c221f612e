import errno

import pytest

from tomoscout.core.errors import UserError
from tomoscout.io._atomic import atomic_path, write_json, write_text


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_the_final_name_appears_only_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target, overwrite=False) as temporary:
        temporary.write_text("new")
        assert not target.exists()
        assert temporary.parent == target.parent
    assert target.read_text() == "new"
    assert names(target.parent) == ["a.txt"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path, kind):
    target = tmp_path / "a"
    target.write_text("old")

    def interrupted():
        with atomic_path(target, overwrite=True) as temporary:
            if kind == "file":
                temporary.write_text("half")
            else:
                temporary.mkdir()
                (temporary / "chunk").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["a"]
    assert target.read_text() == "old"


def test_an_existing_target_is_refused_without_overwrite(tmp_path):
    write_text(tmp_path / "a", "old", overwrite=False)
    with pytest.raises(UserError, match=r"a: exists: pass --overwrite"):
        write_text(tmp_path / "a", "new", overwrite=False)
    assert (tmp_path / "a").read_text() == "old"
    write_text(tmp_path / "a", "new", overwrite=True)
    assert (tmp_path / "a").read_text() == "new"


def test_a_folder_replaces_a_folder_completely(tmp_path):
    target = tmp_path / "a.zarr"
    target.mkdir()
    (target / "stale").write_text("old")
    with atomic_path(target, overwrite=True) as temporary:
        temporary.mkdir()
        (temporary / "fresh").write_text("new")
    assert names(target) == ["fresh"]
    assert names(tmp_path) == ["a.zarr"]


def test_a_file_never_replaces_a_folder(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("mine")
    with pytest.raises(UserError, match="is a folder"):
        write_text(tmp_path / "home", "x", overwrite=True)
    assert names(tmp_path) == ["home"]
    assert (tmp_path / "home" / "precious").read_text() == "mine"


def test_a_full_disk_is_said_in_one_line_and_cleaned_up(tmp_path):
    def half_written():
        with atomic_path(tmp_path / "a.txt", overwrite=False) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"a\.txt: the disk is full"):
        half_written()
    assert names(tmp_path) == []


def test_a_parent_that_is_a_file_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "x", overwrite=False)


def test_other_errors_stay_what_they_are(tmp_path):
    with (
        pytest.raises(OSError, match="I/O error"),
        atomic_path(tmp_path / "a.txt", overwrite=False),
    ):
        raise OSError(errno.EIO, "I/O error")


def test_json_is_utf8_and_refuses_what_json_does_not_know(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Å"}, overwrite=False)
    assert (tmp_path / "a.json").read_bytes() == '{\n  "name": "Å"\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"x": float("nan")}, overwrite=False)
    assert names(tmp_path) == ["a.json"]
