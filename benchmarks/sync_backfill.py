"""How fast invoices arrive in the mirror: ours, dlt, and a loop that only downloads; side by side in one run.

    python benchmarks/sync_backfill.py [--invoices 100000] [--dlt-invoices 20000] [--parts load full dlt latency limit]

Records are rendered once by the sandbox and served by a process of its own (benchmarks/page_server.py), so that nobody
waits for the server. Each contender is a fresh process; processor time and peak memory are its own. dlt gets an
environment of its own, made with `uv venv` in the working folder, and a smaller load of its own, as it is slow; all
rates are per second of its own load. Prints a table, and ratios to be quoted instead of times.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

HERE = Path(__file__).parent
TODAY = dt.date(2026, 11, 22)
DLT = ["dlt[duckdb]==1.31.0", "duckdb==1.5.5", "pyarrow"]
BATCH = 2_000
PARTS = ["load", "full", "dlt", "latency", "limit"]


class Watcher:
    """Hears of nothing but trouble."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def page(self, resource: str, records: int, rejected: int) -> None:
        """A page was read."""

    def finished(self, outcome: object) -> None:
        """A resource was read."""

    def trouble(self, sentence: str) -> None:
        """A request is tried again."""
        self.troubles.append(sentence)

    def publishing(self) -> None:
        """The copy is being written."""


def render(count: int, path: Path) -> None:
    """Writes the first invoices of the sandbox company to a file, one on a line."""
    from starlette.testclient import TestClient  # noqa: PLC0415

    from sync.resources import BY_NAME  # noqa: PLC0415
    from sync.sandbox.app import create_app  # noqa: PLC0415
    from sync.sandbox.company.company import build_company  # noqa: PLC0415

    company = build_company("small" if count <= 12_000 else "medium", 7, TODAY)
    scopes = "core.invoice.read core.accounting.read"
    credentials = {"grant_type": "client_credentials", "client_id": "tenor-demo", "client_secret": "tenor-demo-secret"}
    after = written = 0
    with TestClient(create_app(company, rate_limit=False)) as http, path.open("wb") as file:
        token = http.post("/oauth2/token", data={**credentials, "scope": scopes}).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        while written < count:
            query = {"fields": BY_NAME["invoices"].fields, "order_by": "id", "id[gt]": str(after), "limit": "50"}
            page = http.get("/api/invoices", params=query, headers=headers).json()
            if not page:
                break
            for record in page[: count - written]:
                file.write(b"\n" if written else b"")
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
                written += 1
            after = page[-1]["id"]


@contextlib.contextmanager
def serving(records: Path, *options: str) -> Iterator[str]:
    """A page server in a process of its own; gives its address."""
    command = [sys.executable, str(HERE / "page_server.py"), str(records), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").strip()
        finally:
            server.kill()


async def backfill(url: str, folder: Path, rate: float) -> dict[str, float]:
    """Ours, whole: read, type, load, publish."""
    from sync.client import CoupaClient, open_http  # noqa: PLC0415
    from sync.mirror import Mirror  # noqa: PLC0415
    from sync.publish import new_manifest, publish  # noqa: PLC0415
    from sync.rate_limit import BURST, RateLimiter  # noqa: PLC0415
    from sync.resources import BY_NAME  # noqa: PLC0415
    from sync.run import new_run  # noqa: PLC0415
    from sync.settings import Settings  # noqa: PLC0415
    from sync.worker import read_all  # noqa: PLC0415

    settings = Settings(
        coupa_url=url,
        coupa_client_id="me",
        coupa_client_secret=SecretStr("s"),
        requests_per_second=rate,
        lookback_months=0,
        batch_records=BATCH,
        concurrency=10,
    )
    watcher = Watcher()
    run = new_run(settings, lambda: dt.datetime.now(dt.UTC), watcher)
    started = time.perf_counter()
    with Mirror.open(folder / "work" / "work.duckdb", url) as mirror:
        async with open_http(settings, time.monotonic) as http:
            limiter = RateLimiter(rate, time.monotonic, burst=BURST)
            client = CoupaClient(http, limiter, concurrency=10, on_trouble=watcher.trouble)
            (outcome,) = await read_all(client, mirror, run, (BY_NAME["invoices"],))
        read = time.perf_counter() - started
        now = run.clock()
        publish(mirror, folder / "mirror", new_manifest(now, now, settings.company_time_zone, url), 3)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "read": read, "invoices": outcome.rows, "troubles": len(watcher.troubles)}


async def read_only(url: str, rate: float) -> dict[str, float]:
    """Our client alone: every page in order, split into records, and thrown away."""
    from sync.client import CoupaClient, open_http  # noqa: PLC0415
    from sync.pagination import Window  # noqa: PLC0415
    from sync.rate_limit import BURST, RateLimiter  # noqa: PLC0415
    from sync.resources import BY_NAME  # noqa: PLC0415
    from sync.settings import Settings  # noqa: PLC0415

    settings = Settings(
        coupa_url=url,
        coupa_client_id="me",
        coupa_client_secret=SecretStr("s"),
        concurrency=10,
        requests_per_second=rate,
    )
    async with open_http(settings, time.monotonic) as http:
        client = CoupaClient(http, RateLimiter(rate, time.monotonic, burst=BURST), concurrency=10)
        started, count = time.perf_counter(), 0
        async for page in client.pages(BY_NAME["invoices"], Window()):
            count += len(page.records)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "read": seconds, "invoices": count}


async def download(url: str, *, concurrent: bool) -> dict[str, float]:
    """Only downloads: page after page by key, or ten ranges of ids side by side; nothing is decoded but the last id."""
    started = time.perf_counter()
    counts = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        answer = await http.get("/api/invoices", params={"limit": "1"})
        low = answer.json()[0]["id"] - 1
        answer = await http.get("/api/invoices", params={"limit": "1", "dir": "desc"})
        high = answer.json()[0]["id"]

        async def read(after: int, end: int) -> None:
            while after < end:
                page = await http.get("/api/invoices", params={"id[gt]": str(after), "limit": "50"})
                records = page.content.count(b'{"id":') and page.content[2:].split(b'},{"id":')
                if not records:
                    return
                counts.append(1)
                tail = page.content.rindex(b',"invoice-number":')
                after = int(page.content[page.content.rindex(b'"id":', 0, tail) + 5 : tail])

        parts = 10 if concurrent else 1
        edges = [low + (high - low) * part // parts for part in range(parts + 1)]
        await asyncio.gather(*(read(*edge) for edge in itertools.pairwise(edges)))
    return {"seconds": time.perf_counter() - started, "pages": len(counts)}


async def decode_and_load(records: Path, folder: Path) -> dict[str, float]:
    """Pages that lie ready: split, typed, loaded into the work file as a sync does it; no network."""
    from sync.merge_ahead import MergeAhead  # noqa: PLC0415
    from sync.mirror import Merging, Mirror  # noqa: PLC0415
    from sync.pages import split_records  # noqa: PLC0415
    from sync.resources import BY_NAME  # noqa: PLC0415
    from sync.rows import Batch  # noqa: PLC0415
    from sync.state import Bookmark  # noqa: PLC0415

    def pages() -> Iterator[bytes]:
        with records.open("rb") as file:
            lines: list[bytes] = []
            for line in file:
                lines.append(line.rstrip(b"\n"))
                if len(lines) == 50:
                    yield b"[" + b",".join(lines) + b"]"
                    lines.clear()
        if lines:
            yield b"[" + b",".join(lines) + b"]"

    now, read = dt.datetime.now(dt.UTC), 0
    loading = 0.0
    with Mirror.open(folder / "work.duckdb", "pages") as mirror:
        started, cpu = time.perf_counter(), time.process_time()
        batch = Batch(BY_NAME["invoices"])

        def merge(ready: Batch, reached: Bookmark) -> int:
            nonlocal loading
            begun = time.perf_counter()
            changed = mirror.merge(ready, reached, "run", now, Merging(now))
            loading += time.perf_counter() - begun
            return changed

        async with MergeAhead(merge) as merging:
            for page in pages():
                found = split_records(page, "invoices")
                batch.add_page(found, found[-1].id or 0)
                read += len(found)
                if batch.read >= BATCH:
                    await merging.put(batch, Bookmark("invoices"))
                    batch = Batch(BY_NAME["invoices"])
            await merging.put(batch, Bookmark("invoices"))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "invoices": read, "cpu": cpu, "loading": loading}


def peak_mb() -> float:
    """The most memory this process held. Not `ru_maxrss`, which a process inherits from the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def alone(kind: str, url: str, folder: str, records: str, rate: float) -> None:
    """One contender, in this process; prints what it took as JSON."""
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: asyncio.run(backfill(url, Path(folder), rate)),
        "client": lambda: asyncio.run(read_only(url, rate)),
        "bare": lambda: asyncio.run(download(url, concurrent=False)),
        "bare-10": lambda: asyncio.run(download(url, concurrent=True)),
        "pages": lambda: asyncio.run(decode_and_load(Path(records), Path(folder))),
    }
    found = runs[kind]()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak_mb": peak_mb(), **found}))


def contender(kind: str, url: str = "-", records: Path = Path(), rate: float = 0) -> dict[str, float]:
    """Runs one contender in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--alone", kind, url, folder, str(records), str(rate)]
        return _answer(command)


def _answer(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2_000:])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def dlt(url: str, environment: Path, *options: str) -> dict[str, float]:
    """dlt, in its own environment."""
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(environment)], check=True)  # noqa: S607
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *DLT], check=True)  # noqa: S607
    with tempfile.TemporaryDirectory() as folder:
        return _answer([str(python), str(HERE / "dlt_backfill.py"), url, folder, *options])


def line(name: str, count: float, found: dict[str, float], note: str = "") -> None:
    """One line of the table."""
    rate = count / found["seconds"]
    each = found["cpu"] / count * 1e6
    print(
        f"{name:<44}{count:>9,.0f}{found['seconds']:>8.1f} s{rate:>9,.0f}/s{each:>8.0f} us{found['peak_mb']:>7.0f} MB  {note}",
        flush=True,
    )


def main() -> None:
    """The whole comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--dlt-invoices", type=int, default=20_000)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--environment", type=Path, default=Path(".tenor/dlt-environment"))
    parser.add_argument("--alone", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        kind, url, folder, records, rate = given.alone
        alone(kind, url, folder, records, float(rate))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(given, Path(folder))


def compare(given: argparse.Namespace, folder: Path) -> None:
    """Runs the parts that were asked for, one after the other, and prints the table."""
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':<44}{'invoices':>9}{'wall':>10}{'rate':>11}{'cpu each':>11}{'peak':>10}")
    quarter = given.invoices // 4
    sizes = sorted({quarter, given.invoices, given.dlt_invoices})
    files = {size: folder / f"{size}.ndjson" for size in sizes}
    render(max(sizes), files[max(sizes)])
    for size in sizes[:-1]:
        with files[max(sizes)].open("rb") as lines:
            files[size].write_bytes(b"".join(itertools.islice(lines, size)).removesuffix(b"\n"))
    parts: dict[str, Callable[[], None]] = {
        "load": lambda: at_hand(files[given.invoices]),
        "full": lambda: full(files[given.invoices], files[quarter]),
        "dlt": lambda: against_dlt(files[given.dlt_invoices], given.environment.absolute()),
        "latency": lambda: latency(files[given.invoices]),
        "limit": lambda: rate_limit(files[quarter]),
    }
    for part in given.parts:
        parts[part]()


def at_hand(records: Path) -> None:
    """No network at all: pages that lie ready."""
    ready = contender("pages", records=records)
    note = f"DuckDB at work for {ready['loading'] / ready['seconds']:.0%} of it"
    line("decode, type and load, pages at hand", ready["invoices"], ready, note)


def full(records: Path, quarter: Path) -> None:
    """Whole backfills, beside a loop that only downloads."""
    with serving(records) as url:
        whole = contender("ours", url)
        for name, kind in (("one by one", "bare"), ("ten at a time", "bare-10")):
            bare = contender(kind, url)
            line(f"httpx, download only, {name}", whole["invoices"], bare)
        publishing = whole["seconds"] - whole["read"]
        line("full backfill, with publishing", whole["invoices"], whole, f"{publishing:.1f} s of it publishing")
    with serving(quarter) as url:
        part = contender("ours", url)
        line("full backfill of a quarter", part["invoices"], part)
    print(f"memory: {whole['peak_mb'] / part['peak_mb']:.2f} times that of a quarter of the invoices")


def against_dlt(records: Path, environment: Path) -> None:
    """Ours and dlt over the same invoices."""
    with serving(records) as url:
        ours = contender("ours", url)
        line("full backfill, with publishing", ours["invoices"], ours)
        for name, options in (("dlt, parquet loader (its fastest)", ["--parquet"]), ("dlt, as it comes", [])):
            theirs = dlt(url, environment, *options)
            wall, cpu = (
                theirs[what] / theirs["invoices"] / (ours[what] / ours["invoices"]) for what in ("seconds", "cpu")
            )
            line(
                name, theirs["invoices"], theirs, f"ours: {wall:.1f} times as fast, {cpu:.1f} times less processor time"
            )


def latency(records: Path) -> None:
    """100 ms of latency: the ideal of ten requests at a time is a hundred pages a second."""
    with serving(records, "--delay", "0.1") as url:
        for name, kind in (("client alone", "client"), ("full backfill", "ours")):
            found = contender(kind, url)
            share = found["invoices"] / 50 / found["read"] / 100
            line(f"{name} at 100 ms latency", found["invoices"], found, f"{share:.0%} of the ideal of ten at a time")


def rate_limit(records: Path) -> None:
    """The limit switched on, at the full 25 a second: how much of it is used, and how often it refuses."""
    with serving(records, "--rate-limit") as url:
        found = contender("client", url, rate=25)
        told = httpx.get(f"{url}/refused").json()
    used = (told["calls"] - 20) / found["read"] / 25
    line(
        "with the rate limit, 25 a second",
        found["invoices"],
        found,
        f"{used:.0%} of it used, {told['refused']} times 429",
    )


if __name__ == "__main__":
    main()
