"""Invoices that were probably sent twice: pairs with the evidence, stronger evidence first.

The certified figure of possible duplicates casts a wide net (the same number, or an amount alike within a week); rent
and subscriptions fall into it. Here a pair needs its number as evidence: the same one, one with a prefix, one with a
letter read for a digit, one that was keyed wrongly, or the same number and amount from another supplier. Numbers that
follow each other are no slip: suppliers count up. Each later invoice is told once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, pairwise, product
from typing import Literal

from copilot.opportunities.recommendation import Benefit, Confidence, Recommendation, Route
from semantic_layer.results import Check

Evidence = Literal[
    "same number",
    "number with a prefix",
    "number with a letter for a digit",
    "number with swapped digits",
    "same number from another supplier",
    "number with a digit keyed wrongly",
]
SURE: Mapping[Evidence, Decimal] = {
    "same number": Decimal("0.95"),
    "number with a prefix": Decimal("0.90"),
    "number with a letter for a digit": Decimal("0.90"),
    "number with swapped digits": Decimal("0.85"),
    "same number from another supplier": Decimal("0.80"),
    "number with a digit keyed wrongly": Decimal("0.70"),
}
"""How sure the evidence is, in the order in which it counts. Set by judgement; how good it is stands in a test."""

LOOK_ALIKES = str.maketrans("OQDILSBZG", "000115826")
"""Letters that scanners read for digits."""
CENT = Decimal("0.01")
LEAST_NUMBER = 4
"""A shorter number is like many others."""
MOST_ALIKE = 20
"""A number that a family uses more often is no number, such as "rent"."""
LONGEST_PREFIX = 4
WITHIN_DAYS = 31
"""Pairs whose evidence is less than the same number in one family lie no farther apart."""
VALID_DAYS = 30
LEAST_KEYED = 5
"""A shorter number is like many others but for one digit."""
NEIGHBOURS = 20
"""Numbers that lie no farther apart come from counting up, not from a slip."""


@dataclass(frozen=True)
class Face:
    """What is printed on an invoice and was paid on it: `gross` in its currency, the rest in the reporting one."""

    document_id: int
    number: str
    supplier: str
    family: str
    currency: str
    day: date
    gross: Decimal
    amount: Decimal
    paid: Decimal

    @property
    def bare(self) -> str:
        """Its number without case and punctuation."""
        return re.sub(r"[^0-9A-Z]", "", self.number.upper())


@dataclass(frozen=True)
class Pair:
    """An invoice and a later one that repeats it."""

    first: Face
    second: Face
    evidence: Evidence

    @property
    def exposure(self) -> Decimal:
        """What can be had back where both were paid, else what need not be paid."""
        return (self.second.paid or self.second.amount).quantize(CENT)

    @property
    def state(self) -> Literal["paid twice", "paid once", "not paid"]:
        """Whether money has to come back or only has to stay."""
        paid = (self.first.paid > 0) + (self.second.paid > 0)
        return "paid twice" if paid == 2 else "paid once" if paid else "not paid"


@dataclass(frozen=True)
class DuplicateReport:
    """Pairs with the dearest first; `recoverable` of those paid twice, `avoidable` of the others."""

    as_of: date
    currency: str
    pairs: tuple[Recommendation[Pair], ...]
    recoverable: Decimal
    avoidable: Decimal
    looked_at: int
    checks: tuple[Check, ...]


def find_duplicates(faces: Sequence[Face], as_of: date, currency: str, policy_version: str) -> DuplicateReport:
    """Pairs among invoices that count, without credit notes."""
    best: dict[int, Pair] = {}
    for pair in _pairs(faces):
        known = best.get(pair.second.document_id)
        if known is None or _rank(pair) < _rank(known):
            best[pair.second.document_id] = pair
    pairs = sorted(best.values(), key=lambda pair: (-pair.exposure, pair.second.document_id))
    twice = sum((pair.exposure for pair in pairs if pair.state == "paid twice"), Decimal(0)).quantize(CENT)
    rest = sum((pair.exposure for pair in pairs if pair.state != "paid twice"), Decimal(0)).quantize(CENT)
    return DuplicateReport(
        as_of=as_of,
        currency=currency,
        pairs=tuple(_recommendation(pair, as_of, currency, policy_version) for pair in pairs),
        recoverable=twice,
        avoidable=rest,
        looked_at=len(faces),
        checks=_checks(pairs, {face.document_id for face in faces}),
    )


def _rank(pair: Pair) -> tuple[int, int]:
    return list(SURE).index(pair.evidence), abs((pair.second.day - pair.first.day).days)


def _pairs(faces: Sequence[Face]) -> Iterator[Pair]:
    """Pairs with a number and an amount alike; found by their numbers, so that rent is not compared with rent."""
    ordered = sorted(faces, key=lambda face: (face.day, face.document_id))
    yield from _of_one_family(ordered)
    yield from _of_several(ordered)
    yield from _keyed(ordered)


def _of_one_family(faces: Sequence[Face]) -> Iterator[Pair]:
    read: dict[tuple[str, str, str], list[Face]] = defaultdict(list)
    for face in faces:
        if face.bare:
            read[face.family, face.currency, face.bare.translate(LOOK_ALIKES)].append(face)
    for (family, currency, number), members in read.items():
        shorter = [number[cut:] for cut in range(1, LONGEST_PREFIX + 1)]
        others = [face for text in shorter for face in read.get((family, currency, text), ())]
        if max(len(members), len(others)) > MOST_ALIKE:
            continue
        for one, other in (*combinations(members, 2), *product(members, others)):
            evidence = evidence_of(one, other) if _amounts_alike(one, other) else None
            if evidence is not None:
                yield Pair(*_in_order(one, other), evidence)


def _of_several(faces: Sequence[Face]) -> Iterator[Pair]:
    """The same number and the very same amount from another family, within a month."""
    numbers: dict[tuple[str, str, Decimal], list[Face]] = defaultdict(list)
    for face in faces:
        if len(face.bare) >= LEAST_NUMBER:
            numbers[face.bare, face.currency, face.gross].append(face)
    for same in numbers.values():
        for one, other in pairwise(same):
            if one.family != other.family and _days(one, other) <= WITHIN_DAYS:
                yield Pair(*_in_order(one, other), "same number from another supplier")


def _keyed(faces: Sequence[Face]) -> Iterator[Pair]:
    """The very same amount in one family within a month, under a number that a slip of the fingers makes of it."""
    alike: dict[tuple[str, str, Decimal, int], list[Face]] = defaultdict(list)
    for face in faces:
        if len(face.bare) >= LEAST_KEYED:
            alike[face.family, face.currency, face.gross, len(face.bare)].append(face)
    for members in alike.values():
        if len(members) <= MOST_ALIKE:
            for one, other in combinations(members, 2):
                slip = _slip(one, other) if _days(one, other) <= WITHIN_DAYS else None
                if slip is not None:
                    yield Pair(*_in_order(one, other), slip)


def _slip(one: Face, other: Face) -> Evidence | None:
    """Two digits beside each other swapped; or, on invoices of one day, one digit that is another."""
    differ = [at for at, (a, b) in enumerate(zip(one.bare, other.bare, strict=True)) if a != b]
    if not differ or not all(one.bare[at].isdigit() and other.bare[at].isdigit() for at in differ):
        return None
    if _digits_apart(one.bare, other.bare) <= NEIGHBOURS:
        return None
    first, last = differ[0], differ[-1]
    swapped = (one.bare[first], one.bare[last]) == (other.bare[last], other.bare[first])
    if len(differ) == 2 and last == first + 1 and swapped:
        return "number with swapped digits"
    return "number with a digit keyed wrongly" if len(differ) == 1 and one.day == other.day else None


def _digits_apart(one: str, other: str) -> int:
    """How far the digits at the end of two numbers lie apart."""
    ends = [int(found[0]) if (found := re.search(r"[0-9]+$", text)) else 0 for text in (one, other)]
    return abs(ends[0] - ends[1])


def _amounts_alike(one: Face, other: Face) -> bool:
    """Within half a percent of the smaller one."""
    small, large = sorted((one.gross, other.gross))
    return (large - small) * 200 <= small


def _in_order(one: Face, other: Face) -> tuple[Face, Face]:
    """The earlier one by date, then by Coupa's id."""
    return (one, other) if (one.day, one.document_id) <= (other.day, other.document_id) else (other, one)


def _days(one: Face, other: Face) -> int:
    return abs((one.day - other.day).days)


def evidence_of(one: Face, other: Face) -> Evidence | None:
    """What two invoices of one family with like amounts have in common; None when their numbers are not alike."""
    short, long = sorted((one.bare, other.bare), key=len)
    if short and short == long:
        return "same number"
    if len(short) < LEAST_NUMBER or _days(one, other) > WITHIN_DAYS:
        return None
    if 0 < len(long) - len(short) <= LONGEST_PREFIX and long.endswith(short):
        return "number with a prefix"
    return "number with a letter for a digit" if short.translate(LOOK_ALIKES) == long.translate(LOOK_ALIKES) else None


def _recommendation(pair: Pair, as_of: date, currency: str, version: str) -> Recommendation[Pair]:
    sure, worth = SURE[pair.evidence], pair.exposure
    route: Route = "recommend" if pair.state != "paid twice" else "treasury review"
    first, second = pair.first, pair.second
    days = (second.day.isoformat(), first.day.isoformat())
    return Recommendation(
        payload=pair,
        route=route,
        benefit=Benefit((worth * sure).quantize(CENT), Decimal(0).quantize(CENT), worth, currency),
        confidence=Confidence(Decimal(1), sure, Decimal(1), Decimal(1)),
        rationale=(
            f"{pair.evidence}: {second.number} of {days[0]} and {first.number} of {days[1]}",
            f"{first.currency} {first.gross:,.2f} and {second.gross:,.2f}; {pair.state}",
        ),
        documents=(first.document_id, second.document_id),
        expires=as_of + timedelta(days=VALID_DAYS),
        policy_version=version,
        as_of=as_of,
    )


def _checks(pairs: Sequence[Pair], known: set[int]) -> tuple[Check, ...]:
    later = [pair.second.document_id for pair in pairs]
    inside = all(pair.first.document_id in known and pair.second.document_id in known for pair in pairs)
    alike = all(_amounts_alike(pair.first, pair.second) for pair in pairs)
    return (
        Check("told_once", len(later) == len(set(later)), f"{len(later)} later invoices"),
        Check("pairs_are_documents", inside, "both of each pair are invoices that count"),
        Check("amounts_are_alike", alike, "within half a percent"),
    )
