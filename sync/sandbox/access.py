"""Clients, scopes and tokens: OAuth 2.0 client credentials as Coupa runs it."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

TOKEN_SECONDS = 86_399

SCOPES: dict[str, str] = {
    "account_types": "core.accounting.read",
    "accounts": "core.accounting.read",
    "approvals": "core.approval.read",
    "commodities": "core.commodity.read",
    "contracts": "core.contract.read",
    "coupa_pay/payments": "core.pay.payments.read",
    "currencies": "core.common.read",
    "exchange_rates": "core.common.read",
    "invoices": "core.invoice.read",
    "payables/allocations": "core.payables.allocations.read",
    "payables/invoices": "core.payables.invoice.read",
    "payment_terms": "core.common.read",
    "purchase_order_lines": "core.purchase_order.read",
    "purchase_orders": "core.purchase_order.read",
    "receiving_transactions": "core.inventory.receiving.read",
    "supplier_risk_aware_feed": "core.supplier.risk_aware.read",
    "suppliers": "core.supplier.read",
    "users": "core.user.read",
}
"""The scope that each resource asks for."""


WRITE_SCOPES = frozenset(
    {
        "core.approval.write",
        "core.comment.read",
        "core.comment.write",
        "core.custom_objects.read_write",
        "core.invoice.read",
        "core.invoice.write",
        "core.project.read",
        "core.project.write",
        "core.supplier.read",
        "core.supplier.write",
        "core.user_group.read",
        "core.user_group.write",
    }
)
"""Every scope that the addresses which are written to ask for."""


@dataclass(frozen=True)
class Client:
    """An OAuth client that the sandbox knows, with the scopes granted to it."""

    client_id: str
    secret: SecretStr
    scopes: frozenset[str]


DEMO_CLIENT = Client("tenor-demo", SecretStr("tenor-demo-secret"), frozenset(SCOPES.values()))
NARROW_CLIENT = Client(
    "tenor-narrow", SecretStr("tenor-narrow-secret"), frozenset({"core.common.read", "core.supplier.read"})
)
"""A client with too few scopes for a full read: it may read reference data and suppliers only."""

WRITE_CLIENT = Client("tenor-write", SecretStr("tenor-write-secret"), WRITE_SCOPES)
"""The client that writes: comments, tasks, records, savings and own fields; it reads nothing but what it writes to."""

DEFAULT_CLIENTS = (DEMO_CLIENT, NARROW_CLIENT, WRITE_CLIENT)


@dataclass(frozen=True)
class TokenRefusal:
    """An OAuth error answer: the HTTP status and the value of `error`."""

    status: int
    error: str


@dataclass
class Grant:
    """What one token allows, until when (the sandbox's clock, seconds), and how often it was used."""

    scopes: frozenset[str]
    expires_at: float
    calls: int = 0


@dataclass
class TokenDesk:
    """Issues tokens and remembers them."""

    clients: tuple[Client, ...] = DEFAULT_CLIENTS
    _signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _grants: dict[str, Grant] = field(default_factory=dict, repr=False)

    def issue(self, form: Mapping[str, str], now: float) -> dict[str, str | int] | TokenRefusal:
        """The token answer to a request's `client_id`, `client_secret`, `grant_type` and `scope`, or its refusal."""
        client = self._client(form.get("client_id", ""), form.get("client_secret", ""))
        if client is None:
            return TokenRefusal(401, "invalid_client")
        if form.get("grant_type") != "client_credentials":
            return TokenRefusal(400, "unsupported_grant_type")
        asked = frozenset(form.get("scope", "").split()) or client.scopes
        if not asked <= client.scopes:
            return TokenRefusal(400, "invalid_scope")
        scope = " ".join(sorted(asked))
        token = self._token(client, scope, int(now))
        self._grants[token] = Grant(asked, now + TOKEN_SECONDS)
        return {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": scope}

    def grant(self, header: str | None, now: float) -> Grant | None:
        """The live grant behind an `Authorization: Bearer` header; None where there is none."""
        kind, _, token = (header or "").partition(" ")
        found = self._grants.get(token.strip()) if kind.lower() == "bearer" else None
        return found if found is not None and now < found.expires_at else None

    def end(self, header: str | None) -> None:
        """Puts an end to the token of an Authorization header."""
        grant = self._grants.get((header or "").partition(" ")[2].strip())
        if grant is not None:
            grant.expires_at = float("-inf")

    def end_all(self) -> None:
        """Puts an end to every token issued so far."""
        for grant in self._grants.values():
            grant.expires_at = float("-inf")

    def _client(self, client_id: str, secret: str) -> Client | None:
        for client in self.clients:
            known = client.secret.get_secret_value().encode()
            if client.client_id == client_id and hmac.compare_digest(known, secret.encode()):
                return client
        return None

    def _token(self, client: Client, scope: str, now: int) -> str:
        """A signed three-part token; its length grows with the scopes, as Coupa's does."""
        claims = {
            "client_id": client.client_id,
            "scope": scope,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(8),
        }
        unsigned = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{unsigned}.{_text(hmac.new(self._signing_key, unsigned.encode(), hashlib.sha256).digest())}"


def basic_credentials(header: str | None) -> dict[str, str]:
    """`client_id` and `client_secret` out of an HTTP Basic header; empty when it holds none."""
    kind, _, encoded = (header or "").partition(" ")
    if kind.lower() != "basic" or not encoded:
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": client_id, "client_secret": secret}


def _part(value: Mapping[str, object]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
