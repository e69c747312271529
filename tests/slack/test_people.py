"""Who is let in, and where an answer may be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import PolicyError, SlackError
from copilot.settings import Settings
from copilot.surfaces.slack.audience import Alone, Here, Refused, in_channel, in_direct_message
from copilot.surfaces.slack.incoming import from_message, plain
from copilot.surfaces.slack.people import read_directory
from copilot.surfaces.slack.serving import run_slack
from semantic_layer.query import Filter
from semantic_layer.viewer import EVERYBODY, Viewer

GERMANY = Viewer("german team", (Filter(field="buying_entity", op="in", values=("Quellmark Deutschland GmbH",)),))
FRANCE = Viewer("french team", (Filter(field="buying_entity", op="in", values=("Quellmark France SAS",)),))


@pytest.mark.parametrize(
    ("asker", "declared", "readers", "expected"),
    [
        (None, None, [], Refused()),
        (EVERYBODY, None, [EVERYBODY], Here(EVERYBODY)),
        (EVERYBODY, None, [EVERYBODY, GERMANY], Here(GERMANY, narrowed=True)),
        (GERMANY, None, [EVERYBODY, GERMANY], Here(GERMANY)),
        (GERMANY, GERMANY, None, Here(GERMANY)),
        (EVERYBODY, GERMANY, None, Here(GERMANY, narrowed=True)),
    ],
)
def test_the_least_privileged_reader_rules(
    asker: Viewer | None, declared: Viewer | None, readers: list[Viewer | None], expected: object
) -> None:
    """Everybody in a channel may see what is shown there."""
    assert in_channel(asker, declared, readers) == expected


@pytest.mark.parametrize(
    ("asker", "declared", "readers"),
    [
        (GERMANY, None, [GERMANY, FRANCE]),
        (EVERYBODY, None, [GERMANY, FRANCE]),
        (FRANCE, GERMANY, None),
        (EVERYBODY, None, [None, EVERYBODY]),
        (EVERYBODY, None, None),
    ],
)
def test_rights_that_cannot_be_ordered_are_answered_alone(
    asker: Viewer, declared: Viewer | None, readers: list[Viewer | None] | None
) -> None:
    """With the asker's own rights, in a direct message."""
    found = in_channel(asker, declared, readers)
    assert isinstance(found, Alone)
    assert found.viewer is asker


def test_in_a_direct_message_the_asker_alone_counts() -> None:
    """Nobody else reads."""
    assert in_direct_message(GERMANY) == Here(GERMANY)
    assert in_direct_message(None) == Refused()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("workspaces: [", "is not YAML"),
        ("people: []", "workspaces"),
        ("workspaces: [{id: acme}]", "workspaces.0.id"),
        ("workspaces: [{id: T1, people: [{user: jane}]}]", "workspaces.0.people.0.user"),
        ("workspaces: [{id: T1, people: [{user: U1}, {user: U1}]}]", "names U1 of T1 twice"),
        ("workspaces: [{id: T1, people: [{user: U1, viewer: treasury}]}]", "TENOR_POLICIES"),
    ],
)
def test_a_people_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, problem: str) -> None:
    """Line, form, repetition, and a viewer without a policy."""
    file = tmp_path / "people.yml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=problem):
        read_directory(file, Settings())


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "TENOR_SLACK_BOT_TOKEN"),
        ({"slack_bot_token": "x"}, "TENOR_SLACK_APP_TOKEN"),
        ({"slack_bot_token": "x", "slack_app_token": "y"}, "TENOR_SLACK_PEOPLE"),
        (
            {
                "slack_bot_token": "x",
                "slack_app_token": "y",
                "slack_people": "p.yml",
                "slack_api_url": "http://slack.com",
            },
            "must be https",
        ),
    ],
)
def test_what_is_missing_is_named_before_anything_starts(given: dict[str, str], missing: str) -> None:
    """One sentence per missing setting; a token never travels without TLS."""
    with pytest.raises(SlackError, match=missing):
        run_slack(Settings.model_validate(given), "127.0.0.1", 0, None, print)


def test_text_is_read_as_its_author_saw_it() -> None:
    """Escapes, links, channels and other people's names; the bot's own mention is no word of the question."""
    sent = "<@U0BOT> AP &lt; 5 &amp; &gt; 3 of <@U9|lena> in <#C1|payables> see <https://a.example|here> <!here>"
    assert plain(sent, "U0BOT") == "AP < 5 & > 3 of @lena in #payables see here @here"


def test_a_guest_of_a_shared_channel_is_who_their_own_workspace_says() -> None:
    """An id of another workspace is another person."""
    event = {
        "type": "app_mention",
        "user": "U0CFO",
        "text": "DPO",
        "channel": "C1",
        "ts": "1.1",
        "user_team": "T9OTHER",
    }
    found = from_message({"team_id": "T0TENOR", "event": event}, "U0BOT")
    assert found is not None
    assert found.workspace == "T9OTHER"
