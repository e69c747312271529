"""Pictures of what people saw in the story: Slack's messages drawn from their blocks, and pages, into one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOLDER = "TENOR_STORY_PICTURES"
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:46rem;margin:2rem auto;color:#1d1c1d}h2{font-size:1.05rem;margin:.6rem 0}"
    "pre{background:#f6f6f6;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem}"
    ".fields{display:grid;grid-template-columns:1fr 1fr;gap:.3rem 1rem}.context{color:#616061;font-size:.8rem}"
    ".button{display:inline-block;border:1px solid #bbb;border-radius:4px;padding:.2rem .8rem;margin:.3rem .5rem 0 0}"
    "article{border-left:4px solid #ddd;padding:.2rem 1rem;margin:1rem 0}"
)


class Album:
    """Keeps pictures where the environment names a folder; else nothing."""

    def __init__(self) -> None:
        named = os.environ.get(FOLDER)
        self.folder = Path(named) if named else None
        self._count = 0

    def slack(self, name: str, *messages: Any) -> None:
        """Messages as they stand in a channel, or as a command was answered."""
        shown = "".join(f"<article>{''.join(_drawn(_blocks(one)))}</article>" for one in messages)
        self.page(name, f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{shown}")

    def page(self, name: str, html: str) -> None:
        """A page, as its HTML and, where there is a browser, as a picture."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        path = self.folder / f"{self._count:02d}-{name}.html"
        path.write_text(html, encoding="utf-8")
        browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser_path is None:
            return
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (for pictures only)

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            shown = browser.new_page(viewport={"width": 900, "height": 700})
            shown.set_content(html)
            shown.screenshot(path=path.with_suffix(".png"), full_page=True)
            browser.close()


def _blocks(message: Any) -> list[dict[str, Any]]:
    found = message["blocks"] if isinstance(message, dict) else message.blocks
    return list(found)


def _drawn(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        match block["type"]:
            case "header":
                yield f"<h2>{_text(block['text'])}</h2>"
            case "section" if "fields" in block:
                yield f"<div class=fields>{''.join(f'<div>{_text(one)}</div>' for one in block['fields'])}</div>"
            case "section":
                yield f"<p>{_text(block['text'])}</p>"
            case "actions":
                buttons = (f"<span class=button>{_text(one['text'])}</span>" for one in block["elements"])
                yield f"<div>{''.join(buttons)}</div>"
            case "context":
                yield f"<p class=context>{'<br>'.join(_text(one) for one in block['elements'])}</p>"
            case _:
                yield f"<pre>{escape(_all_text(block))}</pre>"


def _text(part: dict[str, Any]) -> str:
    return escape(str(part.get("text", ""))).replace("\n", "<br>")


def _all_text(part: Any) -> str:
    if isinstance(part, dict):
        own = part["text"] if isinstance(part.get("text"), str) else ""
        return own + "".join(_all_text(value) for name, value in part.items() if name != "text" or not own)
    return "".join(map(_all_text, part)) if isinstance(part, list) else ""
