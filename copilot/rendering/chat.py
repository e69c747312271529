"""Answer to the parts of a chat message: a sentence, the properties of the card, a chart, the steps behind the figure.

Pure: no Chainlit here. Everything the card shows is text formatted from cells of the answer, so the browser does no
arithmetic.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from copilot.answer import Answer, Assumption, CheckResult, Freshness, Headline, Table, TableColumn, VerifiedUse
from copilot.rendering.markdown import to_chat_markdown
from copilot.rendering.moments import moment
from copilot.wording import figures
from copilot.wording.period_words import key_words

MAXIMUM_ROWS = 100
"""Rows the card shows; the rest is in the download."""

PAIR, PAIR_HEIGHT = 2, 220
"""Two bars need no more pixels than this."""

TRUST = {
    "verified": ("Verified", "Certified metric, in date, and every check passed"),
    "governed": ("Governed", "Vetted metric definition; not certified by a named owner, or a check needs a look"),
    "exploratory": ("Exploratory", "Not a vetted figure: do not repeat it without a look at how it was made"),
}
HOW = "How I computed this"
_NUMERIC = frozenset({"money", "days", "ratio", "count"})


@dataclass(frozen=True)
class ChatStep:
    """One line of "How I computed this": Markdown, or text in `language` shown as code."""

    name: str
    body: str
    language: str | None = None


@dataclass(frozen=True)
class ChatAnswer:
    """What the page shows for one answer, top to bottom: sentence, card, chart, steps."""

    sentence: str
    card: dict[str, Any]
    chart: dict[str, Any] | None
    steps: tuple[ChatStep, ...]


def chat_answer(answer: Answer) -> ChatAnswer:
    """The parts of one answer, clarification or refusal."""
    return ChatAnswer(
        sentence=to_chat_markdown(answer.narrative or _plain_sentence(answer.headline)),
        card=card(answer),
        chart=page_chart(answer.chart, answer.headline),
        steps=steps(answer) if answer.status == "answered" else (),
    )


def card(answer: Answer) -> dict[str, Any]:
    """Properties of `AnswerCard.jsx`: texts only, ready to show."""
    label, why = TRUST[answer.trust]
    answered = answer.status == "answered"
    return {
        "status": answer.status,
        "thread": answer.thread,
        "headline": _headline(answer.headline) if answer.headline else None,
        "trust": {"level": answer.trust, "label": label, "why": why} if answered else None,
        "why": {
            "reading": answer.reading,
            "verified": _verified(answer.verified),
            "caveats": list(answer.caveats),
            "checks": _checks(answer.checks),
        },
        "sql": list(answer.sql),
        "table": _table(answer.table) if answer.table else None,
        "assumptions": [_assumption(assumption) for assumption in answer.assumptions],
        "lineage": [{"metric": e.metric, "definition": e.definition, "fields": list(e.fields)} for e in answer.lineage],
        "freshness": _freshness(answer.freshness),
        "took": _took(answer.took_ms),
        "downloads": _downloads(answer),
        "choices": [{"label": c.label, "question": c.question} for c in answer.choices],
        "followUps": list(answer.follow_ups),
    }


def page_chart(chart: dict[str, Any] | None, lead: Headline | None) -> dict[str, Any] | None:
    """The chart as it stands under the headline: not titled twice, no line through bars, a pair of bars kept low."""
    if chart is None:
        return None
    layout = {**chart.get("layout", {}), "template": {"layout": {}}}
    if lead is not None:
        layout = _without_title(layout, html.escape(lead.label))
    across, up = layout.get("xaxis", {}), layout.get("yaxis", {})
    if across.get("type") == "category":
        layout["xaxis"] = {**across, "showgrid": False}
        if max((len(trace.get("x", ())) for trace in chart["data"]), default=0) <= PAIR:
            layout["height"] = PAIR_HEIGHT
    if up.get("tickmode") == "array":
        layout["yaxis"] = {**up, "zeroline": False}
    return {**chart, "layout": layout}


def _without_title(layout: dict[str, Any], label: str) -> dict[str, Any]:
    """Takes the headline's label off the title and leaves what it adds, such as "10 of 214"."""
    title: dict[str, Any] = layout.get("title") or {}
    text = str(title.get("text", ""))
    if not text.startswith(label):
        return layout
    rest = text.removeprefix(label).strip(" ()")
    margin = layout.get("margin", {})
    return {**layout, "title": {**title, "text": rest}, "margin": margin if rest else {**margin, "t": 12}}


def steps(answer: Answer) -> tuple[ChatStep, ...]:
    """Reading, metric definition, SQL and checks, in the order they happened; what is empty is left out."""
    definitions = "\n\n".join(
        f"**{to_chat_markdown(e.metric)}** {to_chat_markdown(e.definition)}" for e in answer.lineage
    )
    found = (
        ChatStep("Reading of the question", to_chat_markdown(answer.reading)),
        ChatStep("Metric definition", definitions),
        *(ChatStep(_sql_name(i, len(answer.sql)), text, "sql") for i, text in enumerate(answer.sql, start=1)),
        ChatStep("Checks", "\n".join(_check_line(check) for check in answer.checks)),
        *(ChatStep("Proposal for a metric", str(a["yaml"]), "yaml") for a in answer.actions if "yaml" in a),
    )
    return tuple(step for step in found if step.body)


def _verified(use: VerifiedUse | None) -> str:
    """Who stands for the plan, and how to run it again with another value; empty where nobody does."""
    if use is None:
        return ""
    line = f"A verified question ({use.id}), of {use.owner}, checked by {use.verified_by}, good until {use.expires_on}."
    slots = ", ".join(f'"{parameter.name}: {parameter.value}"' for parameter in use.parameters)
    return f"{line} To change it, write {slots} with another value." if slots else line


def _headline(lead: Headline) -> dict[str, Any]:
    prefix, number, suffix = _pieces(figures.headline(lead.value, lead.unit), lead.unit)
    return {
        "label": lead.label,
        "prefix": prefix,
        "number": number,
        "suffix": suffix,
        "exact": figures.exact(lead.value, lead.unit) if lead.unit.startswith("money") else "",
        "period": key_words(lead.period),
        "asOf": key_words(lead.as_of),
        "ofDays": lead.unit.startswith("money") and lead.period != lead.as_of,
        "range": _range(lead),
        "delta": _delta(lead),
    }


def _pieces(text: str, unit: str) -> tuple[str, str, str]:
    """A headline in three type sizes: currency, number, unit."""
    currency = figures.currency_of(unit)
    if currency and f"{currency} " in text:
        return currency, text.replace(f"{currency} ", "", 1), ""
    number, _, suffix = text.partition(" ")
    return "", number, suffix


def _range(lead: Headline) -> str:
    if lead.low is None or lead.high is None:
        return ""
    low, high = (figures.headline(value, lead.unit) for value in (lead.low, lead.high))
    return f"{low.removesuffix(' days')} to {high}"


def _delta(lead: Headline) -> dict[str, str] | None:
    """A change never stands without its baseline."""
    if lead.delta is None or not lead.baseline:
        return None
    number = figures.decimal_of(lead.delta)
    level = number is None or figures.is_level(number, lead.unit)
    direction = "level" if level or number is None else "up" if number > 0 else "down"
    text = "unchanged" if level else figures.change(lead.delta, lead.unit)
    return {"direction": direction, "text": text, "baseline": lead.baseline}


def _table(table: Table) -> dict[str, Any]:
    columns = [
        {"label": _head(column), "numeric": column.unit.partition(":")[0] in _NUMERIC} for column in table.columns
    ]
    rows = [[_cell(value, column) for value, column in zip(row, table.columns, strict=True)] for row in table.rows]
    return {
        "columns": columns,
        "rows": rows[:MAXIMUM_ROWS],
        "shown": min(len(rows), MAXIMUM_ROWS),
        "total": table.row_count,
    }


def _head(column: TableColumn) -> str:
    currency = figures.currency_of(column.unit)
    unit = currency or ("days" if column.unit == "days" else "")
    return f"{column.label} ({unit})" if unit and unit not in column.label else column.label


def _cell(value: str | float | bool | None, column: TableColumn) -> str:  # noqa: FBT001 (a cell may be true or false)
    if column.role == "dimension" and isinstance(value, str):
        return key_words(value) if column.name in _TIME else value
    return (
        figures.change(value, column.unit, short=False) if column.role == "delta" else figures.cell(value, column.unit)
    )


_TIME = frozenset({"day", "week", "month", "quarter", "year", "date"})


def _checks(checks: Sequence[CheckResult]) -> list[dict[str, Any]]:
    return [{"name": _words(check.name), "passed": check.passed, "detail": check.detail} for check in checks]


def _check_line(check: CheckResult) -> str:
    state = "passed" if check.passed else "**did not pass**"
    return f"- {to_chat_markdown(_words(check.name))}: {state}. {to_chat_markdown(check.detail)}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _sql_name(place: int, count: int) -> str:
    return "SQL as it ran" if count == 1 else f"SQL as it ran ({place} of {count})"


def _assumption(assumption: Assumption) -> dict[str, str]:
    """Starts with a capital and writes dates as everywhere else."""
    name = assumption.name[:1].upper() + assumption.name[1:]
    return {"name": name, "value": key_words(assumption.value), "source": assumption.source}


def _freshness(freshness: Freshness | None) -> dict[str, str] | None:
    return {"dataAsOf": moment(freshness.data_as_of), "mirror": freshness.mirror_version} if freshness else None


def _took(milliseconds: int) -> str:
    if milliseconds <= 0:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _downloads(answer: Answer) -> list[dict[str, str]]:
    if answer.status != "answered" or not answer.evidence_id:
        return []
    table = [{"label": "CSV", "href": f"/answers/{answer.evidence_id}.csv"}] if answer.table else []
    chart = [{"label": "PNG", "href": f"/evidence/{answer.evidence_id}.png"}] if answer.chart else []
    return [
        *table,
        *chart,
        {"label": "JSON", "href": f"/answers/{answer.evidence_id}.json"},
        {"label": "Evidence", "href": f"/evidence/{answer.evidence_id}"},
    ]


def _plain_sentence(lead: Headline | None) -> str:
    """Stands in when the narrative was withheld: the figure alone, from its cells."""
    if lead is None:
        return "There is nothing to show for this question."
    return f"{lead.label}: {figures.headline(lead.value, lead.unit)}, {key_words(lead.period)}."
