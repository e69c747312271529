"""What was approved reaches Coupa exactly once, whatever happens in between, and nobody is told otherwise."""

import asyncio
import datetime as dt
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from copilot.audit.chain import Intact, verify
from copilot.governance.actions import InCoupa, delivery_of
from copilot.governance.people import People
from copilot.governance.switches import Switchboard
from copilot.state.store import StateStore
from sync.delivery.delivering import MOST_LOOKS, Dead, Delivered, Held, TryAgain
from sync.delivery.permitted import PERMITTED, Permit, permit_of
from sync.delivery.recheck import recheck
from sync.delivery.state_table import open_outbox
from sync.errors import SettingsError, StateStoreError
from sync.sandbox.company.company import Company
from sync.sandbox.editing.edits import Edits
from sync.sandbox.projection import render
from sync.sandbox.writes import Papers
from sync.settings import WRITE_SCOPES, Settings, load_settings
from tests.copilot.governance.test_actions import EVERY
from tests.sync.delivery.post_office import (
    NEVER,
    ONCE,
    START,
    KilledError,
    PostOffice,
    approve_at,
    invoice_and_user,
)

TOUCHES = 98
"""Times that one undisturbed pass over the five actions touches the network or the database."""
DEATHS = int(os.environ.get("TENOR_DEATHS", TOUCHES))
"""Trials, two deaths each: every place once, or more of them on demand."""


def change(office: PostOffice, sql: str, **values: Any) -> None:
    """Something happens to the state file behind everybody's back."""
    engine = create_engine(office.state_url)
    with engine.begin() as connection:
        connection.execute(text(sql), values)
    engine.dispose()


def trail(office: PostOffice) -> list[dict[str, Any]]:
    """The audit trail, found intact by the copilot's own check."""
    with StateStore.open(office.state_url) as store:
        records = list(store.audit.records())
    assert isinstance(verify(records), Intact)
    return records


def test_everything_is_delivered_once_and_told(office: PostOffice) -> None:
    """Five actions in order, read back; a second pass finds nothing to do; the trail is one intact chain."""
    assert [type(one) for one in office.deliver()] == [Delivered] * 5
    assert office.effects() == ONCE
    assert office.states() == ["delivered"] * 5
    assert office.deliver() == []
    told = [record for record in trail(office) if record["action"] == "delivered"]
    assert [record["told"]["kind"] for record in told] == [row["kind"] for row in office.rows()]
    assert {record["told"]["found"] for record in told} == {"written"}
    assert all(row["remote_id"] for row in office.rows())


def test_a_store_on_a_server_is_delivered_the_same(new_database: Callable[[], str], company: Company) -> None:
    """PostgreSQL: one effect each, one chain, also where the worker dies on the way."""
    for dies_at in (None, 17, 41, 63):
        office = PostOffice(new_database(), Edits(company, now=lambda: START), Papers(), *invoice_and_user(company))
        approve_at(office.state_url, office.invoice, office.user)
        with suppress(KilledError):
            office.deliver(dies_at=dies_at)
        office.settle()
        assert office.effects() == ONCE
        assert [record["action"] for record in trail(office)].count("delivered") == 5


def test_a_pass_touches_network_and_database_as_often_as_the_test_below_dies(office: PostOffice) -> None:
    """Otherwise some places of death would never be tried."""
    with pytest.raises(KilledError):
        office.deliver(dies_at=TOUCHES)
    office.now += dt.timedelta(hours=1)
    other = office.deliver("two", dies_at=TOUCHES)
    assert all(isinstance(one, Delivered) for one in other)


@pytest.mark.parametrize("part", range(4))
def test_a_worker_may_die_anywhere(part: int, approved: Path, company: Company, tmp_path: Path) -> None:
    """Killed at each touch of network or database, and then again somewhere else: exactly one effect of each action."""
    chance = random.Random(part)  # noqa: S311 (a seed, so that a failure can be tried again)
    for number in range(part, DEATHS, 4):
        place = number % TOUCHES + 1
        folder = tmp_path / str(number)
        folder.mkdir()
        office = PostOffice.over(approved, company, folder)
        for dies_at in (place, chance.randint(1, TOUCHES)):
            try:
                office.deliver(f"worker {dies_at}", dies_at=dies_at)
            except KilledError:
                office.now += dt.timedelta(minutes=11)
        office.settle()
        assert office.effects() == ONCE, place
        assert office.states() == ["delivered"] * 5


@pytest.mark.parametrize(
    "trouble",
    [
        "write_lost",
        "write_lost times=1",
        "server_error probability=0.25",
        "unavailable probability=0.25",
        "too_many_calls probability=0.25 retry_after=30",
        "html_error after=2 times=3",
        "dropped probability=0.2",
        "truncated_json probability=0.25",
    ],
)
def test_trouble_that_passes_is_outlived(trouble: str, approved: Path, company: Company, tmp_path: Path) -> None:
    """Lost answers, writes without an effect, 5xx, 429, broken pages: one effect each in the end, and no more."""
    office = PostOffice.over(approved, company, tmp_path, trouble)
    office.settle()
    assert office.effects() == ONCE
    assert office.states() == ["delivered"] * 5
    trail(office)


def test_a_write_that_never_shows_is_not_repeated(approved: Path, company: Company, tmp_path: Path) -> None:
    """Coupa says 201 and keeps nothing: looked for again and again, then dead; written again when a person says so."""
    office = PostOffice.over(approved, company, tmp_path, "write_ignored calls=1")
    for _ in range(MOST_LOOKS):
        (outcome,) = office.deliver()
        assert not isinstance(outcome, Delivered)
        office.now += dt.timedelta(hours=2)
    assert office.states() == ["dead", "waiting", "waiting", "waiting", "waiting"]
    assert "cannot be read back" in office.rows()[0]["trouble"]
    assert office.effects() == NEVER
    assert {record["action"] for record in trail(office)[-MOST_LOOKS:]} == {"not delivered"}
    box = office.outbox()
    box.put_back(office.rows()[0]["key"], "local:treasurer", office.now)
    box.close()
    office.settle()
    assert office.effects() == ONCE


def test_what_shows_late_is_delivered_without_another_write(approved: Path, company: Company, tmp_path: Path) -> None:
    """Coupa took it, the list shows it only at the third look: one comment, and the trail says how it was found."""
    office = PostOffice.over(approved, company, tmp_path)
    comments = f"invoices/{office.invoice}/comments"
    kept = office.papers.lists.setdefault(comments, [])
    hidden = HiddenList(kept)
    office.papers.lists[comments] = hidden
    office.deliver()
    assert office.rows()[0]["state"] == "waiting"
    office.now += dt.timedelta(hours=1)
    office.deliver()
    assert office.rows()[0]["state"] == "waiting"
    office.papers.lists[comments] = list(hidden.written)
    office.settle()
    assert office.effects() == ONCE


class HiddenList(list[Any]):
    """A list that takes what is written and shows nothing of it yet."""

    def __init__(self, shown: list[Any]) -> None:
        super().__init__(shown)
        self.written: list[Any] = []

    def append(self, record: Any) -> None:
        """Kept aside."""
        self.written.append(record)


def test_what_coupa_refuses_waits_for_a_person(approved: Path, company: Company, tmp_path: Path) -> None:
    """400 is no trouble that passes: dead at once, with Coupa's words; tried again on demand, those behind it wait."""
    office = PostOffice.over(approved, company, tmp_path, "write_refused times=1")
    (first,) = office.deliver()
    assert isinstance(first, Dead)
    assert "Validation failed" in first.why
    assert office.effects() == NEVER
    box = office.outbox()
    key = office.rows()[0]["key"]
    assert not box.put_back("unknown", "local:treasurer", office.now)
    assert box.put_back(key, "local:treasurer", office.now)
    assert not box.put_back(key, "local:treasurer", office.now)
    box.close()
    office.settle()
    assert office.effects() == ONCE
    assert trail(office)


def test_a_dead_one_can_be_given_up(office: PostOffice) -> None:
    """Then those behind it are sent, and it never is."""
    change(office, "UPDATE outbox SET request_hash = 'x' WHERE position = 0")
    office.deliver()
    box = office.outbox()
    assert box.put_back(office.rows()[0]["key"], "local:treasurer", office.now, drop=True)
    box.close()
    office.settle()
    assert office.states() == ["dropped", *["delivered"] * 4]
    assert office.effects() == (0, *ONCE[1:])


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE outbox SET request = replace(request, '2 %', '9 %') WHERE position = 0", "was changed"),
        ("UPDATE outbox SET request_hash = 'f' WHERE position = 0", "was changed"),
        ("UPDATE outbox SET kind = 'pay invoice' WHERE position = 0", "no kind of action"),
        ("UPDATE outbox SET kind = 'task' WHERE position = 0", "other addresses"),
        ("UPDATE outbox SET look = '{}' WHERE position = 0", "could not be recognised"),
    ],
)
def test_a_row_that_was_changed_is_never_sent(office: PostOffice, sql: str, why: str) -> None:
    """Its text, hash, kind or look: dead, and nothing behind it is sent."""
    change(office, sql)
    (outcome,) = office.deliver()
    assert isinstance(outcome, Dead)
    assert why in outcome.why
    assert office.effects() == NEVER


def test_what_is_gone_or_has_changed_is_not_written(office: PostOffice) -> None:
    """The invoice is deleted; in another company somebody has changed the savings: dead, with the reason."""
    office.papers.projects[3]["additional-planned-savings"] = "40.00"
    outcomes = office.deliver()
    assert isinstance(outcomes[-1], Dead)
    assert "changed in Coupa meanwhile" in outcomes[-1].why
    assert office.papers.projects[3]["additional-planned-savings"] == "40.00"


def test_an_invoice_that_is_gone_takes_nothing(office: PostOffice) -> None:
    """404 at the first look."""
    office.edits.delete("invoices", office.invoice)
    (outcome,) = office.deliver()
    assert isinstance(outcome, Dead)
    assert "not there any more" in outcome.why


def test_the_switch_stops_the_next_write(office: PostOffice) -> None:
    """All of it, or one kind: nothing is sent, nothing is lost; two people later it goes on."""
    roles = {"t": ["approver"], "o": ["policy owner"]}
    people = People.model_validate(
        {"people": [{"name": name, "identities": [name], "roles": held} for name, held in roles.items()]}
    )
    with StateStore.open(office.state_url) as store:
        board = Switchboard(store, people)
        assert board.stop("t", "wrong figures", "recommendation record") == "stopped"
        outcomes = office.deliver()
        assert [type(one) for one in outcomes] == [Delivered, Delivered, Held]
        assert office.effects() == (1, 1, 0, 0, "0.00")
        assert office.rows()[2]["attempts"] == 0
        board.revive("t", "recommendation record")
        board.revive("o", "recommendation record")
        board.stop("t", "all of it")
        assert [type(one) for one in office.deliver()] == [Held]
        board.revive("t")
        board.revive("o")
    office.settle()
    assert office.effects() == ONCE


def test_two_workers_do_not_send_the_same(office: PostOffice) -> None:
    """What one has claimed the other leaves alone until the lease is over; a late worker does not write any more."""
    one, two = office.outbox("one"), office.outbox("two")
    mine = one.claim(office.now)
    assert mine is not None
    assert two.claim(office.now) is None
    later = office.now + dt.timedelta(minutes=11)
    taken = two.claim(later)
    assert taken is not None
    assert taken.key == mine.key
    assert not one.still_mine(mine, later, dt.timedelta(0))
    assert not one.still_mine(mine, office.now, dt.timedelta(0))
    assert not two.still_mine(taken, later, dt.timedelta(minutes=20))
    one.delivered(mine, "1", "written", {}, later)
    assert office.states()[0] == "sending"
    one.close()
    two.close()


def test_waits_grow_and_follow_coupas_own(approved: Path, company: Company, tmp_path: Path) -> None:
    """From seconds to an hour; two minutes at least where it is not known whether it was written."""
    office = PostOffice.over(approved, company, tmp_path, "unavailable path=invoices/*")
    waits = []
    for _ in range(5):
        (outcome,) = office.deliver()
        assert isinstance(outcome, TryAgain)
        waits.append((outcome.at - office.now).total_seconds())
        office.now = outcome.at
    assert waits == [15, 30, 60, 120, 240]
    lost = PostOffice.over(approved, company, tmp_path, "write_ignored calls=1")
    (outcome,) = lost.deliver()
    assert isinstance(outcome, TryAgain)
    assert (outcome.at - lost.now).total_seconds() == 900


async def test_what_was_delivered_is_looked_up_again(office: PostOffice) -> None:
    """All agrees; then a record vanishes, a comment of ours that nobody queued appears, and the trail lacks one."""
    box = office.outbox()
    await asyncio.to_thread(office.deliver)
    clean = await recheck(box, office.coupa())
    assert (clean.looked_up, clean.differences) == (5, ())
    office.papers.lists["custom_objects/7/object_instances"].clear()
    comments = office.papers.lists[f"invoices/{office.invoice}/comments"]
    comments.append({**comments[0], "id": 9999, "comments": "twice [tenor:0123456789abcdef]"})
    change(office, "DELETE FROM audit_events WHERE action = 'delivered' AND told LIKE '%\"approver\"%'")
    found = await recheck(box, office.coupa())
    box.close()
    assert len(found.differences) == 3
    assert [part in " ".join(found.differences) for part in ("not in Coupa", "0123456789abcdef", "does not tell")] == [
        True,
        True,
        True,
    ]


async def test_deliveries_from_before_a_sealed_part_are_not_missed_in_the_trail(office: PostOffice) -> None:
    """Whose records went into a file are looked up in Coupa as ever; those since must be told."""
    box = office.outbox()
    await asyncio.to_thread(office.deliver)
    change(office, "DELETE FROM audit_events WHERE seq < (SELECT max(seq) FROM audit_events)")
    change(office, "UPDATE audit_events SET time = '2099-01-01T00:00:00+00:00'")
    found = await recheck(box, office.coupa())
    change(office, "UPDATE audit_events SET time = '2020-01-01T00:00:00+00:00'")
    since = await recheck(box, office.coupa())
    box.close()
    assert (found.looked_up, found.differences) == (5, ())
    assert ["does not tell" in one for one in since.differences] == [True] * 4


async def test_an_effect_that_came_twice_and_an_approver_who_was_removed_are_found(office: PostOffice) -> None:
    """A comment with the same marker again, and a chain of approval without the person who was added."""
    box = office.outbox()
    await asyncio.to_thread(office.deliver)
    comments = office.papers.lists[f"invoices/{office.invoice}/comments"]
    comments.append({**comments[0], "id": 9999})
    approvers = office.edits.company.tables["invoices"]
    record = render(approvers, np.array([approvers.row_of(office.invoice)]), {"approvals": None})[0]
    added = next(one for one in record["approvals"] if one["approver"] and one["approver"]["id"] == office.user)
    others = [one["approver"]["id"] for one in record["approvals"] if one["approver"]["id"] != office.user]
    office.edits.change("approvals", added["id"], {"approver": others[0]})
    found = await recheck(box, office.coupa())
    box.close()
    assert ["2 times" in found.differences[0], "approver on" in found.differences[1]] == [True, True]
    assert len(found.differences) == 2


def test_clocks_that_differ_by_minutes_send_nothing_twice(office: PostOffice) -> None:
    """A worker five minutes ahead leaves what another has claimed; one an hour behind waits until it is due for it."""
    one, ahead = office.outbox("one"), office.outbox("ahead")
    mine = one.claim(office.now)
    assert mine is not None
    assert ahead.claim(office.now + dt.timedelta(minutes=5)) is None
    one.release(mine, "another day")
    one.close()
    ahead.close()
    office.now -= dt.timedelta(hours=1)
    assert office.deliver() == []
    office.now += dt.timedelta(hours=1)
    assert len(office.deliver()) == 5
    assert office.effects() == ONCE


def test_both_halves_know_the_same_requests() -> None:
    """Whatever the copilot can make is permitted here, and no permit is for something that it cannot make."""
    made: set[tuple[str, int]] = set()
    more: tuple[InCoupa, ...] = EVERY
    for action in more:
        request = delivery_of(action, 1).request.plain()
        permit = permit_of(action.kind, request)
        assert isinstance(permit, Permit), action
        made.add((action.kind, PERMITTED[action.kind].index(permit)))
    assert {kind for kind, _ in made} == set(PERMITTED)
    needed = {scope for permits in PERMITTED.values() for permit in permits for scope in permit.scopes}
    assert needed == WRITE_SCOPES, "one scope more, and the writing client could do what nobody approves"


@pytest.mark.parametrize(
    ("kind", "method", "path", "body"),
    [
        ("custom field", "PUT", "invoices/5", {"status": "approved"}),
        ("custom field", "PUT", "suppliers/5", {"custom-fields": {"bank": "x"}}),
        ("custom field", "PUT", "invoices/5/bypass_approvals", {"custom-fields": {"tenor-a": 1}}),
        ("approver", "PUT", "invoices/5/remove_approval", {"approver": {"id": 1}}),
        ("approver", "PUT", "approvals/5/approve", {"approver": {"id": 1}}),
        ("invoice comment", "POST", "invoices/5/comments/../pay", {"comments": "x"}),
        ("invoice comment", "DELETE", "invoices/5/comments", {"comments": "x"}),
        ("saving", "PUT", "projects/5", {"additional-planned-savings": "1", "status": "complete"}),
        ("payment", "POST", "coupa_pay/payments", {"amount": "1"}),
        ("task", "POST", "user_groups/5/tasks", {}),
    ],
)
def test_nothing_else_is_permitted(kind: str, method: str, path: str, body: Any) -> None:
    """Paying, approving, bypassing, master data, or a right address with more in its body."""
    assert isinstance(permit_of(kind, {"method": method, "path": path, "body": body}), str)


def test_a_store_that_is_not_there_or_too_old_is_said(tmp_path: Path) -> None:
    """Nothing is created by looking."""
    missing = tmp_path / "state.db"
    with pytest.raises(StateStoreError, match="nothing was approved yet"):
        open_outbox(Settings(state_url=f"sqlite:///{missing}"), "w")
    assert not missing.exists()
    engine = create_engine(f"sqlite:///{missing}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0005')"))
    engine.dispose()
    with pytest.raises(StateStoreError, match="older than this program"):
        open_outbox(Settings(state_url=f"sqlite:///{missing}"), "w")


def test_a_store_that_cannot_be_written_loses_nothing(office: PostOffice) -> None:
    """Read-only from the first write on: an error, nothing is sent, and the rows are as they were."""
    change(office, "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(Exception, match="disk is full"):
        office.deliver()
    assert office.effects() == NEVER
    change(office, "DROP TRIGGER full")
    office.settle()
    assert office.effects() == ONCE


def test_the_writing_client_asks_for_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scope that approves or pays is refused when the settings are read."""
    for scope in ("core.invoice.approval.write", "core.pay.payments.write", "core.user.write"):
        monkeypatch.setenv("TENOR_COUPA_WRITE_SCOPES", f"core.comment.write {scope}")
        with pytest.raises(SettingsError, match="more than delivering needs"):
            load_settings()
