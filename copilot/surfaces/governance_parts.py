"""What the commands of governance share: who acts, the desk, and refusals as a sentence with their own exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, TypeVar

import typer

from copilot.audit.account import account
from copilot.errors import PeopleError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.outcomes import Refused
from copilot.governance.people import People, read_people
from copilot.governance.register import Register
from copilot.governance.switches import Switchboard
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store, utc_now
from semantic_layer.database import Mirror
from semantic_layer.errors import did_you_mean

REFUSED = 4
SANDBOX = "sandbox"
AsOption = Annotated[
    str | None, typer.Option("--as", help="Act as this person; in a demo people file on the sandbox company only.")
]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Chambers:
    """Where policies are written, proposals decided and switches turned; `actor` is who acts."""

    settings: Settings
    store: StateStore
    people: People
    actor: str
    register: Register
    desk: ApprovalDesk
    switches: Switchboard


@contextmanager
def chambers(settings: Settings, acting_as: str | None = None, today: datetime | None = None) -> Iterator[Chambers]:
    """The store opened, and whoever acts known by what the operating system says. Raises PeopleError.

    Only a demo lets somebody act as another one, or at another time (noon of `today`, in the company's zone).
    """
    people = read_people(settings.people)
    if acting_as is not None or today is not None:
        _require_demo(settings, people)
    actor = account() if acting_as is None else _stand_in(people, acting_as)
    noon = None if today is None else datetime.combine(today.date(), time(12), settings.time_zone())
    with open_store(settings, utc_now if noon is None else lambda: noon) as store:
        yield Chambers(
            settings,
            store,
            people,
            actor,
            Register(store, people),
            ApprovalDesk(store, people),
            Switchboard(store, people),
        )


def granted(outcome: Outcome | Refused) -> Outcome:
    """The outcome; a refusal is said on standard error and ends the command with code 4."""
    if isinstance(outcome, Refused):
        typer.echo(f"Refused ({outcome.control}): {outcome.why}", err=True)
        raise typer.Exit(REFUSED)
    return outcome


def _require_demo(settings: Settings, people: People) -> None:
    """Nobody acts as somebody else, or at another time, where a decision could reach a real Coupa."""
    if not people.demo:
        raise PeopleError("Nobody acts as somebody else here: --as and --today are for people files with demo: true.")
    source = Mirror(settings.mirror, key=settings.encryption_key).snapshot().source
    if not source.startswith(SANDBOX):
        raise PeopleError("A people file with demo: true is for the sandbox company; this mirror is of a real Coupa.")


def _stand_in(people: People, name: str) -> str:
    person = people.named(name)
    if person is None:
        names = [one.name for one in people.people]
        near = did_you_mean(name, names) or names
        raise PeopleError(f"The people file knows no {name!r}. Did you mean {', '.join(near)}?")
    return person.identities[0]
