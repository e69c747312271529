"""A page over the scripted engine in a process of its own, and a browser to look at it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]


@dataclass
class RunningPage:
    """A served page: its address, its state folder, and how to stop it or start it again on the same state.

    `command` serves a page on the port in its last place and prints a line that ends its address or port; `{state}` and `{port}`
    are filled in.
    """

    state: Path
    command: tuple[str, ...] = (sys.executable, str(HERE / "scripted_server.py"), "{state}", "{port}")
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        port = self.url.rpartition(":")[2] or str(free_port())
        command = [part.format(state=self.state, port=port) for part in self.command]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TENOR_", "CHAINLIT_"))}
        environment["TENOR_STATE_URL"] = f"sqlite:///{self.state}/state.db"
        self.state.mkdir(exist_ok=True)
        with (self.state.parent / f"{self.state.name}.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.state.parent, env=environment
            )
        assert self.process.stdout is not None
        found = re.search(r"(\d+)(?: |$)", self.process.stdout.readline().strip().rpartition(":")[2])
        if found is None:
            self.stop()
            raise RuntimeError(f"the page did not start: {self.log()}")
        self.url = f"http://127.0.0.1:{found[1]}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop()
        raise TimeoutError(f"the page did not answer: {self.log()}")

    def stop(self) -> None:
        """Ends the server as Ctrl-C would."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def log(self) -> str:
        """What the server wrote to its log."""
        return (self.state.parent / f"{self.state.name}.log").read_text(encoding="utf-8")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPage]:
    """One running page for the tests of a module."""
    page = RunningPage(tmp_path_factory.mktemp("web") / "state")
    page.start()
    yield page
    page.stop()


@pytest.fixture
def own_page(tmp_path: Path) -> Iterator[RunningPage]:
    """A running page for one test, which may stop and start it."""
    page = RunningPage(tmp_path / "state")
    page.start()
    yield page
    page.stop()


@pytest.fixture(scope="module")
def real_page(
    tmp_path_factory: pytest.TempPathFactory, mirror_folder: Path, company_today: date
) -> Iterator[RunningPage]:
    """The page as a user starts it, over the tiny company."""
    tenor = Path(sys.executable).with_name("tenor")
    command = (
        str(tenor),
        "chat",
        "--mirror",
        str(mirror_folder),
        "--today",
        company_today.isoformat(),
        "--port",
        "{port}",
    )
    page = RunningPage(tmp_path_factory.mktemp("real") / "state", command)
    page.start()
    yield page
    page.stop()


def load(name: str) -> ModuleType:
    """A module that lies beside the tests."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scripted() -> ModuleType:
    """The module of the scripted engine."""
    return load("scripted_engine")


@pytest.fixture(scope="session")
def quiet_chainlit(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imports Chainlit from a folder of its own: it writes files there, and its dependencies warn about themselves."""
    if "chainlit" in sys.modules:
        return
    os.environ["CHAINLIT_APP_ROOT"] = str(tmp_path_factory.mktemp("chainlit"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("chainlit")
        importlib.import_module("copilot.surfaces.chat_store")
        importlib.import_module("copilot.surfaces.chat_app")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium; without one the test is skipped aloud, or fails where TENOR_REQUIRE_BROWSER is set.

    Closed at the end of its module: while it is open its event loop runs in this thread, and no asynchronous test can.
    """
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        reason = "no Chromium on this machine, so the page was NOT looked at (apt-get install chromium)"
        if os.environ.get("TENOR_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (not everybody who runs tests has it)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
