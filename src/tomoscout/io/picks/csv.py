"""Picks as comma-separated values, in Å: the CZII challenge's submission and copick's table.

Choose it to submit, or to open picks in a spreadsheet. A file has exactly the challenge's columns
``id,experiment,particle_type,x,y,z`` as long as there is nothing else to say; scores other than
1 add a column ``score``, poses add ``transform_00`` to ``transform_22`` (row, column). Both are
left out on request (``kaggle``). Columns are found by name, in any order, so the challenge's
folded training table and copick's exports are read too.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from tomoscout.core.errors import UserError
from tomoscout.core.picks import Picks
from tomoscout.io._atomic import atomic_path
from tomoscout.io.picks._formats import NotPicksError
from tomoscout.io.picks._hints import ReadHints, WriteHints
from tomoscout.io.picks._rows import all_ones, poses, read_text, run_names, to_picks

SUFFIXES = (".csv",)

_COLUMNS = ("id", "experiment", "particle_type", "x", "y", "z")
_RUN = ("experiment", "run_name", "run")
_OBJECT = ("particle_type", "object_name", "object", "pickable_object_name")
_POSE = tuple(f"transform_{row}{column}" for row in range(3) for column in range(3))
_SHIFT = tuple(f"transform_{row}3" for row in range(3))


def read(path: Path, hints: ReadHints) -> list[Picks]:
    """Read a table with x, y, z in Å and columns for the run and the object.

    A missing run column is filled from ``hints.run``, a missing object column from
    ``hints.object_name`` or an object of the project that the file's name ends with.

    Raises
    ------
    UserError
        If a column is missing or a number cannot be read.
    """
    table = _Table.read(path)
    run_column = next((name for name in _RUN if name in table.header), None)
    object_column = next((name for name in _OBJECT if name in table.header), None)
    run, object_name = hints.run, hints.known_object(path)
    missing = [name for name in "xyz" if name not in table.header]
    missing += ["experiment"] if run_column is None and run is None else []
    missing += ["particle_type"] if object_column is None and object_name is None else []
    if missing:
        raise NotPicksError(
            f"{path}: expected columns experiment, particle_type, x, y, z, found "
            f"{', '.join(table.header) or 'an empty file'}: add {', '.join(missing)}"
        )
    runs, objects = table.texts(run_column), table.texts(object_column)
    xyz = table.numbers(*"xyz")
    if all(name in table.header for name in _SHIFT):
        xyz = xyz + table.numbers(*_SHIFT)
    posed = all(name in table.header for name in _POSE)
    return to_picks(
        path,
        [name or run or "" for name in runs],
        zyx=xyz[:, ::-1],
        objects=[name or object_name or "" for name in objects],
        scores=table.numbers("score")[:, 0] if "score" in table.header else None,
        rotations=table.numbers(*_POSE).reshape(-1, 3, 3) if posed else None,
        hints=hints,
    )


def write(picks: Sequence[Picks], path: Path, hints: WriteHints) -> None:
    """Write all runs into one table, coordinates to a thousandth of an ångström."""
    runs = run_names(picks, path)
    scored = not hints.kaggle and not all(all_ones(part.score_array) for part in picks)
    posed = not hints.kaggle and any(part.rotations is not None for part in picks)
    with (
        atomic_path(path, overwrite=True) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*_COLUMNS, *(["score"] if scored else []), *(_POSE if posed else [])])
        number = 0
        for part in picks:
            matrices = poses(part).reshape(-1, 9)
            for zyx, name, score, matrix in zip(
                part.zyx, part.objects, part.score_array, matrices, strict=True
            ):
                row = [number, runs[number], name, *(f"{value:.3f}" for value in zyx[::-1])]
                row += [f"{score:.9g}"] if scored else []
                row += [f"{value:.9g}" for value in matrix] if posed else []
                table.writerow(row)
                number += 1


@dataclass(frozen=True)
class _Table:
    """Rows of text under named columns, with their line numbers."""

    path: Path
    header: list[str]
    rows: list[tuple[int, list[str]]]

    @classmethod
    def read(cls, path: Path) -> _Table:
        """Split a file at commas, or at whatever its first line has most of."""
        lines = read_text(path, expected="a CSV table").splitlines() or [""]
        delimiter = max(",;\t|", key=lines[0].count)
        try:
            header, *rows = csv.reader(lines, delimiter=delimiter)
        except csv.Error as error:
            raise UserError(f"{path}: expected a CSV table, found {error}") from error
        numbered = [(number, row) for number, row in enumerate(rows, start=2) if row]
        return cls(path, [name.strip().lower() for name in header], numbered)

    def texts(self, name: str | None) -> list[str]:
        """Return a column, or empty texts for a column that is not there."""
        if name is None:
            return [""] * len(self.rows)
        return [self._cell(name, number, row) for number, row in self.rows]

    def numbers(self, *names: str) -> Float[np.ndarray, "n m"]:
        """Return columns as numbers, side by side."""
        values = np.zeros((len(self.rows), len(names)))
        for column, name in enumerate(names):
            for index, (number, row) in enumerate(self.rows):
                text = self._cell(name, number, row)
                try:
                    values[index, column] = float(text)
                except ValueError as error:
                    raise UserError(
                        f"{self.path}: line {number}: expected a number for {name}, found '{text}'"
                    ) from error
        return values

    def _cell(self, name: str, number: int, row: list[str]) -> str:
        """Return one cell, or raise if the line ends before it."""
        index = self.header.index(name)
        if index >= len(row):
            raise UserError(
                f"{self.path}: line {number}: expected {len(self.header)} values, found {len(row)}"
            )
        return row[index].strip()
