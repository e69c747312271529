"""Fixtures that every part shares: one clock, one small company, one mirror synced from it over real HTTP, one server."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from semantic_layer import SemanticLayer
from sync.sandbox.feeds import write_feeds

TODAY = date(2026, 11, 22)
SEED = 7


@pytest.fixture(scope="session")
def company_today() -> date:
    """The asker's today in every test: a Sunday, so that "last week" and "this quarter" have known answers."""
    return TODAY


@pytest.fixture(scope="session")
def mirror_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A mirror of the tiny company, made by the command a user would type: once, and copied for each worker."""
    folder = tmp_path_factory.mktemp("company") / ".tenor" / "mirror"
    if worker_id == "master":
        _sync(folder)
        return folder
    first = tmp_path_factory.getbasetemp().parent / "company_of_all_workers" / ".tenor" / "mirror"
    first.parent.mkdir(parents=True, exist_ok=True)
    with (first.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            made = first.with_name("being made")
            _sync(made)
            made.rename(first)
    shutil.copytree(first, folder)
    return folder


def _sync(folder: Path) -> None:
    """The demo company, and the whole of its ledger, of which the demo itself leaves out what payables do not need."""
    _run(folder, "once", "--demo", "--preset", "tiny", "--seed", str(SEED), "--today", TODAY.isoformat())
    with tempfile.TemporaryDirectory() as feeds:
        files = write_feeds(Path(feeds), "tiny", SEED, TODAY)
        ledger = next(file for file in files if file.name == "erp_totals.csv")
        _run(folder, "feed", "load", "erp_totals", str(ledger), "--today", TODAY.isoformat())


def _run(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "sync", *words, "--mirror", str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    run = subprocess.run(
        command, cwd=folder.parent.parent, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 0, f"{' '.join(words)} failed:\n{run.stdout}\n{run.stderr}"


@pytest.fixture(scope="session")
def layer(mirror_folder: Path) -> SemanticLayer:
    """The semantic layer over the tiny company."""
    return SemanticLayer.load(mirror_folder)


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes empty databases on a real PostgreSQL server, which runs as long as the session; each call gives a URL.

    Skipped aloud where the server is not installed, unless TENOR_REQUIRE_POSTGRES=1 says that it must be.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not programs and on_path is None:
        missing = "no PostgreSQL server here: install Debian's package `postgresql` to test on one"
        if os.environ.get("TENOR_REQUIRE_POSTGRES") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short, for the name of a socket; away from what only root may enter
    binaries = programs[-1].parent if programs else Path(str(on_path)).parent
    user = "postgres" if os.getuid() == 0 else None
    if user is not None:  # the server refuses to be root
        shutil.chown(folder, user)

    def run(*words: str) -> None:
        command = [str(binaries / words[0]), "-D", str(folder / "data"), *words[1:]]
        subprocess.run(command, cwd=folder, user=user, check=True, timeout=60, stdout=subprocess.DEVNULL)

    speed = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"  # nobody reads it after a crash
    run("initdb", "--username=tenor", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
    run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses='' {speed}")
    # the end of our input ends the server, even when this process is killed
    stopping = 'read -r _; "$0" -D "$1/data" stop -m immediate; rm -rf "$1"'
    with subprocess.Popen(
        ["/bin/sh", "-c", stopping, str(binaries / "pg_ctl"), str(folder)],
        cwd=folder, user=user, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
    ):  # fmt: skip
        yield lambda: _database(folder)


_numbers = itertools.count(1)


def _database(folder: Path) -> str:
    name = f"test_{next(_numbers)}"
    server = create_engine(f"postgresql+psycopg://tenor@/postgres?host={folder}", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    return f"postgresql+psycopg://tenor@/{name}?host={folder}"


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty state store can be made: a file in a folder that does not exist yet, or a database of its own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/state.db"
    make: Callable[[], str] = request.getfixturevalue("new_database")
    return make()
