"""Which requests may be sent to Coupa at all, whatever the outbox says. Nothing here pays, approves or bypasses.

A second lock on the same door: the copilot can only make these requests, and the worker only sends these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

OWN_FIELD: Final = re.compile(r"tenor-[a-z0-9-]{1,40}")
LOOKED_AT: Final = re.compile(r"[a-z_]+(/\d+(/[a-z_]+)?)?")
"""The shape of every address that is read back."""


@dataclass(frozen=True)
class Permit:
    """One kind of action: its method, the shape of its path, the keys of its body, and the scopes it needs."""

    method: str
    path: re.Pattern[str]
    keys: frozenset[str]
    scopes: tuple[str, ...]

    def refuses(self, request: Mapping[str, Any]) -> str | None:
        """Why the request is none of this kind; None when it is."""
        body = request.get("body")
        if request.get("method") != self.method or self.path.fullmatch(str(request.get("path"))) is None:
            return f"its kind sends {self.method} to other addresses"
        if not isinstance(body, dict) or not body or not set(body) <= self.keys:
            return f"its body holds something else than {', '.join(sorted(self.keys))}"
        own = body.get("custom-fields", {})
        if not isinstance(own, dict) or any(OWN_FIELD.fullmatch(str(name)) is None for name in own):
            return "it names a custom field that is not Tenor's own"
        return None


def _permit(method: str, path: str, keys: str, *scopes: str) -> Permit:
    return Permit(method, re.compile(path), frozenset(keys.split()), scopes)


PERMITTED: Final[Mapping[str, tuple[Permit, ...]]] = {
    "invoice comment": (
        _permit(
            "POST",
            r"invoices/\d+/comments",
            "commentable-id commentable-type comments to-supplier",
            "core.comment.read",
            "core.comment.write",
        ),
    ),
    "approver": (_permit("PUT", r"invoices/\d+/add_approver", "approver", "core.invoice.read", "core.approval.write"),),
    "recommendation record": (
        _permit("POST", r"custom_objects/\d+/object_instances", "custom-fields", "core.custom_objects.read_write"),
    ),
    "custom field": (
        _permit("PUT", r"invoices/\d+", "custom-fields", "core.invoice.read", "core.invoice.write"),
        _permit("PUT", r"suppliers/\d+", "custom-fields", "core.supplier.read", "core.supplier.write"),
    ),
    "task": (
        _permit(
            "POST",
            r"user_groups/\d+/tasks",
            "title description due-date",
            "core.user_group.read",
            "core.user_group.write",
        ),
        _permit("POST", r"projects/\d+/tasks", "title description due-date", "core.project.read", "core.project.write"),
    ),
    "saving": (
        _permit(
            "PUT",
            r"projects/\d+",
            "additional-planned-savings additional-realized-savings",
            "core.project.read",
            "core.project.write",
        ),
    ),
}
"""Every kind of action that goes to Coupa."""


def permit_of(kind: str, request: Mapping[str, Any]) -> Permit | str:
    """The permit that covers a request, or why none does."""
    permits = PERMITTED.get(kind)
    if permits is None:
        return f"there is no kind of action {kind!r}"
    refusals = [permit.refuses(request) for permit in permits]
    if None in refusals:
        return permits[refusals.index(None)]
    return str(refusals[0])
