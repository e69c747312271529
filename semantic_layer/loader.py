"""YAML to the typed model; every error names the file and the entry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from semantic_layer.errors import DefinitionError
from semantic_layer.model import (
    AmbiguousTerm,
    Dimension,
    Entity,
    ExternalMetric,
    Measure,
    Metric,
    NamedFilter,
    SemanticModel,
)

SHIPPED = Path(__file__).parent

# Section of a YAML file -> (type of its entries, field that names an entry).
SECTIONS: Mapping[str, tuple[type[BaseModel], str]] = {
    "entities": (Entity, "name"),
    "dimensions": (Dimension, "name"),
    "measures": (Measure, "name"),
    "metrics": (Metric, "name"),
    "named_filters": (NamedFilter, "name"),
    "external_metrics": (ExternalMetric, "name"),
    "ambiguous_terms": (AmbiguousTerm, "term"),
}

_Entry = TypeVar("_Entry", bound=BaseModel)


LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""The one in C reads the shipped files five times as fast, which is most of the start of a process."""


def load_model(folder: Path | None = None) -> SemanticModel:
    """The model from `models/*.yml` and `metrics/*.yml` under `folder` (default: the one we ship).

    Raises DefinitionError with the file and the entry when a file does not parse or an entry does not fit its type.
    """
    root = folder or SHIPPED
    found: dict[str, dict[str, BaseModel]] = {section: {} for section in SECTIONS}
    for path in sorted([*root.glob("models/*.yml"), *root.glob("metrics/*.yml")]):
        _read_file(path, found)
    return SemanticModel(
        **{section: entries for section, entries in found.items() if section != "ambiguous_terms"},
        ambiguous_terms=tuple(found["ambiguous_terms"].values()),
    )


def _read_file(path: Path, found: dict[str, dict[str, BaseModel]]) -> None:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}  # noqa: S506 (both are safe)
    except yaml.YAMLError as error:
        raise DefinitionError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise DefinitionError(
            f"{path.name} must hold sections ({', '.join(SECTIONS)}), not a {type(content).__name__}."
        )
    for section, entries in content.items():
        if section not in SECTIONS:
            raise DefinitionError(f"{path.name}: unknown section {section!r}; sections are {', '.join(SECTIONS)}.")
        kind, key = SECTIONS[section]
        for raw in entries or ():
            entry = _entry(path, section, raw, kind)
            name = getattr(entry, key)
            if name in found[section]:
                raise DefinitionError(f"{path.name}: {section} defines {name!r} twice.")
            found[section][name] = entry


def _entry(path: Path, section: str, raw: Any, kind: type[_Entry]) -> _Entry:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        name = raw.get("name") or raw.get("term") if isinstance(raw, dict) else raw
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{path.name}: {section} {name!r}, field {where}: {first['msg']}.") from error
