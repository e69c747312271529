"""Answer to Slack messages in Block Kit: figure, sentences, table, trust and origin, buttons for how to go on.

Whatever came from data stands in plain or preformatted text, which Slack prints as it is: no mention, link, emphasis or
emoji can be made from a supplier's name. Buttons carry ids only; what they stand for is read from the stored answer.

Slack refuses a message that breaks one of its limits, and its reader then sees nothing; the limits stand below as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rich.cells import cell_len, set_cell_size

from copilot.answer import Answer, CheckResult, Headline, Table, TableColumn
from copilot.rendering.markdown import cell_text, column_title, is_numeric
from copilot.rendering.moments import moment
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean

LONGEST_HEADER, LONGEST_TEXT, LONGEST_FIELD, LONGEST_BUTTON = 150, 3000, 2000, 75
MOST_BLOCKS, MOST_BUTTONS, MOST_FIELDS = 50, 5, 10
LONGEST_FALLBACK = 3000
"""Characters of the text that notifications and screen readers get instead of blocks."""

TABLE_ROWS, TABLE_WIDTH, NAME_WIDTH = 20, 64, 26
"""Rows of a table in a message, and its characters across: what a phone shows on its side."""

ASK, DETAILS, ROWS = "ask", "details", "rows"
"""What a button does: ask again with the question that it stands for, show how it was computed, send all rows."""

_LONG = 100_000
Block = dict[str, Any]


@dataclass(frozen=True)
class SlackMessage:
    """One message: `text` for notifications, `blocks` for the screen."""

    text: str
    blocks: tuple[Block, ...]


def slack_messages(answer: Answer, *, link: str | None = None, remark: str = "") -> tuple[SlackMessage, ...]:
    """The answer in one message, or in several where it is long.

    `link` leads to its evidence; `remark` says something about this reader, such as whose rights shaped the figure.
    """
    blocks: list[Block] = []
    if answer.headline is not None:
        blocks.append(_header(answer.headline))
    blocks += texts(answer.narrative)
    if answer.headline is not None:
        blocks += _fields(answer.headline)
    if answer.table is not None and _worth_showing(answer.table):
        blocks += preformatted(table_lines(answer.table))
    blocks += contexts(f"Note: {caveat}" for caveat in answer.caveats)
    blocks += contexts(filter(None, (remark, _origin(answer))))
    blocks += _buttons(answer, link)
    return _messages(answer.narrative or "Tenor's answer", blocks)


def details(answer: Answer) -> tuple[SlackMessage, ...]:
    """How the answer was computed: reading, checks, assumptions, fields, and the SQL exactly as it ran."""
    blocks = [*texts(f"I read this as {answer.reading}.")] if answer.reading else []
    told = [
        *(f"{_name(check)}: {_outcome(check)}. {check.detail}" for check in answer.checks),
        *(f"Assumed: {a.name} = {a.value} ({a.source})" for a in answer.assumptions),
        *(f"{e.metric}: {e.definition} Coupa fields: {', '.join(e.fields)}" for e in answer.lineage),
    ]
    if told:
        blocks += texts("\n".join(f"• {clean(line, _LONG)}" for line in told))
    for statement in answer.sql:
        blocks += preformatted(statement.splitlines())
    return _messages("How it was computed", blocks)


def note(text: str) -> SlackMessage:
    """A message of plain words."""
    return SlackMessage(escaped(text)[:LONGEST_FALLBACK], tuple(texts(text)))


def table_lines(table: Table) -> list[str]:
    """The table as lines of equal width; what does not fit is counted in the last line, never dropped in silence."""
    columns = list(table.columns)
    while len(columns) > 2 and sum(_widths(table, columns)) + 2 * (len(columns) - 1) > TABLE_WIDTH:
        columns.pop()
    widths = _widths(table, columns)
    lines = [_row([column_title(c) for c in columns], columns, widths)]
    places = [table.columns.index(column) for column in columns]
    shown = ([cell_text(row[i], column) for i, column in zip(places, columns, strict=True)] for row in table.rows)
    lines += [_row(cells, columns, widths) for cells in islice(shown, TABLE_ROWS)]
    rows, less = table.row_count - min(len(table.rows), TABLE_ROWS), len(table.columns) - len(columns)
    left_out = [f"{rows:,} more rows"] * (rows > 0) + [f"{less} more columns"] * (less > 0)
    return [*lines, f"… {' and '.join(left_out)}: All rows"] if left_out else lines


def escaped(text: str) -> str:
    """Text for the places where Slack looks for mentions and links: its three control characters taken away."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def button_value(answer: Answer, place: int = 0) -> str:
    """The id behind a button: the stored answer, and which of its questions."""
    return f"{answer.evidence_id}:{place}"


def questions_of(answer: Answer) -> tuple[tuple[str, str], ...]:
    """(label, question) of the ways on that an answer offers, in their order."""
    if answer.choices:
        return tuple((choice.label, choice.question) for choice in answer.choices)
    return tuple((text, text) for text in answer.follow_ups)


def _messages(text: str, blocks: Sequence[Block]) -> tuple[SlackMessage, ...]:
    """Blocks in messages that Slack takes: neither too many blocks nor too much text in one."""
    parts: list[list[Block]] = [[]]
    room = 4 * LONGEST_TEXT
    for block in blocks:
        size = len(str(block))
        if len(parts[-1]) == MOST_BLOCKS or (parts[-1] and size > room):
            parts.append([])
            room = 4 * LONGEST_TEXT
        parts[-1].append(block)
        room -= size
    first = escaped(clean(text, LONGEST_FALLBACK // 5))
    return tuple(SlackMessage(first if i == 0 else f"{first} ({i + 1})", tuple(part)) for i, part in enumerate(parts))


def _header(lead: Headline) -> Block:
    text = f"{figures.headline(lead.value, lead.unit)} {lead.label}, {key_words(lead.period)}"
    return {"type": "header", "text": plain_text(clean(text, LONGEST_HEADER))}


def texts(text: str) -> list[Block]:
    """Sections of plain text."""
    lines = "\n".join(clean(line, _LONG) for line in text.splitlines())
    return [{"type": "section", "text": plain_text(piece)} for piece in _pieces(lines) if piece.strip()]


def _fields(lead: Headline) -> list[Block]:
    told = [f"Period: {key_words(lead.period)}", f"As of: {key_words(lead.as_of)}"]
    if lead.low is not None and lead.high is not None:
        low, high = (figures.headline(edge, lead.unit) for edge in (lead.low, lead.high))
        told.insert(0, f"Range (P10-P90): {low} to {high}")
    if lead.delta is not None and lead.baseline:
        told.insert(0, f"Change: {figures.change(lead.delta, lead.unit)} vs {lead.baseline}")
    exact = figures.exact(lead.value, lead.unit)
    if exact != figures.headline(lead.value, lead.unit):
        told.insert(0, f"Exactly: {exact}")
    return [{"type": "section", "fields": [plain_text(clean(text, LONGEST_FIELD)) for text in told[:MOST_FIELDS]]}]


def preformatted(lines: Sequence[str]) -> list[Block]:
    """Lines as they are, in a box."""
    return [
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": piece}]}],
        }
        for piece in _pieces("\n".join(lines))
        if piece.strip()
    ]


def contexts(texts: Iterable[str]) -> list[Block]:
    """Small print; one block each, since Slack caps the elements of one."""
    return [{"type": "context", "elements": [plain_text(clean(text, LONGEST_FIELD))]} for text in texts]


def _origin(answer: Answer) -> str:
    if answer.status != "answered":
        return ""
    failed = [_name(check) for check in answer.checks if not check.passed]
    checks = f"{', '.join(failed)} did not pass" if failed else f"{len(answer.checks)} checks passed"
    age = f", data to {moment(answer.freshness.data_as_of)}" if answer.freshness else ""
    return f"{answer.trust.capitalize()}, {checks}{age}, {answer.took_ms} ms. Evidence {answer.evidence_id}"


def _name(check: CheckResult) -> str:
    return check.name.replace("_", " ")


def _outcome(check: CheckResult) -> str:
    return "passed" if check.passed else "did not pass"


def _buttons(answer: Answer, link: str | None) -> list[Block]:
    asked = [
        button(label, f"{ASK}_{place}", button_value(answer, place))
        for place, (label, _) in enumerate(questions_of(answer)[:MOST_BUTTONS])
    ]
    more: list[Block] = []
    if answer.status == "answered" and answer.evidence_id:
        more.append(button("How computed", DETAILS, button_value(answer)))
        if answer.table is not None:
            more.append(button("All rows (CSV)", ROWS, button_value(answer)))
        if link:
            more.append({"type": "button", "text": plain_text("Open evidence"), "url": link, "action_id": "link"})
    return [{"type": "actions", "elements": elements} for elements in (asked, more) if elements]


def button(label: str, action: str, value: str) -> Block:
    """A button that carries an id."""
    return {"type": "button", "text": plain_text(clean(label, LONGEST_BUTTON)), "action_id": action, "value": value}


def plain_text(text: str) -> Block:
    """Text that Slack prints as it is."""
    return {"type": "plain_text", "text": text or "–", "emoji": False}


def _pieces(text: str) -> Iterator[str]:
    """Text in pieces that fit one block, broken between lines where it can be."""
    while len(text) > LONGEST_TEXT:
        cut = text.rfind("\n", 1, LONGEST_TEXT)
        cut = cut if cut > 0 else LONGEST_TEXT
        yield text[:cut]
        text = text[cut:].removeprefix("\n")
    yield text


def _widths(table: Table, columns: Sequence[TableColumn]) -> list[int]:
    return [min(_widest(table, column), _LONG if is_numeric(column) else NAME_WIDTH) for column in columns]


def _widest(table: Table, column: TableColumn) -> int:
    place = table.columns.index(column)
    cells = (clean(cell_text(row[place], column), 200) for row in table.rows[:TABLE_ROWS])
    return max(map(cell_len, (column_title(column), *cells)))


def _row(texts: Sequence[str], columns: Sequence[TableColumn], widths: Sequence[int]) -> str:
    """Numbers to the right and never cut; names to the left, cut with an ellipsis."""
    cells = [
        " " * (width - cell_len(clean(text, 200))) + clean(text, 200) if is_numeric(column) else _fitted(text, width)
        for text, column, width in zip(texts, columns, widths, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _fitted(text: str, width: int) -> str:
    shown = clean(text, 200)
    return set_cell_size(shown, width) if cell_len(shown) <= width else set_cell_size(shown, width - 1) + "…"


def _worth_showing(table: Table) -> bool:
    return len(table.rows) > 1 or any(column.role == "dimension" for column in table.columns)
