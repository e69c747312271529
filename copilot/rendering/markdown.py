"""Text and answers to the Markdown that a chat page shows as it stands.

Everything that did not come from our own layout goes through `to_chat_markdown`: no emphasis, no table cell broken
open, no link or image (a page fetches images at once), and no `:word` lost to the page's directive syntax. Web and
mail addresses are taken apart visibly, since chat pages turn even escaped ones into links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.answer import Answer, Headline, Table, TableColumn
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean, name_of
from semantic_layer.periods import GRAINS

MAXIMUM_TEXT = 20_000
MAXIMUM_ROWS = 50
_SPECIAL = re.compile(r"([\\`*_~|:\[\]<>#!{}$&^@])")
_ADDRESS = re.compile(r"(?i)(?:https?|ftp|mailto|xmpp)(:)|www(\.)|(?<=[\w.+-])(@)(?=\w)")
_LINE_START = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")
_NUMERIC = frozenset({"money", "days", "ratio", "count"})


def to_chat_markdown(text: str) -> str:
    """`text` so that a chat page prints exactly these characters; lines stay lines, addresses get brackets."""
    lines = (clean(line, MAXIMUM_TEXT) for line in text[:MAXIMUM_TEXT].splitlines())
    return "\n".join(_line(line) for line in lines)


def answer_markdown(answer: Answer) -> str:
    """The whole answer: figure, sentences, table, notes, how to go on. For exports and surfaces without a card."""
    blocks = [
        headline_line(answer.headline),
        to_chat_markdown(answer.narrative),
        table_markdown(answer.table),
        _bullets((choice.told for choice in answer.choices), "You can ask:"),
        _bullets(answer.caveats, "Note:"),
        _small(answer),
        _bullets(answer.follow_ups, "Next:"),
    ]
    return "\n\n".join(block for block in blocks if block)


def headline_line(headline: Headline | None) -> str:
    """The figure in bold with its label, range, change and date; empty for an answer without one."""
    if headline is None:
        return ""
    value = to_chat_markdown(figures.headline(headline.value, headline.unit))
    pieces = [f"**{value}**", to_chat_markdown(headline.label)]
    if headline.low is not None and headline.high is not None:
        low, high = (figures.headline(edge, headline.unit) for edge in (headline.low, headline.high))
        pieces.append(to_chat_markdown(f"range {low} to {high}"))
    if headline.delta is not None and headline.baseline:
        pieces.append(to_chat_markdown(f"{figures.change(headline.delta, headline.unit)} vs {headline.baseline}"))
    pieces.append(to_chat_markdown(key_words(headline.period)))
    return " · ".join(pieces)


def table_markdown(table: Table | None, limit: int = MAXIMUM_ROWS) -> str:
    """The table with numbers to the right; the rest beyond `limit` is counted, never dropped in silence."""
    if table is None or not table.rows:
        return ""
    head = "| " + " | ".join(to_chat_markdown(column_title(c)) for c in table.columns) + " |"
    rule = "| " + " | ".join("--:" if is_numeric(c) else ":--" for c in table.columns) + " |"
    rows = [
        "| " + " | ".join(to_chat_markdown(cell_text(v, c)) for v, c in zip(row, table.columns, strict=True)) + " |"
        for row in table.rows[:limit]
    ]
    hidden = table.row_count - len(rows)
    more = [f"\n{hidden:,} more rows are not shown."] if hidden > 0 else []
    return "\n".join([head, rule, *rows, *more])


def column_title(column: TableColumn) -> str:
    """A column head that names the unit, so that cells need not."""
    currency = figures.currency_of(column.unit)
    unit = currency or ("days" if column.unit == "days" else "")
    return f"{column.label} ({unit})" if unit and unit.lower() not in column.label.lower() else column.label


def cell_text(value: str | float | bool | None, column: TableColumn) -> str:  # noqa: FBT001 (a cell may be a boolean)
    """A cell under its head: numbers without unit, deltas signed, time buckets in words."""
    if value is None:
        return name_of(value) if column.role == "dimension" else figures.NOTHING
    if column.name in GRAINS:
        return key_words(str(value))
    if column.role == "delta":
        return figures.cell_change(value, column.unit)
    return figures.cell(value, column.unit)


def is_numeric(column: TableColumn) -> bool:
    """Whether the column holds numbers, which stand to the right."""
    return column.unit.partition(":")[0] in _NUMERIC


def _line(text: str) -> str:
    safe = _ADDRESS.sub(_taken_apart, text)
    safe = _SPECIAL.sub(r"\\\1", safe)
    return _LINE_START.sub(_not_a_list, safe)


def _taken_apart(found: re.Match[str]) -> str:
    mark = next(group for group in found.groups() if group)
    return found.group().replace(mark, f"[{mark}]")


def _not_a_list(found: re.Match[str]) -> str:
    start = found.group(1)
    return f"\\{start}" if start in "-+=" else f"{start}\\"


def _bullets(texts: Iterable[str], title: str) -> str:
    lines = [f"- {to_chat_markdown(text)}" for text in texts]
    return "\n".join([to_chat_markdown(title), "", *lines]) if lines else ""


def _small(answer: Answer) -> str:
    lines = [f"Read as: {answer.reading}"] if answer.reading else []
    if answer.status == "answered":
        passed = sum(check.passed for check in answer.checks)
        lines.append(f"Trust: {answer.trust}, {passed} of {len(answer.checks)} checks passed")
        lines += [f"Assumed: {a.name} = {a.value} ({a.source})" for a in answer.assumptions]
    if answer.freshness is not None:
        lines.append(f"Data as of {answer.freshness.data_as_of}, mirror {answer.freshness.mirror_version}")
    if answer.evidence_id:
        lines.append(f"Evidence {answer.evidence_id}")
    return "  \n".join(to_chat_markdown(line) for line in lines)
