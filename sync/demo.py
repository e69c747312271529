"""The demo: a sandbox company served by a process of its own on this machine, read over real HTTP like any Coupa.

The sandbox runs as a child process, so that serving and reading use two cores, and ends with its parent: it stops when
its standard input closes, which also happens when the parent is killed.
"""

import contextlib
import datetime as dt
import hashlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources as package_files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from sync.errors import SandboxError
from sync.publish import SANDBOX_SOURCE
from sync.resources import RESOURCES
from sync.run import Source
from sync.settings import Settings

CLIENT_ID: Final = "tenor-demo"
CLIENT_SECRET: Final = "tenor-demo-secret"  # noqa: S105 - public, as its name says
DEFAULT_PRESET: Final = "small"
DEFAULT_SEED: Final = 7
WORK_FILE: Final = "work-demo.duckdb"
_START_SECONDS: Final = 120.0
_ADDRESS: Final = re.compile(r"http://[^\s,]+")


@dataclass(frozen=True)
class Company:
    """Which sandbox company: the same three values always make the same books."""

    preset: str
    seed: int
    today: dt.date

    @property
    def source(self) -> Source:
        """The company's name in the manifest; it changes when the sandbox's own code does."""
        name = f"{SANDBOX_SOURCE}{self.preset}?seed={self.seed}&today={self.today.isoformat()}&build={_build()}"
        return Source(name, WORK_FILE, disposable=True)


def company_of(source: str) -> Company | None:
    """The company that a manifest's source names; None when it names a real Coupa."""
    found = re.fullmatch(r"sandbox:(\w+)\?seed=(\d+)&today=([\d-]+)&build=\w+", source)
    if found is None:
        return None
    return Company(found[1], int(found[2]), dt.date.fromisoformat(found[3]))


_NOT_PAYABLES = ("receivables", "revenue", "inventory")
"""Classes of ledger accounts that the demo's files leave out."""


@contextlib.contextmanager
def sandbox_settings(settings: Settings, company: Company, *, feeds: bool = False) -> Iterator[Settings]:
    """Runs the sandbox for the length of the block; gives settings that read it at full speed, its whole history.

    With `feeds`, the settings name a folder of feed files that fit the company, and no other feeds: those of a real
    company would not. Raises SandboxError when it does not start.
    """
    with _child(company, settings.company_time_zone) as address, tempfile.TemporaryDirectory() as folder:
        if feeds:
            _write_feeds(Path(folder), company, settings.company_time_zone)
        yield settings.model_copy(
            update={
                "coupa_url": address,
                "coupa_client_id": CLIENT_ID,
                "coupa_client_secret": SecretStr(CLIENT_SECRET),
                "requests_per_second": 0.0,
                "concurrency": len(RESOURCES),
                "lookback_months": 0,
                "feeds": Path(folder) if feeds else None,
                "fetch": "",
            },
        )


def _write_feeds(folder: Path, company: Company, time_zone: str) -> None:
    """The files of the company's treasury and banks, and of its ledger what a payables team is given.

    Receivables, revenue and stock stay out: the demo shows how a figure is refused whose inputs nobody loaded.
    """
    from sync.sandbox.feeds import write_feeds  # noqa: PLC0415 - slow to load, and only a sync of the demo needs it

    for path in write_feeds(folder, company.preset, company.seed, company.today, time_zone):
        if path.name == "erp_totals.csv":
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = (line for line in lines[1:] if not any(f",{kind}," in line for kind in _NOT_PAYABLES))
            path.write_text("".join((lines[0], *kept)), encoding="utf-8")


@contextlib.contextmanager
def _child(company: Company, time_zone: str) -> Iterator[str]:
    """The sandbox's process; gives its address."""
    command = [sys.executable, "-m", "sync", "sandbox", "--port", "0", "--no-rate-limit", "--until-stdin-closes"]
    command += ["--preset", company.preset, "--seed", str(company.seed), "--today", company.today.isoformat()]
    command += ["--time-zone", time_zone]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own module, with checked arguments
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True
        )
        try:
            address = _announced_address(process)
            if address is None or not _answers(address, process):
                process.kill()
                complaints.seek(0)
                raise SandboxError(_why(complaints.read(), company))
            yield address
        finally:
            process.communicate()  # closes its standard input, which ends it


def _announced_address(process: subprocess.Popen[str]) -> str | None:
    """The address in the first line the sandbox prints; None when it ends without one."""
    for line in process.stdout or ():
        found = _ADDRESS.search(line)
        if found:
            return found[0]
    return None


def _answers(address: str, process: subprocess.Popen[str]) -> bool:
    """Waits until the sandbox takes connections."""
    parts = urlsplit(address)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1),
        ):
            return True
        time.sleep(0.02)
    return False


def _why(complaint: str, company: Company) -> str:
    """The child's own sentence, or what to try when it said nothing readable."""
    last = complaint.strip().splitlines()[-1] if complaint.strip() else "it said nothing"
    return (
        f"The sandbox company ({company.preset}, seed {company.seed}) did not start: "
        f"{last.removeprefix('tenor-sync: ')} To see it by itself, run: tenor-sync sandbox"
    )


def _build() -> str:
    """A short fingerprint of the sandbox's code: other code may make other books."""
    digest = hashlib.sha256()
    for name, content in sorted(_sources(package_files.files("sync") / "sandbox", "")):
        digest.update(name.encode() + content)
    return digest.hexdigest()[:8]


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry.read_bytes()
