"""Raw pages of the Coupa look-alike, read as any stranger with a token would: one list of JSON objects per resource.

Offset paging until a short page; no field lists, no filters, no bookmarks. JSON decimals that come as numbers are read as
`Decimal`, so that no float is ever at rest.
"""

import asyncio
import json
from decimal import Decimal
from typing import Any, cast

import httpx
from starlette.types import ASGIApp

Raw = dict[str, Any]
"""One record as Coupa writes it, with hyphenated keys."""

RESOURCES = (
    "invoices",
    "suppliers",
    "exchange_rates",
    "coupa_pay/payments",
    "account_types",
    "payment_terms",
    "contracts",
    "purchase_orders",
    "receiving_transactions",
    "users",
)
"""All that the figures need: payments and approvals come inside the invoices."""

CLIENT_ID = "tenor-demo"
CLIENT_SECRET = "tenor-demo-secret"
PAGE = 50


def read_company(app: ASGIApp) -> dict[str, list[Raw]]:
    """Every record of every resource, by resource name. Raises httpx.HTTPStatusError when a page is refused."""
    return asyncio.run(_read_all(app))


async def _read_all(app: ASGIApp) -> dict[str, list[Raw]]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials"}
        answer = (await client.post("/oauth2/token", data=form)).raise_for_status()
        client.headers.update(
            {"Authorization": f"Bearer {answer.json()['access_token']}", "Accept": "application/json"}
        )
        return {resource: await _read_list(client, resource) for resource in RESOURCES}


async def _read_list(client: httpx.AsyncClient, resource: str) -> list[Raw]:
    records: list[Raw] = []
    while True:
        page: dict[str, str | int] = {"limit": PAGE, "offset": len(records), "order_by": "id", "dir": "asc"}
        answer = (await client.get(f"/api/{resource}", params=page)).raise_for_status()
        found = cast("list[Raw]", json.loads(answer.text, parse_float=Decimal))
        records.extend(found)
        if len(found) < PAGE:
            return records
