"""What the tests of both examples need."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def example(monkeypatch):
    """Return a function that imports a file of the folder, which is no package."""
    pytest.importorskip("statsmodels")
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


def rows_of(output):
    """Read the tables that were printed, each row as its cells."""
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
