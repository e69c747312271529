"""Feeds over HTTP: public addresses of a treasury and a central bank, as data, fetched and loaded like files.

Only https is spoken, except with this machine itself; redirects are followed under the same rule; answers are cut off
at the size of the largest file. Nothing secret is sent.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
import stamina

from sync.errors import FeedError, ServerTroubleError, UnreachableError
from sync.feeds.loading import FeedFile
from sync.feeds.problems import LARGEST_FILE
from sync.settings import is_loopback

DAYS_BACK: Final = 400
"""How far back is fetched unless said otherwise: a year and a month, so that a year can be compared with the last."""
_TREASURY: Final = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates"
_ECB: Final = "https://data-api.ecb.europa.eu/service/data"
_TERMS: Final = "+".join(f"SR_{term}" for term in ("3M", "6M", "9M", "1Y", "2Y", "3Y", "5Y", "10Y"))


@dataclass(frozen=True)
class FeedAddress:
    """One address of a feed. `url` may hold {since} (an ISO date); with {year} there is one request per year."""

    name: str
    feed: str
    format: str
    url: str
    about: str


ADDRESSES: Final = (
    FeedAddress(
        "us_treasury_par",
        "market_yields",
        "treasury-csv",
        f"{_TREASURY}/daily-treasury-rates.csv/{{year}}/all?type=daily_treasury_yield_curve"
        "&field_tdr_date_value={year}&page&_format=csv",
        "daily par yield curve rates of the US Treasury",
    ),
    FeedAddress(
        "ecb_aaa_spot",
        "market_yields",
        "ecb-csv",
        f"{_ECB}/YC/B.U2.EUR.4F.G_N_A.SV_C_YM.{_TERMS}?startPeriod={{since}}&format=csvdata",
        "spot rates of the euro area's AAA curve, from the ECB",
    ),
    FeedAddress(
        "ecb_estr",
        "market_yields",
        "ecb-csv",
        f"{_ECB}/EST/B.EU000A2X2A25.WT?startPeriod={{since}}&format=csvdata",
        "the euro short-term rate (€STR), from the ECB",
    ),
)


def addresses_of(name: str) -> tuple[FeedAddress, ...]:
    """The addresses of a feed, or the one of that name; raises FeedError that lists them."""
    folded = name.lower().replace("-", "_")
    found = tuple(address for address in ADDRESSES if folded in {address.feed, address.name})
    if not found:
        known = ", ".join(dict.fromkeys([*(a.feed for a in ADDRESSES), *(a.name for a in ADDRESSES)]))
        raise FeedError(f"Nothing can be fetched by the name {name!r}; there are {known}.")
    return found


def fetch(
    address: FeedAddress,
    since: dt.date,
    today: dt.date,
    *,
    instead: str | None = None,
    transport: httpx.BaseTransport | None = None,
    timeout: float = 60.0,
) -> Iterator[FeedFile]:
    """What the address answers, one file per request.

    `instead` replaces scheme, host and port of the public address (a proxy, or the sandbox). Raises FeedError for an
    address that is not safe or does not exist, UnreachableError and ServerTroubleError when trying again did not help.
    """
    years = range(since.year, today.year + 1) if "{year}" in address.url else (None,)
    hooks = {"request": [_only_safe]}
    with httpx.Client(
        timeout=timeout, follow_redirects=True, max_redirects=3, event_hooks=hooks, transport=transport
    ) as http:
        for year in years:
            url = address.url.format(year=year, since=since.isoformat())
            name = f"{address.name}{'' if year is None else f'-{year}'}.csv"
            yield FeedFile(name, _get(http, _elsewhere(url, instead), address.name), format=address.format)


def _elsewhere(url: str, instead: str | None) -> str:
    if instead is None:
        return url
    base, parts = urlsplit(instead), urlsplit(url)
    if base.scheme not in {"http", "https"} or not base.hostname:
        raise FeedError(f"{instead!r} is not an address; it looks like https://proxy.example.com")
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def _only_safe(request: httpx.Request) -> None:
    """Refuses a request, also one after a redirect, that would leave this machine unencrypted."""
    if request.url.scheme != "https" and not is_loopback(str(request.url)):
        raise FeedError(f"{request.url.host} is only spoken to over https.")


@stamina.retry(on=(UnreachableError, ServerTroubleError), attempts=3, timeout=None, wait_initial=0.5, wait_max=10.0)
def _get(http: httpx.Client, url: str, name: str) -> bytes:
    host = urlsplit(url).hostname
    try:
        with http.stream("GET", url, headers={"Accept": "text/csv, application/json, */*;q=0.1"}) as answer:
            if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise ServerTroubleError(f"{host} answers {answer.status_code} for {name}; try again later.")
            if answer.status_code != httpx.codes.OK:
                raise FeedError(f"{host} answers {answer.status_code} for {name}; its address may have moved.")
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > LARGEST_FILE:
                    raise FeedError(f"{host} answers more than {LARGEST_FILE // 1024**2} MiB for {name}.")
            return bytes(content)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"{host} cannot be reached for {name} ({type(error).__name__}); try again later."
        ) from None
