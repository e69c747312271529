"""What the page is told to show for each kind of answer: texts only, formatted from cells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.answer import Answer, Assumption, Freshness, Headline
from copilot.charts import chart_of
from copilot.rendering.chat import MAXIMUM_ROWS, ChatAnswer, chat_answer


@pytest.fixture
def shown(scripted: Any) -> Any:
    """What is shown for a question to the scripted engine, after changes to the answer."""

    def show(question: str, **changes: Any) -> ChatAnswer:
        answer: Answer = scripted.ScriptedEngine().ask(question, "t")
        return chat_answer(answer.model_copy(update=changes))

    return show


def test_first_sentence_names_metric_value_unit_and_period(shown: Any) -> None:
    """The first eighty characters hold what a reader repeats in a meeting."""
    start = shown("What's our DPO?").sentence[:80]
    assert all(word in start for word in ("DPO", "47.3", "days", "21 Nov 2026"))


@pytest.mark.parametrize(
    ("value", "unit", "pieces"),
    [
        (47.3, "days", ("", "47.3", "days")),
        ("12431220.15", "money:USD", ("USD", "12.4m", "")),
        ("-950.10", "money:EUR", ("EUR", "-950.10", "")),
        (0.182, "ratio", ("", "18.2%", "")),
        (1204, "count", ("", "1,204", "")),
        (None, "days", ("", "\N{EN DASH}", "")),
    ],
)
def test_headline_in_three_sizes(shown: Any, value: Any, unit: str, pieces: tuple[str, str, str]) -> None:
    """Currency, number and unit are apart so that the number can be the largest thing on the page."""
    lead = Headline(metric="m", label="M", value=value, unit=unit, period="2026-Q3", as_of="2026-09-30")
    head = shown("dpo", headline=lead).card["headline"]
    assert (head["prefix"], head["number"].replace("\N{MINUS SIGN}", "-"), head["suffix"]) == pieces
    assert (head["period"], head["asOf"]) == ("Q3 2026", "30 Sep 2026")


@pytest.mark.parametrize(
    ("delta", "direction", "text"),
    [(1.8, "up", "+1.8 days"), (-0.4, "down", "-0.4 days"), (0.0, "level", "unchanged"), (0.001, "level", "unchanged")],
)
def test_change_has_direction_and_baseline(shown: Any, delta: float, direction: str, text: str) -> None:
    """A change carries sign, words and what it is compared with; one that rounds to nothing claims no direction."""
    lead = Headline(
        metric="m", label="M", value=1, unit="days", period="2026", as_of="2026-12-31", previous=1, delta=delta, baseline="2025"
    )  # fmt: skip
    found = shown("dpo", headline=lead).card["headline"]["delta"]
    assert found == {"direction": direction, "text": text, "baseline": "2025"}


def test_change_without_baseline_is_not_shown(shown: Any) -> None:
    """There is never a bare difference."""
    lead = Headline(metric="m", label="M", value=1, unit="days", period="2026", as_of="2026-12-31", delta=3.0)
    assert shown("dpo", headline=lead).card["headline"]["delta"] is None


def test_projection_has_its_range(shown: Any) -> None:
    """A projected figure carries both ends of its band."""
    assert shown("Projected DPO next quarter").card["headline"]["range"] == "46.6 to 52.1 days"


def test_withheld_narrative_leaves_the_figure(shown: Any) -> None:
    """When the text was withheld the sentence is made of the figure alone."""
    assert shown("What's our DPO?", narrative="").sentence == "DPO\\: 47.3 days, 21 Nov 2026."
    assert "nothing to show" in shown("What's our DPO?", narrative="", headline=None).sentence


def test_sentence_is_safe_markdown(shown: Any) -> None:
    """A supplier's name cannot become a directive, an image or emphasis."""
    text = shown("dpo", narrative="a:b ![x](https://evil.example/i.png) *c*").sentence
    assert "a\\:b" in text
    assert "![x](" not in text
    assert " *c*" not in text


def test_table_is_text_with_numbers_marked(shown: Any) -> None:
    """Columns of figures are marked for alignment, periods are in words, the unit stands in the head once."""
    table = shown("Top 10 suppliers by missed discounts").card["table"]
    assert [column["label"] for column in table["columns"]] == ["Supplier", "Missed discounts (USD)", "Share"]
    assert [column["numeric"] for column in table["columns"]] == [False, True, True]
    assert table["rows"][0] == ["Nordvik Logistics AS", "184,220.15", "9.6%"]
    assert (table["shown"], table["total"]) == (10, 214)
    quarters = shown("DPO by region").card["table"]["rows"]
    assert quarters[0][0] == "Q4 2025"


def test_long_table_is_cut_and_says_so(shown: Any, scripted: Any) -> None:
    """The card shows the first rows and the true count; the download has them all."""
    answer = scripted.ScriptedEngine().ask("Top 10 suppliers by missed discounts", "t")
    rows = answer.table.rows * 30
    table = answer.table.model_copy(update={"rows": rows, "row_count": 300})
    found = shown("Top 10 suppliers by missed discounts", table=table).card["table"]
    assert len(found["rows"]) == MAXIMUM_ROWS
    assert (found["shown"], found["total"]) == (MAXIMUM_ROWS, 300)


@pytest.mark.parametrize("question", ["how late are we", "what is the weather"])
def test_refusal_carries_nothing_that_looks_like_a_figure(shown: Any, question: str) -> None:
    """A clarification or refusal has choices, and no headline, trust label, steps, chart or download."""
    found = shown(question)
    assert found.card["choices"]
    assert (found.card["headline"], found.card["trust"], found.chart, found.steps) == (None, None, None, ())
    assert found.card["downloads"] == []


def test_card_survives_json(shown: Any) -> None:
    """The card's properties are plain JSON: they are stored with the conversation."""
    for question in ("dpo", "DPO by region", "Top suppliers", "projected", "late", "weather"):
        properties = shown(question).card
        assert json.loads(json.dumps(properties)) == properties


def test_steps_are_in_order_and_empty_ones_are_left_out(shown: Any) -> None:
    """Reading, definition, SQL, checks; a definition answer has no SQL step."""
    names = [step.name for step in shown("dpo").steps]
    assert names == ["Reading of the question", "Metric definition", "SQL as it ran", "Checks"]
    names = [step.name for step in shown("dpo", sql=()).steps]
    assert "SQL as it ran" not in names
    names = [step.name for step in shown("dpo", sql=("SELECT 1", "SELECT 2")).steps]
    assert names[2:4] == ["SQL as it ran (1 of 2)", "SQL as it ran (2 of 2)"]


def test_failed_check_stands_out(shown: Any, scripted: Any) -> None:
    """A check that did not pass is said in words, in the card and in the steps."""
    failed = scripted.CHECKS[0].model_copy(update={"passed": False})
    found = shown("dpo", checks=(failed,))
    assert found.card["why"]["checks"][0]["passed"] is False
    assert "**did not pass**" in found.steps[-1].body


def test_chart_is_not_titled_twice(shown: Any, scripted: Any) -> None:
    """Under its own headline the chart drops the label, keeps what the title adds, and a pair of bars stays low."""
    pair = shown("What's our DPO?").chart
    assert pair["layout"]["title"]["text"] == ""
    assert pair["layout"]["height"] == 220
    ranking = shown("Top 10 suppliers by missed discounts").chart
    assert ranking["layout"]["title"]["text"] == "10 of 214"
    answer = scripted.ScriptedEngine().ask("Top 10 suppliers by missed discounts", "t")
    again = chart_of(answer.table, answer.headline)
    assert again == answer.chart, "the answer's own chart is left as it was"
    assert ranking["data"] == answer.chart["data"]


def test_title_that_says_something_else_stays(shown: Any) -> None:
    """A chart whose title is not the headline keeps it."""
    chart = {"data": [], "layout": {"title": {"text": "Ageing"}, "xaxis": {}}}
    assert shown("dpo", chart=chart).chart["layout"]["title"]["text"] == "Ageing"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-22T00:00:00-05:00", "the end of 21 Nov 2026"),
        ("2026-11-21T17:05:09-05:00", "21 Nov 2026 17:05"),
        ("yesterday", "yesterday"),
    ],
)
def test_freshness_is_said_as_people_say_it(shown: Any, moment: str, words: str) -> None:
    """Midnight belongs to the day that it ends; what is no time stays as it is."""
    freshness = Freshness(data_as_of=moment, mirror_version="v")
    assert shown("dpo", freshness=freshness).card["freshness"]["dataAsOf"] == words


def test_assumptions_read_like_the_rest(shown: Any) -> None:
    """Names start with a capital and dates are written out."""
    assumption = Assumption(name="as of", value="2026-11-21", source="last complete day in the mirror")
    found = shown("dpo", assumptions=(assumption,)).card["assumptions"]
    assert found == [{"name": "As of", "value": "21 Nov 2026", "source": "last complete day in the mirror"}]
