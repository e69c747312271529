"""Hand-written books for the tests of this folder (see books.py)."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from semantic_layer import SemanticLayer


def _load_books() -> ModuleType:
    """books.py by path: the tests have no packages, so that two files may share a name."""
    spec = importlib.util.spec_from_file_location("hand_written_books", Path(__file__).with_name("books.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_BOOKS = _load_books()


@pytest.fixture
def books() -> Any:
    """Empty books as of 31 March 2026 with one supplier."""
    empty = _BOOKS.Books()
    empty.supplier(1, "Alpha")
    return empty


@pytest.fixture
def publish(tmp_path: Path) -> Callable[[Any], SemanticLayer]:
    """Publish books and open the semantic layer over them."""
    versions = itertools.count(1)

    def run(books: Any) -> SemanticLayer:
        return SemanticLayer.load(books.publish(tmp_path / "mirror", str(next(versions))))

    return run
