"""Take the README's picture of the real page: run it with `python -m docs.screenshots` after a sync (see --help).

It serves the page over the mirror that the settings name, in a state folder of its own, asks the questions in a
headless Chromium, and writes docs/images/chat.png. Needs the development requirements and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from copilot.settings import Settings

IMAGES = Path(__file__).parent / "images"
QUESTIONS = ("DPO by region, last four quarters", "Projected DPO next quarter")
SIZE = {"width": 1280, "height": 1120}
WAIT_MS = 60_000
SERVE = (
    "import sys; from datetime import date; from pathlib import Path; from copilot.surfaces.web import serve; "
    "serve(port=0, mirror=Path(sys.argv[1]), today=date.fromisoformat(sys.argv[2]) if sys.argv[2] else None, "
    "announce=lambda line: print(line, flush=True))"
)


def main() -> None:
    """Parses the options and takes the pictures."""
    parser = argparse.ArgumentParser(description="Take the README's picture of the real page.")
    parser.add_argument("--mirror", type=Path, default=Settings().mirror, help="the published mirror")
    parser.add_argument("--today", default="2026-11-22", help="the page's clock; empty for the real one")
    parser.add_argument("--out", type=Path, default=IMAGES / "chat.png", help="where the picture goes")
    parser.add_argument("--dark", action="store_true", help="the dark theme")
    parser.add_argument("questions", nargs="*", default=QUESTIONS, help="asked in one conversation")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with served(options.mirror.resolve(), options.today) as url, browser() as chromium:
        page = chromium.new_page(viewport=SIZE)
        page.goto(url)
        page.wait_for_selector("#starters", timeout=WAIT_MS)
        if options.dark:
            page.evaluate("localStorage.setItem('vite-ui-theme', 'dark')")
            page.reload()
            page.wait_for_selector("#starters", timeout=WAIT_MS)
        for question in options.questions:
            ask(page, question)
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)
        page.screenshot(path=options.out)
    sys.stdout.write(f"{options.out} ({options.out.stat().st_size // 1024} KB)\n")


def ask(page: Page, question: str) -> None:
    """Types a question and waits for its answer and its chart."""
    answers = page.locator("[data-step-type=assistant_message]").count()
    page.click("#chat-input")
    page.keyboard.type(question)
    page.wait_for_selector("#chat-submit:not([disabled])", timeout=WAIT_MS)
    page.keyboard.press("Enter")
    page.locator("[data-step-type=assistant_message]").nth(answers).wait_for(timeout=WAIT_MS)
    page.wait_for_selector("#stop-button", state="detached", timeout=WAIT_MS)
    page.wait_for_timeout(2500)


@contextmanager
def served(mirror: Path, today: str) -> Iterator[str]:
    """The real page over that mirror in a process of its own; yields its address."""
    with tempfile.TemporaryDirectory() as state:
        environment = {"TENOR_STATE_URL": f"sqlite:///{state}/state.db", "PATH": "/usr/bin:/bin", "HOME": state}
        command = [sys.executable, "-c", SERVE, str(mirror), today]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 (our own)
        try:
            line = process.stdout.readline() if process.stdout else ""
            if "http://" not in line:
                raise SystemExit(f"The page did not start over {mirror}. Run `tenor-sync once --demo` first.")
            yield line.partition("at ")[2].split()[0]
        finally:
            process.terminate()
            process.wait(timeout=10)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise SystemExit("Chromium is missing: apt-get install chromium.")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


if __name__ == "__main__":
    main()
