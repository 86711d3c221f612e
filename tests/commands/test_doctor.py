import subprocess
import time
from collections import namedtuple
from importlib.metadata import PackageNotFoundError

import pytest
import torch

import tomoscout
from tomoscout.cli import main
from tomoscout.commands import _machine, _versions
from tomoscout.commands import doctor as room
from tomoscout.commands.doctor import Finding, examine, import_error


def found(what, **options):
    (one,) = [one for one in examine(**options) if one.what == what]
    return one


def test_this_machine_is_well_enough_to_run_its_tests():
    started = time.perf_counter()
    lines = examine()
    assert time.perf_counter() - started < 30
    by_name = {one.what: one for one in lines}
    assert by_name["tomoscout"] == Finding("tomoscout", tomoscout.__version__)
    assert by_name["torch"].value == torch.__version__
    assert {"processor", "threads", "CUDA", "bf16", "memory", "disk", "weights"} <= set(by_name)
    assert all(one.remedy for one in lines if one.status != "ok")


def test_a_missing_package_is_a_problem_and_an_optional_one_is_not(monkeypatch):
    true_version = _versions.version

    def version(name):
        if name in ("monai", "copick", "gemmi"):
            raise PackageNotFoundError(name)
        return true_version(name)

    monkeypatch.setattr(_versions, "version", version)
    assert found("monai") == Finding("monai", "missing", "problem", "pip install monai")
    assert found("copick").status == found("gemmi").status == "ok"
    assert "atomic models" in found("gemmi").value


@pytest.mark.parametrize(
    ("name", "number", "status"),
    [
        ("zarr", "2.18.3", "ok"),
        ("zarr", "3.1.6", "ok"),
        ("zarr", "4.0.0", "warn"),
        ("python", "3.10.2", "problem"),
        ("python", "3.13.0rc1", "ok"),
    ],
)
def test_versions_that_do_not_work_are_told(name, number, status):
    assert room._judge_version(name, number, {name: number})[0] == status


def test_copick_of_old_beside_a_new_zarr_is_told():
    assert room._judge_version("copick", "1.31.0", {"zarr": "3.1.0"})[0] == "warn"
    assert room._judge_version("copick", "1.31.0", {"zarr": "2.18.0"})[0] == "ok"


def test_a_broken_torchvision_is_found_and_named(monkeypatch):
    true_spec = room.importlib.util.find_spec
    monkeypatch.setattr(
        room.importlib.util, "find_spec", lambda n: n == "torchvision" or true_spec(n)
    )
    words = "RuntimeError: operator torchvision::nms does not exist"
    monkeypatch.setattr(room, "import_error", lambda module: words)
    one = found("torchvision")
    assert one.status == "problem"
    assert words in one.value
    assert "pip uninstall torchvision" in one.remedy


def test_a_working_torchvision_is_well(monkeypatch):
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(room, "import_error", lambda module: None)
    assert [one.status for one in room._torchvision()] == ["ok"]


def test_an_import_is_tried_in_a_process_of_its_own(monkeypatch):
    assert import_error("json") is None
    assert "no_such_module_at_all" in import_error("no_such_module_at_all")

    def slow(*args, **kwargs):
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setattr(room.subprocess, "run", slow)
    assert "minute" in import_error("json")


@pytest.mark.parametrize(("gigabytes", "status"), [(0.5, "problem"), (3, "warn"), (64, "ok")])
def test_little_memory_is_told(monkeypatch, gigabytes, status):
    monkeypatch.setattr(room, "free_memory", lambda: gigabytes * 1e9)
    assert found("memory").status == status


def test_memory_that_is_unknown_is_no_problem(monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: None)
    assert found("memory") == Finding("memory", "unknown")


def test_a_full_disk_is_a_problem_where_results_go(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(_machine.shutil, "disk_usage", lambda folder: usage(1e12, 1e12, 1e6))
    one = found("disk", folder=tmp_path)
    assert one.status == "problem"
    assert str(tmp_path) in one.value


def test_more_threads_than_cores_are_told(monkeypatch):
    monkeypatch.setattr(room, "cpu_cores", lambda: 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    one = found("threads")
    assert (one.status, one.remedy) == ("warn", "export OMP_NUM_THREADS=1")


def test_slow_bf16_is_told(monkeypatch):
    monkeypatch.setattr("tomoscout.ops.precision.has_fast_bf16", lambda device: False)
    assert found("bf16").status == "warn"


def test_a_problem_ends_with_exit_code_1_and_a_warning_does_not(monkeypatch, capsys):
    warning = Finding("weights", "none [shipped]", "warn", "train")
    monkeypatch.setattr(room, "examine", lambda: [warning])
    assert main(["doctor"]) == 0
    assert "none [shipped]" in capsys.readouterr().out
    monkeypatch.setattr(room, "examine", lambda: [warning, Finding("a", "b", "problem", "mend")])
    assert main(["doctor"]) == 1


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_memory_is_the_least_of_machine_and_container(tmp_path):
    write(tmp_path / "proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 32000000 kB\n")
    assert _machine.free_memory(tmp_path) == 32000000 * 1024
    group = tmp_path / "sys/fs/cgroup"
    write(group / "memory.max", "max\n")
    write(group / "memory.current", "3000000000\n")
    write(group / "memory.stat", "anon 1\ninactive_file 1000000000\n")
    assert _machine.free_memory(tmp_path) == 32000000 * 1024
    write(group / "memory.max", "8000000000\n")
    assert _machine.free_memory(tmp_path) == 8e9 - 3e9 + 1e9  # the file cache can be given back


def test_a_machine_that_says_nothing_has_unknown_memory(tmp_path):
    assert _machine.free_memory(tmp_path) is None
    assert _machine.cpu_flags(tmp_path) == set()
    assert _machine.cpu_model(tmp_path)


def test_the_processor_is_read_with_the_containers_quota(tmp_path):
    write(tmp_path / "proc/cpuinfo", "model name\t: EPYC 9\nflags\t\t: fpu avx512_bf16 amx_bf16\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", "100000 100000\n")
    assert _machine.cpu_model(tmp_path) == "EPYC 9"
    assert _machine.cpu_flags(tmp_path) == {"fpu", "avx512_bf16", "amx_bf16"}
    assert _machine.cpu_cores(tmp_path) == 1
