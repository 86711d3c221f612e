import subprocess
import sys
from pathlib import Path

import pytest

from tomoscout.core.errors import UserError
from tomoscout.core.registry import Registry

FILES = {
    "__init__.py": "",
    "alpha.py": "Settings = 1\ndef build(): return 'alpha'\n",
    "beta.py": "def build(): return 'beta'\n",
    "broken.py": "import a_package_that_is_not_there\n",
    "_shared.py": "",
}


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = "family_" + "".join(c for c in request.node.name if c.isalpha())
    folder = tmp_path / name
    folder.mkdir()
    for file, text in FILES.items():
        (folder / file).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_names_are_the_public_files_and_none_is_imported(family: str):
    assert Registry(family, "build").names() == ["alpha", "beta", "broken"]
    assert not [name for name in sys.modules if name.startswith(family + ".")]


def test_only_the_file_asked_for_is_imported(family: str):
    assert Registry(family, "build")["alpha"].build() == "alpha"
    assert [n for n in sys.modules if n.startswith(family + ".")] == [f"{family}.alpha"]


def test_a_new_file_is_a_new_name(family: str, tmp_path: Path):
    registry = Registry(family, "build")
    (tmp_path / family / "gamma.py").write_text("def build(): return 'gamma'\n")
    assert "gamma" in registry.names()


def test_an_unknown_name_lists_the_known_and_the_nearest(family: str):
    with pytest.raises(UserError, match=r"choose from alpha, beta, broken\. Did you mean 'alpha'"):
        Registry(family, "build")["alfa"]


def test_a_file_that_breaks_its_promise_is_a_bug_of_ours(family: str):
    with pytest.raises(TypeError, match=r"beta must define Settings"):
        Registry(family, "Settings", "build")["beta"]


def test_listing_the_families_imports_nothing_heavy():
    # The command line lists them for --help, which must answer at once.
    code = """
import importlib, sys
for package, table in {
    "models": "MODELS", "losses": "LOSSES", "targets": "TARGETS", "augment": "AUGMENTATIONS",
    "pickers": "PICKERS", "metrics": "METRICS", "io.volumes": "FORMATS", "io.picks": "FORMATS",
}.items():
    assert getattr(importlib.import_module(f"tomoscout.{package}"), table).names() is not None
heavy = {"torch", "scipy", "pandas", "monai", "lightning", "zarr", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
