"""A project and picks of it that are scored by hand."""

from pathlib import Path

import pytest

from samples.scored import PICKS, TRUTH, write_csv, write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", TRUTH)


@pytest.fixture
def picks(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "found.csv", PICKS)
