"""Nothing lost, nothing doubled: random edits against random faults and kills, then mirror and company row for row.

    python benchmarks/sync_survives.py --scenarios 100 --seed 1

One scenario is a company of a few dozen records, served over HTTP, and one mirror of it. Step by step the company is
edited at random, trouble is drawn, and a sync runs in a process of its own, which is killed (SIGKILL) at a random
moment or left to end. After each run that ended well, and at the end after one without trouble, the published mirror
must equal the company: every row of every table, now, and as known at the end of each earlier run that ended well.
With `--resources 2`, a scenario mirrors invoices, approvals and two other resources, which scenarios take in turn: what
CI plays, since a run then takes half as long.

The sandbox writes what is compared with (`sync.sandbox.direct`), and shares no code with the sync.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import functools
import gc
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import duckdb

ROOT = Path(__file__).resolve().parents[1]
START = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
SOURCE, WORK_FILE = "https://survives.example", "work.duckdb"
ENDED_WELL, ENDED_BADLY = 0, 3
ALWAYS = ("invoices", "approvals")  # approvals come in both, so that both fill one table
RAW = {"raw"}
"""Columns that the sandbox does not write."""

TROUBLES = (
    "unavailable probability=0.05",
    "server_error probability=0.03",
    "html_error probability=0.03",
    "too_many_calls probability=0.05 retry_after=0",
    "expired_token uses=25",
    "cut probability=0.03",
    "dropped probability=0.03",
    "truncated_json probability=0.03",
    "html_page probability=0.02",
)


@dataclass
class Tally:
    """What happened, over all scenarios."""

    runs: int = 0
    kills: int = 0
    ended_well: int = 0
    ended_badly: int = 0
    edits: int = 0
    compared: int = 0
    past_rows: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs: {self.kills} killed, {self.ended_well} ended well, {self.ended_badly} gave up; "
            f"{self.edits} edits; {self.compared} tables compared, {self.past_rows} past rows; "
            f"trouble met: {dict(self.troubles)}"
        )


class Worker:
    """A process that forks a child for each sync, so that a run costs no start of Python."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("TENOR_")},
        )

    def run(self, order: dict[str, Any], kill_after: float | None) -> tuple[int | None, float]:
        """One sync: its exit code (None: killed) and its seconds."""
        orders, answers = _pipes(self._process)
        orders.write(json.dumps(order) + "\n")
        orders.flush()
        child, began = int(answers.readline()), time.perf_counter()
        timer = None if kill_after is None else threading.Timer(kill_after, _kill, [child])
        if timer is not None:
            timer.start()
        status = int(answers.readline())
        if timer is not None:
            timer.cancel()
        seconds = time.perf_counter() - began
        return (None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), seconds

    def close(self) -> None:
        """Ends the process."""
        orders, answers = _pipes(self._process)
        orders.close()
        self._process.wait(timeout=30)
        answers.close()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the worker has no pipes")
    return process.stdin, process.stdout


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


class Scenario:
    """One company, one mirror, some steps.

    `often` sweeps in every run, so that each run's knowledge can be compared. `deadly` is the share of runs that are
    to be killed, at a moment that may come after their end.
    """

    def __init__(
        self,
        company: Any,
        folder: Path,
        worker: Worker,
        seed: int,
        tally: Tally,
        others: int | None = None,
        deadly: float = 0.7,
    ) -> None:
        from sync.resources import RESOURCES  # noqa: PLC0415 -- the worker loads it before it forks
        from sync.sandbox.editing.edits import Edits  # noqa: PLC0415 -- the worker must not load the sandbox
        from sync.sandbox.editing.random_edits import RandomEdits  # noqa: PLC0415

        self.random = random.Random(seed)  # noqa: S311 -- reproducible on purpose
        self.seed, self.folder, self.worker, self.tally = seed, folder, worker, tally
        self.now = START
        self.often = self.random.random() < 0.7
        self.deadly = deadly
        free = [resource.name for resource in RESOURCES if resource.name not in ALWAYS]
        more = free if others is None else [free[(seed * others + place) % len(free)] for place in range(others)]
        self.resources = [resource for resource in RESOURCES if resource.name in {*ALWAYS, *more}]
        self.tables = {table.name for resource in self.resources for table in resource.tables}
        self.edits = Edits(company, now=lambda: self.now)
        rare = ("delete_any", "commodity", "entity", "silent_order_line", "contract", "allocation")
        self.busy = RandomEdits(self.edits, seed, weights={"touch": 2, **dict.fromkeys(rare, 1)})
        self.truths: dict[dt.datetime, Path] = {}
        self.usual_seconds = 0.3 + 0.08 * len(self.resources)  # of a run that is left to end

    def play(self, steps: int, kills: int = 0) -> None:
        """Steps, each followed by a run, then one run in peace, then the comparison.

        Steps go on until so many runs were killed, though not for more than four times the steps. Where all of them
        were, one more is left to end before the last.
        """
        from sync.sandbox import Stage, running  # noqa: PLC0415
        from sync.sandbox.app import create_app  # noqa: PLC0415

        if self.seed % 4:
            self._make_work_file()
        self.stage = Stage(create_app(self.edits))
        with running(self.stage) as self.address:
            killed = step = 0
            while step < steps or (killed < kills and step < 4 * steps):
                killed += self._step() is None
                step += 1
            if killed == step:
                self._step(left_to_end=True)
            self.busy.settle()
            self._later()
            code, _ = self._sync(troubles=(), kill_after=None, sweep=True)
        self._expect(code == ENDED_WELL, f"the last run, in peace, ended with {code}")
        self._note_truth()
        self.compare()

    def _make_work_file(self) -> None:
        """An empty work file: making its hundred tables takes longer than most runs, and is killed in the others."""
        place = self.folder / "work" / WORK_FILE
        place.parent.mkdir(mode=0o700)
        place.write_bytes(empty_work_file())

    def _step(self, *, left_to_end: bool = False) -> int | None:
        """Edits and a run, of which this is the exit code; None when it was killed."""
        self._later()
        self.tally.edits += len(self.busy.take(self.random.randrange(1, 8)))
        troubles = tuple(trouble for trouble in TROUBLES if self.random.random() < 0.2)
        kill_after = self.random.uniform(0, 1.1 * self.usual_seconds) if self.random.random() < self.deadly else None
        if left_to_end:
            kill_after = None
        meddled = self.random.random() < 0.3
        with self._meddling() if meddled else contextlib.nullcontext():
            code, seconds = self._sync(troubles, kill_after, sweep=self.often)
        if code is None:
            self.usual_seconds *= 1.05  # or a run that is slower than usual would never end
        if code == ENDED_WELL:
            self.usual_seconds = 0.7 * self.usual_seconds + 0.3 * seconds
            if self.often and not meddled:
                self._note_truth()
        return code

    def _later(self) -> None:
        self.now += dt.timedelta(minutes=self.random.randrange(5, 300))

    @contextlib.contextmanager
    def _meddling(self) -> Iterator[None]:
        """Edits that go on while a run reads."""
        ended = threading.Event()

        def meddle() -> None:
            while not ended.wait(0.06):
                self.tally.edits += len(self.busy.take(1))

        thread = threading.Thread(target=meddle)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _sync(self, troubles: tuple[str, ...], kill_after: float | None, *, sweep: bool) -> tuple[int | None, float]:
        from sync.sandbox.app import create_app  # noqa: PLC0415
        from sync.sandbox.faults import Faults  # noqa: PLC0415

        faults = Faults.of(*troubles, seed=self.random.randrange(10**6))
        self.stage.app = create_app(self.edits, rate_limit=False, faults=faults)
        order = {
            "now": self.now.isoformat(),
            "resources": [resource.name for resource in self.resources],
            "settings": {
                "coupa_url": self.address.url,
                "coupa_client_id": self.address.client_id,
                "coupa_client_secret": self.address.client_secret,
                "mirror": str(self.folder / "mirror"),
                "sync_folder": str(self.folder / "work"),
                "requests_per_second": 0,
                "concurrency": 6,
                "lookback_months": 0,
                "batch_records": self.random.choice((5, 20, 2000)),
                "page_size": self.random.choice((13, 50)),
                "sweep_hours": 0 if sweep else 10**6,
                "sweep_loss": 1.0,
                "reread_minutes": 0 if sweep else 600,
                "reconcile_hours": 0 if sweep and not troubles else 10**6,
                "overlap_minutes": 10,
            },
        }
        code, seconds = self.worker.run(order, kill_after)
        self.tally.runs += 1
        self.tally.kills += code is None
        self.tally.ended_well += code == ENDED_WELL
        self.tally.ended_badly += code == ENDED_BADLY
        self.tally.troubles.update(trouble.split()[0] for trouble in troubles)
        self._expect(code in {None, ENDED_WELL, ENDED_BADLY}, f"a run crashed with exit code {code}")
        return code, seconds

    def _expect(self, condition: bool, otherwise: str) -> None:  # noqa: FBT001 -- as in assert
        if not condition:
            raise AssertionError(f"scenario {self.seed}: {otherwise}")

    def _note_truth(self) -> None:
        """What a perfect mirror holds now."""
        from sync.sandbox.direct import write_company  # noqa: PLC0415

        self.truths[self.now] = self.folder / f"truth-{len(self.truths)}.duckdb"
        write_company(self.truths[self.now], self.edits.company, self.tables)

    def compare(self) -> None:
        """The published mirror, now and as known then, against each truth."""
        pointer = json.loads((self.folder / "mirror" / "current.json").read_text(encoding="utf-8"))
        with duckdb.connect(config={"threads": 1, "temp_directory": str(self.folder / "spill")}) as connection:
            connection.execute(f"ATTACH '{self.folder / 'mirror' / pointer['file']}' AS mirror (READ_ONLY)")
            drift = connection.execute("SELECT drift, drift_summary FROM mirror.mirror_manifest").fetchone()
            self._expect(drift == (0, None), f"the sync's own comparison with Coupa says {drift}")
            held = _tables(connection, "mirror")
            tables = [name for name in held if name in self.tables]
            for name in tables:
                self._check_past(connection, name)
            for moment, path in self.truths.items():
                connection.execute(f"ATTACH '{path}' AS truth (READ_ONLY)")
                for name in sorted(set(tables) & set(_tables(connection, "truth"))):
                    self._compare_table(connection, name, moment)
                connection.execute("DETACH truth")

    def _check_past(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """No version without a span, no two versions of an id at once."""
        versions = (
            f"SELECT id, known_from, known_to FROM mirror.{name}_past UNION ALL "
            f"SELECT id, known_from, NULL FROM mirror.{name}"
        )
        bad = connection.execute(
            f"SELECT id FROM (SELECT *, lead(known_from) OVER (PARTITION BY id ORDER BY known_from) AS next "
            f"FROM ({versions})) WHERE known_to <= known_from OR coalesce(known_to, 'infinity') > next",
        ).fetchall()
        self._expect(not bad, f"{name} has versions that overlap, of ids {bad[:5]}")
        found = connection.execute(f"SELECT count(*) FROM mirror.{name}_past").fetchone()
        self.tally.past_rows += found[0] if found else 0

    def _compare_table(self, connection: duckdb.DuckDBPyConnection, name: str, moment: dt.datetime) -> None:
        """Every row of a table as known at a moment, in both directions."""
        columns = ", ".join(f'"{column}"' for column in _columns(connection, name))
        known = (
            f"SELECT {columns} FROM mirror.{name} WHERE known_from <= $1 UNION ALL "
            f"SELECT {columns} FROM mirror.{name}_past WHERE known_from <= $1 AND $1 < known_to"
        )
        truth = f"SELECT {columns} FROM truth.{name}"
        for what, left, right in (("lost or old", truth, known), ("doubled or old", known, truth)):
            found = connection.execute(f"({left}) EXCEPT ALL ({right})", [moment]).fetchmany(3)
            self._expect(not found, f"{name} as known at {moment:%d %H:%M} is {what}: {found}")
        self.tally.compared += 1


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL"
    return [name for (name,) in connection.execute(query, [database]).fetchall()]


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    query = "SELECT column_name FROM duckdb_columns() WHERE database_name = 'truth' AND table_name = ?"
    names = [column for (column,) in connection.execute(query, [name]).fetchall()]
    return [column for column in names if column not in RAW | {"known_from"}]


def play(
    scenarios: int,
    steps: int,
    seed: int,
    folder: Path,
    workers: Sequence[Worker],
    others: int | None = None,
    deadly: float = 0.7,
    kills: int = 0,
) -> Tally:
    """Plays scenarios, as many at a time as there are workers; raises AssertionError at the first difference.

    In each, at least `kills` runs are killed.
    """
    from sync.sandbox.company.company import build_company  # noqa: PLC0415
    from sync.sandbox.editing.forks import pocket  # noqa: PLC0415

    company = pocket(build_company("tiny", 7, START.date(), "America/New_York"), invoices=6)
    tally, numbers = Tally(), iter(range(seed, seed + scenarios))

    def play_some(worker: Worker) -> None:
        while (number := next(numbers, None)) is not None:
            place = folder / str(number)
            place.mkdir(parents=True)
            Scenario(company, place, worker, number, tally, others, deadly).play(steps, kills)

    with ThreadPoolExecutor(len(workers)) as pool:
        for done in [pool.submit(play_some, worker) for worker in workers]:
            done.result()
    return tally


@functools.cache
def empty_work_file() -> bytes:
    """A work file without records."""
    from sync.mirror import Mirror  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WORK_FILE
        Mirror.open(path, SOURCE).close()
        return path.read_bytes()


def quick_folder() -> str | None:
    """A folder in memory, where there is one: a killed process loses nothing that it wrote to it."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 -- only a parent for temporary folders


def work() -> None:
    """The worker: forks a child for each order, says its id, then how it ended. What a child needs is made before."""
    import stamina  # noqa: PLC0415

    from sync import worker  # noqa: F401, PLC0415
    from sync.outline import Outline  # noqa: PLC0415
    from sync.pages import RawRecord  # noqa: PLC0415
    from sync.resources import RESOURCES  # noqa: PLC0415
    from sync.rows import Batch  # noqa: PLC0415

    for resource in RESOURCES:
        Batch(resource).add(RawRecord(b"{}"))
        Outline(resource)
    asyncio.run(_load_http())
    stamina.set_testing(testing=True, attempts=6)
    stamina.instrumentation.set_on_retry_hooks([])
    gc.freeze()  # a child that collected what is there would copy all of it
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_sync_in_child(json.loads(line)))
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


async def _load_http() -> None:
    """Loads what httpx loads with its first request."""
    import httpx  # noqa: PLC0415

    async with httpx.AsyncClient(trust_env=False) as http:
        with contextlib.suppress(httpx.TransportError):
            await http.get("http://127.0.0.1:1/")


def _sync_in_child(order: dict[str, Any]) -> int:
    from pydantic import SecretStr  # noqa: PLC0415

    from sync import reconciliation, worker  # noqa: PLC0415
    from sync.errors import SyncError  # noqa: PLC0415
    from sync.run import Source  # noqa: PLC0415
    from sync.settings import Settings  # noqa: PLC0415

    os.dup2(2, 1)  # the answers are the parent's
    mirrored = tuple(resource for resource in worker.RESOURCES if resource.name in order["resources"])
    for module in (worker, reconciliation):
        vars(module)["RESOURCES"] = mirrored
    given = order["settings"] | {"coupa_client_secret": SecretStr(order["settings"]["coupa_client_secret"])}
    now = dt.datetime.fromisoformat(order["now"])
    try:
        asyncio.run(worker.sync_once(Settings(**given), Source(SOURCE), lambda: now, Quiet()))
    except SyncError as error:
        if os.environ.get("SURVIVES_VERBOSE"):
            print(type(error).__name__, error, file=sys.stderr)
        return ENDED_BADLY
    except BaseException:  # noqa: BLE001 -- the parent is told by the exit code
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        return 4
    return ENDED_WELL


class Quiet:
    """Watches a run and says nothing."""

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read."""

    def finished(self, outcome: Any) -> None:
        """A resource is done."""

    def trouble(self, sentence: str) -> None:
        """A request is tried again."""

    def publishing(self) -> None:
        """All was read."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resources", type=int, help="how many besides invoices and approvals; all unless said")
    parser.add_argument("--deadly", type=float, default=0.7, help="share of runs that are to be killed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return
    began, workers = time.perf_counter(), (Worker(), Worker())
    try:
        with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
            tally = play(
                options.scenarios,
                options.steps,
                options.seed,
                Path(folder),
                workers,
                others=options.resources,
                deadly=options.deadly,
            )
    finally:
        for worker in workers:
            worker.close()
    print(f"{options.scenarios} scenarios in {time.perf_counter() - began:.0f} s. {tally}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
