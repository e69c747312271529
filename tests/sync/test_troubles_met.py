"""Every trouble of the sandbox against the real client over HTTP: what the run does, and that nothing is lost by it."""

import asyncio
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from sync import reconciliation, worker
from sync.errors import (
    CredentialsRefusedError,
    IncompleteSyncError,
    RateLimitedError,
    ServerTroubleError,
    SyncError,
    UnreachableError,
)
from sync.resources import BY_NAME
from sync.run import Source, SyncReport
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company
from sync.sandbox.direct import write_company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.forks import pocket
from sync.sandbox.editing.random_edits import RandomEdits
from sync.sandbox.faults import ON_WRITES, Fault, Faults
from sync.sandbox.serving import Stage

SWEEPS = {"sweep_hours": 0, "reread_minutes": 0}
MIRRORED = tuple(BY_NAME[name] for name in ("invoices", "approvals", "suppliers", "payment_terms"))
COMPARED = {table.name for resource in MIRRORED for table in resource.tables}

ENDS_WELL = (
    "expired_token uses=4",
    "revoked_token calls=3,9",
    "too_many_calls every=5 retry_after=0",
    "too_many_calls every=7",
    "no_retry_after",
    "server_error every=5",
    "html_error every=5",
    "bad_gateway every=5",
    "unavailable every=5 retry_after=0",
    "gateway_timeout every=5",
    "slow every=9 seconds=0.05",
    "slow times=1 after=4 seconds=1.5",
    "slow_body every=9 seconds=0.05",
    "cut every=5 at=0.3",
    "dropped every=5",
    "truncated_json every=5 at=0.7",
    "html_page every=5",
    "empty_body every=5",
    "hidden_fields attribute=total-with-taxes,payments,supplier",
    "unknown_field path=invoices",
    "duplicate_ids",
    "unsorted every=4",
)
MOVES = (  # the company itself, or what the run can know of it
    "page_shift every=2",
    "child_edits every=2",
    "late_updates every=3",
    "hard_deletes every=9",
    "random_edits every=2 count=2",
    "clock_skew seconds=240",
    "clock_skew seconds=-240",
    "missing_field path=invoices attribute=payments",
)
SETS_ASIDE = (  # with the field that is named
    ("null path=invoices share=0.5 attribute=status", "status"),
    ("blank path=invoices share=0.5 attribute=status", "status"),
    ("out_of_range path=invoices share=0.5", "total-with-taxes"),
    ("out_of_range path=invoices share=0.5 attribute=invoice-lines.total", "invoice-lines"),
    ("wrong_type path=invoices share=0.5", "total-with-taxes"),
    ("wrong_type path=invoices attribute=updated-at", "updated-at"),
    ("missing_field path=invoices share=0.5 attribute=status", "status"),
    ("wrong_type path=approvals attribute=position share=0.5", "position"),
)
STOPS: tuple[tuple[str, type[SyncError], str], ...] = (
    ("revoked_client", CredentialsRefusedError, "refuses the id or secret"),
    ("invalid_scope", CredentialsRefusedError, "scope"),
    ("expired_token", CredentialsRefusedError, "refuses its own fresh token"),
    ("forbidden path=suppliers", IncompleteSyncError, "grant it the scope 'core.supplier.read'"),
    ("too_many_calls retry_after=0", RateLimitedError, "too many requests"),
    ("server_error path=invoices", ServerTroubleError, "HTTP 500"),
    ("html_error path=invoices", ServerTroubleError, "HTTP 500"),
    ("gateway_timeout path=invoices", ServerTroubleError, "HTTP 504"),
    ("slow path=invoices seconds=1.5", UnreachableError, "did not answer in time"),
    ("dropped path=invoices", IncompleteSyncError, "broke off half way"),
    ("cut path=invoices", IncompleteSyncError, "broke off half way"),
    ("truncated_json path=invoices", IncompleteSyncError, "not valid JSON"),
    ("html_page path=invoices", IncompleteSyncError, "not valid JSON"),
    ("empty_body path=invoices", IncompleteSyncError, "not valid JSON"),
    ("unsorted path=invoices", IncompleteSyncError, "does not page by id"),
)


@dataclass
class Trial:
    """One company, one mirror of it that was published in peace, and runs of it under trouble."""

    edits: Edits
    stage: Stage
    url: str
    folder: Path
    kit: SimpleNamespace
    now: dt.datetime

    def run(self, *troubles: str, **changes: Any) -> SyncReport:
        """One sync, half an hour after the one before."""
        self.now += dt.timedelta(minutes=30)
        limited = "no_retry_after" in troubles
        self.stage.app = create_app(self.edits, rate_limit=limited, faults=Faults.of(*troubles, seed=5))
        given = {"page_size": 5, "sweep_loss": 1.0, "timeout_seconds": 1.0, **changes}
        settings = self.kit.sandbox_settings(self.url, mirror=self.folder / "mirror", concurrency=4, **given)
        moment = self.now
        return asyncio.run(
            worker.sync_once(settings, Source("https://trial.example"), lambda: moment, self.kit.Watcher())
        )

    def in_peace(self) -> None:
        """Another run, without trouble, that sweeps; then the mirror is the company."""
        RandomEdits(self.edits, seed=1).settle()
        assert self.run(**SWEEPS).rejected == ()
        self.equals()

    def equals(self) -> None:
        """Every row of every table is as it is in the company."""
        truth = self.folder / "truth.duckdb"
        write_company(truth, self.edits.company, only=COMPARED)
        with duckdb.connect(str(truth), read_only=True) as connection:
            connection.execute(f"ATTACH '{self.published}' AS mirror (READ_ONLY)")
            for resource in MIRRORED:
                for table in resource.tables:
                    columns = ", ".join(f'"{name}"' for name in table.names if name != "raw")
                    pair = [f'SELECT {columns} FROM {side}."{table.name}"' for side in ("truth", "mirror")]
                    for left, right in (pair, pair[::-1]):
                        assert connection.execute(f"{left} EXCEPT ALL {right}").fetchall() == [], table.name

    @property
    def published(self) -> Path:
        """The current version."""
        return self.folder / "mirror" / str(json.loads((self.folder / "mirror" / "current.json").read_text())["file"])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the current version."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def few(company: Any) -> Any:
    """A company of some dozens of records."""
    return pocket(company, invoices=6)


@pytest.fixture(scope="module")
def stage(few: Any) -> Iterator[tuple[Stage, str]]:
    """One address for all trials."""
    stage = Stage(create_app(few, rate_limit=False))
    with running(stage) as address:
        yield stage, address.url


@pytest.fixture(scope="module", autouse=True)
def four_resources() -> Iterator[None]:
    """Few resources are enough to meet a trouble, and quicker."""
    patch = pytest.MonkeyPatch()
    for module in (worker, reconciliation):
        patch.setattr(module, "RESOURCES", MIRRORED)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def calm(few: Any, stage: tuple[Stage, str], kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A trial after its first run."""
    folder = tmp_path_factory.mktemp("calm")
    trial = Trial(Edits(few, now=lambda: kit.now), *stage, folder, kit, kit.now)
    trial.run()
    return trial


@pytest.fixture
def trial(calm: Trial, few: Any, tmp_path: Path) -> Trial:
    """A copy of it, with some edits that the next run has to read."""
    shutil.copytree(calm.folder, tmp_path / "trial")
    mine = Trial(Edits(few, now=lambda: mine.now), calm.stage, calm.url, tmp_path / "trial", calm.kit, calm.now)
    mine.now += dt.timedelta(minutes=10)
    RandomEdits(mine.edits, seed=2, weights={"delete_any": 0}).take(12)
    return mine


def test_every_fault_is_met_here() -> None:
    """A fault without an expectation would be one that nobody tried; reading does not meet those of writes."""
    met = {line.split()[0] for line in (*ENDS_WELL, *MOVES, *(line for line, *_ in (*SETS_ASIDE, *STOPS)))}
    assert met == set(Fault) - ON_WRITES


@pytest.mark.parametrize("trouble", ENDS_WELL)
def test_the_run_gets_over_it(trial: Trial, trouble: str) -> None:
    """It tries again, or passes over what came twice: what it publishes is the company."""
    report = trial.run(trouble, **SWEEPS)

    assert report.rejected == ()
    trial.equals()


@pytest.mark.parametrize("trouble", MOVES)
def test_the_run_publishes_and_the_next_one_has_it_all(trial: Trial, trouble: str) -> None:
    """What moved under its hands is found by the next run that sweeps."""
    before = trial.published

    assert trial.run(trouble).rejected == ()

    assert trial.published != before
    trial.in_peace()


@pytest.mark.parametrize(("trouble", "field"), SETS_ASIDE)
def test_records_are_set_aside(trial: Trial, trouble: str, field: str) -> None:
    """By id, field and reason; the others are published, the last good version stays, and they come good in peace."""
    resource = trouble.split("path=")[1].split(maxsplit=1)[0]
    held = set(trial.query(f'SELECT id FROM "{resource}"'))

    report = trial.run(trouble, overlap_minutes=44_640)

    assert report.rejected
    assert {bad.resource for bad in report.rejected} == {resource}
    assert all(bad.record_id and bad.problem and bad.field.startswith(field) for bad in report.rejected)
    assert trial.query("SELECT count(*) FROM rejected_records") == [(len(report.rejected),)]
    assert set(trial.query(f'SELECT id FROM "{resource}"')) >= held
    trial.in_peace()


@pytest.mark.parametrize(("trouble", "error", "says"), STOPS)
def test_the_run_stops_clearly(trial: Trial, trouble: str, error: type[SyncError], says: str) -> None:
    """One typed sentence; the published version stays byte for byte; the next run in peace goes on from there."""
    before = trial.published
    content = before.read_bytes()

    with pytest.raises(error) as stopped:
        trial.run(trouble)

    assert says in str(stopped.value)
    assert trial.published == before
    assert before.read_bytes() == content
    trial.in_peace()


def test_records_that_come_again_are_counted(trial: Trial) -> None:
    """In the report and in the mirror."""
    report = trial.run("duplicate_ids", overlap_minutes=44_640)

    repeated = {outcome.resource: outcome.repeated for outcome in report.outcomes}
    assert repeated["invoices"] > 0
    kept = dict(trial.query(f"SELECT resource, records_repeated FROM sync_runs WHERE run_id = '{report.run_id}'"))
    assert kept == repeated


def test_what_is_unknown_or_missing_is_told_and_kept(trial: Trial) -> None:
    """A new field stays in raw; a list that no longer comes leaves its rows; both are told."""
    payments = trial.query("SELECT count(*) FROM invoice_payments")
    trial.run("unknown_field path=invoices", overlap_minutes=44_640)
    trial.run("missing_field path=invoices attribute=payments", overlap_minutes=44_640)

    assert trial.query("""SELECT DISTINCT json(raw)->'brand-new-field'->>'name' FROM invoices""") == [(None,)]
    told = trial.query("SELECT path, change FROM schema_changes WHERE resource = 'invoices'")
    assert ("brand-new-field", "new field") in told
    assert ("payments", "missing") in told
    assert trial.query("SELECT count(*) FROM invoice_payments") >= payments


@pytest.mark.parametrize("zone", ["Pacific/Tongatapu", "America/Los_Angeles"])
def test_dates_are_the_companys_own(kit: Any, stage: tuple[Stage, str], tmp_path: Path, zone: str) -> None:
    """At +13:00 and at -08:00 the mirror holds the dates that the company wrote, whatever day it was in UTC."""
    far = pocket(build_company("tiny", 7, kit.today, zone), invoices=6)
    trial = Trial(Edits(far, now=lambda: trial.now), *stage, tmp_path, kit, kit.now)
    trial.run(company_time_zone=zone)
    trial.in_peace()
