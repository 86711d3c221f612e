"""``tomoscout doctor``: what this machine can do, what is broken, and how to mend it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from tomoscout.commands._machine import (
    GIGABYTE,
    cpu_cores,
    cpu_flags,
    cpu_model,
    free_disk,
    free_memory,
)
from tomoscout.commands._versions import versions
from tomoscout.core.errors import UserError
from tomoscout.inference.find import DEFAULT, FOLDER_VARIABLE, local_weights, shipped_weights

Status = Literal["ok", "warn", "problem"]
_LOOK = {"ok": "green", "warn": "yellow", "problem": "bold red"}
_OPTIONAL = {
    "copick": "only needed for remote copick projects",
    "gemmi": "only needed to simulate molecules from atomic models",
}


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes
    ----------
    what
        What was looked at.
    value
        What was found.
    status
        ``ok``; ``warn`` where work is possible but slower or narrower; ``problem`` where it is not.
    remedy
        What to do, for a warning or a problem.
    """

    what: str
    value: str
    status: Status = "ok"
    remedy: str = ""


def doctor() -> None:
    """Say what this machine can do, what is broken, and how to mend it.

    Exit code 1 when something makes work impossible; warnings leave it at 0.
    """
    from rich.markup import escape
    from rich.table import Table

    from tomoscout.commands._console import console

    found = examine()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "found", "", "what to do"):
        table.add_column(heading, overflow="fold")
    for one in found:
        look = _LOOK[one.status]
        table.add_row(
            one.what, escape(one.value), f"[{look}]{one.status}[/{look}]", escape(one.remedy)
        )
    console.print(table, highlight=False)
    problems = sum(one.status == "problem" for one in found)
    warnings = sum(one.status == "warn" for one in found)
    if problems:
        console.print(f"{problems} to mend before anything works.", highlight=False)
        raise SystemExit(1)
    more = f" {warnings} of the lines could be better." if warnings else ""
    console.print(f"Ready. Try: tomoscout demo -o demo/{more}", highlight=False)


def examine(folder: Path = Path()) -> list[Finding]:
    """Look at software, processors, memory, disk and weights, in a few seconds.

    Parameters
    ----------
    folder
        Where results would be written.
    """
    return [*_software(), *_processors(), *_room(folder), *_weights()]


def _software() -> Iterator[Finding]:
    """Versions, and the two combinations known to break."""
    found = versions()
    for name, number in found.items():
        if number is not None:
            yield Finding(name, number, *_judge_version(name, number, found))
        elif name in _OPTIONAL:
            yield Finding(name, f"not installed ({_OPTIONAL[name]})")
        else:
            yield Finding(name, "missing", "problem", f"pip install {name}")
    yield from _torchvision()


def _judge_version(name: str, number: str, found: dict[str, str | None]) -> tuple[Status, str]:
    """Judge one version."""
    major = int(number.partition(".")[0])
    if name == "python" and tuple(map(int, number.split(".")[:2])) < (3, 11):
        return "problem", "install Python 3.11 or newer"
    if name == "zarr" and major not in (2, 3):
        return "warn", "pip install 'zarr>=2.18,<4'"
    zarr = found.get("zarr") or ""
    if name == "copick" and major < 2 and zarr.startswith("3"):
        return "warn", "copick 1 needs zarr 2: keep it in an environment of its own"
    return "ok", ""


def _torchvision() -> Iterator[Finding]:
    """Find a torchvision made for another torch: its import fails, and lightning's with it."""
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        number = version("torchvision")
    except PackageNotFoundError:
        number = "of unknown version"
    error = import_error("torchvision")
    if error is None:
        yield Finding("torchvision", number)
    else:
        remedy = "pip uninstall torchvision (it is not needed, and breaks 'import lightning')"
        yield Finding("torchvision", f"{number}, broken: {error}", "problem", remedy)


def import_error(module: str) -> str | None:
    """Import a module in a process of its own; return its last words, or None when it works."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"], capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        return "import takes over a minute"
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[-1][:200]


def _processors() -> Iterator[Finding]:
    """Processor, threads, CUDA and fast bf16."""
    cores, flags = cpu_cores(), cpu_flags()
    yield Finding("processor", f"{cpu_model()}, {cores} cores to use")
    try:
        import torch

        from tomoscout.ops.precision import choose_device, has_fast_bf16
    except (ImportError, OSError) as error:
        words = str(error).splitlines()[0][:200]
        yield Finding("torch", f"cannot be imported: {words}", "problem", "pip install torch")
        return
    threads = torch.get_num_threads()
    crowded = f"export OMP_NUM_THREADS={cores}" if threads > cores else ""
    yield Finding("threads", str(threads), "warn" if crowded else "ok", crowded)
    device = choose_device()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        memory = properties.total_memory / GIGABYTE
        yield Finding("CUDA", f"{properties.name}, {memory:.0f} GB, CUDA {torch.version.cuda}")
    elif Path("/dev/nvidia0").exists():
        remedy = "install a torch build with CUDA that fits the driver: pytorch.org"
        yield Finding("CUDA", "a GPU that torch cannot use", "warn", remedy)
    else:
        yield Finding("CUDA", "none: the processor does the work")
    units = sorted(flag for flag in flags if flag in ("avx512_bf16", "amx_bf16", "bf16"))
    named = f" ({', '.join(units)})" if units and device.type == "cpu" else ""
    if has_fast_bf16(device):
        yield Finding("bf16", f"fast{named}")
    else:
        yield Finding("bf16", f"not fast here{named}", "warn", "works in fp32, at about half speed")


def _room(folder: Path) -> Iterator[Finding]:
    """Memory and disk."""
    memory = free_memory()
    if memory is None:
        yield Finding("memory", "unknown")
    else:
        # A 184 x 630 x 630 tomogram is picked in 2.5 GB; training holds volumes in memory.
        status, remedy = _enough(memory, least=1.5, good=4.0, remedy="close other programs")
        yield Finding("memory", f"{memory / GIGABYTE:.1f} GB free", status, remedy)
    disk = free_disk(folder)
    status, remedy = _enough(
        disk, least=0.2, good=5.0, remedy="free some space, or write elsewhere"
    )
    yield Finding("disk", f"{disk / GIGABYTE:.1f} GB free in {folder.resolve()}", status, remedy)


def _enough(found: float, *, least: float, good: float, remedy: str) -> tuple[Status, str]:
    """Judge an amount in bytes by bounds in gigabytes."""
    if found < least * GIGABYTE:
        return "problem", remedy
    return ("warn", remedy) if found < good * GIGABYTE else ("ok", "")


def _weights() -> Iterator[Finding]:
    """Weights that can be called by name, and whether there are some to use when none are given."""
    shipped = shipped_weights()
    try:
        local = local_weights()
    except UserError as error:
        yield Finding("own weights", str(error), "warn", f"correct or unset {FOLDER_VARIABLE}")
        local = {}
    if local:
        yield Finding("own weights", f"{', '.join(local)} ({FOLDER_VARIABLE})")
    told = ", ".join(shipped) or "none shipped"
    if DEFAULT in shipped | local:
        yield Finding("weights", told)
    else:
        remedy = f"without '{DEFAULT}', pick needs --model; make some: tomoscout demo --train"
        yield Finding("weights", told, "warn", remedy)
