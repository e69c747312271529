"""The chain: every change shows, and the first record that is not as it was is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.audit.anchor import Anchor, AnchorKey, drop, held_against, read_anchors
from copilot.audit.chain import Broken, Event, Head, Intact, next_record, verify
from copilot.audit.exporting import export_lines, read_export, verify_export
from copilot.errors import AuditError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LENGTH = 40


def chain(length: int = LENGTH) -> list[dict[str, Any]]:
    """A chain of answers."""
    head, found = Head(), []
    for i in range(length):
        event = Event(actor="local:ap", role="viewer", action="answered", object=f"e{i}", told={"question": f"q {i} ü"})
        record = next_record(event, head, NOON + timedelta(seconds=i))
        found.append(record.model_dump(mode="json"))
        head = Head(record.seq, record.hash)
    return found


CHAIN = chain()
TEXT = "\n".join(export_lines(CHAIN)) + "\n"


def verdict_of(text: str) -> str:
    """What is said of an export: intact, the place that is broken, or that it cannot be read."""
    try:
        found = verify_export(*read_export(text.splitlines()))
    except AuditError:
        return "unreadable"
    return "intact" if isinstance(found, Intact) else f"broken at {found.place}"


def test_an_untouched_chain_and_its_export_are_intact() -> None:
    """The head is the last record's; an empty trail is intact, too."""
    assert verify(CHAIN) == Intact(Head(LENGTH, CHAIN[-1]["hash"]))
    assert verdict_of(TEXT) == "intact"
    assert verify([]) == Intact(Head())
    assert verdict_of("\n".join(export_lines([]))) == "intact"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(TEXT.encode()) - 2), st.integers(1, 255))
def test_any_changed_byte_of_an_export_shows(place: int, change: int) -> None:
    """Wherever the byte stands: in a field, a hash, the form, or the last line."""
    raw = bytearray(TEXT.encode())
    raw[place] ^= change
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return  # the command refuses a file that is no text
    if text.split() == TEXT.split():
        return  # a blank became another blank between the lines
    assert verdict_of(text) != "intact"


def test_every_byte_of_an_export_is_watched() -> None:
    """Each byte with one bit turned, each line gone, each two neighbours exchanged, each end cut off: all are found."""
    text = "\n".join(export_lines(CHAIN[:4])) + "\n"
    raw, lines = text.encode(), text.splitlines()
    turned = (raw[:at] + bytes([raw[at] ^ (1 << at % 7)]) + raw[at + 1 :] for at in range(len(raw) - 1))
    damaged = [one.decode(errors="surrogateescape") for one in turned]  # the command refuses what is no text
    damaged.append(text.replace("q 2", "q \\ud800"))
    damaged += ["\n".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines))]
    damaged += ["\n".join([*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]) for at in range(len(lines) - 1)]
    damaged += [text[:at] for at in range(len(text) - 1)]
    missed = [one for one in damaged if one.split() != text.split() and verdict_of(one) == "intact"]
    assert (len(damaged) > 3000, missed) == (True, [])


@given(st.integers(0, LENGTH - 1))
def test_a_removed_record_is_named_by_its_place(place: int) -> None:
    """The first record that does not follow."""
    left = [r for i, r in enumerate(CHAIN) if i != place]
    found = verify_export(left, Head(LENGTH, CHAIN[-1]["hash"]))
    assert isinstance(found, Broken)
    assert found.place == place + 1


@given(st.lists(st.sampled_from(range(LENGTH)), min_size=2, max_size=2, unique=True))
def test_exchanged_records_show(places: list[int]) -> None:
    """At the first of the two places."""
    moved = list(CHAIN)
    moved[places[0]], moved[places[1]] = moved[places[1]], moved[places[0]]
    found = verify(moved)
    assert isinstance(found, Broken)
    assert found.place == min(places) + 1


@given(st.integers(0, LENGTH - 1), st.sampled_from(["actor", "object", "time", "input", "output", "role"]))
def test_a_record_rewritten_with_a_fitting_hash_breaks_the_next(place: int, name: str) -> None:
    """Who recomputes one hash has to recompute all that follow, and those are anchored elsewhere."""
    from copilot.audit.chain import Record  # noqa: PLC0415 (the forger's tool)

    forged = Record.model_validate({**CHAIN[place], name: "forged"})
    fitting = forged.model_copy(update={"hash": forged.computed()}).model_dump(mode="json")
    found = verify([*CHAIN[:place], fitting, *CHAIN[place + 1 :]])
    if place == LENGTH - 1:
        assert isinstance(found, Intact)  # what shows it is an anchor, or the last line of an export
        assert found.head.hash != CHAIN[-1]["hash"]
    else:
        assert isinstance(found, Broken)
        assert found.place == place + 2


@given(st.integers(0, LENGTH - 1))
def test_a_cut_off_export_shows(kept: int) -> None:
    """With or without its last line."""
    lines = TEXT.splitlines()
    assert verdict_of("\n".join(lines[:kept])) == f"broken at {kept + 1}"
    assert verdict_of("\n".join([*lines[:kept], lines[-1]])) == f"broken at {kept + 1}"


@pytest.fixture
def key(tmp_path: Path) -> AnchorKey:
    """A key of its own."""
    return AnchorKey.at(tmp_path / "anchor.key")


def test_records_cut_off_the_live_chain_show_against_an_anchor(tmp_path: Path, key: AnchorKey) -> None:
    """The chain alone would be intact; the mark kept elsewhere saw more."""
    drop(key.sign(Head(LENGTH, CHAIN[-1]["hash"]), NOON), tmp_path / "marks")
    marks = read_anchors(tmp_path / "marks")
    assert held_against(verify(CHAIN), CHAIN, marks, key.public) == verify(CHAIN)
    cut = CHAIN[:-5]
    found = held_against(verify(cut), cut, marks, key.public)
    assert isinstance(found, Broken)
    assert found.place == LENGTH - 4
    assert "cut off" in found.why


def test_a_chain_written_anew_shows_against_an_anchor(key: AnchorKey) -> None:
    """Every hash fits, but it is another chain."""
    mark = key.sign(Head(10, CHAIN[9]["hash"]), NOON)
    anew, head = [], Head()
    for record in CHAIN:
        event = Event(actor="forged", role="viewer", action="answered", object=record["object"])
        made = next_record(event, head, NOON)
        anew.append(made.model_dump(mode="json"))
        head = Head(made.seq, made.hash)
    assert isinstance(verify(anew), Intact)
    found = held_against(verify(anew), anew, [mark], key.public)
    assert isinstance(found, Broken)
    assert found.place == 10


def test_a_forged_or_foreign_anchor_is_not_believed(tmp_path: Path, key: AnchorKey) -> None:
    """A mark that was changed, or that somebody else signed, is named."""
    mark = key.sign(Head(10, CHAIN[9]["hash"]), NOON)
    assert mark.is_genuine()
    assert mark.is_genuine(key.public)
    assert not mark.model_copy(update={"seq": 9}).is_genuine()
    assert not mark.model_copy(update={"public_key": "zz"}).is_genuine()
    other = AnchorKey.at(tmp_path / "other.key").sign(Head(10, CHAIN[9]["hash"]), NOON)
    assert other.is_genuine()
    found = held_against(verify(CHAIN), CHAIN, [other], key.public)
    assert isinstance(found, Broken)
    assert "trusted key" in found.why


def test_a_key_is_its_owners_and_a_mark_is_written_once(tmp_path: Path, key: AnchorKey) -> None:
    """The same key again from the same file; an older mark is not replaced; a file that is no mark is named."""
    assert (tmp_path / "anchor.key").stat().st_mode & 0o777 == 0o600
    assert AnchorKey.at(tmp_path / "anchor.key").public == key.public
    first = drop(key.sign(Head(3, "a" * 64), NOON), tmp_path / "marks")
    drop(key.sign(Head(3, "b" * 64), NOON), tmp_path / "marks")
    assert Anchor.model_validate(json.loads(first.read_text())).hash == "a" * 64
    (tmp_path / "marks" / "audit-000000000009.json").write_text("{}")
    with pytest.raises(AuditError, match="audit-000000000009"):
        read_anchors(tmp_path / "marks")
