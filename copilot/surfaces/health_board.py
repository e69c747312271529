"""The health board: working capital at a glance, every tile an answer to a question that can be asked on.

The page is sent while it is computed: its frame at once, then tile by tile, so that the first figure is there before
the last forecast is drawn. Answers are kept until the mirror or the day changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from copilot.answer import Answer
from copilot.rendering.health_page import foot, head, tile_html

PATH = "/health-board"


@dataclass(frozen=True)
class Tile:
    """One place of the board: its heading and the question that fills it."""

    heading: str
    question: str


TILES = (
    Tile("DPO next quarter", "projected DPO next quarter"),
    Tile("DPO so far", "DPO trend last 12 months"),
    Tile("Cash out, 13 weeks", "AP outflow for 13 weeks"),
    Tile("Discounts this year", "discounts offered, discounts captured and discounts missed this year"),
    Tile("Discount capture", "discount capture rate by month this year"),
    Tile("Open payables by age", "open AP by ageing bucket"),
    Tile("Overdue", "overdue trend last 6 months"),
    Tile("Most overdue", "top 5 suppliers by overdue"),
    Tile("Paid late", "late rate by month this year"),
    Tile("Days per stage", "cycle time by stage last quarter"),
    Tile("Waiting for approval", "value waiting for approval by entity"),
    Tile("Blocked", "invoices on hold"),
)


class Asker(Protocol):
    """What the board needs of the engine; both calls block."""

    def ask(self, question: str, thread: str | None) -> Answer:
        """The answer to one question."""

    def version(self) -> str:
        """Changes when the mirror or the day does."""


class HealthBoard:
    """The answers of the board, each computed once for a version of the data."""

    def __init__(self, engine: Asker, failed: Callable[[str], str]) -> None:
        self._engine = engine
        self._failed = failed
        self._lock = threading.Lock()
        self._version = ""
        self._kept: dict[str, Answer] = {}

    def page(self) -> Iterator[str]:
        """The page in pieces, in the order of the tiles."""
        yield head()
        for tile in TILES:
            yield self._tile(tile)
        yield foot(max((a.freshness.data_as_of for a in self._kept.values() if a.freshness), default=""))

    def _tile(self, tile: Tile) -> str:
        try:
            return tile_html(tile.heading, tile.question, self._answer(tile.question))
        except Exception as error:  # noqa: BLE001 (the edge of one tile: the others go on)
            return tile_html(tile.heading, tile.question, self._failed(f"{tile.heading}: {error}"))

    def _answer(self, question: str) -> Answer:
        """Two who look at once wait for one computation."""
        with self._lock:
            if (version := self._engine.version()) != self._version:
                self._version, self._kept = version, {}
            if question not in self._kept:
                self._kept[question] = self._engine.ask(question, None)
            return self._kept[question]


def add_health_board(app: FastAPI, engine: Asker, signed_in: Any, failed: Callable[[str], str]) -> None:
    """The route of the board. `failed` logs what went wrong with a tile and gives the sentence to show."""
    board = HealthBoard(engine, failed)

    @app.get(PATH, dependencies=[signed_in])
    def health_board() -> StreamingResponse:
        return StreamingResponse(board.page(), media_type="text/html", headers={"cache-control": "private, no-store"})
