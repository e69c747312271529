import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stamina

from sync.errors import FeedError, ServerTroubleError, UnreachableError
from sync.feeds.at_sync import fetch_feed
from sync.feeds.fetching import addresses_of, fetch
from sync.mirror import Mirror
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company
from sync.settings import Settings

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
SINCE = dt.date(2025, 12, 1)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Tries follow each other at once."""
    with stamina.set_testing(True, attempts=3):
        yield


def answers(*responses: Any) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A transport that gives these answers, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = responses[min(len(asked), len(responses)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer), asked


def only(name: str) -> Any:
    """The address of that name."""
    (address,) = addresses_of(name)
    return address


def test_public_addresses_are_asked_over_https() -> None:
    """One request per year for the treasury, one from a day on for the central bank; nothing secret in them."""
    transport, asked = answers(httpx.Response(200, text="Date\n"))

    names = [file.name for file in fetch(only("us_treasury_par"), SINCE, TODAY, transport=transport)]
    list(fetch(only("ecb_estr"), SINCE, TODAY, transport=transport))

    assert names == ["us_treasury_par-2025.csv", "us_treasury_par-2026.csv"]
    assert [request.url.scheme for request in asked] == ["https"] * 3
    assert asked[0].url.path.endswith("/daily-treasury-rates.csv/2025/all")
    assert asked[2].url.params["startPeriod"] == "2025-12-01"
    assert all("authorization" not in request.headers for request in asked)


@pytest.mark.parametrize("instead", ["http://example.com", "ftp://example.com", "example.com"])
def test_other_hosts_are_asked_over_https_only(instead: str) -> None:
    """Except this machine itself."""
    transport, asked = answers(httpx.Response(200))

    with pytest.raises(FeedError):
        list(fetch(only("ecb_estr"), SINCE, TODAY, instead=instead, transport=transport))
    assert asked == []


def test_a_redirect_to_plain_http_is_not_followed() -> None:
    """Nor anywhere that would be unencrypted."""
    transport, asked = answers(httpx.Response(302, headers={"Location": "http://example.com/x"}))

    with pytest.raises(FeedError, match="https"):
        list(fetch(only("ecb_estr"), SINCE, TODAY, transport=transport))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("response", "error", "tries"),
    [
        (httpx.Response(503), ServerTroubleError, 3),
        (httpx.Response(429), ServerTroubleError, 3),
        (httpx.ConnectError("no"), UnreachableError, 3),
        (httpx.Response(404), FeedError, 1),
    ],
)
def test_trouble_is_tried_again_where_that_may_help(response: Any, error: type[Exception], tries: int) -> None:
    """Busy and unreachable hosts, but not addresses that do not exist."""
    transport, asked = answers(response)

    with pytest.raises(error):
        list(fetch(only("ecb_estr"), SINCE, TODAY, transport=transport))
    assert len(asked) == tries


def test_unknown_names_are_an_error_that_lists_them() -> None:
    """The way out is in the sentence."""
    with pytest.raises(FeedError, match="market_yields"):
        addresses_of("weather")


def test_yields_are_fetched_from_the_sandbox_and_nothing_is_set_aside(mirror: Mirror) -> None:
    """Over real HTTP; a second time changes nothing."""
    company = build_company("tiny", 7, TODAY)
    with running(create_app(company, rate_limit=False)) as address:
        settings = Settings(_env_file=None, market_url=address.url)
        first = fetch_feed(mirror, settings, "market_yields", NOW)
        second = fetch_feed(mirror, settings, "market_yields", NOW)

    assert [(done.problem, done.faults) for done in first] == [(None, ())] * 4
    assert sum(done.new for done in first) > 5_000
    assert all(done.new == done.changed == 0 for done in second)
    assert mirror.query("SELECT DISTINCT curve FROM feed_market_yields ORDER BY ALL") == [
        ("ECB_AAA_SPOT",),
        ("ECB_ESTR",),
        ("US_TREASURY_PAR",),
    ]


def test_an_address_that_fails_is_told_and_the_others_are_loaded(mirror: Mirror) -> None:
    """Trouble with a feed never stops a sync."""
    (done,) = fetch_feed(mirror, Settings(_env_file=None, market_url="http://example.com"), "ecb_estr", NOW)

    assert "only spoken to over https" in str(done.problem)


def test_the_sandboxs_other_shapes_say_the_same(mirror: Mirror, loads: Any) -> None:
    """Atom beside CSV, SDMX-JSON beside csvdata: loading the second corrects nothing."""
    company = build_company("tiny", 7, TODAY)
    rates = "/resource-center/data-chart-center/interest-rates"
    spots = "/service/data/YC/B.U2.EUR.4F.G_N_A.SV_C_YM.SR_3M+SR_10Y?startPeriod=2026-09-01&format="
    with running(create_app(company, rate_limit=False)) as address, httpx.Client(base_url=address.url) as http:
        table = http.get(f"{rates}/daily-treasury-rates.csv/2026/all?type=daily_treasury_yield_curve&_format=csv").text
        atom = http.get(f"{rates}/pages/xml?data=daily_treasury_yield_curve&field_tdr_date_value=2026").text
        rows, message = http.get(f"{spots}csvdata").text, http.get(f"{spots}jsondata").text
        assert http.get("/service/data/YC/nonsense?format=csvdata").status_code == 404

    first = [loads("market_yields", text) for text in (table, rows)]
    second = [loads("market_yields", text, hours=1) for text in (atom, message)]

    assert [done.format for done in (*first, *second)] == ["treasury-csv", "ecb-csv", "treasury-xml", "ecb-json"]
    assert all(done.new > 50 and not done.faults for done in first)
    assert [(done.new, done.changed, done.same) for done in second] == [(0, 0, done.new) for done in first]
    assert mirror.query("SELECT count(*) FROM feed_market_yields_past") == [(0,)]
