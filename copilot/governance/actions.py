"""What Tenor may ask of Coupa, and of people outside of it: a closed union. Nothing here pays, approves or bypasses.

Each action that goes to Coupa knows its exact request and how its effect is recognised when it is read back. The
requests are those of Coupa's published API: comments and custom objects can be made but neither changed nor deleted,
tasks hang on user groups or projects (not on invoices), and savings are amounts of a project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from copilot.canonical_json import canonical, sealed

MARKER = "[tenor:{key}]"
"""Ends the text of what is written, so that it is found again: the first 16 digits of the action's key."""
FIELD = re.compile(r"tenor-[a-z0-9-]{1,40}")
Id = Annotated[int, Field(gt=0)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Words = Annotated[str, Field(min_length=1, max_length=200)]
FieldValue = str | int | bool


@dataclass(frozen=True)
class Look:
    """How an effect is recognised: a GET below `/api/`, and the conditions that one of its records must meet."""

    path: str
    where: tuple[Mapping[str, str], ...]
    within: str = ""

    def plain(self) -> dict[str, Any]:
        """As the outbox keeps it."""
        return {"path": self.path, "query": {}, "within": self.within, "where": [dict(one) for one in self.where]}


@dataclass(frozen=True)
class Request:
    """A call of Coupa's API below `/api/`: its method, path and JSON body."""

    method: Literal["POST", "PUT"]
    path: str
    body: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """As the outbox keeps it."""
        return {"method": self.method, "path": self.path, "body": dict(self.body)}


@dataclass(frozen=True)
class Delivery:
    """One action made ready: what is sent, under which key, and how its effect is seen."""

    key: str
    kind: str
    object: str
    request: Request
    look: Look
    expect: Look | None = None

    def plain(self) -> dict[str, Any]:
        """What the hash of a proposal covers."""
        return {
            "key": self.key,
            "kind": self.kind,
            "object": self.object,
            "request": self.request.plain(),
            "look": self.look.plain(),
            "expect": None if self.expect is None else self.expect.plain(),
        }


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    in_coupa: ClassVar[bool] = True

    def content(self) -> dict[str, Any]:
        """Everything that tells two actions of one kind apart."""
        return self.model_dump(mode="json")


class CommentOnInvoice(_Action):
    """A comment that people in Coupa read; never shown to the supplier."""

    kind: Literal["invoice comment"] = "invoice comment"
    invoice: Id
    text: Text

    def concerns(self) -> str:
        """The record in Coupa."""
        return f"invoices/{self.invoice}"

    def delivery(self, key: str) -> Delivery:
        """A POST; it is there once a comment ends in the marker."""
        marker = MARKER.format(key=key[:16])
        path = f"invoices/{self.invoice}/comments"
        body = {
            "commentable-id": self.invoice,
            "commentable-type": "InvoiceHeader",
            "comments": f"{self.text} {marker}",
            "to-supplier": False,
        }
        look = Look(path, ({"field": "comments", "contains": marker},))
        return Delivery(key, self.kind, self.concerns(), Request("POST", path, body), look)


class AddApprover(_Action):
    """One more person who must approve an invoice in Coupa. They decide there, by themselves."""

    kind: Literal["approver"] = "approver"
    invoice: Id
    user: Id

    def concerns(self) -> str:
        """The record in Coupa."""
        return f"invoices/{self.invoice}"

    def delivery(self, key: str) -> Delivery:
        """A PUT; it is there once the person is among the invoice's approvals."""
        path = f"invoices/{self.invoice}"
        look = Look(path, ({"field": "approver.id", "equals": str(self.user)},), within="approvals")
        request = Request("PUT", f"{path}/add_approver", {"approver": {"id": self.user}})
        return Delivery(key, self.kind, self.concerns(), request, look)


class RecordRecommendation(_Action):
    """An instance of a custom object that an administrator defined in Coupa: the recommendation as a record."""

    kind: Literal["recommendation record"] = "recommendation record"
    definition: Id
    about: Words
    fields: Mapping[str, FieldValue]

    @field_validator("fields")
    @classmethod
    def _own_fields(cls, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return _only_own(fields)

    def concerns(self) -> str:
        """What the recommendation is about."""
        return self.about

    def delivery(self, key: str) -> Delivery:
        """A POST; it is there once an instance bears the key."""
        path = f"custom_objects/{self.definition}/object_instances"
        body = {"custom-fields": {**self.fields, "tenor-key": key}}
        look = Look(path, ({"field": "custom-fields.tenor-key", "equals": key},))
        return Delivery(key, self.kind, self.concerns(), Request("POST", path, body), look)


class SetOwnField(_Action):
    """A custom field of ours (`tenor-...`) on an invoice or a supplier; no other field can be named."""

    kind: Literal["custom field"] = "custom field"
    record: Literal["invoices", "suppliers"]
    id: Id
    field: str
    value: FieldValue

    @field_validator("field")
    @classmethod
    def _own_field(cls, field: str) -> str:
        return next(iter(_only_own({field: ""})))

    def concerns(self) -> str:
        """The record in Coupa."""
        return f"{self.record}/{self.id}"

    def delivery(self, key: str) -> Delivery:
        """A PUT; it is there once the field holds the value."""
        look = Look(self.concerns(), ({"field": f"custom-fields.{self.field}", "equals": _said(self.value)},))
        request = Request("PUT", self.concerns(), {"custom-fields": {self.field: self.value}})
        return Delivery(key, self.kind, self.concerns(), request, look)


class GiveTask(_Action):
    """A task for a user group or for a project's people."""

    kind: Literal["task"] = "task"
    under: Literal["user_groups", "projects"]
    id: Id
    title: Words
    text: Text
    due: date

    def concerns(self) -> str:
        """Who gets it."""
        return f"{self.under}/{self.id}"

    def delivery(self, key: str) -> Delivery:
        """A POST; it is there once a task's description ends in the marker."""
        marker = MARKER.format(key=key[:16])
        path = f"{self.concerns()}/tasks"
        body = {"title": self.title, "description": f"{self.text} {marker}", "due-date": self.due.isoformat()}
        look = Look(path, ({"field": "description", "contains": marker},))
        return Delivery(key, self.kind, self.concerns(), Request("POST", path, body), look)


class BookSaving(_Action):
    """A project's planned or realised savings, from a known amount to a new one, in the project's currency.

    Coupa keeps one amount, not a list: where it is no longer `before`, nothing is sent and a person looks at it.
    """

    kind: Literal["saving"] = "saving"
    project: Id
    about: Words
    which: Literal["planned", "realized"]
    before: Decimal
    after: Decimal

    def concerns(self) -> str:
        """The record in Coupa."""
        return f"projects/{self.project}"

    def delivery(self, key: str) -> Delivery:
        """A PUT; it is there once the project's amount is the new one."""
        field = f"additional-{self.which}-savings"
        before = Look(self.concerns(), ({"field": field, "equals": str(self.before)},))
        after = Look(self.concerns(), ({"field": field, "equals": str(self.after)},))
        request = Request("PUT", self.concerns(), {field: str(self.after)})
        return Delivery(key, self.kind, self.concerns(), request, after, before)


class Outreach(_Action):
    """Words for a supplier that a person sends, or does not."""

    kind: Literal["outreach draft"] = "outreach draft"
    in_coupa: ClassVar[bool] = False
    supplier: Words
    subject: Words
    text: Text

    def concerns(self) -> str:
        """Whom it is for."""
        return self.supplier


class PaymentLine(BaseModel):
    """One invoice to bring forward: ids and amounts as people check them, never bank details."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invoice: Id
    number: Words
    supplier: Words
    pay_on: date
    cash: Decimal
    discount: Decimal
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class PaymentRunFile(_Action):
    """A list for those who make up the payment run: invoices to pay early, as a CSV file."""

    kind: Literal["payment run file"] = "payment run file"
    in_coupa: ClassVar[bool] = False
    lines: Annotated[tuple[PaymentLine, ...], Field(min_length=1)]

    def concerns(self) -> str:
        """Which runs."""
        return f"payment runs {min(line.pay_on for line in self.lines)} to {max(line.pay_on for line in self.lines)}"


InCoupa = CommentOnInvoice | AddApprover | RecordRecommendation | SetOwnField | GiveTask | BookSaving
OutsideCoupa = Outreach | PaymentRunFile
Action = Annotated[InCoupa | OutsideCoupa, Field(discriminator="kind")]
ACTION: TypeAdapter[InCoupa | OutsideCoupa] = TypeAdapter(Action)
KINDS: tuple[str, ...] = (
    "invoice comment", "approver", "recommendation record", "custom field", "task", "saving",
    "outreach draft", "payment run file",
)  # fmt: skip


def key_of(action: InCoupa, policy: int) -> str:
    """The key of an action: the same one for the same object, kind, version of the policy and content, for ever."""
    return sealed(canonical([action.concerns(), action.kind, policy, action.content()]))


def delivery_of(action: InCoupa, policy: int) -> Delivery:
    """The action made ready under a version of the policy."""
    return action.delivery(key_of(action, policy))


def _only_own(fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    for name in fields:
        if FIELD.fullmatch(name) is None or name == "tenor-key":
            message = f"{name!r} is not a field of Tenor's own; these begin with tenor- and are not tenor-key"
            raise ValueError(message)
    return fields


def _said(value: FieldValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
