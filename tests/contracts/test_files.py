"""A file holds one idea: one that grows past 250 lines holds two."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_file_is_longer_than_250_lines():
    files = [
        path for part in ("src", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py")
    ]
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in files}
    assert len(lengths) > 100
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 250} == {}
