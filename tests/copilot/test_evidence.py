from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from copilot.answer import Answer, Freshness
from copilot.errors import EvidenceMissingError
from copilot.evidence import Difference, canonical, compare, load, pack_of, save
from copilot.planning.plan import Clock
from copilot.state.store import StateStore

CLOCK = Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A new state file."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture
def store(url: str) -> Iterator[StateStore]:
    """An empty store."""
    with StateStore.open(url) as opened:
        yield opened


@pytest.fixture
def answer(answers: Any) -> Answer:
    """A ranking with its evidence id."""
    found: Answer = answers.missed_by_supplier().model_copy(update={"evidence_id": "e1", "took_ms": 41})
    return found


def test_a_pack_comes_back_with_its_answer(answer: Answer, store: StateStore) -> None:
    """Stored, loaded and shown again it is the same answer, at the same clock."""
    pack = pack_of(answer, CLOCK)
    save(store, pack)
    loaded = load(store, "e1")
    assert loaded == pack
    assert loaded.shown() == answer
    assert loaded.clock() == CLOCK
    assert (loaded.row_count, loaded.rows_shown) == (312, 3)


def test_the_seal_is_over_canonical_text(answer: Answer) -> None:
    """Key order does not matter, one changed cell does."""
    pack = pack_of(answer, CLOCK)
    shuffled = json.loads(pack.canonical())
    assert canonical(dict(reversed(shuffled.items()))) == pack.canonical()
    other = pack_of(answer.model_copy(update={"narrative": "Something else."}), CLOCK)
    assert pack.seal() != other.seal()
    assert len(pack.seal()) == 64


def test_an_unknown_id_says_where_ids_stand(store: StateStore) -> None:
    """A plain sentence, not a stack trace."""
    with pytest.raises(EvidenceMissingError, match="foot of every answer"):
        load(store, "nope")


def test_changed_evidence_is_not_shown(answer: Answer, store: StateStore, url: str) -> None:
    """A row edited behind our back no longer fits its seal."""
    save(store, pack_of(answer, CLOCK))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE turns SET pack = replace(pack, '120400.10', '120400.11')"))
    engine.dispose()
    with pytest.raises(EvidenceMissingError, match="was changed after it was stored"):
        load(store, "e1")


def test_a_replay_on_the_same_data_is_identical(answer: Answer) -> None:
    """Duration, thread and id belong to the run and may differ; figures may not."""
    again = answer.model_copy(update={"took_ms": 99, "thread": "other", "evidence_id": "e2"})
    found = compare(pack_of(answer, CLOCK), again)
    assert found.identical
    assert found.same_mirror


def test_a_replay_names_what_differs(answer: Answer) -> None:
    """One changed amount is one difference, with its path, on a mirror that is named newer."""
    assert answer.table is not None
    rows = (("Acme GmbH", "120400.11", 0.122842), *answer.table.rows[1:])
    again = answer.model_copy(
        update={
            "table": answer.table.model_copy(update={"rows": rows}),
            "freshness": Freshness(data_as_of="2026-11-23T00:00:00-05:00", mirror_version="newer"),
        }
    )
    found = compare(pack_of(answer, CLOCK), again)
    assert not found.same_mirror
    assert found.differences == (Difference("table.rows[0][1]", '"120400.10"', '"120400.11"'),)


def test_rows_that_came_or_went_are_one_difference(answer: Answer) -> None:
    """Lists of different length are compared whole."""
    assert answer.table is not None
    again = answer.model_copy(update={"table": answer.table.model_copy(update={"rows": answer.table.rows[:1]})})
    assert [d.path for d in compare(pack_of(answer, CLOCK), again).differences] == ["table.rows"]


def test_what_json_cannot_hold_is_refused() -> None:
    """NaN has no canonical form."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"value": float("nan")})
