"""The health board: every tile an answer, sent as it is computed, kept until the data changes, harmless whatever names hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from copilot.answer import Answer
from copilot.engine import Engine
from copilot.rendering.health_page import tile_html
from copilot.settings import Settings
from copilot.surfaces.health_board import PATH, TILES, HealthBoard, add_health_board


class Counted:
    """The scripted engine over data of a version, and how often it was asked."""

    def __init__(self, scripted: Any) -> None:
        self._scripted = scripted.ScriptedEngine()
        self.data = "one"
        self.asked = 0

    def ask(self, question: str, thread: str | None) -> Answer:
        """One answer."""
        self.asked += 1
        found: Answer = self._scripted.ask(question, thread)
        return found

    def version(self) -> str:
        """The version of the data."""
        return self.data


def test_every_tile_is_an_answered_question(mirror_folder: Path, company_today: Any, tmp_path: Path) -> None:
    """On a real company no tile refuses, asks back or fails, and each figure is that of the question asked in the chat."""
    settings = Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path}/state.db")
    engine = Engine.open(settings, today=company_today)
    try:
        answers = {tile.heading: engine.ask(tile.question) for tile in TILES}
        page = "".join(HealthBoard(engine, lambda what: f"FAILED {what}").page())
    finally:
        engine.close()
    assert {heading: a.status for heading, a in answers.items()} == dict.fromkeys(answers, "answered")
    assert "FAILED" not in page
    assert page.count("<article>") == len(TILES) == page.count("Evidence:")
    assert page.count("<svg") == sum(a.chart is not None for a in answers.values()) >= 9
    assert "Data to the end of 21 Nov 2026." in page


def test_answers_are_kept_until_the_data_changes(scripted: Any) -> None:
    """A second look costs nothing; a new mirror, or a new day, is computed."""
    engine = Counted(scripted)
    board = HealthBoard(engine, lambda what: what)
    first = "".join(board.page())
    assert "".join(board.page()) == first
    assert engine.asked == len(TILES)
    engine.data = "two"
    "".join(board.page())
    assert engine.asked == 2 * len(TILES)


def test_the_frame_comes_before_the_first_figure(scripted: Any) -> None:
    """The page is sent while it is computed."""
    engine = Counted(scripted)
    pieces = HealthBoard(engine, lambda what: what).page()
    assert "Working capital at a glance" in next(pieces)
    assert engine.asked == 0


def test_one_tile_that_fails_leaves_the_others(scripted: Any) -> None:
    """Its place holds the sentence with the reference; nothing of the error is shown."""

    class Broken(Counted):
        def ask(self, question: str, thread: str | None) -> Answer:
            if "outflow" in question:
                raise ZeroDivisionError("secret detail")
            return super().ask(question, thread)

    page = "".join(HealthBoard(Broken(scripted), lambda _: "reference 1a2b").page())
    assert page.count("reference 1a2b") == 1
    assert "secret detail" not in page
    assert page.count("<article>") == len(TILES)


@pytest.mark.parametrize("question", ["supplier", "projected", "region", "dpo", "late"])
def test_names_from_data_are_text(scripted: Any, question: str) -> None:
    """Nothing from an answer becomes markup, in the words or in the drawing."""
    answer = dict(scripted.SCRIPT)[question]("q", "t", "e")
    hostile = '<img src=x onerror=alert(1)>"&$x$'
    named = answer.model_copy(update={"caveats": (hostile,), "narrative": hostile})
    if answer.headline is not None:
        named = named.model_copy(update={"headline": answer.headline.model_copy(update={"label": hostile})})
    if answer.chart is not None:
        text = str(answer.chart["data"][0].get("name", ""))
        chart = {**answer.chart, "layout": {**answer.chart["layout"], "yaxis": {"title": {"text": hostile}}}}
        named = named.model_copy(update={"chart": chart})
        assert hostile not in text
    shown = tile_html(hostile, hostile, named)
    assert "<img" not in shown
    assert re.search(r"onerror=alert\(1\)(?=&gt;)", shown)


def test_the_board_needs_a_session(scripted: Any) -> None:
    """Whoever has none is refused before anything is computed."""
    engine = Counted(scripted)
    app = FastAPI()

    def nobody() -> None:
        from fastapi import HTTPException  # noqa: PLC0415 (only this double refuses)

        raise HTTPException(401)

    add_health_board(app, engine, Depends(nobody), str)
    assert TestClient(app).get(PATH).status_code == 401
    assert engine.asked == 0
