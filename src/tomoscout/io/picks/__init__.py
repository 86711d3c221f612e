"""Pick files: copick JSON, the challenge's CSV, RELION STAR and the data portal's ndjson.

Each format is a file with ``SUFFIXES``, ``read(path, hints) -> list[Picks]`` (one per run) and
``write(picks, path, hints)`` (atomic). Hints hold what a format leaves unsaid, such as the voxel
spacing of files that count voxels. `read_picks` and `write_picks` choose by suffix.
"""

from __future__ import annotations

from tomoscout.io.picks._formats import FORMATS
from tomoscout.io.picks._hints import Centre, ReadHints, WriteHints
from tomoscout.io.picks._read import read_picks
from tomoscout.io.picks._write import write_picks

__all__ = ["FORMATS", "Centre", "ReadHints", "WriteHints", "read_picks", "write_picks"]
