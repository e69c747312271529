"""What is old is sealed into files that verify alone; never under a hold, never without a trace."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from copilot.audit.anchor import AnchorKey, drop, held_against, key_of, read_anchors
from copilot.audit.chain import Broken, Head, Intact, Record, verify
from copilot.audit.exporting import export_lines, read_export, verify_export
from copilot.audit.sealing import beginning
from copilot.errors import AuditError, GovernanceError
from copilot.governance.holds import Hold, HoldBook
from copilot.governance.outcomes import Refused
from copilot.governance.people import People
from copilot.governance.policy import Policy
from copilot.governance.retention import NothingToSeal, Sealed, before, retain
from copilot.state.tables import audit_events
from copilot.surfaces.cli import app
from tests.copilot.governance.small_office import PEOPLE, POLICY, Office, proposal

KEEPING = Policy.model_validate({**POLICY.plain(), "retention": {"keep_months": 24}})
MORE = PEOPLE.model_copy(
    update={
        "people": (
            *PEOPLE.people,
            PEOPLE.people[10].model_copy(update={"name": "other auditor", "identities": ("local:auditor2",)}),
        )
    }
)


@pytest.fixture
def key(tmp_path: Path) -> AnchorKey:
    """The key that signs anchors and seals."""
    return key_of(tmp_path / "state")


@pytest.fixture
def old(bare: Office) -> Office:
    """A trail of three years: a policy and ten proposals then, ten now."""
    bare.enact(KEEPING)
    for at in range(1, 11):
        bare.proposed(proposal(at, supplier=f"S{at}", last_day=None))
    bare.clock.forward(days=3 * 365)
    for at in range(11, 21):
        bare.proposed(proposal(at, supplier=f"S{at}", last_day=None, amount=Decimal(10)))
    return bare


def seal(office: Office, key: AnchorKey, folder: Path, actor: str = "local:operator") -> Sealed:
    """Sealed by the operator."""
    done = retain(office.store, MORE, key, actor, folder, "yearly")
    assert isinstance(done, Sealed), done
    return done


def live(office: Office) -> list[dict[str, Any]]:
    """The records that are in the table."""
    return list(office.store.audit.records())


def verdict(records: list[dict[str, Any]], trusted: str | None = None) -> Broken | Intact:
    """What is said of a trail that was read."""
    start = beginning(records, trusted)
    return start if isinstance(start, Broken) else verify(records, start)


def test_what_is_old_goes_into_a_file_and_both_parts_verify(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """The file alone, the rest alone, an export of the rest, and both as the one chain that they were."""
    whole = live(old)
    done = seal(old, key, tmp_path / "archive")
    left = live(old)
    assert (done.seal.after, done.seal.through) == (0, 12)
    assert [record["seq"] for record in left] == list(range(13, 24))
    assert left[:-1] == whole[12:]
    told = left[-1]
    assert (told["action"], told["object"], told["actor"]) == ("trail sealed", "records 1 to 12", "local:operator")
    assert (told["told"]["reason"], told["told"]["kept_months"]) == ("yearly", 24)
    assert verdict(left, key.public) == Intact(Head(23, told["hash"]))
    records, end, there = read_export(done.file.read_text(encoding="utf-8").splitlines())
    assert verify_export(records, end, there, key.public) == Intact(Head(12, whole[11]["hash"]))
    assert verify([*records, *left]) == Intact(Head(23, told["hash"]))
    assert isinstance(verify_export(*read_export(export_lines(left))), Intact)


def test_a_second_part_follows_the_first(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """Its file begins where the first one ended, and what is left still verifies."""
    seal(old, key, tmp_path)
    old.clock.forward(days=3 * 365)
    old.proposed(proposal(30, last_day=None))
    done = seal(old, key, tmp_path)
    assert (done.seal.after, done.seal.through) == (12, 23)
    assert isinstance(verdict(live(old), key.public), Intact)
    parts = [read_export(file.read_text(encoding="utf-8").splitlines()) for file in sorted(tmp_path.glob("*.jsonl"))]
    assert all(isinstance(verify_export(*part, key.public), Intact) for part in parts)
    assert isinstance(verify([*parts[0][0], *parts[1][0], *live(old)]), Intact)
    assert isinstance(retain(old.store, MORE, key, "local:operator", tmp_path, "again"), NothingToSeal)


def test_a_part_that_was_dropped_without_a_seal_shows(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """Deleted in the database, more than was sealed, with the seal of another key, or with a seal that was edited."""
    with old.store.writing(audit_events) as connection:
        connection.execute(delete(audit_events).where(audit_events.c.seq <= 3))
    found = verdict(live(old))
    assert isinstance(found, Broken)
    assert (found.place, "they were removed" in found.why) == (1, True)
    with pytest.raises(AuditError, match="nothing of it is sealed"):
        retain(old.store, MORE, key, "local:operator", tmp_path, "to hide it")


def test_a_seal_is_believed_for_what_it_says_only(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """One record more is missing, another key is trusted, or somebody wrote a seal of their own."""
    seal(old, key, tmp_path)
    left = live(old)
    assert isinstance(verdict(left[1:]), Broken)
    foreign = verdict(left, AnchorKey.at(tmp_path / "other.key").public)
    assert isinstance(foreign, Broken)
    assert "trusted key" in foreign.why
    for change in ({"through": 13, "hash": left[0]["hash"]}, {"through": 13, "hash": left[0]["hash"], "signature": ""}):
        told = {**left[-1]["told"], "seal": {**left[-1]["told"]["seal"], **change}}
        forged = Record.model_validate({**left[-1], "told": told})
        fitting = forged.model_copy(update={"hash": forged.computed()}).model_dump(mode="json")
        found = verdict([*left[1:-1], fitting])
        assert isinstance(found, Broken)
        assert "signature" in found.why


def test_every_changed_line_of_a_sealed_part_shows(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """Each line removed, doubled or swapped with the next; the last line under the records of another file."""
    done = seal(old, key, tmp_path)
    lines = done.file.read_text(encoding="utf-8").splitlines()
    damaged = [[*lines[:at], *lines[at + 1 :]] for at in range(len(lines))]
    damaged += [[*lines[: at + 1], *lines[at:]] for at in range(len(lines) - 1)]
    damaged += [[*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]] for at in range(len(lines) - 2)]
    damaged.append([*export_lines(live(old))][:-1] + lines[-1:])
    for one in damaged:
        try:
            assert isinstance(verify_export(*read_export(one), key.public), Broken)
        except AuditError:
            continue


def test_anchors_of_a_sealed_part_do_no_harm_and_later_ones_still_count(
    old: Office, key: AnchorKey, tmp_path: Path
) -> None:
    """A mark within the part cannot be looked up, the one at its end and later ones are; a cut-off end shows."""
    heads = [Head(record["seq"], record["hash"]) for record in live(old)]
    for head in (heads[4], heads[11], heads[-1]):
        drop(key.sign(head, old.clock.now), tmp_path / "marks")
    seal(old, key, tmp_path)
    left = live(old)
    marks, start = read_anchors(tmp_path / "marks"), beginning(left)
    assert isinstance(start, Head)
    assert isinstance(held_against(verify(left, start), left, marks, key.public, start), Intact)
    cut = left[:5]
    assert isinstance(held_against(verify(cut, start), cut, marks, key.public, start), Broken)
    other = Head(start.seq, "f" * 64)
    assert isinstance(held_against(Intact(Head(22, "")), left, marks, key.public, other), Broken)


@pytest.mark.parametrize(
    ("days", "covered"),
    [
        ((None, None), True),
        ((date(2026, 11, 22), None), True),
        ((None, date(2026, 11, 22)), True),
        ((date(2027, 1, 1), None), False),
        ((None, date(2026, 11, 21)), False),
    ],
)
def test_nothing_is_sealed_under_a_hold(
    old: Office, key: AnchorKey, tmp_path: Path, days: tuple[date | None, date | None], covered: bool
) -> None:
    """Refused, told in the trail, no file, no record gone; a hold on other days is in nobody's way."""
    hold = HoldBook(old.store, MORE).place("local:auditor", "tax audit", *days)
    assert isinstance(hold, Hold)
    found = retain(old.store, MORE, key, "local:operator", tmp_path / "archive", "yearly")
    if not covered:
        assert isinstance(found, Sealed)
        return
    assert isinstance(found, Refused)
    assert (found.control, "tax audit" in found.why) == ("legal hold", True)
    assert not (tmp_path / "archive").exists()
    assert live(old)[0]["seq"] == 1
    assert live(old)[-1]["action"] == "refused"


def test_the_record_of_a_hold_in_force_is_not_sealed(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """A hold on a few days that was placed long ago: its own record must stay, or nobody would know of it."""
    HoldBook(old.store, MORE).place("local:auditor", "a lawsuit", date(2020, 1, 1), date(2020, 2, 1))
    old.clock.forward(days=3 * 365)
    found = retain(old.store, MORE, key, "local:operator", tmp_path, "yearly")
    assert isinstance(found, Refused)
    assert found.control == "legal hold"


def test_two_people_release_a_hold(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """The first asks, their second time counts for nothing, another one releases; then what is old may go."""
    book = HoldBook(old.store, MORE)
    hold = book.place("local:auditor", "tax audit")
    assert isinstance(hold, Hold)
    assert book.release(hold.id, "local:auditor") == "one more person"
    assert book.release(hold.id, "local:auditor") == "one more person"
    assert [one.release_asked_by for one in book.holds()] == ["auditor"]
    assert isinstance(retain(old.store, MORE, key, "local:operator", tmp_path, "too early"), Refused)
    assert book.release(hold.id, "local:auditor2", "closed") == "released"
    assert book.holds() == ()
    with pytest.raises(GovernanceError, match="No hold"):
        book.release(hold.id, "local:auditor2")
    seal(old, key, tmp_path)
    actions = [record["action"] for record in live(old)]
    assert [a for a in actions if "hold" in a] == ["hold placed", *["hold release asked"] * 2, "hold released"]


def test_one_person_is_enough_where_the_policy_says_so(old: Office) -> None:
    """The number is the policy's."""
    rule = {"keep_months": 24, "people_to_release": 1}
    old.enact(Policy.model_validate({**POLICY.plain(), "retention": rule}))
    book = HoldBook(old.store, MORE)
    hold = book.place("local:rules", "a request")
    assert isinstance(hold, Hold)
    assert book.release(hold.id, "local:rules") == "released"


@pytest.mark.parametrize(
    "actor", ["local:analyst", "local:manager", "local:rules", "local:reader", "local:nobody", "local:auditor"]
)
def test_who_may_seal_and_who_may_hold(old: Office, key: AnchorKey, tmp_path: Path, actor: str) -> None:
    """The operator and auditors seal; auditors and policy owners hold; everybody else is refused and told."""
    sealed = retain(old.store, MORE, key, actor, tmp_path, "mine")
    held = HoldBook(old.store, MORE).place(actor, "mine")
    assert isinstance(sealed, Sealed) == (actor == "local:auditor")
    assert isinstance(held, Hold) == (actor in {"local:auditor", "local:rules"})


def test_without_a_rule_nothing_goes(office: Office, key: AnchorKey, tmp_path: Path) -> None:
    """A policy that says nothing about it keeps everything, however old; and its hash is what it was before."""
    office.clock.forward(days=9999)
    found = retain(office.store, PEOPLE, key, "local:operator", tmp_path, "mine")
    assert isinstance(found, Refused)
    assert found.control == "retention"
    assert "retention" not in POLICY.plain()
    assert KEEPING.sha256() != POLICY.sha256()


def test_a_crash_before_the_records_went_loses_nothing(
    old: Office, key: AnchorKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stands, the records too; the next try uses the file. Another file of that name is not written over."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("copilot.governance.retention._take_out", crash)
        with pytest.raises(KeyboardInterrupt):
            retain(old.store, MORE, key, "local:operator", tmp_path, "yearly")
    assert live(old)[0]["seq"] == 1
    (file,) = tmp_path.glob("*.jsonl")
    written = file.read_bytes()
    file.write_text("something else\n", encoding="utf-8")
    with pytest.raises(AuditError, match="Line 1"):
        retain(old.store, MORE, key, "local:operator", tmp_path, "yearly")
    assert live(old)[0]["seq"] == 1
    file.write_bytes(written)
    old.clock.forward(hours=1)
    assert seal(old, key, tmp_path).file.read_bytes() == written
    assert isinstance(verdict(live(old), key.public), Intact)


def test_a_folder_that_fails_keeps_every_record(old: Office, key: AnchorKey, tmp_path: Path) -> None:
    """As a sentence."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AuditError, match="cannot be written"):
        retain(old.store, MORE, key, "local:operator", tmp_path / "file", "yearly")
    assert live(old)[0]["seq"] == 1


def test_months_end_where_the_shorter_month_ends() -> None:
    """A day that the earlier month does not have is its last one."""
    assert before(datetime(2026, 3, 31, 9, tzinfo=UTC), 1) == datetime(2026, 2, 28, tzinfo=UTC)
    assert before(datetime(2026, 1, 15, 9, tzinfo=UTC), 13) == datetime(2024, 12, 15, tzinfo=UTC)


def test_the_commands_seal_hold_and_verify(mirror_folder: Path, tmp_path: Path) -> None:
    """As operator and auditors type them, over a store of their own; the parts verify with the trail."""
    people = People.model_validate(
        {
            "demo": True,
            "people": [
                {"name": "controller", "identities": ["demo:c"], "roles": ["policy owner"]},
                {"name": "head", "identities": ["demo:h"], "roles": ["policy owner"]},
                {"name": "auditor", "identities": ["demo:a"], "roles": ["auditor"]},
            ],
        }
    )
    (tmp_path / "people.yml").write_text(people.model_dump_json(), encoding="utf-8")
    (tmp_path / "policy.yml").write_text(KEEPING.model_dump_json(), encoding="utf-8")
    mine = {
        "TENOR_PEOPLE": str(tmp_path / "people.yml"),
        "TENOR_MIRROR": str(mirror_folder),
        "TENOR_STATE_URL": f"sqlite:///{tmp_path}/state.db",
    }
    env = {**{name: None for name in os.environ if name.startswith("TENOR_")}, **mine}

    def tenor(*words: str, code: int = 0) -> str:
        found = CliRunner().invoke(app, words, env=env)
        assert found.exit_code == code, found.output
        return found.output

    then, now = ("--today", "2026-11-22"), ("--today", "2029-11-22")
    tenor("policy", "propose", str(tmp_path / "policy.yml"), "--as", "controller", *then)
    tenor("policy", "approve", "1", "--as", "head", *then)
    placed = tenor("audit", "hold", "add", "--reason", "tax audit", "--as", "auditor", *now)
    hold = placed.split()[1]
    assert "Refused (legal hold)" in tenor("audit", "seal", str(tmp_path / "a"), "--as", "auditor", *now, code=4)
    tenor("audit", "hold", "release", hold, "--as", "auditor", *now)
    assert "auditor asks to release it" in tenor("audit", "hold", "list")
    assert "released" in tenor("audit", "hold", "release", hold, "--as", "head", *now)
    done = tenor("audit", "seal", str(tmp_path / "a"), "--as", "auditor", *now)
    assert "records 1 to 2 are in" in done
    public = done.split()[-1].rstrip(".")
    assert "begins after record 2" in tenor("audit", "verify", "--key", public)
    assert "Intact: 7 records" in tenor("audit", "verify", "--key", public, "--sealed", str(tmp_path / "a"))
    (part,) = (tmp_path / "a").glob("*.jsonl")
    assert "Intact: 2 records" in tenor("audit", "verify", str(part), "--key", public)
    part.unlink()
    assert "begins after 2" in tenor("audit", "verify", "--sealed", str(tmp_path / "a"), code=1)
