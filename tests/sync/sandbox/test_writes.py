"""What may be written to the sandbox, as Coupa takes it, and what it ignores or refuses."""

from typing import Any

import httpx
import pytest

from sync.sandbox.access import DEMO_CLIENT, WRITE_CLIENT, Client
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company
from sync.sandbox.faults import Faults


class Writer:
    """A client with a token."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """One call below /api/."""
        return await self._http.request(method, f"/api/{path}", json=body, params=query, headers=self._headers)


async def writer_of(company: Company, client: Client = WRITE_CLIENT, *troubles: str) -> Writer:
    """A client of a new sandbox over the company."""
    app = create_app(company, rate_limit=False, faults=Faults.of(*troubles))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox")
    form = {
        "client_id": client.client_id,
        "client_secret": client.secret.get_secret_value(),
        "grant_type": "client_credentials",
    }
    token = (await http.post("/oauth2/token", data=form)).json()["access_token"]
    return Writer(http, token)


@pytest.fixture
async def writer(company: Company) -> Writer:
    """The writing client."""
    return await writer_of(company)


def open_invoice(company: Company) -> int:
    """An approved invoice that is not paid."""
    table = company.resources["invoices"]
    return int(table.ids[table.live_rows()[-400]])


async def test_comments_are_made_listed_in_pages_and_never_changed(writer: Writer, company: Company) -> None:
    """201 with an id; a list by id; the invoice stays as it was; there is no PUT and no DELETE."""
    invoice = open_invoice(company)
    before = (await writer.call("GET", f"invoices/{invoice}")).json()
    made = [
        await writer.call("POST", f"invoices/{invoice}/comments", {"comments": f"Note {n}", "to_supplier": False})
        for n in range(3)
    ]
    assert [answer.status_code for answer in made] == [201] * 3
    first = made[0].json()
    assert (first["comments"], first["commentable-id"], first["to-supplier"]) == ("Note 0", invoice, False)
    page = await writer.call("GET", f"invoices/{invoice}/comments", **{"id[gt]": first["id"], "limit": 1})
    assert [record["comments"] for record in page.json()] == ["Note 1"]
    assert (await writer.call("GET", f"invoices/{invoice}")).json() == before
    for method in ("PUT", "DELETE"):
        assert (await writer.call(method, f"invoices/{invoice}/comments/{first['id']}", {})).status_code == 404
    assert (await writer.call("POST", f"invoices/{invoice}/comments", {"comments": " "})).status_code == 400
    assert (await writer.call("POST", "invoices/1/comments", {"comments": "x"})).status_code == 404


async def test_a_custom_object_must_be_defined(writer: Writer) -> None:
    """Definition 7 takes instances with custom fields; another one does not exist."""
    made = await writer.call("POST", "custom_objects/7/object_instances", {"custom-fields": {"tenor-key": "k"}})
    assert (made.status_code, made.json()["custom-object-code"]) == (201, "tenor_recommendation")
    listed = (await writer.call("GET", "custom_objects/7/object_instances")).json()
    assert [record["custom-fields"] for record in listed] == [{"tenor-key": "k"}]
    assert (await writer.call("POST", "custom_objects/8/object_instances", {"custom-fields": {}})).status_code == 404
    assert (await writer.call("POST", "custom_objects/7/object_instances", {"name": "x"})).status_code == 400


async def test_projects_hold_savings_and_names_are_unique(writer: Writer) -> None:
    """Made, changed, read; a second one of the same name and what is no number are refused."""
    made = (await writer.call("POST", "projects", {"name": "Terms", "additional_planned_savings": "5"})).json()
    assert made["additional-planned-savings"] == "5.00"
    path = f"projects/{made['id']}"
    assert (await writer.call("PUT", path, {"additional-realized-savings": "7.5"})).status_code == 200
    assert (await writer.call("GET", path)).json()["additional-realized-savings"] == "7.50"
    assert (await writer.call("POST", "projects", {"name": "Terms"})).status_code == 400
    assert (await writer.call("PUT", path, {"additional-planned-savings": "much"})).status_code == 400
    assert len((await writer.call("GET", "projects")).json()) == 2


async def test_tasks_hang_on_groups_and_projects_not_on_invoices(writer: Writer, company: Company) -> None:
    """A title is needed; the project must exist."""
    assert (await writer.call("POST", "user_groups/4/tasks", {"title": "Look"})).status_code == 201
    assert (await writer.call("GET", "user_groups/4/tasks")).json()[0]["linkable-type"] == "UserGroup"
    assert (await writer.call("POST", "user_groups/4/tasks", {"title": ""})).status_code == 400
    assert (await writer.call("POST", "projects/999/tasks", {"title": "Look"})).status_code == 404
    path = f"invoices/{open_invoice(company)}/tasks"
    assert (await writer.call("POST", path, {"title": "Look"})).status_code == 404


async def test_an_approver_is_added_to_what_is_open_only(writer: Writer, company: Company) -> None:
    """They stand among the approvals; a person who does not exist and a paid invoice are refused."""
    table = company.resources["invoices"]
    records = (await writer.call("GET", "invoices", limit=50, paid="false", status="approved")).json()
    invoice, user = records[0]["id"], int(company.resources["users"].ids[3])
    body = {"approver": {"id": user}}
    found = await writer.call("PUT", f"invoices/{invoice}/add_approver", body)
    assert found.status_code == 200
    assert [one["approver"]["id"] for one in found.json()["approvals"]].count(user) >= 1
    read = (await writer.call("GET", f"invoices/{invoice}")).json()
    assert read["approvals"][-1]["approver"]["id"] == user
    assert read["updated-at"] == records[0]["updated-at"]
    unknown = await writer.call("PUT", f"invoices/{invoice}/add_approver", {"approver": {"id": 1}})
    assert (unknown.status_code, "valid User record" in unknown.text) == (400, True)
    paid = (await writer.call("GET", "invoices", limit=1, paid="true")).json()[0]["id"]
    assert (await writer.call("PUT", f"invoices/{paid}/add_approver", body)).status_code == 400
    assert table.ids[-1] > 0


async def test_what_may_not_be_written_is_ignored_with_a_200(writer: Writer, company: Company) -> None:
    """Own custom fields are kept and listed; the status is not touched."""
    invoice = open_invoice(company)
    before = (await writer.call("GET", f"invoices/{invoice}")).json()
    body = {"status": "voided", "custom-fields": {"tenor-note": "a"}}
    found = await writer.call("PUT", f"invoices/{invoice}", body)
    assert (found.status_code, found.json()["status"]) == (200, before["status"])
    listed = (await writer.call("GET", "invoices", id=invoice)).json()[0]
    assert listed["custom-fields"] == {**before["custom-fields"], "tenor-note": "a"}


async def test_reading_clients_do_not_write(company: Company) -> None:
    """403 for the demo client, whatever it wants to write."""
    reader = await writer_of(company, DEMO_CLIENT)
    path = f"invoices/{open_invoice(company)}/comments"
    assert (await reader.call("POST", path, {"comments": "x"})).status_code == 403
    assert (await reader.call("POST", "projects", {"name": "x"})).status_code == 403


@pytest.mark.parametrize(
    ("trouble", "status", "kept"), [("write_refused", 400, 0), ("write_ignored", 201, 0), ("write_lost", 500, 1)]
)
async def test_writes_meet_troubles_of_their_own(company: Company, trouble: str, status: int, kept: int) -> None:
    """Refused; taken without an effect; done and answered as if not. Reads do not count, and do not meet them."""
    writer = await writer_of(company, WRITE_CLIENT, f"{trouble} times=1")
    path = f"invoices/{open_invoice(company)}/comments"
    assert (await writer.call("GET", path)).status_code == 200
    assert (await writer.call("POST", path, {"comments": "x"})).status_code == status
    assert len((await writer.call("GET", path)).json()) == kept
    assert (await writer.call("POST", path, {"comments": "y"})).status_code == 201
