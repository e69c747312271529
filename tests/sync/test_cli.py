import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from starlette.responses import Response
from typer.testing import CliRunner

from sync import __main__ as cli
from sync import schema
from sync.publish import open_published, read_pointer
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.editing.forks import pocket
from sync.sandbox.faults import Faults
from sync.sandbox.serving import Stage

ROOT = Path(schema.__file__).parents[1]


def invoke(*arguments: str, **environment: str) -> tuple[int, str]:
    """Runs a command in this process; gives its exit code and all it printed."""
    result = CliRunner().invoke(cli.app, list(arguments), env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    """Starts a command as a user would."""
    return subprocess.Popen(
        [sys.executable, "-m", "sync", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def variables(url: str, mirror: Path, **more: str) -> dict[str, str]:
    """The environment of a sync of a sandbox."""
    return {
        "TENOR_COUPA_URL": url,
        "TENOR_COUPA_CLIENT_ID": "tenor-demo",
        "TENOR_COUPA_CLIENT_SECRET": "tenor-demo-secret",
        "TENOR_REQUESTS_PER_SECOND": "0",
        "TENOR_CONCURRENCY": "11",
        "TENOR_LOOKBACK_MONTHS": "0",
        "TENOR_MIRROR": str(mirror),
        **more,
    }


@pytest.mark.parametrize("command", ["once", "run", "status", "reconcile", "sandbox"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    """`--help` ends with a line to copy."""
    code, output = invoke(command, "--help")
    assert code == 0
    assert f"Example: tenor-sync {command}" in output


@pytest.mark.slow
def test_the_demo_is_synced_by_one_command_and_reconciles(tmp_path: Path) -> None:
    """Nothing set: it says so in one line, publishes under .tenor, and a second run finds nothing new."""
    arguments = ("once", "--preset", "tiny", "--today", "2026-11-22")
    first = start(*arguments, cwd=tmp_path)
    output = first.communicate(timeout=180)[0]
    assert first.returncode == 0, output
    assert "Reading the sandbox company (tiny, seed 7, today 2026-11-22), because TENOR_COUPA_URL is not set." in output
    assert "published .tenor/mirror/mirror-" in output
    folder = tmp_path / ".tenor" / "mirror"
    version = read_pointer(folder).file

    second = start(*arguments, cwd=tmp_path)
    output = second.communicate(timeout=120)[0]
    assert second.returncode == 0, output
    assert read_pointer(folder).file != version
    with open_published(folder) as published:
        read = published.execute(
            "SELECT sum(records_read) FROM sync_runs WHERE resource = 'invoices' GROUP BY run_id ORDER BY 1"
        ).fetchall()
    assert read[0] == (0,)
    assert read[1][0] > 1_500

    code, output = invoke("status", "--mirror", str(folder))
    assert code == 0
    assert "source sandbox:tiny?seed=7&today=2026-11-22&build=" in output
    assert "nobody is writing now" in output

    agree = start("reconcile", cwd=tmp_path)
    output = agree.communicate(timeout=120)[0]
    assert agree.returncode == 0, output
    assert "control totals agree" in output
    assert "control accounts agree" in output


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(small_company: Any, tmp_path: Path) -> None:
    """Kill -9 in the middle: what was committed is there, nothing is published, the next run completes it."""
    mirror = tmp_path / "mirror"
    work = mirror / ".work" / "work.duckdb"
    stuck = Faults.of("slow path=invoices after=3 seconds=5")
    stage = Stage(create_app(small_company, rate_limit=False, faults=stuck))
    with running(stage) as address:
        environment = variables(address.url, mirror, TENOR_BATCH_RECORDS="20", TENOR_PAGE_SIZE="20")
        process = start("once", "--today", "2026-11-22", cwd=tmp_path, **environment)
        try:
            wait_until_quiet(address.url)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (mirror / "current.json").exists()
        stage.app = create_app(small_company, rate_limit=False)
        goes_on(work, small_company, tmp_path, environment)


def wait_until_quiet(url: str) -> None:
    """Waits until a sandbox was asked for many pages and is asked for no more."""
    before, deadline = -1, time.monotonic() + 90
    while True:
        calls = httpx.get(f"{url}/sandbox/statistics").json()["calls"]
        if calls == before and calls > 20:
            return
        assert time.monotonic() < deadline, f"{calls} calls"
        before = calls
        time.sleep(1.0)


def goes_on(work: Path, company: Any, cwd: Path, environment: dict[str, str]) -> None:
    """What a stopped run had committed is kept and not read again; everything else is read."""
    with duckdb.connect(str(work)) as connection:
        committed = {
            row[0]: row[1]
            for row in connection.execute(
                "SELECT resource, last_id FROM sync_bookmarks WHERE window_to IS NOT NULL"
            ).fetchall()
        }
        kept = connection.execute("SELECT count(*) FROM invoices").fetchone()
    assert committed, "nothing was in progress: the run was killed too early or too late"
    assert kept is not None
    assert 0 < kept[0] < len(company.resources["invoices"])

    again = start("once", "--today", "2026-11-22", cwd=cwd, **environment)
    output = again.communicate(timeout=180)[0]

    assert again.returncode == 0, output
    with open_published(work.parents[1]) as published:
        for name in ("invoices", "suppliers", "purchase_orders"):
            found = published.execute(f'SELECT count(*), count(DISTINCT id) FROM "{name}"').fetchone()
            assert found == (len(company.resources[name]), len(company.resources[name])), name
        for name in committed:
            read = published.execute("SELECT records_read FROM sync_runs WHERE resource = ?", [name]).fetchall()
            assert len(read) == 1
        read_again = published.execute("SELECT records_read FROM sync_runs WHERE resource = 'invoices'").fetchone()
    assert read_again == (len(company.resources["invoices"]) - kept[0],)


def test_a_wrong_secret_is_one_sentence(small_sandbox: Any, tmp_path: Path) -> None:
    """It names the variables and repeats no secret."""
    code, output = invoke("once", **variables(small_sandbox.url, tmp_path, TENOR_COUPA_CLIENT_SECRET="not-the-secret"))
    assert code == 1
    assert (
        "refuses the id or secret of client 'tenor-demo'; correct TENOR_COUPA_CLIENT_ID and TENOR_COUPA_CLIENT_SECRET."
        in output
    )
    assert "not-the-secret" not in output


def test_too_few_scopes_are_named(small_sandbox: Any, tmp_path: Path) -> None:
    """The client may not read invoices: say which scope, where to add it."""
    narrow = {"TENOR_COUPA_CLIENT_ID": "tenor-narrow", "TENOR_COUPA_CLIENT_SECRET": "tenor-narrow-secret"}
    code, output = invoke("once", **{**variables(small_sandbox.url, tmp_path), **narrow})
    assert code == 1
    assert "TENOR_COUPA_SCOPES" in output

    code, output = invoke(
        "once",
        **{
            **variables(small_sandbox.url, tmp_path),
            **narrow,
            "TENOR_COUPA_SCOPES": "core.common.read core.supplier.read",
        },
    )
    assert code == 1
    assert "does not let this client read 'invoices': grant it the scope 'core.invoice.read'" in output
    assert "Nothing was published" in output


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9", "cannot be reached (Connection refused)"),
        ("https://no-such-tenant.invalid", "no-such-tenant.invalid cannot be reached"),
        ("acme", "is not an address"),
        ("http://acme.coupahost.com", "only sent over https"),
    ],
)
def test_a_coupa_that_is_not_there_is_one_sentence(tmp_path: Path, url: str, says: str) -> None:
    """Sandbox down, unknown host, malformed or unsafe address."""
    code, output = invoke("once", **variables(url, tmp_path, TENOR_TOKEN_SETTLE_SECONDS="0"))
    assert code == 1
    assert output.startswith("tenor-sync: ")
    assert says in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("once", "--today", "tomorrow"), "--today is 'tomorrow', which is not a date"),
        (("once", "--preset", "huge"), "huge"),
        (("status",), "no published mirror; make one with: tenor-sync once"),
        (("reconcile",), "no published mirror; make one with: tenor-sync once"),
        (("run",), "must be set to read Coupa"),
        (("once", "--mirror", "x.duckdb"), "name a folder"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments: tuple[str, ...], says: str) -> None:
    """Each says what to write instead; exit code 1."""
    code, output = invoke(*arguments)
    assert code == 1, output
    assert says in output
    assert "Traceback" not in output


def test_a_pause_must_be_a_pause(tmp_path: Path) -> None:
    """`--every` takes seconds, minutes or hours."""
    for text in ("15", "0m", "m", "-1m", "1d"):
        code, output = invoke("run", "--every", text, **variables("http://127.0.0.1:9", tmp_path))
        assert code == 1
        assert "write it like 90s, 15m or 2h" in output


def test_a_stopped_run_says_what_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C ends with 130 and one sentence."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "sync_once", stopped)
    code, output = invoke("once", **variables("http://127.0.0.1:9", tmp_path))
    assert code == 130
    assert output == "tenor-sync: stopped; what was committed is kept, and the next run goes on from there."


def test_run_goes_on_through_passing_trouble(tmp_path: Path) -> None:
    """Unreachable now: logged, waited, tried again, until it is stopped."""
    environment = variables("http://127.0.0.1:9", tmp_path / "mirror", TENOR_LISTEN="off", TENOR_JITTER_SECONDS="0")
    process = start("run", "--every", "1s", cwd=tmp_path, **environment)
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if "cannot be reached" in line and sum("cannot be reached" in one for one in lines) == 2:
            process.send_signal(signal.SIGINT)  # once: a second one would not wait for a clean end
    process.communicate(timeout=20)
    assert process.returncode == 130
    failures = [json.loads(line) for line in lines if "sync failed" in line]
    assert [failure["again"] for failure in failures[:2]] == [True, True]


def test_each_retry_is_told_once(company: Any, tmp_path: Path) -> None:
    """One plain sentence on the terminal for each, and nothing of the library that counts the tries."""
    script = Faults.of("unavailable path=users times=2", "dropped calls=9")
    app = create_app(pocket(company, invoices=6), faults=script, rate_limit=False)  # a busy machine bunches requests up
    with running(app) as address:
        process = start("once", cwd=tmp_path, **variables(address.url, tmp_path / "mirror"))
        output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert output.count("Trying again.") == 3, output
    assert "stamina" not in output


def test_the_sandbox_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """Its standard input closes, also when its starter is killed: it leaves no orphan."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sync", "sandbox", "--preset", "tiny", "--port", "0", "--until-stdin-closes"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0


def test_malformed_records_are_reported_by_the_command(kit: Any, tmp_path: Path) -> None:
    """Resource, id and field; exit code 0, because everything else is there."""
    stub = kit.StubCoupa(records={"/api/invoices": [kit.invoice(1), kit.invoice(2, paid="perhaps")]})
    with running(stub) as address:
        code, output = invoke(
            "once", "--today", "2026-11-22", **variables(address.url, tmp_path, TENOR_COUPA_CLIENT_SECRET=kit.secret)
        )
    assert code == 0, output
    assert "set aside: invoices 2: paid: " in output
    with open_published(tmp_path) as published:
        assert published.execute("SELECT record_id, json(raw)->>'paid' FROM rejected_records").fetchall() == [
            (2, "perhaps")
        ]


def test_half_written_pages_are_one_sentence(kit: Any, tmp_path: Path) -> None:
    """After its tries: which list, and that nothing of it was taken."""
    half = Response(json.dumps([kit.invoice(1)])[:80], media_type="application/json")
    stub = kit.StubCoupa(
        records={"/api/users": []}, script=[lambda request: half if request.url.path == "/api/users" else None] * 60
    )
    with running(stub) as address:
        code, output = invoke("once", **variables(address.url, tmp_path, TENOR_COUPA_CLIENT_SECRET=kit.secret))
    assert code == 1
    assert "A page of 'users' is not valid JSON, or is cut short; nothing of it was taken." in output
    assert not (tmp_path / "current.json").exists()


def test_the_truth_is_written_and_nothing_is_served(tmp_path: Path) -> None:
    """`sandbox --truth` writes what is planted in the company of that seed and day, and ends."""
    file = tmp_path / "truth.json"
    code, _ = invoke("sandbox", "--preset", "tiny", "--today", "2026-11-22", "--truth", str(file))

    assert code == 0
    assert json.loads(file.read_text())["company"]["last_day"] == "2026-11-21"
