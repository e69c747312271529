"""Write the insurer's mirror: `python examples/acme/build.py acme.duckdb`.

Generated data of the shape of the public comparison's tables, by a seed; amounts are whole cents. Nothing is copied.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

SEED = 11
POLICIES, HOLDERS, AGENTS, CLAIMS = 60, 35, 7, 140
FIRST, LAST = date(2023, 1, 1), date(2026, 11, 21)
CATASTROPHES = ("Hurricane", "Tornado", "Earthquake", "Wildfire", "Hail")
KINDS = ("loss_payment", "loss_reserve", "expense_payment", "expense_reserve")

SCHEMA = """
CREATE TABLE mirror_manifest (mirror_version VARCHAR, data_as_of TIMESTAMPTZ, company_time_zone VARCHAR);
CREATE TABLE policy (policy_identifier BIGINT, policy_number VARCHAR, effective_date DATE, expiration_date DATE);
CREATE TABLE agreement_party_role (agreement_identifier BIGINT, party_identifier BIGINT, party_role_code VARCHAR);
CREATE TABLE policy_coverage_detail (
  policy_coverage_detail_identifier BIGINT, policy_identifier BIGINT, effective_date DATE
);
CREATE TABLE policy_amount (
  policy_amount_identifier BIGINT, policy_identifier BIGINT, effective_date DATE, policy_amount DECIMAL(18, 2)
);
CREATE TABLE premium (policy_amount_identifier BIGINT);
CREATE TABLE catastrophe (catastrophe_identifier BIGINT, catastrophe_name VARCHAR);
CREATE TABLE claim (
  claim_identifier BIGINT, company_claim_number VARCHAR, claim_open_date DATE, claim_close_date DATE,
  catastrophe_identifier BIGINT
);
CREATE TABLE claim_coverage (claim_identifier BIGINT, policy_coverage_detail_identifier BIGINT);
CREATE TABLE claim_amount (claim_amount_identifier BIGINT, claim_identifier BIGINT, claim_amount DECIMAL(18, 2));
CREATE TABLE loss_payment (claim_amount_identifier BIGINT);
CREATE TABLE loss_reserve (claim_amount_identifier BIGINT);
CREATE TABLE expense_payment (claim_amount_identifier BIGINT);
CREATE TABLE expense_reserve (claim_amount_identifier BIGINT);
"""


class Insurer:
    """The rows of every table, in the order of their making."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 (made-up data)
        self.rows: dict[str, list[tuple[object, ...]]] = {}
        self._coverages: dict[int, list[int]] = {}
        for number in range(1, POLICIES + 1):
            self._policy(number)
        for number, name in enumerate(CATASTROPHES, start=1):
            self._add("catastrophe", number, name)
        for number in range(1, CLAIMS + 1):
            self._claim(number)

    def _add(self, table: str, *row: object) -> None:
        self.rows.setdefault(table, []).append(row)

    def _day(self, first: date, last: date) -> date:
        return first + timedelta(days=self._random.randrange((last - first).days + 1))

    def _policy(self, number: int) -> None:
        """A policy with its holder, its agent, a coverage and two amounts a year: the sum insured and the premium."""
        start = self._day(FIRST, date(2026, 6, 30))
        self._add("policy", number, f"{31003000336 + number}", start, start.replace(year=start.year + 3, day=1))
        self._add("agreement_party_role", number, self._random.randint(1, HOLDERS), "PH")
        self._add("agreement_party_role", number, 100 + self._random.randint(1, AGENTS), "AG")
        self._coverages[number] = []
        for year in range(start.year, LAST.year + 1):
            day = start.replace(year=year, day=1)
            if day > LAST:
                break
            coverage = len(self.rows.get("policy_coverage_detail", ())) + 1
            self._coverages[number].append(coverage)
            self._add("policy_coverage_detail", coverage, number, day)
            for amount in (self._amount(200_000, 2_000_000), self._amount(1_000, 20_000)):
                key = len(self.rows.get("policy_amount", ())) + 1
                self._add("policy_amount", key, number, day, amount)
            self._add("premium", key)

    def _claim(self, number: int) -> None:
        """A claim on one or two coverages of one policy, open or closed, with each of its four amounts or without."""
        opened = self._day(FIRST, LAST)
        closed = opened + timedelta(days=self._random.randint(5, 160))
        catastrophe = self._random.choice([None, *range(1, len(CATASTROPHES) + 1)])
        known = None if closed > LAST or self._random.random() < 0.1 else closed
        self._add("claim", number, f"{12312700 + number}", opened, known, catastrophe)
        coverages = self._coverages[self._random.randint(1, POLICIES - 5)]
        for coverage in self._random.sample(coverages, min(len(coverages), self._random.randint(1, 2))):
            self._add("claim_coverage", number, coverage)
        for kind in KINDS:
            if self._random.random() < 0.9:
                key = len(self.rows.get("claim_amount", ())) + 1
                self._add("claim_amount", key, number, self._amount(50, 9_000))
                self._add(kind, key)

    def _amount(self, least: int, most: int) -> Decimal:
        return Decimal(self._random.randint(least * 100, most * 100)) / 100


def build(file: Path, seed: int = SEED) -> Path:
    """The mirror as a DuckDB file; an old one is replaced."""
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute(SCHEMA)
        as_of = datetime(2026, 11, 22, 5, tzinfo=UTC)
        connection.execute("INSERT INTO mirror_manifest VALUES (?, ?, ?)", [f"acme-{seed}", as_of, "America/New_York"])
        for table, rows in Insurer(seed).rows.items():
            marks = ", ".join("?" for _ in rows[0])
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 (names of our own)
    return file


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "acme.duckdb")))
