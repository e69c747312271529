"""What a new version of the mirror costs a reader, and that nobody ever sees half of one.

    python benchmarks/publish_swap.py [--versions 12] [--preset tiny]

A writer in a process of its own publishes version after version: in each, every invoice carries the version's number.
Meanwhile a reader asks through the semantic layer's own reader, as the copilot does. Each answer must be all of one
version; a question that began before a swap must end on the version it began with. Prints how long opening the new
version took (the only cost of a swap to a reader), the first question after it, and questions without a swap.
"""

import argparse
import datetime as dt
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb

from semantic_layer.database import Mirror as Reader
from sync.publish import Manifest, _point_to
from sync.sandbox.direct import write_mirror

TODAY = dt.date(2026, 11, 22)
QUESTION = "SELECT min(invoice_number), max(invoice_number), count(*), (SELECT max(mirror_version) FROM mirror_manifest) FROM invoices"
LONG = "SELECT min(a.invoice_number), max(a.invoice_number), count(*) FROM invoices a, invoices b WHERE a.id + b.id % 7 > 0"


def write(folder: Path, preset: str, versions: int) -> None:
    """Publishes version after version, by the pointer that a sync writes."""
    prepared = folder / "prepared.duckdb"
    write_mirror(prepared, preset, 7, TODAY)
    now = dt.datetime.now(dt.UTC)
    for number in range(versions):
        name = f"v{number:04d}"
        file = folder / f"mirror-{name}.duckdb"
        partial = file.with_suffix(".partial")
        partial.write_bytes(prepared.read_bytes())
        with duckdb.connect(str(partial)) as connection:
            connection.execute("UPDATE invoices SET invoice_number = ?", [name])
            connection.execute("UPDATE mirror_manifest SET mirror_version = ?", [name])
            connection.execute("CHECKPOINT")
        partial.rename(file)
        _point_to(folder, file, Manifest(name, now, now, "America/New_York", "sandbox:benchmark"))
        time.sleep(0.3)


def read(reader: Reader, ends: threading.Event) -> tuple[dict[str, list[float]], int]:
    """Asks until the writer is done; milliseconds of openings, of first questions after them, and of the others."""
    openings: list[float] = []
    spent: list[float] = []
    firsts: list[float] = []
    others: list[float] = []
    half = 0
    version = ""
    while not ends.is_set():
        begun, busy = time.perf_counter(), time.thread_time()
        snapshot = reader.snapshot()
        busy = (time.thread_time() - busy) * 1_000
        opened = (time.perf_counter() - begun) * 1_000
        begun = time.perf_counter()
        ((low, high, _, said),) = snapshot.run(QUESTION).rows
        took = (time.perf_counter() - begun) * 1_000
        half += not (low == high == said == snapshot.version)
        if snapshot.version != version:
            openings.append(opened)
            spent.append(busy)
            firsts.append(took)
            version = snapshot.version
        else:
            others.append(opened + took)
        time.sleep(0.005)
    found = {
        "opening a new version": openings[1:],
        "  processor time of that": spent[1:],
        "first question on it": firsts[1:],
        "any other question": others,
    }
    return found, half


def long_questions(reader: Reader, ends: threading.Event) -> tuple[int, int]:
    """Questions that are running while versions change: how many ended after a swap, and how many of those wrongly."""
    across = wrong = 0
    while not ends.is_set():
        snapshot = reader.snapshot()
        ((low, high, _),) = snapshot.run(LONG).rows
        if reader.snapshot().version != snapshot.version:
            across += 1
        wrong += not (low == high == snapshot.version)
    return across, wrong


def _end_with(writer: "subprocess.Popen[bytes]", ends: threading.Event) -> None:
    writer.wait()
    ends.set()


def main() -> None:
    """Writes and reads at the same time, prints what it cost; fails when an answer was not of one version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=12)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.preset, given.versions)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = ["--write", name, "--versions", str(given.versions), "--preset", given.preset]
        with subprocess.Popen([sys.executable, __file__, *arguments]) as writer:
            while not (folder / "current.json").exists() and writer.poll() is None:
                time.sleep(0.01)
            ends = threading.Event()
            long: list[tuple[int, int]] = []
            patient = threading.Thread(target=lambda: long.append(long_questions(Reader(folder), ends)))
            patient.start()
            threading.Thread(target=_end_with, args=(writer, ends), daemon=True).start()
            found, half = read(Reader(folder), ends)
            patient.join()
    across, wrong = long[0]
    for what, times in found.items():
        print(f"{what:<26}{len(times):>6}  median {statistics.median(times):7.1f} ms   worst {max(times):7.1f} ms")
    print(f"answers of half a version: {half}")
    print(f"questions under way during a swap: {across}, of which {wrong} did not end on the version they began with")
    if half or wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
