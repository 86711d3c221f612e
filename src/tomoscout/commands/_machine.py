"""What this machine has: processors, memory and disk, within the limits of a container."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

GIGABYTE = 1e9


def cpu_model(root: Path = Path("/")) -> str:
    """Return the processor's name, or what the platform says when nothing better is known."""
    for line in _lines(root / "proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def cpu_flags(root: Path = Path("/")) -> set[str]:
    """Return what the processor can do, in the words of ``/proc/cpuinfo``."""
    for line in _lines(root / "proc/cpuinfo"):
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def cpu_cores(root: Path = Path("/")) -> int:
    """Return the cores this process may use: fewer than the machine has, in a container."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    quota = " ".join(_lines(root / "sys/fs/cgroup/cpu.max")).split()  # "200000 100000" or "max ..."
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return cores


def free_memory(root: Path = Path("/")) -> float | None:
    """Return the memory that can still be had, in bytes; None where that is unknown."""
    limits = []
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            limits.append(1024.0 * int(line.split()[1]))
    group = root / "sys/fs/cgroup"
    for limit, usage, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        most, used = _number(group / limit), _number(group / usage)
        if most is not None and used is not None:
            limits.append(most - used + _cache(group / stat))
    return max(0.0, min(limits)) if limits else None


def free_disk(folder: Path) -> float:
    """Return the free space where a folder lies, in bytes."""
    return float(shutil.disk_usage(folder).free)


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of the system; none where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(path: Path) -> float | None:
    """Return the number in a file; None for ``max``."""
    text = " ".join(_lines(path)).strip()
    return float(text) if text.isdigit() else None


def _cache(path: Path) -> float:
    """Return the file cache that a group would give back when it needs the memory."""
    for line in _lines(path):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return float(value)
    return 0.0
