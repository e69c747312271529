"""Tokens, scopes, refusals and the rate limit."""

import base64
import json
import time
from typing import Any

import pytest

from sync.sandbox.access import DEMO_CLIENT, NARROW_CLIENT, SCOPES, TOKEN_SECONDS, basic_credentials
from sync.sandbox.faults import Faults
from sync.sandbox.throttle import LeakyBucket

FORM = {"client_id": "tenor-demo", "client_secret": "tenor-demo-secret", "grant_type": "client_credentials"}


async def test_a_token_comes_for_a_form_body(reader: Any) -> None:
    """The documented way: credentials and scopes in the form body."""
    answer = await reader.http.post("/oauth2/token", data={**FORM, "scope": "core.invoice.read core.common.read"})
    body = answer.json()
    assert answer.status_code == 200
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 86_399
    assert body["scope"] == "core.common.read core.invoice.read"


async def test_a_token_has_three_parts_and_names_its_scopes(reader: Any) -> None:
    """The token looks like a JWT: header, claims, signature."""
    token = (await reader.http.post("/oauth2/token", data=FORM)).json()["access_token"]
    parts = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    assert len(parts) == 3
    assert claims["client_id"] == "tenor-demo"
    assert claims["scope"].split() == sorted(DEMO_CLIENT.scopes)


async def test_a_token_comes_for_a_basic_header_and_for_query_parameters(reader: Any) -> None:
    """Two more ways that real clients use."""
    basic = await reader.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("tenor-demo", "tenor-demo-secret")
    )
    query = await reader.http.post("/oauth2/token", params=FORM)
    assert [basic.status_code, query.status_code] == [200, 200]


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"scope": "core.invoice.read core.invoice.write"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_token_is_refused_with_the_oauth_error(
    reader: Any, change: dict[str, str], status: int, error: str
) -> None:
    """Wrong credentials, ungranted scopes and other grants each have their own error."""
    answer = await reader.http.post("/oauth2/token", data={**FORM, **change})
    assert (answer.status_code, answer.json()) == (status, {"error": error})


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
async def test_a_call_without_a_valid_token_is_unauthorised(reader: Any, header: dict[str, str]) -> None:
    """No token, a wrong one and another kind of credentials all give 401."""
    answer = await reader.http.get("/api/invoices", headers={"Accept": "application/json", **header})
    assert answer.status_code == 401
    assert list(answer.json()) == ["errors"]


async def test_a_token_ends_with_its_life(open_reader: Any) -> None:
    """After expires_in seconds the same token gives 401."""
    moment = [0.0]
    reader = await open_reader(clock=lambda: moment[0])
    moment[0] = TOKEN_SECONDS - 1.0
    before = await reader.get("currencies")
    moment[0] = TOKEN_SECONDS
    after = await reader.get("currencies")
    assert [before.status_code, after.status_code] == [200, 401]


@pytest.mark.parametrize("resource", sorted(SCOPES))
async def test_each_resource_asks_for_its_scope(open_reader: Any, resource: str) -> None:
    """A token without the scope gets 403; one with only that scope gets 200."""
    other = next(scope for scope in sorted(DEMO_CLIENT.scopes) if scope != SCOPES[resource])
    with_scope = await open_reader(scope=SCOPES[resource])
    without = await open_reader(scope=other)
    assert (await with_scope.get(resource, limit=1)).status_code == 200
    refused = await without.get(resource, limit=1)
    assert refused.status_code == 403
    assert SCOPES[resource] in refused.text


async def test_the_narrow_client_may_not_read_invoices(open_reader: Any) -> None:
    """The second client shows what missing scopes look like."""
    reader = await open_reader(client=NARROW_CLIENT)
    assert (await reader.get("suppliers")).status_code == 200
    assert (await reader.get("invoices")).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["count", "invoices/count", "pay_early", "invoices/1/pay_early", "payment_runs", "custom_tables", "no_such_thing"],
)
async def test_what_coupa_lacks_is_not_found(reader: Any, path: str) -> None:
    """Endpoints that marketing texts invent answer 404, so that code which believes in them fails."""
    assert (await reader.get(path)).status_code == 404


async def test_only_json_is_spoken(reader: Any) -> None:
    """Without Accept: application/json Coupa answers XML; the sandbox refuses in XML."""
    answer = await reader.http.get("/api/currencies", headers={**reader.headers, "Accept": "*/*"})
    assert answer.status_code == 406
    assert answer.text.startswith("<?xml")


async def test_what_nobody_may_write_is_not_imitated(reader: Any) -> None:
    """A PUT gets an error that says so, in Coupa's shape."""
    answer = await reader.http.put("/api/currencies/1", headers=reader.headers, json={})
    assert answer.status_code == 404
    assert "not imitated" in answer.json()["errors"]["currency"][0]


async def test_a_burst_beyond_the_bucket_is_refused(open_reader: Any) -> None:
    """20 calls at once pass, the 21st gets 429 with Retry-After; a second later 20 pass again."""
    moment = [1000.0]
    reader = await open_reader(rate_limit=True, clock=lambda: moment[0])
    statuses = [(await reader.get("currencies", limit=1)).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    moment[0] += 1.0
    answers = [await reader.get("currencies", limit=1) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers["retry-after"] == "1"


def test_a_steady_25_calls_a_second_never_overflow() -> None:
    """The leak keeps up with the documented rate for as long as it lasts."""
    bucket = LeakyBucket()
    assert all(bucket.admit(call / 25.0) for call in range(2_000))


def test_26_calls_a_second_overflow_once_the_burst_is_used() -> None:
    """One call a second too many fills the burst of 20 in about 20 seconds."""
    bucket = LeakyBucket()
    refused = next(call for call in range(5_000) if not bucket.admit(call / 26.0))
    assert 15 <= refused / 26.0 <= 21


async def test_faults_are_off_by_default(reader: Any) -> None:
    """A sandbox without a script never fails."""
    statuses = {(await reader.get("currencies", limit=1)).status_code for _ in range(60)}
    assert statuses == {200}


@pytest.mark.parametrize(
    ("script", "status", "kind"),
    [
        (Faults.of("too_many_calls every=3"), 429, "application/json"),
        (Faults.of("unavailable every=3"), 503, "text/plain"),
        (Faults.of("html_error every=3"), 500, "text/html"),
    ],
)
async def test_every_third_call_meets_its_fault(open_reader: Any, script: Faults, status: int, kind: str) -> None:
    """A script counts calls, so the third and sixth fail and the others do not; no Retry-After is sent."""
    reader = await open_reader(faults=script)
    answers = [await reader.get("currencies", limit=1) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, status, 200, 200, status]
    assert answers[2].headers["content-type"].startswith(kind)
    assert "retry-after" not in answers[2].headers


async def test_tokens_can_be_made_to_expire_early(open_reader: Any) -> None:
    """A token refused after two calls is replaced by a new one that works."""
    reader = await open_reader(faults=Faults.of("expired_token uses=2"))
    statuses = [(await reader.get("currencies")).status_code for _ in range(4)]
    assert statuses == [200, 200, 401, 401]
    token = (await reader.http.post("/oauth2/token", data=FORM)).json()["access_token"]
    reader.headers["Authorization"] = f"Bearer {token}"
    assert (await reader.get("currencies")).status_code == 200


async def test_answers_can_be_slow(open_reader: Any) -> None:
    """The delay holds each answer back, long enough for a client's time-out."""
    reader = await open_reader(faults=Faults.of("slow seconds=0.05"))
    began = time.monotonic()
    await reader.get("currencies")
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("header", [None, "", "Basic", "Basic !!", "Bearer abc", "Basic /w=="])
def test_unreadable_basic_headers_hold_no_credentials(header: str | None) -> None:
    """Anything but a well-formed Basic header is ignored rather than an error."""
    assert basic_credentials(header) == {}
