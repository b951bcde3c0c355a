"""The flat list of public names."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stresslab as sl

SOURCE = ast.parse(Path(sl.__file__).read_text(encoding="utf-8"))


def test_every_public_name_is_found_with_a_docstring():
    for name in sl.__all__:
        assert getattr(sl, name).__doc__, name
    assert set(sl.__all__) <= set(dir(sl))


def test_the_type_checker_is_told_the_same_names_and_homes():
    # Oracle: the import statements of the source, read as a syntax tree.
    (block,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    told = {
        alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    # The figures are a module, which stands beside the names.
    assert told.pop("figures") == "stresslab"
    assert told == dict(sl._HOMES)
    assert set(told) == set(sl.__all__)


def test_every_error_of_the_input_is_public():
    assert {"InputError", "OutputFolderError", "ResultsError"} <= set(sl.__all__)
    assert issubclass(sl.ResultsError, ValueError)
    assert issubclass(sl.OutputFolderError, ValueError)


def test_no_public_name_is_hidden_by_a_package():
    # Python binds an imported package over a lazy name, so the two must not share one.
    packages = {entry.stem for entry in Path(sl.__file__).parent.iterdir()}
    assert not packages & set(sl.__all__)


def test_figures_are_a_module_that_is_imported_when_it_is_used():
    program = "import stresslab as sl, sys; before = 'matplotlib' in sys.modules; sl.figures; "
    program += "print(before, 'matplotlib' in sys.modules, 'jax' in sys.modules, 'figures' in dir(sl))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False", "True"]


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'read_bok'"):
        sl.read_bok  # noqa: B018


def test_import_is_light():
    program = "import stresslab, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "stresslab" in modules
    assert not modules & {"numpy", "jax", "xarray", "matplotlib", "scipy", "pandas", "pydantic", "click"}
