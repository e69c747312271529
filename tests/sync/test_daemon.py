import asyncio
import datetime as dt
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sync import schema
from sync.callouts import Hint
from sync.daemon import WORKER_LOCK, Worker, run_worker
from sync.errors import CredentialsRefusedError, MirrorBusyError, SettingsError, UnreachableError
from sync.observability import Observatory
from sync.publish import Manifest, open_published
from sync.run import ResourceOutcome, SyncReport
from sync.schedule import Every
from sync.settings import Settings
from sync.worker_http import listen_at, worker_app
from sync.writer_lock import only_writer

ROOT = Path(schema.__file__).parents[1]
SECRET = "a-secret-of-call-outs-with-40-characters"
NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
HOUR = Every(dt.timedelta(hours=1))


def report(as_of: dt.datetime = NOW) -> SyncReport:
    """What a sync that read one invoice says."""
    manifest = Manifest("v1", as_of, as_of, "America/New_York", "http://stub")
    return SyncReport("r1", manifest, Path("x"), (ResourceOutcome("invoices", 3, 1, 0, 1, 3),), (), 0.5)


class Syncs:
    """Stands in for whole syncs: each call takes the next outcome; the last one repeats."""

    def __init__(self, *outcomes: BaseException | SyncReport, seconds: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0
        self.seconds = seconds
        self.cancelled = 0

    async def __call__(self, watch: Observatory) -> SyncReport:
        """One sync."""
        self.calls += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        watch.page("invoices", 3, 0)
        watch.trouble("Coupa is busy.")
        if isinstance(outcome, BaseException):
            raise outcome
        watch.finished(outcome.outcomes[0])
        return outcome


def worker_of(syncs: Syncs, **settings: Any) -> Worker:
    """A worker with its own clock and hardly any waiting."""
    quick = Settings(**{"jitter_seconds": 0.0, "callout_debounce_seconds": 0.2, **settings})
    watch = Observatory(lambda: NOW, dt.timedelta(hours=2))
    return Worker(quick, HOUR, syncs, watch, lambda: NOW, random.Random(1))  # noqa: S311 - jitter


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for a condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_call_outs_bring_the_next_sync_forward_and_together_cause_one() -> None:
    """Fifty hints within the debounce, most of them the same: one more sync, an hour before the schedule."""
    syncs = Syncs(report())
    worker = worker_of(syncs)
    working = asyncio.create_task(worker.work())
    await until(lambda: syncs.calls == 1 and worker.watch.condition.next_sync_at is not None)

    new = [worker.take(Hint("invoices", number % 5)) for number in range(50)]

    await until(lambda: syncs.calls == 2)
    await asyncio.sleep(0.4)
    assert sum(new) == 5
    assert syncs.calls == 2
    worker.stop()
    await asyncio.wait_for(working, 2)


async def test_a_hint_that_arrives_during_a_sync_is_not_lost() -> None:
    """What changes after its resource was read is read by the next sync."""
    syncs = Syncs(report(), seconds=0.2)
    worker = worker_of(syncs, callout_debounce_seconds=0.0)
    working = asyncio.create_task(worker.work())
    await until(lambda: syncs.calls == 1)
    worker.take(Hint("invoices", 7))

    await until(lambda: syncs.calls == 2)

    worker.stop()
    await asyncio.wait_for(working, 2)


async def test_a_stop_cancels_the_sync_that_runs() -> None:
    """It ends at its next await, well within the grace, and counts neither as good nor as failed."""
    syncs = Syncs(report(), seconds=60)
    worker = worker_of(syncs)
    working = asyncio.create_task(worker.work())
    await until(lambda: syncs.calls == 1)
    await asyncio.sleep(0.05)

    worker.stop()
    await asyncio.wait_for(working, 2)

    assert syncs.cancelled == 1
    assert worker.watch.condition.last_success_at is None
    assert worker.watch.condition.failures == 0


async def test_passing_trouble_is_shown_and_tried_again_and_a_refusal_ends_the_worker() -> None:
    """Health names the last error until a sync succeeds; what a person must put right is raised."""
    trouble = UnreachableError("Coupa cannot be reached.")
    syncs = Syncs(trouble, report(), CredentialsRefusedError("Coupa refuses the client."))
    worker = worker_of(syncs, callout_debounce_seconds=0.0)
    working = asyncio.create_task(worker.work())
    await until(lambda: worker.watch.condition.failures == 1)
    assert worker.watch.health().status == "failing"
    assert worker.watch.health().details["last_error"] == "Coupa cannot be reached."

    worker.take(Hint("invoices", 1))
    await until(lambda: worker.watch.health().status == "ok")
    assert worker.watch.health().details["last_error"] is None
    worker.take(Hint("invoices", 2))

    with pytest.raises(CredentialsRefusedError):
        await asyncio.wait_for(working, 5)


async def test_old_data_is_stale_whatever_the_last_run_said() -> None:
    """Freshness is measured from `data_as_of`, not from the last success."""
    watch = Observatory(lambda: NOW, dt.timedelta(minutes=120))
    assert watch.health().status == "starting"
    watch.succeeded(report(NOW - dt.timedelta(minutes=119)))
    assert watch.health().status == "ok"
    watch.succeeded(report(NOW - dt.timedelta(minutes=121)))
    assert (watch.health().status, watch.health().good) == ("stale", False)
    assert watch.health().details["data_age_seconds"] == 121 * 60


def client_of(worker: Worker, gate: Any = None) -> httpx.AsyncClient:
    """The worker's address, without a socket."""
    app = worker_app(worker.watch, gate, worker.take)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://worker")


def gate_of() -> Any:
    """A gate that knows the secret."""
    from sync.callouts import Gate  # noqa: PLC0415

    return Gate("coupa", SecretStr(SECRET), NOW.timestamp)


async def test_health_and_metrics_answer() -> None:
    """Prometheus finds the figures of a run; health is 503 when answers may not be relied on."""
    worker = worker_of(Syncs(report()))
    await worker._once("start")
    async with client_of(worker) as http:
        assert (await http.get("/live")).json() == {"status": "alive"}
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["mirror_version"]) == (200, "ok", "v1")
        text = (await http.get("/metrics")).text
        worker.watch.failed(UnreachableError("Gone."), 1, again=True)
        assert (await http.get("/health")).status_code == 503
    for line in (
        'tenor_sync_runs_total{result="published"} 1.0',
        'tenor_sync_records_read_total{resource="invoices"} 3.0',
        'tenor_sync_records_changed_total{resource="invoices"} 1.0',
        "tenor_sync_requests_retried_total 1.0",
        f"tenor_sync_data_as_of_timestamp_seconds {NOW.timestamp():.9e}".split("e")[0],
        "tenor_sync_running 0.0",
    ):
        assert line in text


async def test_without_a_secret_no_call_out_is_taken() -> None:
    """The addresses do not even exist."""
    worker = worker_of(Syncs(report()))
    async with client_of(worker) as http:
        assert (await http.post("/callouts/invoices", json={"id": 1})).status_code == 404
        assert (await http.post("/oauth2/token")).status_code == 404
    assert len(worker.hints) == 0


async def test_a_call_out_is_taken_from_who_knows_the_secret() -> None:
    """Coupa's own way, token and then document; twice the same is known; strangers, strange and large ones are not."""
    worker = worker_of(Syncs(report()))
    async with client_of(worker, gate_of()) as http:
        assert (await http.post("/oauth2/token", auth=("coupa", "wrong"))).status_code == 401
        token = (await http.post("/oauth2/token", auth=("coupa", SECRET))).json()["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        answers = [
            await http.post("/callouts/invoices", json={"id": 1}, headers=bearer),
            await http.post("/callouts/invoices", json={"id": 1}, headers=bearer),
            await http.post("/callouts/invoices", json={"id": 2}),
            await http.post("/callouts/secrets", json={"id": 2}, headers=bearer),
            await http.post("/callouts/invoices", content=b"x" * 1_100_000, headers=bearer),
            await http.get("/callouts/invoices", headers=bearer),
        ]
    assert [answer.status_code for answer in answers] == [202, 202, 401, 404, 413, 405]
    assert [answer.json()["status"] for answer in answers[:2]] == ["taken", "known"]
    assert worker.hints.take() == (Hint("invoices", 1),)


@pytest.mark.parametrize("address", ["", "9410", "localhost:", "127.0.0.1:x", "127.0.0.1:99999", "203.0.113.1:80"])
def test_an_address_that_cannot_be_used_is_one_sentence(address: str) -> None:
    """Malformed, out of range, or not this machine's."""
    with pytest.raises(SettingsError, match="TENOR_LISTEN"):
        listen_at(address)


def test_a_second_worker_is_refused(tmp_path: Path) -> None:
    """By the lock of the system, before it opens a port or reads a page."""
    settings = Settings(mirror=tmp_path, listen="off")
    syncs = Syncs(report())
    with (
        only_writer(settings.work_folder, NOW, WORKER_LOCK),
        pytest.raises(MirrorBusyError, match="Another tenor-sync"),
    ):
        run_worker(settings, HOUR, syncs, lambda: NOW)
    assert syncs.calls == 0


def test_call_outs_need_an_address(tmp_path: Path) -> None:
    """A secret without anywhere to call is a mistake."""
    settings = Settings(mirror=tmp_path, listen="off", callout_secret=SecretStr(SECRET))
    with pytest.raises(SettingsError, match="nobody could call"):
        run_worker(settings, HOUR, Syncs(report()), lambda: NOW)


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(tmp_path: Path, url: str, port: int, **more: str) -> subprocess.Popen[str]:
    """`tenor-sync run` as a user starts it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TENOR_")},
        "PYTHONPATH": str(ROOT),
        "TENOR_COUPA_URL": url,
        "TENOR_COUPA_CLIENT_ID": "tenor-demo",
        "TENOR_COUPA_CLIENT_SECRET": "tenor-demo-secret",
        "TENOR_REQUESTS_PER_SECOND": "0",
        "TENOR_LOOKBACK_MONTHS": "0",
        "TENOR_MIRROR": str(tmp_path / "mirror"),
        "TENOR_LISTEN": f"127.0.0.1:{port}",
        "TENOR_JITTER_SECONDS": "0",
        "TENOR_CALLOUT_SECRET": SECRET,
        "TENOR_CALLOUT_DEBOUNCE_SECONDS": "0.1",
        "TENOR_STALE_AFTER_MINUTES": "99999999",
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sync", "run", "--every", "1h"],
        cwd=tmp_path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def health_of(port: int) -> dict[str, Any]:
    """What health says; nothing while nobody answers."""
    try:
        found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).json()
    except httpx.TransportError:
        return {}
    return found


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 90.0) -> None:
    """Waits for a condition while the process lives."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_the_command_syncs_answers_takes_call_outs_and_stops(tmp_path: Path, small_sandbox: Any) -> None:
    """A real process over real HTTP: published, healthy, a call-out publishes again, SIGTERM ends it with 0 at once."""
    port = free_port()
    process = started(tmp_path, small_sandbox.url, port)
    try:
        wait_for(lambda: health_of(port).get("status") == "ok", process)
        first = health_of(port)["mirror_version"]
        second_worker = started(tmp_path, small_sandbox.url, free_port())
        said = second_worker.communicate(timeout=60)[0]
        assert (second_worker.returncode, "Another tenor-sync" in said) == (1, True), said
        token = httpx.post(f"http://127.0.0.1:{port}/oauth2/token", auth=("coupa", SECRET)).json()["access_token"]
        taken = httpx.post(
            f"http://127.0.0.1:{port}/callouts/invoices", json={"id": 1}, headers={"authorization": f"Bearer {token}"}
        )
        assert taken.status_code == 202
        wait_for(lambda: health_of(port).get("mirror_version") not in {None, first}, process)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
        assert time.monotonic() - asked < 10
    finally:
        process.kill()
    assert process.returncode == 0, output
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines].count("sync published") == 2
    assert lines[-1] | {"event": "stopped", "why": "SIGTERM"} == lines[-1]
    for secret in ("tenor-demo-secret", SECRET, token):
        assert secret not in output
    with open_published(tmp_path / "mirror") as published:
        assert published.execute("SELECT count(*) > 0 FROM invoices").fetchone() == (True,)


def test_sigterm_in_the_middle_of_a_sync_loses_nothing(tmp_path: Path, small_sandbox: Any) -> None:
    """It ends within seconds, publishes nothing, and the next start goes on and publishes."""
    port = free_port()
    slow = {"TENOR_REQUESTS_PER_SECOND": "4"}
    process = started(tmp_path, small_sandbox.url, port, **slow)
    try:
        wait_for(lambda: "tenor_sync_records_read_total{" in metrics_of(port), process)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
        assert time.monotonic() - asked < 10
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert not (tmp_path / "mirror" / "current.json").exists()
    again = started(tmp_path, small_sandbox.url, port)
    try:
        wait_for(lambda: health_of(port).get("status") == "ok", again)
    finally:
        again.terminate()
        again.communicate(timeout=20)


def metrics_of(port: int) -> str:
    """The figures; nothing while nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.TransportError:
        return ""
