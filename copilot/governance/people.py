"""Who may do what: a reviewed YAML file of people, their roles, offices and delegations.

::

    people:
      - name: treasury analyst
        identities: ["local:kim", "slack:T0000000001:U0000000001"]
        roles: [analyst, proposer]
      - name: treasury manager
        identities: ["slack:T0000000001:U0000000002"]
        roles: [approver]
        offices: [treasury manager]
    delegations:
      - {office: treasury manager, giver: treasury manager, taker: treasurer, up_to: 100000, until: 2026-12-31}

One person is one entry however many identities they sign in with: a decision counts once. Pairs of roles that nobody
may hold together are refused when the file is read, rights lent by a delegation included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.errors import PeopleError
from copilot.governance.outcomes import Refused
from copilot.reviewed_files import read_reviewed

Role = Literal["viewer", "analyst", "proposer", "approver", "policy owner", "admin", "auditor"]
ROLES: tuple[Role, ...] = ("viewer", "analyst", "proposer", "approver", "policy owner", "admin", "auditor")
FORBIDDEN: Mapping[frozenset[Role], str] = {
    frozenset({"policy owner", "approver"}): "who writes the rules does not apply them",
    frozenset({"admin", "approver"}): "who runs the program does not approve through it",
    frozenset({"admin", "policy owner"}): "who runs the program does not write its rules",
    frozenset({"admin", "proposer"}): "who runs the program does not propose through it",
    frozenset({"admin", "auditor"}): "who runs the program is what an auditor looks at",
    frozenset({"auditor", "proposer"}): "an auditor does not look at their own proposals",
    frozenset({"auditor", "approver"}): "an auditor does not look at their own approvals",
    frozenset({"auditor", "policy owner"}): "an auditor does not look at their own rules",
}
"""Pairs of roles that one person must not hold, and why.

A proposer may be an approver too, but never of the same proposal: that is looked at when they decide.
"""
EXAMPLE = "docs/approvals.md has an example"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Frozen):
    """One human being. `identities` are what the surfaces know them by; `offices` are what tiers ask for."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    identities: Annotated[tuple[str, ...], Field(min_length=1)]
    roles: tuple[Role, ...] = ()
    offices: tuple[str, ...] = ()

    def may(self, role: Role) -> bool:
        """Whether they hold a role."""
        return role in self.roles


class Delegation(_Frozen):
    """An office lent from one person to another, up to an amount (reporting currency) and up to a day."""

    office: str
    giver: str
    taker: str
    up_to: Annotated[Decimal, Field(gt=0)]
    until: date


class People(_Frozen):
    """The file. `demo` lets whoever sits at the terminal act as anybody: for the sandbox company only."""

    demo: bool = False
    people: tuple[Person, ...] = ()
    delegations: tuple[Delegation, ...] = ()

    def known(self, identity: str) -> Person | None:
        """The person behind an identity; None for a stranger."""
        return next((person for person in self.people if identity in person.identities), None)

    def with_role(self, identity: str, *roles: Role) -> Person | Refused:
        """The person behind an identity who holds one of the roles, or why there is none."""
        person = self.known(identity)
        if person is None:
            return Refused("identity", f"{identity} is not in the people file.")
        if not any(person.may(role) for role in roles):
            return Refused("role", f"{person.name} is not {' or '.join(roles)}.")
        return person

    def named(self, name: str) -> Person | None:
        """The person of that name."""
        return next((person for person in self.people if person.name == name), None)

    def standings(self, person: Person, amount: Decimal, today: date) -> tuple[Standing, ...]:
        """The offices in which a person may decide about an amount on a day: their own first, then lent ones."""
        own = [Standing(office) for office in person.offices] if person.may("approver") else []
        lent = [
            Standing(one.office, on_behalf_of=one.giver)
            for one in self.delegations
            if one.taker == person.name and amount <= one.up_to and today <= one.until
        ]
        return (*own, *lent)


@dataclass(frozen=True)
class Standing:
    """An office in which somebody decides, and whose it is where it was lent."""

    office: str
    on_behalf_of: str | None = None


def read_people(path: Path | None) -> People:
    """The people of a file. Raises PeopleError when none is set, or when it breaks a rule."""
    if path is None:
        raise PeopleError(
            f"Nobody may propose or decide yet: name a file of people and their roles with TENOR_PEOPLE ({EXAMPLE})."
        )
    found = read_reviewed(People, path, "The people file", PeopleError)
    for trouble in troubles(found):
        raise PeopleError(f"The people file {path.name} breaks a rule: {trouble}.")
    return found


def troubles(people: People) -> tuple[str, ...]:
    """Every rule that the file breaks, as a sentence without its full stop."""
    return (*_repeated(people), *_forbidden(people), *_delegated(people))


def _repeated(people: People) -> Iterable[str]:
    names = [person.name for person in people.people]
    identities = [identity for person in people.people for identity in person.identities]
    for what, found in (("person", names), ("identity", identities)):
        for one in sorted({one for one in found if found.count(one) > 1}):
            yield f"the {what} {one!r} stands there twice; each belongs to one person"


def _forbidden(people: People) -> Iterable[str]:
    lent = {one.taker for one in people.delegations}
    for person in people.people:
        held = {*person.roles, *(("approver",) if person.name in lent else ())}
        for first, second in combinations(ROLES, 2):
            if {first, second} <= held and (why := FORBIDDEN.get(frozenset({first, second}))) is not None:
                by = ", the latter lent by a delegation" if second not in person.roles else ""
                yield f"{person.name!r} is {first} and {second}{by}: {why}"


def _delegated(people: People) -> Iterable[str]:
    for one in people.delegations:
        giver, taker = people.named(one.giver), people.named(one.taker)
        if giver is None or taker is None:
            stranger = one.giver if giver is None else one.taker
            yield f"the delegation of {one.office!r} names {stranger!r}, who is unknown"
        elif giver == taker:
            yield f"the delegation of {one.office!r} is from {one.giver!r} to themselves"
        elif one.office not in giver.offices or not giver.may("approver"):
            yield f"{one.giver!r} lends the office {one.office!r}, which is not theirs to lend"
