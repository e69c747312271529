import base64
import hmac

import pytest
from pydantic import SecretStr

from sync.callouts import MOST_HINTS, Admitted, Gate, Hint, Hints, Refused, hint_of

SECRET = "a-secret-of-call-outs-with-40-characters"
BODY = b'{"invoice-header": {"id": 4711, "total": "9.99"}}'


class Clock:
    """Seconds since 1970 that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_795_000_000.0

    def __call__(self) -> float:
        """Now."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """Some moment."""
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    """A gate for client coupa."""
    return Gate("coupa", SecretStr(SECRET), clock)


def basic(client: str, secret: str) -> str:
    """A Basic header."""
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def signed(clock: Clock, body: bytes = BODY, secret: str = SECRET, at: str | None = None) -> dict[str, str]:
    """Headers of a signed call-out, computed as docs/sync.md describes it."""
    timestamp = at if at is not None else str(int(clock()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()
    return {"x-tenor-timestamp": timestamp, "x-tenor-signature": f"sha256={digest}"}


def test_a_token_is_good_for_an_hour_and_for_nobody_else(gate: Gate, clock: Clock) -> None:
    """Client credentials give a token; it expires; a changed expiry does not pass."""
    answer = gate.token(basic("coupa", SECRET))
    assert isinstance(answer, dict)
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    bearer = {"authorization": f"Bearer {answer['access_token']}"}

    assert gate.admit(bearer, BODY) == Admitted()
    clock.seconds += 3601
    assert gate.admit(bearer, BODY) == Refused(401, "The token has expired; get a new one at /oauth2/token.")
    until, _, seal = str(answer["access_token"]).partition(".")
    forged = {"authorization": f"Bearer {int(until) + 9999}.{seal}"}
    assert isinstance(gate.admit(forged, BODY), Refused)


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Bearer x", basic("coupa", "wrong"), basic("other", SECRET), basic("coupa", "")],
)
def test_wrong_credentials_get_no_token(gate: Gate, header: str) -> None:
    """Every shape of them, with one answer that does not say which part was wrong."""
    answer = gate.token(header)
    assert isinstance(answer, Refused)
    assert answer.status == 401
    assert SECRET not in answer.sentence


def test_a_signature_covers_body_and_time(gate: Gate, clock: Clock) -> None:
    """It passes once as new; another body, another secret, or none do not pass."""
    headers = signed(clock)
    assert gate.admit(headers, BODY) == Admitted()
    for changed in (
        (headers, BODY + b" "),
        (signed(clock, secret="x" * 40), BODY),
        ({**headers, "x-tenor-timestamp": str(int(clock()) + 1)}, BODY),
        ({**headers, "x-tenor-signature": ""}, BODY),
        ({}, BODY),
        ({"authorization": "Bearer "}, BODY),
        ({"authorization": "Bearer 9999999999.ü"}, BODY),
    ):
        refused = gate.admit(*changed)
        assert isinstance(refused, Refused), changed
        assert refused.status == 401


def test_a_replay_changes_nothing_and_an_old_message_is_refused(gate: Gate, clock: Clock) -> None:
    """Within the window the same message is known; outside of it, also from the future, it is refused."""
    headers = signed(clock)
    assert gate.admit(headers, BODY) == Admitted()
    assert gate.admit(headers, BODY) == Admitted(repeated=True)
    clock.seconds += 299
    assert gate.admit(headers, BODY) == Admitted(repeated=True)
    clock.seconds += 2
    assert isinstance(gate.admit(headers, BODY), Refused)
    assert isinstance(gate.admit(signed(clock, at=str(int(clock()) + 400)), BODY), Refused)
    assert isinstance(gate.admit(signed(clock, at="1e9"), BODY), Refused)


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (BODY, 4711),
        (b'{"id": 12}', 12),
        (b'{"id": "12"}', None),
        (b'{"id": true}', None),
        (b"[1, 2]", None),
        (b"<invoice><id>5</id></invoice>", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_a_body_is_only_searched_for_an_id(body: bytes, number: int | None) -> None:
    """Whatever it is: JSON on top or one level down names an id, everything else none, and nothing fails."""
    assert hint_of("invoices", body) == Hint("invoices", number)


def test_hints_wait_once_and_in_bounded_number() -> None:
    """The same hint is kept once; beyond the bound none is kept; taking them empties the queue."""
    hints = Hints()
    assert hints.add(Hint("invoices", 1)) is True
    assert hints.add(Hint("invoices", 1)) is False
    kept = sum(hints.add(Hint("invoices", number)) for number in range(2, 3 * MOST_HINTS))
    assert kept == MOST_HINTS - 1
    assert len(hints) == len(hints.take()) == MOST_HINTS
    assert hints.take() == ()
