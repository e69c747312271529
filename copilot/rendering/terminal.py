"""Answer to a terminal: the figure large, two sentences, a table with bars or a sparkline, then trust and origin.

Everything is a Rich Text built piece by piece; nothing from data is read as markup. Without colours the words say the
same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from copilot.answer import Answer, CheckResult, Headline, Table, VerifiedUse
from copilot.rendering.terminal_table import FittedTable
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean
from semantic_layer.periods import GRAINS

MAXIMUM_ROWS = 30
_SPARKS = "▁▂▃▄▅▆▇█"
_LONG = 20_000
_LONG_PERIOD = re.compile(r"\d{4}(?:-Q[1-4])?")


def render(answer: Answer, *, sql: bool = False) -> RenderableType:
    """The answer for a terminal of any width; with `sql` the statements exactly as they ran."""
    parts: list[RenderableType] = []
    if answer.headline is not None:
        parts += [headline_text(answer.headline), Text()]
    parts.append(Text(clean(answer.narrative, _LONG)))
    if answer.table is not None and _worth_showing(answer.table):
        parts += [Text(), table_text(answer.table, answer.headline)]
    if spark := sparkline(answer):
        parts += [Text(), spark]
    if answer.choices:
        parts += [Text(), *(_line("  ?", choice.told) for choice in answer.choices)]
    parts += [Padding(Text(str(action["yaml"])), (1, 2, 0, 2)) for action in answer.actions if "yaml" in action]
    parts += [Text(), *_footer(answer)]
    if sql:
        parts += [Text(), *(Padding(Text(statement), (0, 2)) for statement in answer.sql)]
    return Group(*parts)


def headline_text(headline: Headline) -> Text:
    """The figure with exact amount, range, change and date."""
    short = figures.headline(headline.value, headline.unit)
    text = Text().append(f"{short}  {clean(headline.label)}", style="bold")
    exact = figures.exact(headline.value, headline.unit)
    if exact != short:
        text.append(f"  ({exact})")
    if headline.low is not None and headline.high is not None:
        low, high = (figures.headline(edge, headline.unit) for edge in (headline.low, headline.high))
        text.append(f"  range {low} to {high}")
    if headline.delta is not None and headline.baseline:
        text.append(f"  {figures.change(headline.delta, headline.unit)} vs {clean(headline.baseline)}")
    text.append(f"  {key_words(headline.period)}")
    if _LONG_PERIOD.fullmatch(headline.period):
        text.append(f" (to {key_words(headline.as_of)})")
    return text


def table_text(table: Table, headline: Headline | None) -> RenderableType:
    """Rows with numbers to the right and, for a ranking, a bar beside each."""
    return FittedTable(table, MAXIMUM_ROWS, _fractions(table, headline))


def sparkline(answer: Answer) -> Text | None:
    """A trend as one line of blocks with its ends named; None for other answers."""
    table, lead = answer.table, answer.headline
    if table is None or lead is None:
        return None
    names = [column.name for column in table.columns]
    time = next((name for name in names if name in GRAINS), None)
    several = sum(column.role == "dimension" for column in table.columns) > 1
    if time is None or several or lead.metric not in names or len(table.rows) < 3:
        return None
    at, metric = names.index(time), names.index(lead.metric)
    rows = sorted(table.rows, key=lambda row: str(row[at]))
    blocks = sparks([_position(row[metric]) for row in rows])
    first, last = (key_words(str(row[at])) for row in (rows[0], rows[-1]))
    return Text(f"{first}  {blocks}  {last}")


def sparks(values: Sequence[float | None]) -> str:
    """One block per value between the lowest and the highest; a blank where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    steps = len(_SPARKS) - 1
    return "".join(" " if v is None else _SPARKS[round((v - low) / span * steps) if span else 0] for v in values)


def _worth_showing(table: Table) -> bool:
    return len(table.rows) > 1 or (bool(table.rows) and any(c.role == "dimension" for c in table.columns))


def _fractions(table: Table, headline: Headline | None) -> tuple[float, ...]:
    names = [column.name for column in table.columns]
    ranked = headline is not None and headline.metric in names and not any(name in GRAINS for name in names)
    if headline is None or not ranked or len(table.rows) < 2:
        return ()
    index = names.index(headline.metric)
    values = [max(_position(row[index]) or 0.0, 0.0) for row in table.rows]
    longest = max(values, default=0.0)
    return tuple(value / longest if longest else 0.0 for value in values)


def verified_line(use: VerifiedUse) -> str:
    """Who stands for the plan, until when, and what can be changed by saying "name: value"."""
    slots = "".join(f"; {parameter.name}: {parameter.value}" for parameter in use.parameters)
    return f"{use.id}, owner {use.owner}, checked by {use.verified_by}, until {use.expires_on}{slots}"


def _footer(answer: Answer) -> Iterable[Text]:
    if answer.reading:
        yield _line("Read as", answer.reading)
    if answer.status == "answered":
        yield _line("Trust", f"{answer.trust}; {_checks(answer.checks)}")
    if answer.verified is not None:
        yield _line("Verified", verified_line(answer.verified))
    if answer.reason is not None:
        yield _line("Reason", answer.reason)
    yield from (_line("Note", caveat) for caveat in answer.caveats)
    yield from (_line("Assumed", f"{a.name} = {a.value} ({a.source})") for a in answer.assumptions)
    if answer.freshness is not None:
        yield _line("Data", f"as of {answer.freshness.data_as_of}, mirror {answer.freshness.mirror_version}")
    if answer.follow_ups:
        yield _line("Next", " | ".join(answer.follow_ups))
    if answer.evidence_id:
        yield _line("Evidence", f"{answer.evidence_id}  thread {answer.thread}  {answer.took_ms} ms")


def _checks(checks: Sequence[CheckResult]) -> str:
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if failed:
        return f"{len(failed)} of {len(checks)} checks failed ({'; '.join(failed)})"
    if not checks:
        return "no checks apply"
    return f"{len(checks)} checks passed" if len(checks) > 1 else "1 check passed"


def _line(label: str, text: str) -> Text:
    return Text.assemble((f"{label}: " if not label.endswith("?") else f"{label} ", "dim"), clean(text, _LONG))


def _position(value: str | float | bool | None) -> float | None:  # noqa: FBT001 (a cell may be a boolean)
    number = figures.decimal_of(value)
    return None if number is None else float(number)
