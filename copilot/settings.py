"""Settings of the chat half, read from the environment (prefix TENOR_) and from `.env`; documented in docs/settings.md.

Coupa's credentials are not among them on purpose: only the sync worker ever holds those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "TENOR_"
SHORTEST_KEY = 32


class Settings(BaseSettings):
    """One value per setting; wrong values are refused with the rule, never with the value."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    mirror: Path = Field(
        default=Path(".tenor/mirror"),
        description="The published mirror: its folder, its pointer file or one .duckdb file.",
    )
    state_url: str = Field(
        default="sqlite:///.tenor/state.db",
        description="Where threads and evidence live: an SQLAlchemy URL, SQLite or PostgreSQL.",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Opens an encrypted mirror and encrypts state and chat history: 32 characters or more.",
    )
    new_encryption_key: SecretStr | None = Field(
        default=None, description="The key that `tenor rotate-key` writes with; set for that command only."
    )
    state_encrypted_by_server: bool = Field(
        default=False,
        description="Says that a PostgreSQL server of `TENOR_STATE_URL` encrypts its disk; needed there with a key.",
    )
    reporting_currency: str = Field(
        default="USD",
        pattern=r"^[A-Z]{3}$",
        description="ISO code of the currency that amounts are converted to.",
    )
    fiscal_year_start: int = Field(default=1, ge=1, le=12, description="Month in which the fiscal year starts.")
    company_time_zone: str = Field(
        default="America/New_York",
        description="IANA name of the zone in which the company's days begin and end.",
    )
    model_base_url: str | None = Field(
        default=None,
        description="Address of an OpenAI-compatible language model; empty means none: rules read the questions.",
    )
    model_api_key: SecretStr | None = Field(default=None, description="Key for that address. Masked everywhere.")
    model_name: str | None = Field(default=None, description="Name of the model at that address.")
    model_reads: Literal["form", "figure"] = Field(
        default="form",
        description="`form`: the model reads whole questions. `figure`: it picks the figure, the rules read the rest.",
    )
    model_confirms: bool = Field(
        default=True,
        description="Asks before it runs a reading that only the model has; with `figure` it always asks.",
    )
    model_values: Literal["shown", "pseudonyms", "none"] = Field(
        default="pseudonyms",
        description="Which names of a question the model sees: all, all but suppliers (SUPPLIER_17 instead), or none.",
    )
    model_timeout: float = Field(default=20.0, gt=0, le=600, description="Seconds that the model has for one answer.")
    model_tokens_per_question: int | None = Field(
        default=12_000, ge=1, description="Tokens that one question may take; beyond them the rules read alone."
    )
    model_tokens_per_day: int | None = Field(
        default=None, ge=1, description="Tokens that one day (UTC) may take; empty means no limit."
    )
    model_cost_per_day: Decimal | None = Field(
        default=None,
        ge=0,
        description="Money that one day (UTC) may cost, at the two prices below; empty means no limit.",
    )
    model_price_in: Decimal = Field(
        default=Decimal(0), ge=0, description="Price of a million tokens that the model reads."
    )
    model_price_out: Decimal = Field(
        default=Decimal(0), ge=0, description="Price of a million tokens that the model writes."
    )

    exploration: bool = Field(
        default=False,
        description="Lets people paste a SELECT or have one drafted: it runs guarded, as exploration, never certified.",
    )
    policies: Path | None = Field(
        default=None,
        description="A YAML file that says which rows and fields each viewer may see; empty means that all see all.",
    )
    viewer: str | None = Field(
        default=None, description="Who asks: a viewer of the policies file. Needed where there is such a file."
    )
    people: Path | None = Field(
        default=None,
        description="A YAML file of the people who propose, approve and write policies; empty: nobody does.",
    )
    slack_bot_token: SecretStr | None = Field(
        default=None,
        description="Bot token (`xoxb-`) of the company's Slack app, for `tenor slack`. Masked.",
    )
    slack_app_token: SecretStr | None = Field(
        default=None, description="App token (`xapp-`): with it Slack is reached over Socket Mode. Masked everywhere."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Signing secret, for requests that Slack sends over HTTP. Masked everywhere."
    )
    slack_people: Path | None = Field(
        default=None, description="A YAML file of the workspaces, and of the people in them who may ask."
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        description="Address of Slack's methods; change it for a test workspace only.",
    )
    smtp_host: str | None = Field(
        default=None, description="Mail server for notices; empty means that none are mailed."
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is encrypted; `none` for a server on this machine only."
    )
    smtp_user: str | None = Field(default=None, description="Account at the mail server, where it wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="Its password. Masked everywhere.")
    mail_from: str = Field(default="tenor@localhost", description="The sender of notices.")
    mail_domains: str = Field(
        default="", description="Domains that figures may be mailed to, separated by commas; empty means none."
    )
    quiet_hours: str | None = Field(
        default=None, description="Hours of the company's day without notices, such as 20:00-07:00; they come after it."
    )
    approvals_to: str = Field(
        default="",
        description="Who hears of new recommendations and of deliveries that died: mail addresses and "
        "`slack:WORKSPACE/CHANNEL`, separated by commas; empty means nobody.",
    )
    audit_anchors: Path | None = Field(
        default=None,
        description="A folder that others keep: a signed mark of the audit trail's end is left there once a day.",
    )
    public_url: str | None = Field(
        default=None, description="Address under which people reach the chat page, for links from Slack."
    )
    treasury_policy: Path = Field(
        default=Path("treasury.yml"),
        description="Hurdle rates, cash floors, caps and exclusions for discounts: a YAML file, optional.",
    )
    verified: Path = Field(
        default=Path("verified.yml"),
        description="The company's own verified questions: a YAML file to keep beside your other reviewed files.",
    )

    @field_validator("company_time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("must be an IANA time zone such as Europe/Berlin") from None
        return name

    @field_validator("smtp_tls")
    @classmethod
    def _encrypted_mail(cls, tls: str, info: ValidationInfo) -> str:
        host = info.data.get("smtp_host") or "localhost"
        if tls == "none" and host not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("must be starttls or tls for a mail server on another machine")
        return tls

    @field_validator("quiet_hours")
    @classmethod
    def _two_times(cls, text: str | None) -> str | None:
        if (
            text is not None
            and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d ?- ?([01]?\d|2[0-3]):[0-5]\d", text.strip()) is None
        ):
            raise ValueError("must be two times of day such as 20:00-07:00")
        return text

    @field_validator("encryption_key", "new_encryption_key")
    @classmethod
    def _long_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"must have {SHORTEST_KEY} characters or more; make one with: openssl rand -base64 32")
        return key

    @field_validator("state_url")
    @classmethod
    def _readable_url(cls, url: str) -> str:
        try:
            make_url(url)
        except ArgumentError:
            raise ValueError("must be an SQLAlchemy URL such as sqlite:///.tenor/state.db") from None
        return url

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Name and value of each setting, the password of the state URL masked."""
        for name, value in super().__repr_args__():
            yield name, masked_url(value) if name == "state_url" else value

    def state_folder(self) -> Path:
        """The folder of the SQLite state file, where its neighbours lie; `.tenor` when the state lives in a server."""
        prefix = "sqlite:///"
        return Path(self.state_url.removeprefix(prefix)).parent if self.state_url.startswith(prefix) else Path(".tenor")

    def time_zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.company_time_zone)


def masked_url(url: str) -> str:
    """The URL with its password starred, for logs and messages."""
    return make_url(url).render_as_string(hide_password=True)


def documented() -> tuple[tuple[str, str, str], ...]:
    """(environment variable, default, help) of every setting, in the order of the documentation."""
    return tuple(
        (f"{PREFIX}{name.upper()}", "" if field.default is None else str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    )
