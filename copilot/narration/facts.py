"""What a narrator may know about an answer: its cells, the plan behind them and the vetted words of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from copilot.answer import Cell, Headline, Table, TableColumn
from copilot.narration.grounding import is_plain
from copilot.narration.prose import Name, Prose, Term, joined
from copilot.planning.plan import MetricPlan
from copilot.wording.period_words import (
    bucket_periods,
    is_partial,
    period_words,
    when,
    whole_bucket,
)
from copilot.wording.quoting import clean, name_of, quoted
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import GRAINS, Grain, Period

YES_NO = {"true": "yes", "false": "no"}
"""How a table writes the values of a yes-or-no dimension."""
TARGET = "target"
"""The baseline of a figure that is held against a goal the asker named."""


@dataclass(frozen=True)
class Facts:
    """The table of one metric plan, with the period it covers and the last complete day of the data."""

    plan: MetricPlan
    model: SemanticModel
    table: Table
    period: Period
    as_of: date
    data_date: date
    currency: str
    """Of the money in the answer."""
    fiscal_year_start: int = 1
    headline: Headline | None = None
    whole: Headline | None = None
    """The figure of everything, where the headline is one group's share of it."""

    @property
    def metric(self) -> Metric:
        """The metric that leads the answer: the first of the query."""
        return self.model.metrics[self.plan.query.metrics[0]]

    @property
    def is_balance(self) -> bool:
        """Whether the figure holds on a day rather than over a period."""
        return self.metric.time_role == "as_of"

    @property
    def grain(self) -> Grain | None:
        """The time grain of the rows, if any."""
        names = {column.name for column in self.table.columns}
        return next((g for g in GRAINS if g in names), None)

    @property
    def dimensions(self) -> tuple[TableColumn, ...]:
        """Grouping columns other than time, in table order."""
        return tuple(c for c in self.table.columns if c.role == "dimension" and c.name not in GRAINS)

    def index(self, name: str) -> int | None:
        """Position of a column, None if the table has none of that name."""
        return next((i for i, column in enumerate(self.table.columns) if column.name == name), None)

    def values(self, name: str) -> tuple[Cell, ...]:
        """All cells of a column; empty if there is none."""
        index = self.index(name)
        return () if index is None else tuple(row[index] for row in self.table.rows)

    def focus(self) -> tuple[Prose, Cell] | None:
        """The group whose share was asked for, and that share: none of it where it has no row.

        None when no such share was asked for, or the table has no shares.
        """
        wanted, column = self.plan.focus, self.role("share")
        if wanted is None or column is None or len(self.dimensions) != 1 or self.grain is not None:
            return None
        group = self.dimensions[0]
        yes_no = self.model.dimensions[group.name].type == "boolean"
        written = YES_NO.get(wanted, wanted) if yes_no else clean(wanted)
        at, share = self.index(group.name) or 0, self.index(column.name) or 0
        row = next((row for row in self.table.rows if row[at] == written), None)
        if row is None and (self.table.truncated or self.plan.query.limit is not None):
            return None
        name = (
            joined((Term(f"{group.label}: {written}"),)) if yes_no else joined((self.value_name(group.name, written),))
        )
        return name, 0 if row is None else row[share]

    def role(self, role: str) -> TableColumn | None:
        """The column of a role (share, delta) that belongs to the leading metric."""
        lead = self.metric.name
        found = [c for c in self.table.columns if c.role == role and (c.name.startswith(lead) or c.part_of == lead)]
        return found[0] if found else None

    def buckets(self) -> tuple[Period | None, ...]:
        """The time bucket of each row, cut to the period and the data; None where a row has no readable bucket."""
        if self.grain is None:
            return ()
        reach = self.period
        if reach.start <= self.data_date < reach.end:
            reach = Period(reach.start, self.data_date, reach.label)
        known = bucket_periods(reach, self.grain, self.fiscal_year_start)
        return tuple(known.get(str(key)) for key in self.values(self.grain))

    def is_cut(self, bucket: Period) -> bool:
        """Whether a bucket is not whole. A balance needs the bucket's last day only."""
        grain = self.grain or "day"
        if self.is_balance:
            return whole_bucket(bucket, grain, self.fiscal_year_start).end > min(bucket.end, self.data_date)
        return is_partial(bucket, grain, self.fiscal_year_start)

    def in_progress(self) -> Period | None:
        """The latest bucket if it is cut short by the end of the data or of the period."""
        found = [bucket for bucket in self.buckets() if bucket is not None and not self.metric.looks_ahead]
        last = max(found, key=lambda bucket: bucket.end, default=None)
        return last if last is not None and self.is_cut(last) else None

    def words(self, period: Period) -> str:
        """A period without preposition."""
        return period_words(period, self.fiscal_year_start)

    def bucket_words(self, bucket: Period) -> str:
        """The name of the bucket, whole or not ("Nov 2026")."""
        return self.words(whole_bucket(bucket, self.grain or "day", self.fiscal_year_start))

    def when(self, period: Period) -> str:
        """A period with its preposition."""
        return when(period, self.fiscal_year_start)

    def row_name(self, row: Sequence[Cell]) -> Prose:
        """The group of a row as prose may name it: quoted if strangers wrote it or if it could be taken for a claim."""
        parts = [
            self.value_name(column.name, row[i])
            for i, column in enumerate(self.table.columns)
            if column in self.dimensions
        ]
        return joined(parts, ", ")

    def value_name(self, dimension: str, value: Cell) -> Name:
        """A value of a dimension as prose may name it."""
        text = name_of(value)
        known = self.model.dimensions.get(dimension)
        trusted = known is not None and not known.untrusted_text and not known.as_of
        return Name(text) if trusted and is_plain(text) else Name(quoted(text))
