"""Settings of the sync, read from the environment (prefix `TENOR_`) and from `.env`; secrets are masked in every repr.

Only the sync ever reads Coupa's credentials: the copilot has no setting for them.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sync.encryption import SHORTEST_KEY
from sync.errors import SettingsError

DEFAULT_SCOPES = (
    "core.accounting.read core.approval.read core.commodity.read core.common.read core.contract.read "
    "core.inventory.receiving.read core.invoice.read core.pay.payments.read core.payables.allocations.read "
    "core.payables.invoice.read core.purchase_order.read core.supplier.read core.supplier.risk_aware.read "
    "core.user.read"
)
DEFAULT_WRITE_SCOPES = (
    "core.approval.write core.comment.read core.comment.write core.custom_objects.read_write core.invoice.read "
    "core.project.read core.project.write core.user_group.read core.user_group.write"
)
WRITE_SCOPES = frozenset(
    {*DEFAULT_WRITE_SCOPES.split(), "core.invoice.write", "core.supplier.read", "core.supplier.write"}
)
"""What the delivering client may have at most: nothing here approves in Coupa's chain, bypasses it or pays."""
DEFAULT_STATE_URL = "sqlite:///.tenor/state.db"
DEFAULT_MIRROR = Path(".tenor/mirror")
DEFAULT_WORK_FOLDER = Path(".tenor/sync")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """What a sync must know. Every field is the environment variable `TENOR_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="TENOR_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    coupa_url: str | None = Field(None, description="Address of the Coupa instance; unset: the sandbox company")
    coupa_client_id: str | None = Field(None, description="Identifier of the OAuth client")
    coupa_client_secret: SecretStr | None = Field(None, description="Secret of the OAuth client")
    coupa_scopes: str = Field(DEFAULT_SCOPES, description="Scopes to ask for, separated by spaces")
    coupa_write_client_id: str | None = Field(None, description="Identifier of the OAuth client that delivers")
    coupa_write_client_secret: SecretStr | None = Field(None, description="Secret of that client")
    coupa_write_scopes: str = Field(DEFAULT_WRITE_SCOPES, description="Scopes that it asks for, separated by spaces")
    state_url: str = Field(DEFAULT_STATE_URL, description="The state store of `tenor`, where the outbox is")
    state_encrypted_by_server: bool = Field(default=False, description="Says that a database server encrypts the state")
    mirror: Path = Field(DEFAULT_MIRROR, description="Folder of the published mirror, or its pointer")
    sync_folder: Path | None = Field(None, description="Folder of the private work file; unset: beside the mirror")
    company_time_zone: str = Field("America/New_York", description="Time zone in which the company keeps its dates")
    lookback_months: Annotated[int, Field(ge=0, le=240)] = Field(24, description="Months of history; 0: all there is")
    overlap_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)] = Field(10, description="Minutes read again each run")
    reread_minutes: Annotated[int, Field(ge=0)] = Field(60, description="Minutes between readings of all open invoices")
    sweep_hours: Annotated[int, Field(ge=0)] = Field(24, description="Hours between sweeps of all ids")
    sweep_loss: Annotated[float, Field(gt=0, le=1)] = Field(
        0.2, description="Largest share of a resource's records that one sweep may remove"
    )
    reconcile_hours: Annotated[int, Field(ge=0)] = Field(24, description="Hours between comparisons of totals")
    history_days: Annotated[int, Field(ge=0)] = Field(0, description="Days that replaced versions are kept; 0: all")
    snapshot_days: Annotated[int, Field(ge=0)] = Field(0, description="Days that payables snapshots are kept; 0: all")
    page_size: Annotated[int, Field(ge=1, le=50)] = Field(50, description="Records asked for per request")
    batch_records: Annotated[int, Field(ge=1, le=100_000)] = Field(2_000, description="Records per transaction")
    requests_per_second: Annotated[float, Field(ge=0, le=25)] = Field(24, description="Rate limit; 0: none")
    concurrency: Annotated[int, Field(ge=1, le=20)] = Field(10, description="Requests under way at the same time")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(60, description="Longest wait for one answer")
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(6, description="Tries of one request before giving up")
    token_settle_seconds: Annotated[float, Field(ge=0, le=60)] = Field(5, description="Pause before a new token's use")
    feeds: Path | None = Field(None, description="Folder whose files are loaded into the feeds at each sync")
    fetch: str = Field("", description="Feeds to fetch over HTTP at each sync, separated by spaces")
    market_url: str | None = Field(None, description="Host to fetch market yields from instead of the public ones")
    keep_versions: Annotated[int, Field(ge=1)] = Field(3, description="Published versions kept")
    encryption_key: SecretStr | None = Field(
        None, description="Encrypts the mirror at rest: 32 characters or more; unset: plain files"
    )
    new_encryption_key: SecretStr | None = Field(None, description="The key that rotate-key writes with")
    schedule: str | None = Field(None, description="When the worker syncs, as in a crontab; unset: every 15 minutes")
    jitter_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(5.0, description="Longest random delay of a sync")
    listen: str = Field("127.0.0.1:9410", description="Where the worker answers health, metrics, call-outs; off: no")
    stale_after_minutes: Annotated[int, Field(ge=1)] = Field(120, description="Age of data at which health says stale")
    callout_client_id: str = Field("coupa", description="Client id that Coupa gets a token for call-outs with")
    callout_secret: SecretStr | None = Field(None, description="Secret of call-outs, 32 characters; unset: none taken")
    callout_debounce_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        5.0, description="Wait after a call-out for more, before a sync"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level of log lines")

    @field_validator("company_time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            message = f"{name!r} is not a time zone name such as 'America/New_York'"
            raise ValueError(message) from error
        return name

    @field_validator("encryption_key", "new_encryption_key", "callout_secret")
    @classmethod
    def _key_is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            message = f"it must have {SHORTEST_KEY} characters or more; make one with: openssl rand -base64 32"
            raise ValueError(message)
        return key

    @field_validator("coupa_scopes")
    @classmethod
    def _scopes_only_read(cls, scopes: str) -> str:
        for scope in scopes.split():
            if not scope.endswith(".read"):
                message = f"{scope!r} gives more than the right to read; ask for scopes that end in .read only"
                raise ValueError(message)
        return scopes

    @field_validator("coupa_write_scopes")
    @classmethod
    def _scopes_only_propose(cls, scopes: str) -> str:
        for scope in scopes.split():
            if scope not in WRITE_SCOPES:
                message = f"{scope!r} is more than delivering needs; it may hold {', '.join(sorted(WRITE_SCOPES))}"
                raise ValueError(message)
        return scopes

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.company_time_zone)

    @property
    def mirror_folder(self) -> Path:
        """The folder that holds the published versions and their pointer.

        Raises SettingsError when the setting names a single DuckDB file: versions need a folder.
        """
        if self.mirror.suffix == ".duckdb":
            raise SettingsError(
                f"TENOR_MIRROR names the file {str(self.mirror)!r}, but a sync publishes numbered versions into a "
                f"folder; name a folder such as {str(DEFAULT_MIRROR)!r}.",
            )
        return self.mirror.parent if self.mirror.suffix == ".json" else self.mirror

    @property
    def work_folder(self) -> Path:
        """The folder of the private work file: never the published one, so readers cannot mistake it."""
        if self.sync_folder is not None:
            return self.sync_folder
        return DEFAULT_WORK_FOLDER if self.mirror_folder == DEFAULT_MIRROR else self.mirror_folder / ".work"

    @property
    def delivers(self) -> bool:
        """Whether there is a client that may write."""
        return bool(self.coupa_write_client_id and self.coupa_write_client_secret)

    def write_credentials(self) -> tuple[str, str, SecretStr]:
        """Base address, id and secret of the client that delivers; raises SettingsError that names what is missing."""
        named = {
            "TENOR_COUPA_URL": self.coupa_url,
            "TENOR_COUPA_WRITE_CLIENT_ID": self.coupa_write_client_id,
            "TENOR_COUPA_WRITE_CLIENT_SECRET": self.coupa_write_client_secret,
        }
        missing = [name for name, value in named.items() if not value]
        if self.coupa_url is None or self.coupa_write_client_id is None or self.coupa_write_client_secret is None:
            raise SettingsError(
                f"{' and '.join(missing)} must be set to deliver what was approved: an OAuth client of its own, with "
                "write scopes; see docs/outbox.md."
            )
        return _safe_address(self.coupa_url), self.coupa_write_client_id, self.coupa_write_client_secret

    def credentials(self) -> tuple[str, str, SecretStr]:
        """Base address, client id and secret; raises SettingsError that names what is missing or unsafe."""
        missing = [
            name
            for name, value in (
                ("TENOR_COUPA_URL", self.coupa_url),
                ("TENOR_COUPA_CLIENT_ID", self.coupa_client_id),
                ("TENOR_COUPA_CLIENT_SECRET", self.coupa_client_secret),
            )
            if not value
        ]
        if self.coupa_url is None or self.coupa_client_id is None or self.coupa_client_secret is None or missing:
            raise SettingsError(
                f"{' and '.join(missing)} must be set to read Coupa; set them in the environment or in .env, "
                "or try the sandbox company with: tenor-sync once --demo",
            )
        return _safe_address(self.coupa_url), self.coupa_client_id, self.coupa_client_secret


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    return urlsplit(address).hostname in LOOPBACK


def _safe_address(address: str) -> str:
    """The address without a trailing slash; raises SettingsError unless it is https or this machine's own."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            f"TENOR_COUPA_URL is {address!r}, which is not an address; it looks like https://yourcompany.coupahost.com",
        )
    if parts.username or parts.password:
        raise SettingsError("TENOR_COUPA_URL must not hold a user or password; use TENOR_COUPA_CLIENT_ID and _SECRET.")
    if parts.scheme == "http" and not is_loopback(address):
        raise SettingsError(
            f"TENOR_COUPA_URL is {address!r}: credentials are only sent over https; write https://{parts.hostname}",
        )
    return address.rstrip("/")


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and `.env`, with overrides from the command line (None: not given).

    Raises SettingsError that names the variable and what it must be, never its value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type] # values are validated by the model
    except ValidationError as error:
        problems = "; ".join(
            f"TENOR_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(
            f"A setting cannot be used: {problems}. Correct it in the environment or in .env."
        ) from None
