"""JSON Schema of the metric files, for editors: completion, descriptions and errors while typing."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from semantic_layer.loader import SECTIONS

MODELINE = "# yaml-language-server: $schema="


def editor_schema() -> dict[str, Any]:
    """The schema of one file under models/ or metrics/: sections, each a list of entries."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for section, (kind, _) in SECTIONS.items():
        schema = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
        definitions |= schema.pop("$defs", {})
        definitions[kind.__name__] = schema
        properties[section] = {"type": "array", "items": {"$ref": f"#/$defs/{kind.__name__}"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tenor metric file",
        "description": "Entities, dimensions, measures, metrics and the words that people use for them.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def editor_schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(editor_schema(), indent=2, sort_keys=True) + "\n"
