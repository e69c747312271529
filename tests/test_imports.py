"""The layers are data: a module may import lower layers of its own package only, and the packages keep to their sides."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("sync", "semantic_layer", "copilot")

# Package -> the packages of ours that it may import besides itself.
SIDES: Mapping[str, frozenset[str]] = {
    "sync": frozenset(),
    "semantic_layer": frozenset(),
    "copilot": frozenset({"semantic_layer"}),
}

# Module or folder -> layer. A module imports layers below its own; inside a folder named here anything may be imported
# as long as there is no cycle.
LAYERS: Mapping[str, Mapping[str, int]] = {
    "sync": {
        "errors": -1,
        "__init__": 0, "clock": 0, "fields": 0, "schema": 0, "sandbox": 0,
        "auth": 1, "pages": 1, "rate_limit": 1, "records": 1, "row_paths": 1, "settings": 1, "writer_lock": 1,
        "pagination": 2, "plain_records": 2, "read_ahead": 2, "resources": 2,
        "client": 3, "history": 3, "rows": 3, "state": 3,
        "merge_ahead": 4, "staging": 4, "work_file": 4,
        "mirror": 5,
        "drift": 6, "outline": 6, "publish": 6, "snapshots": 6,
        "reconciliation": 7, "run": 7, "tie_out": 8,
        "upkeep": 8,
        "encryption": 0, "callouts": 0, "schedule": 1, "log_lines": 2, "key_rotation": 7, "observability": 8,
        "worker_http": 9, "daemon": 10,
        "console": 8, "demo": 8, "feeds": 8, "delivery": 9, "reading": 9,
        "worker": 10,
        "delivery_commands": 11, "feed_commands": 11, "reconcile_command": 11,
        "__main__": 12,
    },
    "semantic_layer": {
        "errors": 0, "periods": 0, "vocabulary": 0, "child": 0,
        "encryption": 1, "query": 1, "results": 1,
        "model": 2, "result_cache": 2,
        "asked_period": 3, "loader": 3, "database": 3, "viewer": 3,
        "resolver": 4,
        "fragments": 5, "editor_schema": 5,
        "feed_needs": 6, "guard": 6, "derived_columns": 6, "parts_context": 6, "records": 6, "validation": 6, "assembly": 6, "drilling": 6, "provenance": 6, "interchange": 6,
        "pruning": 7, "rollup": 7, "staged_sums": 7, "knowledge": 7, "exploration": 7, "proposal": 7, "permission": 7, "definitions": 7,
        "parts": 8, "part_shapes": 9,
        "compiler": 10,
        "coverage": 11,
        "layer": 12,
        "checking": 13, "difference": 13, "__init__": 13,
    },
    "copilot": {
        "errors": -1,
        "__init__": 0, "canonical_json": 0, "reviewed_files": 0, "settings": 0, "wording": 0,
        "audit": 1, "forecasting": 1, "language_model": 1, "viewers": 1,
        "chat_completions": 2, "layer_opening": 2, "scripted_endpoint": 2, "simulations": 2, "state": 2,
        "opportunities": 3, "planning": 3,
        "answer": 4, "conversation": 4, "drivers": 4, "governance": 4, "previews": 4,
        "evaluation": 5, "evidence": 5, "narration": 5, "outcomes": 5, "tabulation": 5, "verified": 5,
        "charts": 6, "headlines": 6, "rendering": 6, "suggestions": 6,
        "composition": 7, "notices": 7,
        "advice": 8, "cash_answers": 8, "cash_balance_answers": 8, "cash_position_answers": 8, "discount_answers": 8, "explanations": 8, "missed_answers": 8, "exploratory_answers": 8, "scenario_answers": 8,
        "modelled_answers": 9,
        "engine": 10,
        "surfaces": 11,
    },
}  # fmt: skip


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        yield ".".join(parts), path


def imports(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", OURS)
def test_packages_keep_to_their_sides(package: str) -> None:
    """Sync and semantic_layer import nothing of ours; copilot imports semantic_layer and never sync."""
    for name, path in modules(package):
        for target in imports(path):
            top = target.split(".")[0]
            if top in OURS and top != package:
                assert top in SIDES[package], f"{name} imports {target}"


def test_the_sandbox_shares_no_code_with_its_reader() -> None:
    """A mistake in the client must not be repeated by the server that tests it; only the commands know both."""
    for name, path in modules("sync"):
        inside = name.startswith("sync.sandbox")
        for target in imports(path):
            if inside and target.startswith("sync."):
                assert target.startswith("sync.sandbox"), f"{name} imports {target}"
            if not inside and target.startswith("sync.sandbox"):
                assert name in {"sync.__main__", "sync.demo", "sync.commands"}, f"{name} imports {target}"


@pytest.mark.parametrize("package", sorted(LAYERS))
def test_modules_import_lower_layers_only(package: str) -> None:
    """A new module must be given a layer, and no edge goes up."""
    layers = LAYERS[package]
    for name, path in modules(package):
        own = name.split(".")[1]
        assert own in layers, f"give {name} a layer in LAYERS"
        for target in imports(path):
            parts = target.split(".")
            if parts[0] == package and len(parts) > 1 and parts[1] in layers and parts[1] != own:
                assert layers[parts[1]] < layers[own] or own == "__init__", (
                    f"{name} imports {target}, which is not below it"
                )


@pytest.mark.parametrize("package", OURS)
def test_no_import_cycles(package: str) -> None:
    """Following imports inside a package never comes back."""
    names = {name.removesuffix(".__init__"): path for name, path in modules(package)}
    graph = {
        name: {t for t in imports(path) if t in names and t != name and not name.startswith(t + ".")}
        for name, path in names.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name in done:
            return
        for target in graph[name]:
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_names_in_copilot_shadow_nothing() -> None:
    """The chat server puts the app's folder first on the path: a module there must not bear the name of something importable."""
    taken = (
        set(sys.stdlib_module_names)
        | set(OURS)
        | {"openai", "duckdb", "sqlglot", "chainlit", "httpx", "pydantic", "plotly"}
    )
    for path in (ROOT / "copilot").rglob("*.py"):
        assert path.stem not in taken or path.stem in {"__init__", "__main__"}, path


def test_only_the_chat_surface_imports_chainlit() -> None:
    """Everything else stays free of the chat framework, so that it can be replaced."""
    for name, path in modules("copilot"):
        if any(target.split(".")[0] == "chainlit" for target in imports(path)):
            assert name.startswith("copilot.surfaces."), name


FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "handler", "service", "misc"}


@pytest.mark.parametrize("package", OURS)
def test_modules_are_named_after_what_they_hold(package: str) -> None:
    """No drawer for odds and ends."""
    for name, _ in modules(package):
        assert not FORBIDDEN & set(name.split(".")), name
