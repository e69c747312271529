"""A table that fits the terminal without ever cutting a number.

What gives way, in this order: heads and names (they fold), the bars, the columns that explain others (parts of a
ratio, shares, previous values), and at last the table itself: every row becomes a short list. What was left out is
named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from copilot.answer import Table, TableColumn
from copilot.rendering.markdown import cell_text, column_title, is_numeric
from copilot.wording.quoting import clean

BAR_WIDTH = 16
NARROWEST_NAME = 12
"""Cells to which a column of names may be folded."""

_BLOCKS = "▏▎▍▌▋▊▉█"
_GAP = 3
_LONG = 20_000


@dataclass(frozen=True)
class FittedTable:
    """Rows of an answer; `fractions` are the lengths of the bars beside them (0 to 1), none without bars."""

    table: Table
    rows: int
    fractions: tuple[float, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The widest form that fits."""
        room = options.max_width
        for columns in _ever_fewer(self.table.columns):
            left_out = [column_title(c) for c in self.table.columns if c not in columns]
            for bars in (True, False) if self.fractions else (False,):
                widths = self._widths(columns, room - (BAR_WIDTH + _GAP if bars else 0))
                if widths is not None:
                    yield self._grid(columns, widths, bars=bars)
                    yield from self._remarks(left_out)
                    return
        yield from self._stacked()
        yield from self._remarks([])

    def _cells(self, column: TableColumn) -> list[str]:
        index = self.table.columns.index(column)
        return [clean(cell_text(row[index], column), _LONG) for row in self.table.rows[: self.rows]]

    def _widths(self, columns: Sequence[TableColumn], room: int) -> list[int] | None:
        """A width per column, None if the numbers alone do not fit."""
        natural, least = [], []
        for column in columns:
            cells = max((cell_len(text) for text in self._cells(column)), default=0)
            title = clean(column_title(column))
            word = max((cell_len(word) for word in title.split()), default=1)
            natural.append(max(cells, cell_len(title), 1))
            least.append(max(word, cells if is_numeric(column) else min(cells, NARROWEST_NAME)))
        excess = sum(natural) + _GAP * len(columns) - room
        for index in sorted(range(len(columns)), key=lambda i: least[i] - natural[i]):
            given = min(max(excess, 0), natural[index] - least[index])
            natural[index] -= given
            excess -= given
        return natural if excess <= 0 else None

    def _grid(self, columns: Sequence[TableColumn], widths: Sequence[int], *, bars: bool) -> RichTable:
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column, width in zip(columns, widths, strict=True):
            side = "right" if is_numeric(column) else "left"
            grid.add_column(Text(clean(column_title(column))), justify=side, width=width, overflow="fold")  # type: ignore[arg-type] # a literal
        if bars:
            grid.add_column(Text(), width=BAR_WIDTH, no_wrap=True, overflow="crop")
        texts = [self._cells(column) for column in columns]
        for position in range(min(self.rows, len(self.table.rows))):
            line = [Text(column[position]) for column in texts]
            grid.add_row(*line, *([Text(_bar(self.fractions[position]), style="blue")] if bars else []))
        return grid

    def _stacked(self) -> RenderResult:
        """Every row as lines: its names first, then one figure a line."""
        texts = {column.name: self._cells(column) for column in self.table.columns}
        names = [c for c in self.table.columns if c.role == "dimension"]
        figures = [c for c in self.table.columns if c.role != "dimension"]
        for position in range(min(self.rows, len(self.table.rows))):
            yield Text(", ".join(texts[c.name][position] for c in names), style="bold")
            for column in figures:
                yield Text(f"  {clean(column_title(column))}: {texts[column.name][position]}")

    def _remarks(self, left_out: Sequence[str]) -> RenderResult:
        if left_out:
            yield Text(f"Too narrow to show: {', '.join(map(clean, left_out))}. A wider window or --json shows them.")
        hidden = self.table.row_count - min(len(self.table.rows), self.rows)
        if hidden > 0:
            yield Text(f"{hidden:,} more not shown")


def _ever_fewer(columns: Sequence[TableColumn]) -> Sequence[Sequence[TableColumn]]:
    """All columns, then without the parts of ratios, then without shares, then without previous values."""
    without_parts = [c for c in columns if not (c.role == "metric" and c.part_of)]
    without_shares = [c for c in without_parts if c.role != "share"]
    without_previous = [c for c in without_shares if not c.name.endswith("__previous")]
    return (list(columns), without_parts, without_shares, without_previous)


def _bar(fraction: float) -> str:
    eighths = round(fraction * BAR_WIDTH * 8)
    whole, part = divmod(eighths, 8)
    return _BLOCKS[-1] * whole + (_BLOCKS[part - 1] if part else "")
