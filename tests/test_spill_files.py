"""What DuckDB spills to disk lies in a known place and is capped: never in the working directory."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from semantic_layer import SemanticLayer

ROOT = Path(__file__).parents[1]
IN_MEMORY = {"''", "':memory:'"}
OPENING = sorted(
    path
    for folder in ("sync", "semantic_layer", "copilot", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if "duckdb.connect(" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", OPENING, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_database_in_memory_says_where_it_spills(path: Path) -> None:
    """DuckDB's own choice for a database in memory is `.tmp` of the working directory, where a killed run leaves it."""
    text = path.read_text(encoding="utf-8")
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) == "duckdb.connect" and (not call.args or ast.unparse(call.args[0]) in IN_MEMORY):
            assert any(keyword.arg == "config" for keyword in call.keywords), f"line {call.lineno}"
            assert "temp_directory" in text


def test_questions_spill_beside_the_mirror_and_at_most_four_gigabytes(layer: SemanticLayer) -> None:
    """A question over too many groups ends in an error, not in a full disk."""
    snapshot = layer.mirror.snapshot()
    names = "('temp_directory', 'max_temp_directory_size')"
    settings = dict(snapshot.run(f"SELECT name, value FROM duckdb_settings() WHERE name IN {names}").rows)
    assert settings == {"temp_directory": f"{snapshot.file}.tmp", "max_temp_directory_size": "3.7 GiB"}
