from pathlib import Path

import pytest

from sync.errors import SettingsError
from sync.settings import Settings, load_settings


def test_names_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """TENOR_<FIELD> sets the field; a `.env` file fills in the rest."""
    monkeypatch.setenv("TENOR_COUPA_URL", "https://acme.coupahost.com/")
    monkeypatch.setenv("TENOR_COUPA_CLIENT_ID", "me")
    Path(".env").write_text(
        "TENOR_COUPA_CLIENT_SECRET=hush\nTENOR_LOOKBACK_MONTHS=36\nTENOR_MODEL_NAME=x\n", encoding="utf-8"
    )

    settings = load_settings()

    url, client, secret = settings.credentials()
    assert (url, client, secret.get_secret_value()) == ("https://acme.coupahost.com", "me", "hush")
    assert settings.lookback_months == 36


def test_secrets_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """No repr, str or dump of the settings holds the secret."""
    monkeypatch.setenv("TENOR_COUPA_CLIENT_SECRET", "hush-hush")
    settings = load_settings()

    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "hush-hush" not in text


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TENOR_LOOKBACK_MONTHS", "many", "TENOR_LOOKBACK_MONTHS"),
        ("TENOR_PAGE_SIZE", "51", "TENOR_PAGE_SIZE"),
        ("TENOR_REQUESTS_PER_SECOND", "26", "TENOR_REQUESTS_PER_SECOND"),
        ("TENOR_COMPANY_TIME_ZONE", "Mars/Base", "not a time zone name"),
        ("TENOR_COMPANY_TIME_ZONE", "../etc/passwd", "not a time zone name"),
        ("TENOR_ENCRYPTION_KEY", "k3y", "TENOR_ENCRYPTION_KEY: .*32 characters or more; make one with"),
    ],
)
def test_a_bad_value_is_named_and_never_quoted_as_a_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """The message names the variable and the way out."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says) as caught:
        load_settings()
    assert "k3y" not in str(caught.value)


def test_missing_credentials_are_all_named() -> None:
    """The message lists what is missing and offers the sandbox."""
    with pytest.raises(SettingsError, match=r"TENOR_COUPA_CLIENT_ID and TENOR_COUPA_CLIENT_SECRET must be set.*--demo"):
        Settings(coupa_url="https://acme.coupahost.com").credentials()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://acme.coupahost.com", "only sent over https"),
        ("acme.coupahost.com", "not an address"),
        ("ftp://acme.coupahost.com", "not an address"),
        ("https://user:pw@acme.coupahost.com", "must not hold a user or password"),
    ],
)
def test_unsafe_addresses_are_refused(url: str, says: str) -> None:
    """A secret is never sent in the clear, nor kept in an address; the password is not repeated."""
    with pytest.raises(SettingsError, match=says) as caught:
        Settings(coupa_url=url, coupa_client_id="me", coupa_client_secret="s").credentials()
    assert "pw" not in str(caught.value).replace("http", "")


def test_the_mirror_is_a_folder() -> None:
    """The setting may name the folder or its pointer; a single file cannot hold versions."""
    assert Settings(mirror=Path("a/current.json")).mirror_folder == Path("a")
    assert Settings().work_folder == Path(".tenor/sync")
    assert Settings(mirror=Path("a")).work_folder == Path("a/.work")
    with pytest.raises(SettingsError, match="name a folder"):
        _ = Settings(mirror=Path("a.duckdb")).mirror_folder
