"""An answer as Slack messages: within Slack's limits whatever it holds, and nothing in it that Slack would act on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.answer import Answer, Headline, Table, TableColumn
from copilot.planning.plan import Choice
from copilot.rendering.picture import picture
from copilot.rendering.slack import SlackMessage, details, escaped, slack_messages, table_lines

HERE = Path(__file__).parent


def _module(name: str, folder: Path) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


lookalike = _module("workspace", HERE)
scripted = _module("scripted_engine", HERE.parent / "web")
HOSTILE = "<!channel> *bold* _it_ `x` &amp; <https://evil.example|click> :bomb: @here \u202e\n"


def problems(messages: tuple[SlackMessage, ...]) -> list[str]:
    """What Slack would refuse."""
    return [p for m in messages if (p := lookalike._problem({"text": m.text, "blocks": list(m.blocks)}))]


def ranked(names: list[str], amount: str = "184220.15") -> Answer:
    """A ranking of suppliers with these names."""
    columns = (
        TableColumn(name="supplier", label="Supplier", role="dimension", unit="text"),
        TableColumn(name="spend", label="Spend", role="metric", unit="money:USD"),
    )
    table = Table(columns=columns, rows=tuple((n, amount) for n in names), row_count=len(names), truncated=False)
    lead = Headline(metric="spend", label="Spend", value=amount, unit="money:USD", period="2026-Q3", as_of="2026-09-30")
    found: Answer = scripted._answer("q", "t", "e1", headline=lead, table=table, narrative=f"Largest: {names[0]}")
    return found


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(max_size=400), min_size=1, max_size=60),
    narrative=st.text(max_size=9000),
    caveats=st.lists(st.text(max_size=4000), max_size=60),
    ways=st.lists(st.text(min_size=1, max_size=300), max_size=9),
)
def test_whatever_an_answer_holds_slack_takes_it(
    names: list[str], narrative: str, caveats: list[str], ways: list[str]
) -> None:
    """No text is too long or empty, no message has too many blocks, no two buttons have one id."""
    answer = ranked(names).model_copy(
        update={"narrative": narrative, "caveats": tuple(caveats), "follow_ups": tuple(ways), "sql": (narrative,)}
    )
    assert not problems(slack_messages(answer, link="https://tenor.example.com/evidence/e1"))
    assert not problems(details(answer))
    asked = answer.model_copy(update={"choices": tuple(Choice(label=w, question=w) for w in ways), "headline": None})
    assert not problems(slack_messages(asked))


def test_hostile_names_stand_where_slack_prints_text_as_it_is() -> None:
    """No text object is Slack's markup, and the text for notifications has its control characters escaped."""
    first, *_ = slack_messages(ranked([HOSTILE, "Nordvik"]))

    def markup(part: Any) -> list[Any]:
        if isinstance(part, dict):
            return [part] * (part.get("type") == "mrkdwn") + [m for v in part.values() for m in markup(v)]
        return [m for v in part for m in markup(v)] if isinstance(part, list | tuple) else []

    assert markup(first.blocks) == []
    assert "<!channel>" not in first.text
    assert escaped("<!channel> & co") == "&lt;!channel&gt; &amp; co"


def test_a_long_answer_is_split_and_keeps_every_line() -> None:
    """All the words arrive, in order, in several messages."""
    lines = [f"line {i} " + "x" * 80 for i in range(400)]
    messages = slack_messages(ranked(["A", "B"]).model_copy(update={"narrative": "\n".join(lines)}))
    told = "\n".join(b["text"]["text"] for m in messages for b in m.blocks if b["type"] == "section" and "text" in b)
    assert told.split("\n") == lines
    assert len(messages) > 1


def test_numbers_of_a_table_are_never_cut_and_what_is_left_out_is_counted() -> None:
    """Names give way; columns that do not fit and rows beyond the last are named."""
    answer = ranked([f"Supplier with a very long name indeed number {i}" for i in range(30)], "9876543210987.65")
    assert answer.table is not None
    columns = (*answer.table.columns, *(answer.table.columns[1].model_copy(update={"name": f"m{i}"}) for i in range(4)))
    rows = tuple((*row, *(row[1],) * 4) for row in answer.table.rows)
    lines = table_lines(answer.table.model_copy(update={"columns": columns, "rows": rows}))
    assert len(lines) == 22
    assert all("9,876,543,210,987.65" in line for line in lines[1:21])
    assert "10 more rows and 4 more columns" in lines[-1]


@pytest.mark.parametrize("question", ["dpo", "region", "supplier", "projected"])
def test_each_kind_of_chart_becomes_a_picture(question: str) -> None:
    """Bars upright and lying, lines, a fan: all draw, and differ."""
    answer = dict(scripted.SCRIPT)[question]("q", "t", "e")
    drawn = picture(answer.chart)
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) > 8000
    assert drawn != picture({"data": [], "layout": {}})
