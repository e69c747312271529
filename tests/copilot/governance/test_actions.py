"""What may be sent at all: exact requests, stable keys, and nothing that pays, approves or edits master data."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from copilot.governance.actions import (
    ACTION,
    KINDS,
    AddApprover,
    BookSaving,
    CommentOnInvoice,
    GiveTask,
    InCoupa,
    Outreach,
    PaymentLine,
    PaymentRunFile,
    RecordRecommendation,
    SetOwnField,
    delivery_of,
    key_of,
)

EVERY: tuple[InCoupa, ...] = (
    CommentOnInvoice(invoice=1, text="Take 2 %"),
    AddApprover(invoice=1, user=12),
    RecordRecommendation(definition=7, about="invoices/1", fields={"tenor-benefit": "12.00"}),
    SetOwnField(record="suppliers", id=5, field="tenor-segment", value="strategic"),
    GiveTask(under="user_groups", id=4, title="Look at it", text="Because", due=date(2026, 12, 1)),
    BookSaving(project=3, about="invoices/1", which="realized", before=Decimal("1.00"), after=Decimal("2.50")),
)
OUTSIDE = (
    Outreach(supplier="A", subject="B", text="C"),
    PaymentRunFile(
        lines=(
            PaymentLine(
                invoice=1,
                number="N",
                supplier="A",
                pay_on=date(2026, 12, 1),
                cash=Decimal(5),
                discount=Decimal(1),
                currency="EUR",
            ),
        )
    ),
)


def test_the_union_is_closed() -> None:
    """Each kind is here, reads itself back, and a kind that does not exist is refused."""
    assert {action.kind for action in (*EVERY, *OUTSIDE)} == set(KINDS)
    for action in (*EVERY, *OUTSIDE):
        assert ACTION.validate_json(action.model_dump_json()) == action
    with pytest.raises(ValidationError):
        ACTION.validate_python({"kind": "pay invoice", "invoice": 1})


@pytest.mark.parametrize(
    ("action", "method", "path", "body"),
    [
        (EVERY[1], "PUT", "invoices/1/add_approver", {"approver": {"id": 12}}),
        (EVERY[3], "PUT", "suppliers/5", {"custom-fields": {"tenor-segment": "strategic"}}),
        (EVERY[5], "PUT", "projects/3", {"additional-realized-savings": "2.50"}),
    ],
)
def test_requests_are_those_of_the_published_api(action: InCoupa, method: str, path: str, body: object) -> None:
    """Method, path and body, whole."""
    request = delivery_of(action, 1).request
    assert (request.method, request.path, request.body) == (method, path, body)


def test_what_is_made_bears_its_key_so_that_it_is_found_again() -> None:
    """A comment and a task end in the marker, a record holds the key; the look asks for just that."""
    for action in (EVERY[0], EVERY[2], EVERY[4]):
        delivery = delivery_of(action, 1)
        (condition,) = delivery.look.where
        wanted = condition.get("contains") or condition["equals"]
        assert wanted in json.dumps(delivery.request.body)
        assert delivery.key[:16] in wanted
        assert delivery.look.path == delivery.request.path


def test_a_saving_is_booked_only_on_what_was_seen() -> None:
    """It expects the amount before, and is there when the amount is the new one."""
    delivery = delivery_of(EVERY[5], 1)
    assert delivery.expect is not None
    assert delivery.expect.where == ({"field": "additional-realized-savings", "equals": "1.00"},)
    assert delivery.look.where == ({"field": "additional-realized-savings", "equals": "2.50"},)


def test_keys_are_stable_and_tell_apart() -> None:
    """The same action under the same version has the same key for ever; any other one has another."""
    assert len(key_of(EVERY[0], 1)) == 64
    keys = {key_of(action, version) for action in EVERY for version in (1, 2)}
    assert len(keys) == 2 * len(EVERY)
    assert key_of(CommentOnInvoice(invoice=1, text="Take 2 %"), 1) == key_of(EVERY[0], 1)


@pytest.mark.parametrize("field", ["status", "bank-account", "Tenor-x", "tenor-", "tenor-key", "tenor-a b"])
def test_no_field_but_our_own_can_be_named(field: str) -> None:
    """Neither on a record nor in a custom object."""
    with pytest.raises(ValidationError, match="not a field of Tenor's own"):
        SetOwnField(record="invoices", id=1, field=field, value=True)
    with pytest.raises(ValidationError, match="not a field of Tenor's own"):
        RecordRecommendation(definition=7, about="x", fields={field: 1})


def test_nothing_reaches_what_pays_approves_or_bypasses() -> None:
    """Of every request that can be made: the path is on this short list, and no other key is in its body."""
    shapes = {
        (r.method, "/".join("N" if part.isdigit() else part for part in r.path.split("/")), tuple(sorted(r.body)))
        for r in (delivery_of(action, 1).request for action in EVERY)
    }
    assert shapes == {
        ("POST", "invoices/N/comments", ("commentable-id", "commentable-type", "comments", "to-supplier")),
        ("PUT", "invoices/N/add_approver", ("approver",)),
        ("POST", "custom_objects/N/object_instances", ("custom-fields",)),
        ("PUT", "suppliers/N", ("custom-fields",)),
        ("POST", "user_groups/N/tasks", ("description", "due-date", "title")),
        ("PUT", "projects/N", ("additional-realized-savings",)),
    }
    assert delivery_of(EVERY[0], 1).request.body["to-supplier"] is False
