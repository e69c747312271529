"""The reading client: one method gives the pages of a resource, everything that can go wrong is a typed error.

Requests name their `fields`, keep to a rate, wait no longer than told, and are tried again on 429, 503, other 5xx,
broken answers and lost connections. Answers are never quoted in errors: they hold suppliers' data.
"""

import asyncio
import datetime as dt
import email.utils
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import httpx
import stamina
from pydantic import SecretStr

from sync.auth import ClientCredentials
from sync.errors import (
    AccessDeniedError,
    BrokenPageError,
    CredentialsRefusedError,
    PageOrderError,
    RateLimitedError,
    RequestRefusedError,
    RetriableSyncError,
    ServerTroubleError,
    SyncError,
    UnknownResourceError,
    UnreachableError,
)
from sync.pages import Page, RawRecord, split_records
from sync.pagination import Window, keyset_parameters, newest_parameters, page_after
from sync.rate_limit import LONGEST_PAUSE, RateLimiter
from sync.read_ahead import ReadAhead
from sync.resources import Resource
from sync.settings import Settings, is_loopback

Answer = TypeVar("Answer")


class CoupaClient:
    """Reads resources from one Coupa. `http` carries address, credentials and time limits.

    `concurrency` is how many requests may be under way at a time, over all resources. `on_trouble` hears, in a plain
    sentence, of every failure that is going to be tried again.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        limiter: RateLimiter,
        *,
        page_size: int = 50,
        attempts: int = 6,
        concurrency: int = 1,
        on_trouble: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._http = http
        self._limiter = limiter
        self._page_size = page_size
        self._attempts = attempts
        self._concurrency = concurrency
        self._seats = asyncio.Semaphore(concurrency)
        self._on_trouble = on_trouble
        self._reached = False

    async def pages(
        self, resource: Resource, window: Window, *, after: int = 0, fields: str | None = None
    ) -> AsyncIterator[Page]:
        """The pages of a resource from the first id after `after` to the last, in order; some are read ahead.

        `fields` replaces the fields of the resource's record type. Raises the errors of `sync.errors`.
        """
        fixed = {"fields": fields or resource.fields, **window.parameters()}

        async def fetch(after: int) -> Page | None:
            parameters = {**fixed, **keyset_parameters(after, self._page_size)}
            return await self._again(lambda: self._page(resource, parameters, after))

        async def newest(after: int) -> int | None:
            try:
                parameters = {**fixed, "fields": '["id"]', **newest_parameters(after)}
                found = await self._again(lambda: self._fetch(resource, parameters))
            except RequestRefusedError:
                return None
            return found[0].id if found else None

        ahead = ReadAhead(resource.name, fetch, newest, self._concurrency, full=self._page_size)
        async with aclosing(ahead.pages(after)) as pages:
            async for page in pages:
                yield page

    async def _page(self, resource: Resource, parameters: dict[str, str], after: int) -> Page | None:
        return page_after(await self._fetch(resource, parameters), after, resource.name)

    async def _again(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """A request, made again while the cause of its failure may pass by itself."""
        retries = stamina.retry_context(
            on=self._pause_before_retry,
            attempts=self._attempts,
            timeout=None,
            wait_initial=0.5,
            wait_max=30.0,
        )
        async for attempt in retries:
            with attempt:
                return await request()
        raise AssertionError("a retry ends with a result or an error")  # pragma: no cover

    async def _fetch(self, resource: Resource, parameters: dict[str, str]) -> tuple[RawRecord, ...]:
        try:
            async with self._seats:
                await self._limiter.wait()
                answer = await self._http.get(resource.path, params=parameters)
        except httpx.TimeoutException as error:
            raise UnreachableError(
                f"Coupa at {self._host} did not answer in time ({type(error).__name__}); try again later, or raise "
                "TENOR_TIMEOUT_SECONDS.",
            ) from error
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        self._reached = True
        if answer.status_code == httpx.codes.OK:
            return split_records(answer.content, resource.name)
        if answer.status_code == httpx.codes.NOT_FOUND and b"No results match" in answer.content:
            return ()  # how Coupa answers an empty list in XML, and some proxies in JSON
        refusal = _refusal(answer, resource)
        if isinstance(refusal, RateLimitedError):
            self._limiter.refused(refusal.retry_after)
        raise refusal

    def _pause_before_retry(self, error: Exception) -> bool | float:
        """Whether to try again, and after how many seconds when Coupa says so. A page out of order is asked for again.

        An address that never answered is more likely wrong than busy: the person who typed it should hear at once.
        """
        if not isinstance(error, RetriableSyncError | PageOrderError):
            return False
        if isinstance(error.__cause__, httpx.ConnectError) and not self._reached:
            return False
        self._on_trouble(str(error))
        pause: float | None = getattr(error, "retry_after", None)
        return True if pause is None else min(pause, LONGEST_PAUSE)

    @property
    def _host(self) -> str:
        return self._http.base_url.netloc.decode("ascii")

    def _unreachable(self, error: httpx.TransportError) -> RetriableSyncError:
        """A lost connection in plain words. A half-written answer arrives as a protocol error."""
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
            return BrokenPageError(f"The answer of Coupa at {self._host} broke off half way; try again later.")
        return UnreachableError(
            f"Coupa at {self._host} cannot be reached ({_cause(error)}); check TENOR_COUPA_URL and the network, or, "
            "for the sandbox, that it is running.",
        )


def open_http(settings: Settings, now: Callable[[], float]) -> httpx.AsyncClient:
    """The HTTP connection to the Coupa of the settings; raises SettingsError when they do not suffice."""
    return _open(settings, settings.credentials(), settings.coupa_scopes, now)


def open_writing_http(settings: Settings, now: Callable[[], float]) -> httpx.AsyncClient:
    """The connection of the client that delivers; raises SettingsError when the settings do not suffice."""
    return _open(settings, settings.write_credentials(), settings.coupa_write_scopes, now)


def _open(
    settings: Settings, credentials: tuple[str, str, SecretStr], scopes: str, now: Callable[[], float]
) -> httpx.AsyncClient:
    base_url, client_id, secret = credentials
    here = is_loopback(base_url)
    settle = 0.0 if here else settings.token_settle_seconds
    return httpx.AsyncClient(
        base_url=base_url,
        auth=ClientCredentials(base_url, client_id, secret, scopes, settle=settle, now=now),
        headers={"Accept": "application/json"},
        verify=True,  # always; a company's own authority is named by SSL_CERT_FILE
        follow_redirects=False,  # a token goes to the address that was configured and nowhere else
        timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
        limits=httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency),
        trust_env=not here,  # a proxy cannot reach this machine's own address
    )


def retry_after(text: str | None, now: dt.datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or an HTTP date; None when it says nothing."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=dt.UTC)
    return max(0.0, (date - now).total_seconds())


def _refusal(answer: httpx.Response, resource: Resource) -> SyncError:
    """The typed error of an answer that is not a page."""
    host, status, name = answer.request.url.host, answer.status_code, resource.name
    pause = retry_after(answer.headers.get("Retry-After"), dt.datetime.now(dt.UTC))
    error: SyncError
    if status == httpx.codes.TOO_MANY_REQUESTS:
        error = RateLimitedError(
            f"Coupa at {host} answers that it gets too many requests; lower TENOR_REQUESTS_PER_SECOND or try again "
            "later.",
            pause,
        )
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        error = ServerTroubleError(
            f"Coupa at {host} is in trouble (HTTP {status} for {name!r}); try again later.", pause
        )
    elif status == httpx.codes.UNAUTHORIZED:
        error = CredentialsRefusedError(
            f"Coupa at {host} refuses its own fresh token (HTTP 401 for {name!r}); check the OAuth client in Coupa.",
        )
    elif status == httpx.codes.FORBIDDEN:
        error = AccessDeniedError(
            f"Coupa at {host} does not let this client read {name!r}: grant it the scope {resource.scope!r} in Coupa "
            "and name it in TENOR_COUPA_SCOPES.",
        )
    elif status == httpx.codes.NOT_FOUND:
        error = UnknownResourceError(
            f"Coupa at {host} has no address {resource.path!r} (HTTP 404); check that TENOR_COUPA_URL is the address "
            "of a Coupa instance, without a path.",
        )
    elif answer.is_redirect:
        error = RequestRefusedError(
            f"Coupa at {host} sends on to {_without_query(answer.headers.get('Location', ''))!r}, which is not "
            f"followed (HTTP {status}): a token goes to the address in TENOR_COUPA_URL only; correct that.",
        )
    else:
        error = RequestRefusedError(
            f"Coupa at {host} refuses the query for {name!r} (HTTP {status}); a field or filter may be switched off in "
            "this tenant: compare docs/sync.md, section 'What is asked for'.",
        )
    return error


def _without_query(address: str) -> str:
    """An address without what may be a secret in it."""
    return address.partition("?")[0].partition("#")[0]


def _cause(error: httpx.TransportError) -> str:
    """The innermost reason of a failed connection, such as 'Name or service not known'."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return str(text)
