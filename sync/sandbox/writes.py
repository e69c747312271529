"""What clients may write: comments, tasks, custom-object instances, projects, one more approver, own custom fields.

As Coupa does it: comments, tasks and instances can be made but not changed; a field that may not be written is ignored
without a word, and the answer is 200 all the same; references must exist. Everything else is not there to be written.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from sync.sandbox.editing.edits import Edits
from sync.sandbox.errors import BadQueryError, ForbiddenError, NotFoundError
from sync.sandbox.faults import Fault, Trouble
from sync.sandbox.projection import Record, render

DEFINITIONS = {7: ("tenor_recommendation", "Tenor recommendation")}
"""Custom objects that the company's administrator has defined: code and name by id."""

MOST = 50
SETTLED = frozenset({"voided", "rejected", "abandoned", "invalid"})
_OWN = "custom-fields"
_SAVINGS = ("additional-planned-savings", "additional-negotiated-savings", "additional-realized-savings")
_PROJECT = ("name", "description", "status", "start-date", "end-date", "external-reference-number", *_SAVINGS)


SAVINGS: Record = {
    "id": 3,
    "created-at": "2026-01-05T09:00:00-05:00",
    "updated-at": "2026-01-05T09:00:00-05:00",
    "name": "Early-payment savings",
    "status": "in_progress",
    **dict.fromkeys(_SAVINGS, "0.00"),
}
"""The project that the company's treasury books savings on."""


@dataclass
class Papers:
    """Everything that was written, beside the company: lists by their address, projects, and own fields by record."""

    lists: dict[str, list[Record]] = field(default_factory=dict)
    projects: dict[int, Record] = field(default_factory=lambda: {SAVINGS["id"]: dict(SAVINGS)})
    fields: dict[tuple[str, int], Record] = field(default_factory=dict)
    made: int = 0

    def next_id(self) -> int:
        """One id for whatever is made."""
        self.made += 1
        return 5000 + self.made


@dataclass(frozen=True)
class Call:
    """One request at a writable address: the numbers in its path, and its body with hyphenated keys."""

    edits: Edits
    papers: Papers
    path: str
    ids: tuple[int, ...]
    body: Mapping[str, Any]
    query: Mapping[str, str]

    def stamp(self) -> str:
        """Now, in the company's zone."""
        zone = self.edits.company.parts.frame.zone
        seconds = np.array([int(self.edits.moment().timestamp())], dtype=np.int64)
        return zone.texts(zone.local(seconds))[0]

    def require(self, table: str, record_id: int) -> int:
        """The row of a record; raises NotFoundError."""
        found = self.edits.company.tables[table]
        row = found.row_of(record_id)
        if row is None:
            raise NotFoundError(found.model, f"No {found.model} has the id {record_id}")
        return row


Handler = Callable[[Call], Any]


@dataclass(frozen=True)
class Endpoint:
    """An address (N stands for an id), a method, the scope it asks for, the status of its answer, and what it does."""

    method: str
    path: str
    scope: str
    status: int
    handler: Handler

    def ids(self, path: str) -> tuple[int, ...] | None:
        """The ids in a path that fits; None for another one."""
        found = re.fullmatch(self.path.replace("N", r"(\d+)"), path)
        return None if found is None else tuple(map(int, found.groups()))


def _listed(call: Call) -> list[Record]:
    return _page(call, call.papers.lists.get(call.path, []))


def _page(call: Call, records: list[Record]) -> list[Record]:
    """Those after `id[gt]`, at most `limit` (50) of them, by id."""
    try:
        after, limit = int(call.query.get("id[gt]", 0)), min(int(call.query.get("limit", MOST)), MOST)
    except ValueError:
        raise BadQueryError("api", "id[gt] and limit are numbers") from None
    return [record for record in records if record["id"] > after][:limit]


def _comments(call: Call) -> list[Record]:
    call.require("invoices", call.ids[0])
    return _listed(call)


def _comment(call: Call) -> Record:
    call.require("invoices", call.ids[0])
    text = call.body.get("comments")
    if not isinstance(text, str) or not text.strip():
        raise BadQueryError("comment", "Comments can't be blank")
    record = {
        "comments": text,
        "commentable-id": call.ids[0],
        "commentable-type": "InvoiceHeader",
        "to-supplier": bool(call.body.get("to-supplier", False)),
        "comment-type": None,
    }
    return _keep(call, record)


def _task(call: Call) -> Record:
    title = call.body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise BadQueryError("task", "Title can't be blank")
    kind = "Project" if call.path.startswith("projects/") else "UserGroup"
    if kind == "Project" and call.ids[0] not in call.papers.projects:
        raise NotFoundError("project", f"No project has the id {call.ids[0]}")
    given = {name: call.body.get(name) for name in ("title", "description", "due-date", "owner-id")}
    return _keep(
        call, {**given, "status": "pending", "percentage": 0, "linkable-type": kind, "linkable-id": call.ids[0]}
    )


def _instances(call: Call) -> list[Record]:
    _definition(call)
    return _listed(call)


def _instance(call: Call) -> Record:
    code, name = _definition(call)
    given = call.body.get(_OWN)
    if not isinstance(given, Mapping):
        raise BadQueryError("object-instance", "Custom fields can't be blank")
    return _keep(call, {"custom-object-code": code, "custom-object-name": name, _OWN: dict(given)})


def _definition(call: Call) -> tuple[str, str]:
    if call.ids[0] not in DEFINITIONS:
        raise NotFoundError("object-definition", f"No object definition has the id {call.ids[0]}")
    return DEFINITIONS[call.ids[0]]


def _keep(call: Call, record: Record) -> Record:
    now = call.stamp()
    kept = {"id": call.papers.next_id(), "created-at": now, "updated-at": now, **record}
    call.papers.lists.setdefault(call.path, []).append(kept)
    return kept


def _projects(call: Call) -> list[Record]:
    return _page(call, list(call.papers.projects.values()))


def _project(call: Call) -> Record:
    found = call.papers.projects.get(call.ids[0])
    if found is None:
        raise NotFoundError("project", f"No project has the id {call.ids[0]}")
    return found


def _new_project(call: Call) -> Record:
    name = call.body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise BadQueryError("project", "Name can't be blank")
    if any(name == other["name"] for other in call.papers.projects.values()):
        raise BadQueryError("project", "Name has already been taken")
    now = call.stamp()
    record: Record = {"id": call.papers.next_id(), "created-at": now, "updated-at": now, "status": "draft"}
    record |= dict.fromkeys(_SAVINGS, "0.00") | _project_values(call.body)
    call.papers.projects[record["id"]] = record
    return record


def _change_project(call: Call) -> Record:
    record = _project(call)
    record |= {**_project_values(call.body), "updated-at": call.stamp()}
    return record


def _project_values(body: Mapping[str, Any]) -> Record:
    values = {name: body[name] for name in _PROJECT if name in body}
    for name in _SAVINGS:
        if name in values:
            try:
                values[name] = f"{Decimal(str(values[name])):.2f}"
            except InvalidOperation:
                raise BadQueryError("project", f"{name} is not a number") from None
    return values


def _add_approver(call: Call) -> Record:
    row = call.require("invoices", call.ids[0])
    invoices = call.edits.company.tables["invoices"]
    before = render(invoices, np.array([row]), {"status": None, "paid": None, "approvals": None})[0]
    if before["paid"] or before["status"] in SETTLED:
        raise BadQueryError("invoice", f"An approver cannot be added to an invoice that is {before['status']}")
    user = (call.body.get("approver") or {}).get("id")
    users = call.edits.company.tables["users"]
    if not isinstance(user, int) or users.row_of(user) is None:
        raise BadQueryError("invoice", f'Unable to find valid User record for approver with keys {{"id"=>{user!r}}}')
    values = {"approver": user, "status": "pending_approval", "position": len(before["approvals"]) + 1}
    call.edits.create("approvals", values, parent=call.ids[0], bump_parent=False)
    return _whole(call, "invoices", call.ids[0])


def _own_fields(call: Call) -> Record:
    """Own fields of an invoice or supplier; whatever else the body names is ignored, and the answer is 200."""
    table = call.path.partition("/")[0]
    call.require(table, call.ids[0])
    given = call.body.get(_OWN)
    if isinstance(given, Mapping):
        call.papers.fields.setdefault((table, call.ids[0]), {}).update(given)
    return with_own_fields(call.papers, table, [_whole(call, table, call.ids[0])])[0]


def _whole(call: Call, table: str, record_id: int) -> Record:
    found = call.edits.company.tables[table]
    return render(found, np.array([found.row_of(record_id)]), found.full_shape)[0]


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint("GET", "invoices/N/comments", "core.comment.read", 200, _comments),
    Endpoint("POST", "invoices/N/comments", "core.comment.write", 201, _comment),
    Endpoint("PUT", "invoices/N/add_approver", "core.approval.write", 200, _add_approver),
    Endpoint("PUT", "invoices/N", "core.invoice.write", 200, _own_fields),
    Endpoint("PUT", "suppliers/N", "core.supplier.write", 200, _own_fields),
    Endpoint("GET", "custom_objects/N/object_instances", "core.custom_objects.read_write", 200, _instances),
    Endpoint("POST", "custom_objects/N/object_instances", "core.custom_objects.read_write", 201, _instance),
    Endpoint("GET", "user_groups/N/tasks", "core.user_group.read", 200, _listed),
    Endpoint("POST", "user_groups/N/tasks", "core.user_group.write", 201, _task),
    Endpoint("GET", "projects/N/tasks", "core.project.read", 200, _listed),
    Endpoint("POST", "projects/N/tasks", "core.project.write", 201, _task),
    Endpoint("GET", "projects", "core.project.read", 200, _projects),
    Endpoint("POST", "projects", "core.project.write", 201, _new_project),
    Endpoint("GET", "projects/N", "core.project.read", 200, _project),
    Endpoint("PUT", "projects/N", "core.project.write", 200, _change_project),
)


@dataclass(frozen=True)
class Written:
    """The answer to a call at one of these addresses."""

    status: int
    content: Any


def answer(
    edits: Edits,
    papers: Papers,
    method: str,
    path: str,
    body: bytes,
    scopes: frozenset[str],
    troubles: Sequence[Trouble] = (),
    query: Mapping[str, str] | None = None,
) -> Written | None:
    """Carries a call out; None where the address is not one of these. Hold the lock of the edits.

    Raises a RefusalError: 403 without the scope, 404 for what is not there, 400 for what Coupa would not take. A PATCH
    is a PUT.
    """
    wanted = "PUT" if method == "PATCH" else method
    for endpoint in ENDPOINTS:
        ids = endpoint.ids(path) if endpoint.method == wanted else None
        if ids is None:
            continue
        if endpoint.scope not in scopes:
            raise ForbiddenError("api", f"Forbidden: the token lacks the scope {endpoint.scope}")
        given = _read(body) if wanted != "GET" else {}
        if any(trouble.fault is Fault.WRITE_IGNORED for trouble in troubles):
            return Written(endpoint.status, {"id": 0, **given})
        return Written(endpoint.status, endpoint.handler(Call(edits, papers, path, ids, given, query or {})))
    return None


def with_own_fields(papers: Papers, resource: str, records: list[Record]) -> list[Record]:
    """The records with what clients wrote into their own custom fields."""
    for record in records:
        if (own := papers.fields.get((resource, int(record.get("id") or 0)))) and isinstance(record.get(_OWN), dict):
            record[_OWN] = {**record[_OWN], **own}
    return records


def _read(body: bytes) -> Record:
    """The JSON of a body, its keys hyphenated at every level but inside custom fields."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise BadQueryError("api", "The body is not JSON") from None
    if not isinstance(found, dict):
        raise BadQueryError("api", "The body is not a JSON object")
    return {name.replace("_", "-"): value for name, value in found.items()}
