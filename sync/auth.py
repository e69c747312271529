"""OAuth client credentials as an `httpx.Auth`: one token for all requests, renewed in time and once on a 401.

A token that may do more than was asked for is not used: reading needs no right to write, approve or pay.

Tokens live 24 hours; Coupa advises to refresh after 20, which is five sixths of `expires_in`. Neither the secret nor a
token ever appears in a repr, a log line or an error.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError

from sync.errors import BrokenPageError, CredentialsRefusedError, RateLimitedError, ServerTroubleError

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - an address, not a secret
_LIFE_USED: Final = 5 / 6
_SHOWN: Final = 5  # scopes named in a sentence


class _Token(BaseModel):
    """The part of a token answer that matters."""

    access_token: SecretStr = Field(min_length=1)
    expires_in: float = Field(86_399, gt=0)
    scope: str | None = None


class ClientCredentials(httpx.Auth):
    """Adds a bearer token to every request.

    `now` counts seconds (monotonic); `settle` is the pause in seconds that Coupa asks for between getting a token and
    using it. Raises CredentialsRefusedError when Coupa refuses the client, and the retriable errors of a token request
    that failed for another reason.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: SecretStr,
        scopes: str,
        *,
        settle: float = 0.0,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._token_url = base_url + TOKEN_PATH
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._settle = settle
        self._now = now
        self._sleep = sleep
        self._token: SecretStr | None = None
        self._good_until = 0.0
        self._refused: CredentialsRefusedError | None = None
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"ClientCredentials(client_id={self._client_id!r}, client_secret='**********')"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sends the request with a token; on a 401 gets a new one and tries once more."""
        async with self._renewing:  # requests that start together share one token request
            if self._token is None or self._now() >= self._good_until:
                answer = yield self._token_request()
                await self._accept(answer)
        used = self._token
        request.headers["Authorization"] = self._bearer()
        answer = yield request
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            return
        async with self._renewing:
            if self._token is used:  # else another request has renewed it meanwhile
                answer = yield self._token_request()
                await self._accept(answer)
        request.headers["Authorization"] = self._bearer()
        yield request

    def _bearer(self) -> str:
        return f"Bearer {self._token.get_secret_value()}" if self._token else ""

    def _token_request(self) -> httpx.Request:
        """Credentials go in the body: never in the address, which is logged. Refused once, they are not sent again."""
        if self._refused is not None:
            raise self._refused
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "scope": self._scopes,
        }
        return httpx.Request("POST", self._token_url, data=form, headers={"Accept": "application/json"})

    async def _accept(self, answer: httpx.Response) -> None:
        """Keeps the token of an answer; raises for every other answer."""
        await answer.aread()
        if answer.status_code != httpx.codes.OK:
            refusal = _refusal(answer, self._client_id)
            self._refused = refusal if isinstance(refusal, CredentialsRefusedError) else None
            raise refusal
        try:
            token = _Token.model_validate_json(answer.content)
        except ValidationError:
            raise BrokenPageError(
                f"Coupa at {answer.request.url.host} answered the token request without a token; "
                "check that TENOR_COUPA_URL is the address of a Coupa instance.",
            ) from None
        excess = excess_scopes(granted_scopes(token.scope, token.access_token), self._scopes)
        if excess:
            self._refused = _too_many(answer.request.url.host, self._client_id, excess)
            raise self._refused
        self._token = token.access_token
        self._good_until = self._now() + token.expires_in * _LIFE_USED
        if self._settle:
            await self._sleep(self._settle)


def granted_scopes(said: str | None, token: SecretStr) -> frozenset[str]:
    """The scopes of a token, as its answer says or as it says itself (a JWT's claim); empty when neither does."""
    if said is not None:
        return frozenset(said.split())
    payload = token.get_secret_value().split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4)))
    except (IndexError, ValueError):
        return frozenset()
    scopes = (claims.get("scope") or claims.get("scopes")) if isinstance(claims, dict) else None
    if isinstance(scopes, list):
        return frozenset(map(str, scopes))
    return frozenset(scopes.split() if isinstance(scopes, str) else ())


def excess_scopes(granted: frozenset[str], asked: str) -> tuple[str, ...]:
    """What was granted beyond what was asked for, rights to change something first."""
    return tuple(sorted(granted - frozenset(asked.split()), key=lambda scope: (reads_only(scope), scope)))


def reads_only(scope: str) -> bool:
    """Whether a scope gives no right to change anything."""
    return scope.endswith(".read")


def _too_many(host: str, client_id: str, excess: tuple[str, ...]) -> CredentialsRefusedError:
    writing = [scope for scope in excess if not reads_only(scope)]
    shown = ", ".join(map(repr, (writing or excess)[:_SHOWN]))
    kind = "the right to do more than read" if writing else "scopes that were not asked for"
    return CredentialsRefusedError(
        f"Coupa at {host} gives client {client_id!r} {kind} ({shown}); nothing was read. Use an OAuth client of "
        "Tenor's own, with no other scopes than those in docs/sync.md.",
    )


def _refusal(
    answer: httpx.Response, client_id: str
) -> CredentialsRefusedError | RateLimitedError | ServerTroubleError | BrokenPageError:
    """What a failed token request means."""
    host, status = answer.request.url.host, answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimitedError(f"Coupa at {host} answers that it gets too many requests; try again in a minute.")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerTroubleError(
            f"Coupa at {host} cannot issue tokens at the moment (HTTP {status}); try again later."
        )
    if "invalid_scope" in answer.text:
        return CredentialsRefusedError(
            f"Coupa at {host} does not grant client {client_id!r} the scopes asked for; add them to the OAuth client "
            "in Coupa, or ask for fewer in TENOR_COUPA_SCOPES.",
        )
    if status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return CredentialsRefusedError(
            f"Coupa at {host} refuses the id or secret of client {client_id!r}; correct TENOR_COUPA_CLIENT_ID and "
            "TENOR_COUPA_CLIENT_SECRET.",
        )
    return CredentialsRefusedError(
        f"{answer.request.url.copy_with(path='/')} has no token address (HTTP {status}); check that TENOR_COUPA_URL is "
        "the address of a Coupa instance, such as https://yourcompany.coupahost.com.",
    )
