"""What a verified question is, and the YAML files that hold them.

A question is kept as its plan, not as SQL, so that it outlives a change of tables. Slots stand in braces, in its words
and in its plan::

    - id: spend_by_region
      question: "spend by region in {period}"
      paraphrases: ["what did each region cost us in {period}"]
      parameters: {period: {kind: period, default: last quarter}}
      plan: {metrics: [spend], group_by: [region], period: "{period}"}
      owner: procurement
      verified_by: financial controller
      verified_on: 2026-10-31
      expires_on: 2027-04-30
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from copilot.errors import VerifiedQuestionError

SLOT = re.compile(r"\{([a-z_]+)\}")
SECTION = "verified_questions"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(_Frozen):
    """What may stand in a slot: a period, a value of a dimension, a whole number. `default` is as people say it."""

    kind: Literal["period", "value", "number"]
    default: str = Field(min_length=1, coerce_numbers_to_str=True)
    dimension: str = ""
    least: int = 1
    most: int = 100

    @model_validator(mode="after")
    def _whole(self) -> Parameter:
        if (self.kind == "value") != bool(self.dimension):
            raise ValueError("a parameter of kind value, and only that, names its dimension")
        if self.kind == "number" and not self.default.isdigit():
            raise ValueError("the default of a number is a whole number")
        return self


class StoredFilter(_Frozen):
    """A condition; a value may be a slot."""

    field: str
    op: str = "="
    values: tuple[Annotated[str, Field(coerce_numbers_to_str=True)], ...] = ()


class StoredPlan(_Frozen):
    """A query whose periods are words ("last quarter", "2026-07-01..2026-09-30") or slots; its limit may be one too."""

    metrics: tuple[str, ...] = Field(min_length=1)
    group_by: tuple[str, ...] = ()
    filters: tuple[StoredFilter, ...] = ()
    having: tuple[dict[str, Any], ...] = ()
    order: tuple[dict[str, Any], ...] = ()
    limit: int | str | None = None
    period: str = ""
    compare: str = ""
    share: bool = False
    currency: str | None = None
    time_role: str | None = None

    def slots(self) -> frozenset[str]:
        """The slots in it."""
        texts = [self.period, self.compare, str(self.limit), *(v for f in self.filters for v in f.values)]
        return frozenset(name for text in texts for name in SLOT.findall(text))


class VerifiedQuestion(_Frozen):
    """A question with its plan, who stands for it and until when."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    question: str = Field(min_length=3)
    paraphrases: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = Field(default_factory=dict)
    plan: StoredPlan
    owner: str = Field(min_length=1)
    verified_by: str = Field(min_length=1)
    verified_on: date
    expires_on: date
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> VerifiedQuestion:
        declared = set(self.parameters)
        for text in (self.question, *self.paraphrases):
            strange = set(SLOT.findall(text)) - declared
            if strange:
                raise ValueError(f"{text!r} has a slot {min(strange)!r} that no parameter describes")
        if self.plan.slots() != declared:
            odd = min(self.plan.slots() ^ declared)
            raise ValueError(f"the slot {odd!r} must be both in the plan and among the parameters")
        if self.expires_on < self.verified_on:
            raise ValueError("it expires before it was verified")
        return self

    def in_force(self, day: date) -> bool:
        """Whether somebody stands for it on a day; the last day counts."""
        return self.verified_on <= day <= self.expires_on

    def words(self, said: Mapping[str, str]) -> str:
        """The question with its slots filled as said, else by their defaults."""
        return SLOT.sub(lambda found: said.get(found[1], self.parameters[found[1]].default), self.question)


def shipped() -> tuple[VerifiedQuestion, ...]:
    """The questions that come with the program."""
    return _read(files("copilot").joinpath("verified/questions.yml").read_text(encoding="utf-8"), "questions.yml")


def load(path: Path | None) -> tuple[VerifiedQuestion, ...]:
    """The shipped questions and those of a file, which win by id; a file that does not exist yet holds none."""
    found = {question.id: question for question in shipped()}
    if path is not None:
        found |= {question.id: question for question in of_file(path)}
    return tuple(found.values())


def of_file(path: Path) -> tuple[VerifiedQuestion, ...]:
    """The questions of one file. Raises VerifiedQuestionError with the file and the entry."""
    if not path.exists():
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise VerifiedQuestionError(f"{path} cannot be read: {error.strerror}.") from error
    return _read(text, str(path))


def save(path: Path, questions: Iterable[VerifiedQuestion]) -> None:
    """Write questions to a file, in order of their ids. Raises VerifiedQuestionError."""
    body = [
        question.model_dump(mode="json", exclude_defaults=True)
        for question in sorted(questions, key=lambda question: question.id)
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({SECTION: body}, sort_keys=False, width=120, allow_unicode=True), "utf-8")
    except OSError as error:
        raise VerifiedQuestionError(f"{path} cannot be written: {error.strerror}.") from error


def _read(text: str, name: str) -> tuple[VerifiedQuestion, ...]:
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise VerifiedQuestionError(f"{name} is not YAML: {str(error).splitlines()[0]}.") from error
    entries = content.get(SECTION) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise VerifiedQuestionError(f"{name} must hold a list under {SECTION!r}.")
    found: dict[str, VerifiedQuestion] = {}
    for entry in entries:
        question = _entry(entry, name)
        if question.id in found:
            raise VerifiedQuestionError(f"{name}: {question.id!r} is there twice.")
        found[question.id] = question
    return tuple(found.values())


def _entry(entry: Any, name: str) -> VerifiedQuestion:
    try:
        return VerifiedQuestion.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        who = entry.get("id") if isinstance(entry, dict) else entry
        rule = first["msg"].removeprefix("Value error, ")
        raise VerifiedQuestionError(f"{name}: {who!r}{f', {where}' if where else ''}: {rule}.") from error
