import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sync.log_lines import MASK, masked, secrets_of, write_lines
from sync.settings import Settings

SECRETS = {
    "coupa_client_secret": "planted-client-secret-1",
    "encryption_key": 'planted "key" with \\ and é, 32 characters',
    "new_encryption_key": "planted-new-key-of-thirty-two-characters",
    "callout_secret": "planted-callout-secret-of-32-characters",
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the logs write, with planted secrets; the logging of the process is put back."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    stream = io.StringIO()
    write_lines(Settings(**{name: SecretStr(value) for name, value in SECRETS.items()}, log_level="debug"), stream)
    yield stream
    root.handlers[:], _ = before
    root.setLevel(before[1])
    structlog.reset_defaults()


def test_every_secret_setting_is_known_to_the_mask() -> None:
    """A new secret setting is masked without anybody remembering to."""
    settings = Settings(**{name: SecretStr(value) for name, value in SECRETS.items()})
    assert set(secrets_of(settings)) == set(SECRETS.values())


def test_a_line_is_one_object_with_time_level_and_fields(lines: io.StringIO) -> None:
    """Fields stay fields, also those of the standard library's logging."""
    structlog.stdlib.get_logger("tenor.sync").info("sync published", read=5)
    logging.getLogger("anywhere").warning("trouble with %s", "a thing")

    first, second = map(json.loads, lines.getvalue().splitlines())
    assert (first["event"], first["read"], first["level"], first["logger"]) == (
        "sync published",
        5,
        "info",
        "tenor.sync",
    )
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("trouble with a thing", "warning")


@pytest.mark.parametrize("secret", SECRETS.values())
def test_planted_secrets_never_come_out(lines: io.StringIO, secret: str) -> None:
    """In the event, in a field, nested, in an exception, in somebody else's logger: the mask is the last step."""
    log = structlog.stdlib.get_logger("tenor.sync")
    event = f"refused {secret}"
    log.error(event, direct=secret, nested={"list": [f"x{secret}y"]}, key=SecretStr(secret))
    try:
        raise ValueError(f"connection to https://user:{secret}@host failed")  # noqa: TRY301 - it is what is caught
    except ValueError:
        log.exception("failed")
        logging.getLogger("httpx").exception("failed with %s", secret)
    logging.getLogger("uvicorn.error").warning("header %r", {"authorization": f"Bearer {secret}"})

    text = lines.getvalue()
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text
    assert MASK in text
    assert len([json.loads(line) for line in text.splitlines()]) == 4


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        '{"access_token": "planted-in-a-body", "token_type": "bearer"}',
        "grant_type=client_credentials&client_secret=planted-in-a-form&scope=x",
        "ATTACH 'x' (ENCRYPTION_KEY 'planted-in-sql')",
        "Basic Y291cGE6cGxhbnRlZA==",
    ],
)
def test_what_looks_like_a_credential_is_masked_though_unknown(text: str) -> None:
    """Tokens are made at run time: their shape gives them away."""
    shown = masked(text, ())
    assert MASK in shown
    for word in ("planted", "eyJzdWIi", "Y291cGE6"):
        assert word not in shown


WORDS = st.text(st.characters(categories=("L", "N", "P"), exclude_characters="*"), max_size=40)


@given(WORDS.filter(lambda word: len(word) >= 4), WORDS, WORDS)
def test_a_known_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """As such and as JSON writes it, whatever stands around it."""
    for text in (before + secret + after, json.dumps({"a": before + secret + after})):
        shown = masked(text, (secret,))
        assert secret not in shown
        assert MASK in shown
