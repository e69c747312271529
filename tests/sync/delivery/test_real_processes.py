"""The command itself, over real HTTP, ended by SIGKILL in the middle; and after a sync of the worker's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.company.company import Company
from sync.sandbox.faults import Faults
from tests.sync.delivery.post_office import ONCE, PostOffice


def environment(office: PostOffice, address: str) -> dict[str, str]:
    """What the command needs to know."""
    return {
        "PATH": os.environ["PATH"],
        "TENOR_STATE_URL": office.state_url,
        "TENOR_COUPA_URL": address,
        "TENOR_COUPA_WRITE_CLIENT_ID": "tenor-write",
        "TENOR_COUPA_WRITE_CLIENT_SECRET": "tenor-write-secret",
    }


def let_claims_lapse(office: PostOffice) -> None:
    """Ten minutes and more go by."""
    engine = create_engine(office.state_url)
    with engine.begin() as connection:
        past = "2026-11-22 00:00:00"
        connection.execute(text("UPDATE outbox SET claimed_until = :past WHERE state = 'sending'"), {"past": past})
        connection.execute(text("UPDATE outbox SET next_try_at = :past"), {"past": past})
    engine.dispose()


@pytest.mark.parametrize("answers", [1, 4])
def test_killed_while_coupa_answers(answers: int, approved: Path, company: Company, tmp_path: Path) -> None:
    """SIGKILL while an answer is on its way, once a read and once a write: the next process ends with one effect each."""
    office = PostOffice.over(approved, company, tmp_path)
    slow = Faults.of(f"slow calls={answers + 1} path=* seconds=4")
    command = [sys.executable, "-m", "sync", "deliver"]
    app = create_app(office.edits, rate_limit=False, faults=slow, papers=office.papers)
    with running(app) as address:
        env = environment(office, address.url)
        process = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while "sending" not in office.states()[answers // 4 :] and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert office.states().count("delivered") < 5
        let_claims_lapse(office)
        ended = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        checked = subprocess.run(
            [*command[:-1], "outbox", "check"],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "All 5 delivered actions are in Coupa" in checked.stdout, checked.stdout + checked.stderr
    assert office.effects() == ONCE


def test_without_a_writing_client_nothing_is_sent(tmp_path: Path) -> None:
    """One sentence that names what to set."""
    command = [sys.executable, "-m", "sync", "deliver"]
    env = {"PATH": os.environ["PATH"], "TENOR_COUPA_URL": "http://127.0.0.1:9"}
    ended = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "TENOR_COUPA_WRITE_CLIENT_ID" in ended.stderr) == (1, True)
