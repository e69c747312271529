"""`tenor-sync run`: syncs by the clock and at call-outs until it is told to stop.

The main thread answers HTTP and keeps the time; each sync runs in a thread with an event loop of its own, so that
health answers at once whatever DuckDB is doing. A signal cancels the sync that runs: the batch that is being merged is
committed or undone as a whole, nothing is published, and the next start goes on from there. Should it not have ended
after a few seconds, the process ends as it is, which loses no more: the files survive even `kill -9`.
"""

import asyncio
import contextlib
import datetime as dt
import functools
import os
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, NoReturn

from sync.callouts import Gate, Hint, Hints
from sync.clock import Clock
from sync.errors import MirrorBusyError, MirrorUnreadableError, RetriableSyncError, SettingsError
from sync.observability import Observatory
from sync.publish import POINTER, read_manifest
from sync.run import SyncReport
from sync.schedule import Schedule, jittered
from sync.settings import Settings
from sync.worker_http import listen_at, server_of, worker_app
from sync.writer_lock import only_writer

GRACE_SECONDS: Final = 8.0
WORKER_LOCK: Final = "worker.lock"
_LONGEST_SLEEP: Final = 30.0  # seconds: a clock that is set, or a machine that slept, is noticed after that
Sync = Callable[[Observatory], Coroutine[Any, Any, SyncReport]]


class Worker:
    """Runs syncs one after the other. `sync` makes one whole sync that the observatory watches."""

    def __init__(
        self,
        settings: Settings,
        schedule: Schedule,
        sync: Sync,
        watch: Observatory,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._settings = settings
        self._schedule = schedule
        self._sync = sync
        self._clock = clock
        self._chance = chance
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: SyncThread | None = None
        self.watch = watch
        self.hints = Hints()

    def take(self, hint: Hint) -> bool:
        """Keeps a hint for the next sync and brings that forward; False when it was known."""
        new = self.hints.add(hint)
        self._wake.set()
        return new

    def stop(self) -> None:
        """Ends after the sync that runs, which is cancelled."""
        self._stopping = True
        self._wake.set()
        if self._running is not None:
            self._running.cancel()

    async def work(self) -> None:
        """Syncs until stopped; raises what a person must put right."""
        why = "start"
        while not self._stopping:
            begun = self._clock()
            await self._once(why)
            why = await self._pause(self._schedule.after(begun))

    async def _once(self, why: str) -> None:
        hints = self.hints.take()
        self._wake.clear()
        self.watch.begun(why, len(hints))
        started = time.monotonic()
        self._running = SyncThread(self._sync(self.watch))
        try:
            report = await self._running.result()
        except (RetriableSyncError, MirrorBusyError) as error:
            self.watch.failed(error, time.monotonic() - started, again=True)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        except Exception as error:
            self.watch.failed(error, time.monotonic() - started, again=False)
            raise
        else:
            self.watch.succeeded(report)
        finally:
            self._running = None

    async def _pause(self, until: dt.datetime) -> str:
        """Waits for the time, or for call-outs and then a little for more of them; says which."""
        moment = jittered(until, self._settings.jitter_seconds, self._chance)
        self.watch.waiting(moment)
        while not self._stopping:
            if self.hints:
                await self._sleep(self._settings.callout_debounce_seconds, stop_only=True)
                return "call-out"
            left = (moment - self._clock()).total_seconds()
            if left <= 0:
                return "schedule"
            await self._sleep(min(left, _LONGEST_SLEEP))
        return "stop"

    async def _sleep(self, seconds: float, *, stop_only: bool = False) -> None:
        """Sleeps, but wakes for a stop, and for a call-out unless `stop_only`."""
        deadline = time.monotonic() + seconds
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
                if not stop_only:
                    return


class SyncThread:
    """One sync in a thread with an event loop of its own."""

    def __init__(self, sync: Coroutine[Any, Any, SyncReport]) -> None:
        self._sync = sync
        self._outcome: asyncio.Future[SyncReport] = asyncio.get_running_loop().create_future()
        self._home = asyncio.get_running_loop()
        self._inner: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    async def result(self) -> SyncReport:
        """The report; raises what the sync raised, CancelledError after `cancel`."""
        return await asyncio.shield(self._outcome)

    def cancel(self) -> None:
        """Asks the sync to end at its next await."""
        self._cancelled = True
        if self._inner is not None:
            loop, task = self._inner
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)

    def _run(self) -> None:
        try:
            report = asyncio.run(self._body())
        except asyncio.CancelledError:
            self._tell(self._outcome.cancel)
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits
            self._tell(functools.partial(self._outcome.set_exception, error))
        else:
            self._tell(functools.partial(self._outcome.set_result, report))

    async def _body(self) -> SyncReport:
        task = asyncio.current_task()
        assert task is not None, "a coroutine that runs has a task"  # noqa: S101 - tells the type checker
        self._inner = (asyncio.get_running_loop(), task)
        if self._cancelled:
            self._sync.close()
            raise asyncio.CancelledError
        return await self._sync

    def _tell(self, outcome: Callable[[], object]) -> None:
        def once() -> None:
            if not self._outcome.done():
                outcome()

        with contextlib.suppress(RuntimeError):  # nobody waits any more
            self._home.call_soon_threadsafe(once)


def run_worker(settings: Settings, schedule: Schedule, sync: Sync, clock: Clock) -> int:
    """Works until a signal; returns the signal's number. One worker per work folder.

    Raises MirrorBusyError for a second one, SettingsError for an address that cannot be used, and what ends a sync for
    good.
    """
    watch = Observatory(clock, dt.timedelta(minutes=settings.stale_after_minutes))
    with only_writer(settings.work_folder, clock(), WORKER_LOCK):
        return asyncio.run(_serve_and_work(settings, schedule, sync, watch, clock))


async def _serve_and_work(settings: Settings, schedule: Schedule, sync: Sync, watch: Observatory, clock: Clock) -> int:
    worker = Worker(settings, schedule, sync, watch, clock, random.SystemRandom())
    _tell_what_is_published(settings, watch)
    stopped_by = _stop_at_signals(worker)
    async with _answering(settings, worker):
        working = asyncio.create_task(worker.work())
        stopping = asyncio.create_task(stopped_by.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            await asyncio.wait({working}, timeout=GRACE_SECONDS)
        if not working.done():
            _end_as_it_is(watch)
        await working
    watch.stopped(signal.Signals(stopped_by.number).name)
    return stopped_by.number


class _Stop(asyncio.Event):
    """Which signal has come."""

    number = int(signal.SIGTERM)


def _stop_at_signals(worker: Worker) -> _Stop:
    stopped = _Stop()

    def stop(number: int) -> None:
        stopped.number = number
        stopped.set()
        worker.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, int(number))
    return stopped


@contextlib.asynccontextmanager
async def _answering(settings: Settings, worker: Worker) -> AsyncIterator[None]:
    """Answers HTTP for the length of the block, unless that is off."""
    if settings.listen.lower() == "off":
        if settings.callout_secret is not None:
            raise SettingsError("TENOR_CALLOUT_SECRET is set, but TENOR_LISTEN is off: nobody could call; set one.")
        yield
        return
    secret = settings.callout_secret
    gate = None if secret is None else Gate(settings.callout_client_id, secret, time.time)
    with listen_at(settings.listen) as listener:
        host, port = listener.getsockname()[:2]
        server = server_of(worker_app(worker.watch, gate, worker.take))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        worker.watch.listening(f"http://{f'[{host}]' if ':' in host else host}:{port}", callouts=gate is not None)
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def _tell_what_is_published(settings: Settings, watch: Observatory) -> None:
    """Health knows from the start how old the data is; a damaged mirror is the first sync's business."""
    if not (settings.mirror_folder / POINTER).exists():
        return
    with contextlib.suppress(MirrorUnreadableError):
        manifest = read_manifest(settings.mirror_folder, settings.encryption_key)
        watch.known(manifest.data_as_of, manifest.mirror_version)


def _end_as_it_is(watch: Observatory) -> NoReturn:
    watch.stopped(f"the sync did not end within {GRACE_SECONDS:g} s; its files survive that")
    os._exit(0)
