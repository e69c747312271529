"""What the worker shows of itself: health as JSON, figures for Prometheus, and log lines. It watches every run.

Safe to call from several threads.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from sync.clock import Clock
from sync.run import ResourceOutcome, SyncReport

METRICS_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class Condition:
    """How the worker is. Times are aware; `error` is the sentence of the last failure since the last success."""

    started_at: dt.datetime
    syncing_since: dt.datetime | None = None
    next_sync_at: dt.datetime | None = None
    last_success_at: dt.datetime | None = None
    data_as_of: dt.datetime | None = None
    mirror_version: str | None = None
    failed_at: dt.datetime | None = None
    error: str | None = None
    failures: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Health:
    """`status` is one of starting, ok, failing, stale; `details` can be written as JSON."""

    status: str
    details: dict[str, object] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether answers may be relied on."""
        return self.status in {"starting", "ok"}


class Observatory:
    """Remembers, counts and logs. A `Progress` of every run."""

    def __init__(self, clock: Clock, stale_after: dt.timedelta) -> None:
        self._clock = clock
        self._stale_after = stale_after
        self._busy = threading.Lock()
        self._condition = Condition(clock())
        self._log = structlog.stdlib.get_logger("tenor.sync")
        self.registry = CollectorRegistry()
        self._make_metrics()

    def _make_metrics(self) -> None:
        here = self.registry
        self._runs = Counter("tenor_sync_runs", "Syncs by result", ["result"], registry=here)
        self._seconds = Histogram("tenor_sync_duration_seconds", "Length of a sync", buckets=_SECONDS, registry=here)
        self._read = Counter("tenor_sync_records_read", "Records read from Coupa", ["resource"], registry=here)
        self._changed = Counter("tenor_sync_records_changed", "Records that changed", ["resource"], registry=here)
        self._rejected = Gauge("tenor_sync_records_rejected", "Records set aside now", registry=here)
        self._retries = Counter("tenor_sync_requests_retried", "Requests that were tried again", registry=here)
        self._callouts = Counter("tenor_sync_callouts", "Call-outs by result", ["result"], registry=here)
        self._running = Gauge("tenor_sync_running", "1 while a sync runs", registry=here)
        self._success = Gauge("tenor_sync_last_success_timestamp_seconds", "End of the last good sync", registry=here)
        self._as_of = Gauge("tenor_sync_data_as_of_timestamp_seconds", "Up to when data is complete", registry=here)

    # --- a run, as `Progress`

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read."""
        self._read.labels(resource).inc(records)
        self._log.debug("page", resource=resource, records=records, rejected=rejected)

    def finished(self, outcome: ResourceOutcome) -> None:
        """A resource was read to its end."""
        self._changed.labels(outcome.resource).inc(outcome.changed)
        if outcome.changed or outcome.rejected or outcome.repeated:
            self._log.info(
                "resource read",
                resource=outcome.resource,
                read=outcome.read,
                changed=outcome.changed,
                rejected=outcome.rejected,
                repeated=outcome.repeated,
                pages=outcome.pages,
            )

    def trouble(self, sentence: str) -> None:
        """A request is tried again."""
        self._retries.inc()
        self._log.warning("tried again", why=sentence)

    def publishing(self) -> None:
        """The finished copy is being written."""
        self._log.debug("publishing")

    # --- the worker

    def begun(self, why: str, hints: int) -> None:
        """A sync begins, by schedule or by call-outs."""
        self._running.set(1)
        self._change(syncing_since=self._clock(), next_sync_at=None)
        self._log.info("sync begins", why=why, hints=hints)

    def succeeded(self, report: SyncReport) -> None:
        """A sync has published."""
        now, manifest = self._clock(), report.manifest
        self._ended("published", report.seconds)
        self._success.set(now.timestamp())
        self._as_of.set(manifest.data_as_of.timestamp())
        self._rejected.set(len(report.rejected))
        self._change(
            syncing_since=None,
            last_success_at=now,
            data_as_of=manifest.data_as_of,
            failures=0,
            error=None,
            failed_at=None,
            mirror_version=manifest.mirror_version,
            rejected=len(report.rejected),
        )
        self._log.info(
            "sync published",
            version=manifest.mirror_version,
            data_as_of=manifest.data_as_of.isoformat(),
            read=sum(outcome.read for outcome in report.outcomes),
            changed=sum(outcome.changed for outcome in report.outcomes),
            rejected=len(report.rejected),
            seconds=round(report.seconds, 3),
        )

    def failed(self, error: BaseException, seconds: float, *, again: bool) -> None:
        """A sync ended without publishing; `again` says whether the worker goes on."""
        self._ended("failed", seconds)
        sentence = str(error)
        self._change(syncing_since=None, failed_at=self._clock(), error=sentence, failures=self.condition.failures + 1)
        self._log.error("sync failed", error=sentence, kind=type(error).__name__, again=again)

    def delivered(self, counts: Mapping[str, int]) -> None:
        """What became of the approved actions that were due, by outcome."""
        if counts:
            self._log.info("delivered", **{name.lower(): count for name, count in sorted(counts.items())})

    def undelivered(self, error: BaseException) -> None:
        """Nothing could be delivered this time; the sync before it is published all the same."""
        self._log.error("delivery failed", error=str(error), kind=type(error).__name__)

    def stopped(self, why: str) -> None:
        """The worker ends."""
        self._running.set(0)
        self._log.info("stopped", why=why)

    def listening(self, address: str, *, callouts: bool) -> None:
        """The worker answers at that address."""
        self._log.info("listening", address=address, callouts=callouts)

    def waiting(self, until: dt.datetime) -> None:
        """Nothing to do until then."""
        self._change(next_sync_at=until)
        self._log.debug("waiting", until=until.isoformat())

    def callout(self, result: str, resource: str, record_id: int | None = None) -> None:
        """A call-out was taken, repeated, or refused."""
        self._callouts.labels(result).inc()
        self._log.info("call-out", result=result, resource=resource, record=record_id)

    def known(self, data_as_of: dt.datetime, mirror_version: str) -> None:
        """A version is published already when the worker starts."""
        self._as_of.set(data_as_of.timestamp())
        self._change(data_as_of=data_as_of, mirror_version=mirror_version)

    # --- what is asked

    @property
    def condition(self) -> Condition:
        """How the worker is now."""
        with self._busy:
            return self._condition

    def health(self) -> Health:
        """Whether the worker works and the data is fresh."""
        now, here = self._clock(), self.condition
        age = None if here.data_as_of is None else (now - here.data_as_of).total_seconds()
        stale = age is not None and age > self._stale_after.total_seconds()
        if stale:
            status = "stale"
        elif here.failures:
            status = "failing"
        else:
            status = "starting" if here.data_as_of is None else "ok"
        times = {
            name: getattr(here, name).isoformat() if getattr(here, name) else None
            for name in ("started_at", "syncing_since", "next_sync_at", "last_success_at", "data_as_of", "failed_at")
        }
        return Health(
            status,
            {
                "status": status,
                **times,
                "data_age_seconds": None if age is None else round(age),
                "mirror_version": here.mirror_version,
                "failures": here.failures,
                "last_error": here.error,
                "rejected_records": here.rejected,
            },
        )

    def metrics(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _ended(self, result: str, seconds: float) -> None:
        self._running.set(0)
        self._runs.labels(result).inc()
        self._seconds.observe(seconds)

    def _change(self, **changes: object) -> None:
        with self._busy:
            self._condition = replace(self._condition, **changes)  # type: ignore[arg-type] # names are those of fields
