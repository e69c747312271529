from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from copilot.rendering.markdown import answer_markdown, table_markdown, to_chat_markdown
from copilot.wording.quoting import clean

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = st.text(alphabet=st.sampled_from("ab1:*_~`|[]()<>#!\\-+=. \n$&{}^@/\u200b\u202ewhtps"), max_size=60)


def _shown(source: str) -> str:
    """What a reader sees: the text of all inline tokens; anything but text fails."""
    lines: list[str] = []
    for token in MARKDOWN.parse(source):
        assert token.type in {"paragraph_open", "paragraph_close", "inline"}, token.type
        lines.extend(_text(child) for child in token.children or [])
    return "".join(lines)


def _text(token: Token) -> str:
    assert token.type in {"text", "text_special", "softbreak"}, token.type
    return "\n" if token.type == "softbreak" else token.content


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("supplier:ACME", r"supplier\:ACME"),
        ("a*b*c and d_e_f", r"a\*b\*c and d\_e\_f"),
        ("one | two", r"one \| two"),
        ("![x](http://evil.example/x.png)", r"\!\[x\](http\[\:\]//evil.example/x.png)"),
        ("www.evil.example", r"www\[.\]evil.example"),
        ("mail me@evil.example", r"mail me\[\@\]evil.example"),
        ("1. not a list", "1\\. not a list"),
        ("- nor this", r"\- nor this"),
        ("zero\u200bwidth", "zerowidth"),
        ("<b>bold</b>", r"\<b\>bold\</b\>"),
    ],
)
def test_what_would_be_markup_is_text(text: str, source: str) -> None:
    """Directives, emphasis, table cells, images, links, lists and HTML are escaped; addresses are taken apart."""
    assert to_chat_markdown(text) == source


@given(NASTY)
@example("a\n===\nb")
@example("x\n---")
@example("|a|b|\n|-|-|\n|1|2|")
@example("[a]: http://evil")
@example("\\")
def test_a_reader_sees_the_text_and_nothing_else(text: str) -> None:
    """Parsed as Markdown, the escaped text is plain paragraphs with the same characters; only addresses gain brackets."""
    shown = _shown(to_chat_markdown(text))
    unbracketed = re.sub(r"\[([:.@])\]", r"\1", shown)
    expected = re.sub(r"\[([:.@])\]", r"\1", "".join(clean(line, 20_000) for line in text.splitlines()))
    assert re.sub(r"\s", "", unbracketed) == re.sub(r"\s", "", expected)


@given(NASTY)
def test_no_directive_and_no_address_is_left(text: str) -> None:
    """No bare colon (the page would drop the word after it) and no address that a page would turn into a link."""
    source = to_chat_markdown(text)
    assert not re.search(r"(?<!\\):", source)
    assert not re.search(r"https?\\?:/|www\.\w|\w\\?@\w", source)


def test_a_table_keeps_its_shape_whatever_the_names(answers: Any, hostile: tuple[str, ...]) -> None:
    """Names with pipes and brackets stay in their cell, numbers stand to the right, hidden rows are counted."""
    answer = answers.missed_by_supplier([*hostile, "a|b|c", "-- |"])
    source = table_markdown(answer.table)
    assert source.splitlines()[1] == "| :-- | --: | --: |"
    html = MARKDOWN.render(source)
    assert html.count("<tr>") == len(hostile) + 3
    assert html.count("<td") == 3 * (len(hostile) + 2)
    assert "<img" not in html
    assert "<a " not in html
    assert "305 more rows are not shown." in html


def test_the_whole_answer_reads_figure_first(answers: Any) -> None:
    """Figure, label, change and period in the first line; sentences, caveats, trust and next steps after it."""
    source = answer_markdown(answers.spend_trend())
    first = source.splitlines()[0]
    assert first == r"**USD 1.2m** · Spend · -USD 300.0k vs Sep 2026 · Oct 2026".replace("· -", r"· \-")
    for piece in ("Trust", "Nov 2026 is in progress", "Spend by region", "2026"):
        assert piece in source


def test_an_answer_without_figures_shows_none(answers: Any) -> None:
    """An empty result has no table and says so in words."""
    assert table_markdown(None) == ""
    assert "| " not in answer_markdown(answers.nothing_paid())
