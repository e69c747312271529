"""`tenor slack` as an operator starts it: a process over the tiny company, by socket and by requests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

TENOR = Path(sys.executable).with_name("tenor")


@contextmanager
def started(space: Any, folder: Path, mirror: Path, today: date, *words: str, **more: str) -> Iterator[Any]:
    """The command, running until the test is over; ended as an operator would."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    environment |= {
        "TENOR_SLACK_API_URL": f"{space.url}api/",
        "TENOR_SLACK_BOT_TOKEN": "xoxb-for-tests",
        "TENOR_SLACK_PEOPLE": "people.yml",
        "TENOR_POLICIES": "policies.yml",
        "TENOR_MIRROR": str(mirror),
        **more,
    }
    command = [str(TENOR), "slack", "--today", today.isoformat(), *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def test_over_a_socket_a_thread_of_questions_is_answered(
    space: Any, files: Path, mirror_folder: Path, company_today: date
) -> None:
    """A figure, a follow-up and its chart, with the rights of whoever asks; SIGTERM ends it cleanly."""
    app_token = {"TENOR_SLACK_APP_TOKEN": "xapp-for-tests"}
    with started(space, files, mirror_folder, company_today, **app_token) as process:
        assert process.stdout.readline() == "Tenor answers in Quellmark as tenor (Ctrl-C stops it)\n"
        space.wait(lambda: space.sockets)
        asked = space.say("U0CFO", "<@U0BOT> what's our DPO?", "C0PAYABLES")
        whole = space.settled("C0PAYABLES", asked).shown()
        space.say("U0CFO", "and by region?", "C0PAYABLES", asked)
        space.settled("C0PAYABLES", asked, answers=2)
        space.wait(lambda: [u for u in space.uploads if u.name.endswith(".png")])
        space.say("U0BERLIN", "what's our DPO?", "D0BERLIN")
        german = space.settled("D0BERLIN").shown()
    assert whole.split(" days")[0] != german.split(" days")[0]
    assert not space.refused
    assert process.returncode == 0
    assert len(space.acknowledged) == 4


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"TENOR_SLACK_APP_TOKEN": "wrong"}, "Slack refused us (invalid_auth)"),
        ({"TENOR_SLACK_SIGNING_SECRET": "s", "TENOR_SLACK_BOT_TOKEN": "wrong"}, "Slack refused us (invalid_auth)"),
    ],
)
def test_a_token_that_slack_refuses_is_one_sentence(
    space: Any, files: Path, mirror_folder: Path, company_today: date, more: dict[str, str], sentence: str
) -> None:
    """With the setting to look at, and without the token."""
    with started(space, files, mirror_folder, company_today, "--port", "0", **more) as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert sentence in told
    assert "Traceback" not in told
