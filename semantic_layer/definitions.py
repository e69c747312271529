"""Metric files read for people who edit them: every problem with its file and line, and what is sound keeps working.

The loader stops at the first error; this reads on. An entry that does not fit is left out, and so is what refers to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ValidationError

from semantic_layer.errors import CompilationError, DefinitionError, did_you_mean
from semantic_layer.loader import LOADER, SECTIONS, SHIPPED
from semantic_layer.model import SemanticModel
from semantic_layer.validation import validate

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One problem: where it stands, how bad it is and what to do. `line` counts from 1; 0 when it has no line."""

    file: str
    line: int
    severity: Severity
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}"


@dataclass
class Definitions:
    """What could be read: the sound part of the model, the problems, and where each entry stands."""

    model: SemanticModel
    findings: list[Finding]
    places: Mapping[tuple[str, str], tuple[str, int]]
    """(section, name) -> (file, line)."""

    def place(self, section: str, name: str) -> tuple[str, int]:
        """File and line of an entry."""
        return self.places.get((section, name), ("model", 0))


@dataclass
class _Reading:
    findings: list[Finding] = field(default_factory=list)
    places: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    entries: dict[str, dict[str, BaseModel]] = field(default_factory=lambda: {section: {} for section in SECTIONS})

    def problem(self, file: str, line: int, message: str) -> None:
        self.findings.append(Finding(file, line, "error", message))


def read_definitions(folder: Path | None = None) -> Definitions:
    """All files under a folder (default: the shipped ones), as far as they are sound. Raises nothing about them."""
    root = folder or SHIPPED
    reading = _Reading()
    files = sorted([*root.glob("models/*.yml"), *root.glob("metrics/*.yml")])
    if not files:
        reading.problem(str(root), 0, "there are no models/*.yml and no metrics/*.yml here")
    for path in files:
        _read_file(path, reading)
    model = _model(reading.entries)
    return Definitions(_without_unsound(model, reading), reading.findings, reading.places)


def _read_file(path: Path, reading: _Reading) -> None:
    name = f"{path.parent.name}/{path.name}"
    try:
        root = _composed(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        reading.problem(name, line, f"this is not YAML: {error.problem or error}; nothing of this file is read")
        return
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reading.problem(name, 0, f"this file cannot be read: {error}")
        return
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        reading.problem(name, 1, f"a file holds sections ({', '.join(SECTIONS)})")
        return
    for key, value in root.value:
        _read_section(name, key, value, reading)


def _composed(text: str) -> yaml.Node | None:
    """The nodes of a file; what is no YAML is read again by the slower parser, which points at the right line."""
    try:
        return yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _read_section(file: str, key: yaml.Node, value: yaml.Node, reading: _Reading) -> None:
    section, line = str(key.value), key.start_mark.line + 1
    if section not in SECTIONS:
        reading.problem(file, line, f"there is no section {section!r}.{_hint(section, SECTIONS)}")
    elif not isinstance(value, yaml.SequenceNode):
        reading.problem(file, line, f"{section} must be a list of entries, each starting with '-'")
    else:
        for node in value.value:
            _read_entry(file, section, node, reading)


def _read_entry(file: str, section: str, node: yaml.Node, reading: _Reading) -> None:
    kind, key = SECTIONS[section]
    line = node.start_mark.line + 1
    loader = yaml.SafeLoader("")
    try:
        raw = loader.construct_document(node)
        entry = kind.model_validate(raw)
    except ValidationError as error:
        name = raw.get(key, "?") if isinstance(raw, dict) else "?"
        for one in error.errors(include_url=False, include_input=False):
            reading.problem(file, _line_of(node, one["loc"]), f"{section} {name!r}: {_sentence(one, kind)}")
        return
    except yaml.YAMLError as error:
        reading.problem(file, line, f"{section}: {error}")
        return
    name = str(getattr(entry, key))
    if name in reading.entries[section]:
        first = reading.places[section, name]
        reading.problem(file, line, f"{section} defines {name!r} twice; first in {first[0]}:{first[1]}")
        return
    reading.entries[section][name] = entry
    reading.places[section, name] = (file, line)


def _line_of(node: yaml.Node, path: tuple[int | str, ...]) -> int:
    """The line of a field inside an entry; that of the entry when the field is missing."""
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == step), None)
            if found is None:
                break
            node = found[1] if isinstance(found[1], yaml.MappingNode | yaml.SequenceNode) else found[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            break
    return int(node.start_mark.line) + 1


def _sentence(error: Any, kind: type[BaseModel]) -> str:
    where = ".".join(str(step) for step in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            names = _fields_at(kind, error["loc"][:-1])
            return f"there is no field {where!r}.{_hint(str(error['loc'][-1]), names)}"
        case "missing":
            return f"the field {where!r} is missing"
        case _:
            return f"field {where}: {error['msg']}"


def _fields_at(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The fields of the type that stands at a path inside an entry."""
    for step in path:
        if isinstance(step, str) and step in kind.model_fields:
            inner = [kind.model_fields[step].annotation, *get_args(kind.model_fields[step].annotation)]
            kind = next((t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)), kind)
    return list(kind.model_fields)


def _hint(name: str, known: Any) -> str:
    near = did_you_mean(name, known)
    return f" Did you mean {', '.join(near)}?" if near else ""


def _model(entries: Mapping[str, Mapping[str, BaseModel]]) -> SemanticModel:
    named = {section: found for section, found in entries.items() if section != "ambiguous_terms"}
    return SemanticModel.model_validate({**named, "ambiguous_terms": tuple(entries["ambiguous_terms"].values())})


def _without_unsound(model: SemanticModel, reading: _Reading) -> SemanticModel:
    """The model without the entries that the cross-check names, again until nothing is left to say."""
    for _ in range(50):
        problems = list(_problems(model))
        removed = False
        for text in problems:
            section, name = _named(text, reading)
            file, line = reading.places.get((section, name), ("model", 0))
            reading.problem(file, line, text)
            removed = reading.entries.get(section, {}).pop(name, None) is not None or removed
        if not removed:
            break
        model = _model(reading.entries)
    return model


def _problems(model: SemanticModel) -> Iterator[str]:
    try:
        validate(model)
    except DefinitionError as error:
        yield from (line.removeprefix("- ") for line in str(error).splitlines()[1:])
    except (CompilationError, KeyError) as error:
        yield f"model: {error}"


def _named(text: str, reading: _Reading) -> tuple[str, str]:
    """The entry that a problem is about: "metric spend: …" or the second of two that share a word."""
    sections = {"entity": "entities", "dimension": "dimensions", "measure": "measures", "metric": "metrics"}
    words = text.replace(":", " ").replace(",", " ").split()
    if words and words[0] in sections and len(words) > 1:
        return sections[words[0]], words[1]
    for word in reversed(words):
        bare = word.strip("'\"")
        if bare in reading.entries["metrics"]:
            return "metrics", bare
    return "", ""
