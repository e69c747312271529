from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from copilot.settings import Settings, documented

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine or of a .env file here reaches these tests."""
    for name, _default, _help in documented():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_document_and_the_program_agree() -> None:
    """Every setting stands in docs/settings.md with its default and help, in order, and nothing else does."""
    rows = re.findall(r"^\| `(TENOR_\w+)` \| (.*?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert rows == [(name, f"`{default}`" if default else "none", words) for name, default, words in documented()]


def test_settings_come_from_the_environment_and_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment wins over .env; settings of the sync half in the same file do no harm."""
    (tmp_path / ".env").write_text("TENOR_REPORTING_CURRENCY=EUR\nTENOR_MIRROR=/data/a\nTENOR_COUPA_URL=https://x\n")
    monkeypatch.setenv("TENOR_MIRROR", "/data/b")
    settings = Settings()
    assert (settings.reporting_currency, settings.mirror) == ("EUR", Path("/data/b"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENOR_REPORTING_CURRENCY", "dollars"),
        ("TENOR_FISCAL_YEAR_START", "13"),
        ("TENOR_COMPANY_TIME_ZONE", "Mars/Olympus"),
        ("TENOR_STATE_URL", "not a url with secret"),
    ],
)
def test_wrong_values_are_refused_without_repeating_them(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the rule; the value may be a secret."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert value not in str(caught.value)


def test_secrets_are_masked_everywhere() -> None:
    """Neither the key nor the password of the state URL is in any text of the settings."""
    settings = Settings(
        model_api_key=SecretStr("sk-hidden"),
        state_url="postgresql://tenor:hunter2@db/tenor",
    )
    for shown in (repr(settings), str(settings)):
        assert "sk-hidden" not in shown
        assert "hunter2" not in shown
        assert "tenor:***@db" in shown


def test_the_zone_is_usable() -> None:
    """The default zone exists on this machine, tzdata included."""
    assert Settings().time_zone().key == "America/New_York"
