"""The adapter in a workspace: who is answered, where, once, and in what form; over real signed requests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from copilot.surfaces.slack.adapter import HELP, ONLY_FILES, WORKING, SlackSurface
from copilot.surfaces.slack.incoming import Question, conversation

BOT = "U0BOT"
pytestmark = pytest.mark.usefixtures("adapter")


def test_a_mention_is_answered_in_its_thread_with_figure_chart_and_origin(space: Any) -> None:
    """The figure heads the message; table, trust, buttons and the chart follow, all below the question."""
    asked = space.say("U0CFO", f"<@{BOT}> what's our DPO?", "C0PAYABLES")
    answer = space.settled("C0PAYABLES", asked)
    assert answer.blocks[0]["type"] == "header"
    assert answer.blocks[0]["text"]["text"].startswith("47.3 days DPO")
    shown = answer.shown()
    assert "Change: +1.8 days vs Q3 2026" in shown
    assert "checks passed" in shown
    assert [b["text"]["text"] for b in answer.buttons()][:3] == [
        "DPO by region",
        "DPO trend last 12 months",
        "What is DPO?",
    ]
    assert {b.get("url") for b in answer.buttons()} >= {"https://tenor.example.com/evidence/00000001"}
    space.wait(lambda: space.uploads)
    chart = space.uploads[0]
    assert (chart.channel, chart.thread, chart.name) == ("C0PAYABLES", asked, "tenor-00000001.png")
    assert chart.content.startswith(b"\x89PNG")
    assert not space.refused


def test_a_mention_that_comes_as_two_events_and_again_is_answered_once(space: Any, engines: Any) -> None:
    """Slack sends a mention as a mention and as a message, and repeats what it thinks was lost."""
    event = {"user": "U0CFO", "text": f"<@{BOT}> DPO", "channel": "C0PAYABLES", "ts": "100.000001", "team": "T0TENOR"}
    for kind in ("app_mention", "message", "app_mention", "message", "app_mention"):
        space.tell({"type": "event_callback", "team_id": "T0TENOR", "event": {**event, "type": kind}})
    space.settled("C0PAYABLES", "100.000001")
    time.sleep(0.2)
    assert len(engines.by_viewer["group treasury"].scripted.asked) == 1
    assert len([m for m in space.messages if m.thread == "100.000001"]) == 1


def test_a_reply_in_our_thread_needs_no_mention_and_goes_on_in_its_conversation(space: Any, engines: Any) -> None:
    """One Slack thread is one conversation; other people's threads are left alone."""
    asked = space.say("U0CFO", f"<@{BOT}> DPO", "C0PAYABLES")
    space.settled("C0PAYABLES", asked)
    space.say("U0TREASURER", "and by region?", "C0PAYABLES", asked)
    space.settled("C0PAYABLES", asked, answers=2)
    space.say("U0TREASURER", "and the suppliers?", "C0PAYABLES", "55.000001")
    time.sleep(0.3)
    threads = {thread for _, thread in engines.by_viewer["group treasury"].scripted.asked}
    assert threads == {conversation("T0TENOR", "C0PAYABLES", asked)}
    assert not [m for m in space.messages if m.thread == "55.000001"]


def test_a_direct_message_is_answered_in_the_open_conversation(space: Any, engines: Any) -> None:
    """No thread is opened, and the conversation goes on from message to message."""
    space.say("U0CFO", "DPO by region", "D0CFO")
    space.settled("D0CFO")
    space.say("U0CFO", "and projected?", "D0CFO")
    space.settled("D0CFO", answers=2)
    assert len({thread for _, thread in engines.by_viewer["group treasury"].scripted.asked}) == 1


def test_what_no_person_wrote_is_not_answered(space: Any) -> None:
    """Bots, edits, arrivals and empty mentions are no questions."""
    space.say("U0CFO", f"<@{BOT}> DPO", "C0PAYABLES", bot_id="B9")
    space.say("U0CFO", f"<@{BOT}> DPO", "C0PAYABLES", subtype="message_changed")
    space.say("U0CFO", f"<@{BOT}>   ", "C0PAYABLES")
    space.say("U0CFO", "DPO, anybody?", "C0PAYABLES")
    time.sleep(0.3)
    assert not space.messages


def test_a_stranger_gets_ids_to_be_let_in_with_and_no_figure(space: Any, engines: Any) -> None:
    """Whoever is not in the file gets one sentence, which only they see."""
    space.say("U0GUEST", f"<@{BOT}> DPO", "C0GUESTS")
    told = space.wait(lambda: space.messages)[0]
    assert told.only == "U0GUEST"
    assert "workspace T0TENOR, person U0GUEST" in told.text
    assert not engines.by_viewer


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ("C0GUESTS", "not everybody in this channel may ask"),
        ("C0BOTH", "may see different things"),
        ("C0CROWD", "too many readers"),
    ],
)
def test_where_readers_may_not_all_see_it_the_answer_goes_to_the_asker_alone(
    space: Any, channel: str, why: str
) -> None:
    """The channel sees nothing but that an answer was given; the asker sees why."""
    asked = space.say("U0CFO", f"<@{BOT}> DPO", channel)
    answer = space.settled("D0CFO")
    assert "47.3 days" in answer.shown()
    here = [m for m in space.messages if m.channel == channel]
    assert [m.only for m in here] == ["U0CFO"]
    assert why in here[0].text
    assert here[0].thread == asked


def test_in_a_channel_the_least_privileged_reader_rules(space: Any, engines: Any) -> None:
    """One reader sees Germany only, so the CFO gets Germany there, and is told so."""
    asked = space.say("U0CFO", f"<@{BOT}> DPO", "C0MIXED")
    answer = space.settled("C0MIXED", asked)
    assert list(engines.by_viewer) == ["german team"]
    assert "As german team may see it" in answer.shown()


def test_a_vouched_channel_has_the_rights_that_the_file_gives_it(space: Any, engines: Any) -> None:
    """Nobody is looked up; the file's viewer stands for all readers."""
    asked = space.say("U0CFO", f"<@{BOT}> DPO", "C0VOUCHED")
    space.settled("C0VOUCHED", asked)
    assert list(engines.by_viewer) == ["german team"]


def test_whoever_is_taken_off_the_list_is_not_answered_any_more(space: Any, files: Path, engines: Any) -> None:
    """The file is read again when it changes; one that cannot be read lets nobody in."""
    space.say("U0BERLIN", "DPO", "D0BERLIN")
    space.settled("D0BERLIN")
    kept = (files / "people.yml").read_text().replace("      - {user: U0BERLIN, viewer: german team}\n", "")
    (files / "people.yml").write_text(kept)
    space.say("U0BERLIN", "DPO by region", "D0BERLIN")
    space.wait(lambda: "not on the list" in space.messages[-1].shown())
    (files / "people.yml").write_text("workspaces: [")
    space.say("U0CFO", "DPO", "D0CFO")
    space.wait(lambda: "not on the list" in space.messages[-1].shown() and space.messages[-1].channel == "D0CFO")
    assert len(engines.by_viewer["german team"].scripted.asked) == 1


def test_a_button_asks_the_stored_question_once(space: Any, engines: Any) -> None:
    """Its question comes from the answer that was given; a second press, and a forged one, do nothing."""
    asked = space.say("U0CFO", f"<@{BOT}> DPO", "C0PAYABLES")
    answer = space.settled("C0PAYABLES", asked)
    space.press("U0TREASURER", answer, "ask_0")
    space.press("U0TREASURER", answer, "ask_0")
    space.settled("C0PAYABLES", asked, answers=2)
    space.press("U0TREASURER", answer, "ask_1", "00000001:99")
    space.press("U0TREASURER", answer, "ask_2", "no such answer:0")
    space.wait(lambda: "is not one that you may see here" in space.messages[-1].text)
    questions = [question for question, _ in engines.by_viewer["group treasury"].scripted.asked]
    assert questions == ["DPO", "DPO by region"]


def test_another_viewers_answer_cannot_be_opened_by_its_button(space: Any, engines: Any) -> None:
    """The button of an answer that was given with other rights shows nothing."""
    space.say("U0CFO", "DPO", "D0CFO")
    answer = space.settled("D0CFO")
    engines.by_viewer["german team"] = type(engines.by_viewer["group treasury"])()
    space.press("U0BERLIN", answer, "details")
    space.wait(lambda: "is not one that you may see here" in space.messages[-1].shown())


def test_how_it_was_computed_and_all_rows_are_a_button_away(space: Any, engines: Any) -> None:
    """The SQL exactly as it ran, checks, assumptions and fields; the rows as a file with exact amounts."""
    space.say("U0CFO", "top suppliers by missed discounts", "D0CFO")
    answer = space.settled("D0CFO")
    assert "204 more rows" in answer.shown()
    space.press("U0CFO", answer, "details")
    told = space.wait(lambda: next((m for m in space.messages if m.text == "How it was computed"), None)).shown()
    assert "SELECT AVG(b.open_ap) * 90" in told
    assert "Assumed: Purchases window = 90 days" in told
    assert "invoices.payments.payment-date" in told
    space.press("U0CFO", answer, "rows")
    rows = space.wait(lambda: next((u for u in space.uploads if u.name.endswith(".csv")), None))
    assert b"Nordvik Logistics AS,184220.15" in rows.content
    person = "slack:T0TENOR:U0CFO"
    told = ["answered", "opened details of 00000001", "opened rows of 00000001"]
    assert engines.by_viewer["group treasury"].trail == [(what, person) for what in told]
    assert not space.refused


def test_a_question_back_has_its_choices_as_buttons(space: Any) -> None:
    """Pressing one asks it."""
    space.say("U0CFO", "how late are we", "D0CFO")
    answer = space.settled("D0CFO")
    assert [b["text"]["text"] for b in answer.buttons()] == ["Open AP past due", "Invoices paid late"]
    assert not [b for b in answer.blocks if b["type"] == "header"]


def test_the_slash_command_answers_its_author_alone(space: Any) -> None:
    """Nothing is posted where it was typed."""
    space.command("U0CFO", "DPO", "C0MIXED")
    answer = space.wait(lambda: space.responses)[0]
    assert answer["response_type"] == "ephemeral"
    assert answer["blocks"][0]["text"]["text"].startswith("47.3 days")
    space.command("U0CFO", "", "C0MIXED")
    space.command("U0GUEST", "DPO", "C0MIXED")
    space.wait(lambda: len(space.responses) == 3)
    told = {response["blocks"][0]["text"]["text"] for response in space.responses[1:]}
    assert HELP in told
    assert any("person U0GUEST" in text for text in told)
    assert not space.messages


def test_what_fails_is_told_with_a_reference_and_nothing_of_its_inside(space: Any) -> None:
    """An unforeseen error keeps its details in the log; a foreseen one is its own sentence."""
    space.say("U0CFO", "something broken", "D0CFO")
    told = space.settled("D0CFO").shown()
    assert "reference" in told
    assert "secret detail" not in told
    space.say("U0CFO", "known trouble", "D0CFO")
    assert space.settled("D0CFO", answers=2).shown().startswith("The mirror is missing. Run tenor-sync once")


def test_attachments_are_named_and_not_read(space: Any) -> None:
    """With words, the words are answered; without, the person is told."""
    space.say("U0CFO", "DPO", "D0CFO", subtype="file_share", files=[{"id": "F1"}])
    assert "cannot read attachments, so I went by the words" in space.settled("D0CFO").shown()
    space.say("U0CFO", "", "D0CFO", subtype="file_share", files=[{"id": "F1"}])
    space.wait(lambda: space.messages[-1].shown() == ONLY_FILES)


def test_slack_that_asks_to_wait_is_waited_for(space: Any) -> None:
    """A limited method is called again after the time that Slack names."""
    space.limited["chat.postMessage"] = 1
    space.limited["chat.update"] = 1
    space.say("U0CFO", "DPO", "D0CFO")
    assert "47.3 days" in space.settled("D0CFO").shown()


def test_what_an_earlier_run_left_open_is_answered_at_the_start(
    space: Any, adapter: SlackSurface, engines: Any
) -> None:
    """A question that was taken and not answered is not lost; one that was answered is not repeated."""
    import asyncio  # noqa: PLC0415 (one call of the start, outside of a server)

    from slack_sdk.web.async_client import AsyncWebClient  # noqa: PLC0415 (as above)

    open_question = Question("T0TENOR:D0CFO:7.1", "T0TENOR", "U0CFO", "D0CFO", "DPO", None, "7.1", direct=True)
    adapter._questions.take(open_question.key, open_question.conversation, vars(open_question))
    client = AsyncWebClient("xoxb-for-tests", base_url=f"{space.url}api/")
    assert asyncio.run(adapter.answer_left_open(client)) == 1
    assert "47.3 days" in space.settled("D0CFO").shown()
    assert asyncio.run(adapter.answer_left_open(client)) == 0
    assert len(engines.by_viewer["group treasury"].scripted.asked) == 1


def test_unsigned_old_and_foreign_requests_are_refused(space: Any, engines: Any) -> None:
    """Only Slack, and only now."""
    event = {"user": "U0CFO", "text": "DPO", "channel": "D0CFO", "ts": "1.1", "channel_type": "im", "type": "message"}
    body = {"type": "event_callback", "team_id": "T0TENOR", "event": event}
    assert space.post(body, secret="another").status_code == 401
    assert space.post(body, age=600).status_code == 401
    assert space.post({**body, "team_id": "T9OTHER"}).status_code == 200
    space.wait(lambda: "workspace T9OTHER, person U0CFO" in space.messages[-1].shown() if space.messages else False)
    assert not engines.by_viewer


def test_a_line_comes_at_once_and_becomes_the_answer(space: Any) -> None:
    """The first thing to be seen is that somebody is at work; it is replaced, not followed."""
    space.say("U0CFO", "DPO", "D0CFO")
    assert space.settled("D0CFO").at_first == WORKING
    assert len(space.messages) == 1
