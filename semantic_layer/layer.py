"""Read this first: a MetricQuery goes in, a ResultSet comes out.

query -> resolve (names, legality, period) -> compile (SQL) -> guard -> run (groups and total, left out) ->
assemble
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from semantic_layer.asked_period import Calendar
from semantic_layer.assembly import assemble, compared, history_caveat, parted, repeated_keys
from semantic_layer.compiler import (
    compile_left_out,
    compile_query,
    compile_repeats,
    compile_rollup,
    joined_for_groups,
)
from semantic_layer.coverage import require_coverage
from semantic_layer.database import Mirror, Snapshot
from semantic_layer.drilling import by_record, cell_query, drill_of
from semantic_layer.errors import MissingFeedError, NoDataError
from semantic_layer.exploration import Exploration, Limits, Source, explore, view_definitions
from semantic_layer.feed_needs import last_month, missing_feed, require_month
from semantic_layer.fragments import Statement, tables_of
from semantic_layer.guard import guard, guard_queries
from semantic_layer.knowledge import histories
from semantic_layer.loader import load_model
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.periods import FiscalCalendar
from semantic_layer.permission import (
    can_be_limited,
    hidden_fields,
    permitted,
    permitted_records,
    policy_filters,
    require_visible,
)
from semantic_layer.query import MetricQuery, Order, RecordQuery
from semantic_layer.records import compile_records, compile_values, values_root
from semantic_layer.resolver import ResolvedQuery, legal_dimensions, resolve
from semantic_layer.result_cache import ResultCache
from semantic_layer.results import Drill, RecordSet, ResultSet
from semantic_layer.rollup import ENDING
from semantic_layer.validation import validate
from semantic_layer.viewer import EVERYBODY, Viewer

ROLLUPS_FROM = 500_000
"""Below that a balance is read from its events in a few tenths of a second."""


@lru_cache(maxsize=1)
def shipped_model() -> SemanticModel:
    """The model that ships with the package, read and cross-checked once."""
    model = load_model()
    validate(model)
    return model


class SemanticLayer:
    """Vetted metrics over one published mirror. Thread-safe; all calls block."""

    def __init__(
        self,
        model: SemanticModel,
        mirror: Mirror,
        reporting_currency: str = "USD",
        fiscal_year_start: int | FiscalCalendar = 1,
        viewer: Viewer = EVERYBODY,
    ) -> None:
        self.model = model
        self.mirror = mirror
        self.reporting_currency = reporting_currency
        self.fiscal_year_start = fiscal_year_start
        self.viewer = viewer
        self.cache = ResultCache()
        self.rollups_from = ROLLUPS_FROM
        """Mirrors with so many invoices answer balances from sums by month where those suffice."""
        self._values: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {}
        self._feeds: dict[tuple[str, str], date | None] = {}
        self._firsts: dict[str, date | None] = {}
        self._unseen: dict[str, frozenset[str]] = {}

    @classmethod
    def load(
        cls,
        mirror: Path | str,
        reporting_currency: str = "USD",
        fiscal_year_start: int | FiscalCalendar = 1,
        time_limit: float = 30.0,
        encryption_key: SecretStr | None = None,
    ) -> SemanticLayer:
        """The shipped model over the mirror at a path (folder, pointer or file).

        Raises DefinitionError when the model is wrong, MirrorMissingError when there is no mirror, and MirrorKeyError
        when the encryption key does not open it.
        """
        layer = cls(shipped_model(), Mirror(mirror, time_limit, encryption_key), reporting_currency, fiscal_year_start)
        layer.mirror.snapshot()
        return layer

    def seen_by(self, viewer: Viewer) -> SemanticLayer:
        """The layer as somebody may see it: every figure, list, value and view under their policy.

        Raises UnknownNameError when the policy names a dimension that does not exist.
        """
        viewer.check(self.model)
        seen = SemanticLayer(self.model, self.mirror, self.reporting_currency, self.fiscal_year_start, viewer)
        seen.cache = self.cache
        seen.rollups_from = self.rollups_from
        return seen

    @property
    def data_date(self) -> date:
        """The last complete day in the mirror."""
        return self.mirror.snapshot().data_date

    @property
    def drift(self) -> int | None:
        """Control totals that differed from Coupa when they were last compared; None where they never were."""
        return self.mirror.snapshot().drift

    @property
    def data_as_of(self) -> datetime:
        """When the mirror's sync window ended, in the company's time zone."""
        return self.mirror.snapshot().data_as_of

    @property
    def mirror_version(self) -> str:
        """Name of the published version that answers now."""
        return str(self.mirror.snapshot().version)

    def legal_dimensions(self, metric: str) -> frozenset[str]:
        """The dimensions by which a metric may be grouped or filtered."""
        return legal_dimensions(self.model, self.model.metrics[metric]) - self._hidden(self.mirror.snapshot())

    def missing_feed(self, metric: str) -> MissingFeedError | None:
        """Why a figure cannot be given until a feed is loaded; None when the mirror holds all that it needs."""
        found = self.model.metrics[metric]
        gone = found.needs_feed is not None and self._last_month(metric, self.mirror.snapshot()) is None
        return missing_feed(found, self.model) if gone else None

    def _last_month(self, metric: str, snapshot: Snapshot) -> date | None:
        """The last month of the feed that a metric needs, found once per version of the mirror."""
        need = self.model.metrics[metric].needs_feed
        key = (str(snapshot.version), metric)
        if need is not None and key not in self._feeds:
            self._feeds[key] = last_month(need, snapshot)
        return self._feeds.get(key)

    def _require_feeds(self, resolved: ResolvedQuery, snapshot: Snapshot) -> None:
        """Raise MissingFeedError or NoDataError when a figure needs totals that are not there."""
        for metric in (m for m in resolved.computed if m.needs_feed is not None):
            last = self._last_month(metric.name, snapshot)
            error = missing_feed(metric, self.model)
            if last is None and error is not None:
                raise error
            if last is not None:
                require_month(metric, last, resolved.as_of)

    def values(self, dimension: str) -> tuple[tuple[str, int], ...]:
        """The values of a dimension with the number of documents behind each, most frequent first.

        None for a dimension that the viewer may not see, or whose rows cannot tell whose they are.
        """
        snapshot = self.mirror.snapshot()
        if dimension in self._hidden(snapshot):
            return ()
        key = (str(snapshot.version), dimension)
        if key not in self._values:
            rows_seen = policy_filters(self.model, self.viewer)
            if not can_be_limited(values_root(self.model.dimensions[dimension], self.model), rows_seen, self.model):
                return ()
            sql = compile_values(dimension, self.model, self._calendar(snapshot), self.reporting_currency, rows_seen)
            rows = snapshot.run(guard(sql, snapshot.tables)).rows
            self._values[key] = tuple((str(value), int(count)) for value, count in rows)
        return self._values[key]

    def query(self, query: MetricQuery) -> ResultSet:
        """Answer a query. Raises QueryError (with reason and choices) or ExecutionError.

        A query asked before, on the same version of the mirror and with the same permissions, is not run again.
        """
        snapshot = self.mirror.snapshot()
        asked = (query.identity(), str(query.period), str(query.compare), self.reporting_currency)
        key = (*asked, self.fiscal_year_start, str(snapshot.file), snapshot.version, self.viewer.identity())
        return self.cache.get(key, lambda: self._answer(query, snapshot))

    def _answer(self, query: MetricQuery, snapshot: Snapshot) -> ResultSet:
        resolved = self._resolve(query, snapshot)
        result = self._run(resolved, snapshot)
        if query.compare is None:
            return result
        baseline = self._resolve(
            query.model_copy(update={"period": query.compare, "compare": None, "limit": None, "having": ()}), snapshot
        )
        return compared(result, self._run(baseline, snapshot), resolved, query.compare)

    def explain(self, query: MetricQuery) -> tuple[str, ...]:
        """The statement that would run."""
        snapshot = self.mirror.snapshot()
        return (self._statement(self._resolve(query, snapshot), snapshot),)

    def drill(self, query: MetricQuery, cell: Mapping[str, str] | None = None) -> Drill:
        """The records behind one cell of the query's answer, with what each puts into every part of the figure.

        `cell` names the cell by its dimension values and its time bucket as shown; without it, the whole. Raises as
        `query` does.
        """
        snapshot = self.mirror.snapshot()
        narrowed = cell_query(query, cell or {}, self.model, self.fiscal_year_start)
        resolved = by_record(self._resolve(narrowed, snapshot))
        sql = self._statement(resolved, snapshot, apart=True)
        records, total = parted(snapshot.run(sql))
        return drill_of(resolved, records, total, (sql,))

    def records(self, query: RecordQuery) -> RecordSet:
        """Rows of one entity, as the metrics see them."""
        snapshot = self.mirror.snapshot()
        hidden = self._hidden(snapshot)
        query = permitted_records(query, self.model, self.viewer, hidden, snapshot.columns)
        sql = guard(
            compile_records(query, self.model, self._calendar(snapshot), self.reporting_currency), snapshot.tables
        )
        rows = snapshot.run(sql, cap=2_000_000)
        return RecordSet(rows.columns, rows.rows, rows.truncated, sql)

    def explore(self, sql: str, today: date, limits: Limits | None = None) -> Exploration:
        """Run somebody's own SELECT on the views that the viewer may see: guarded, estimated, in its own process.

        What comes back is exploratory, never a certified figure. Raises GuardError or ExecutionError.
        """
        snapshot = self.mirror.snapshot()
        mirror = Source(snapshot.file, snapshot.columns, snapshot.data_date, snapshot.key)
        return explore(sql, self.model, self.reporting_currency, self.viewer, mirror, today, limits)

    def views(self) -> dict[str, tuple[str, ...]]:
        """The views that `explore` reads for this viewer, with their columns."""
        snapshot = self.mirror.snapshot()
        bodies = view_definitions(
            self.model, snapshot.data_date, self.reporting_currency, self.viewer, snapshot.columns, qualified=False
        )
        return {name: snapshot.run(f"FROM ({body}) LIMIT 0").columns for name, body in bodies.items()}

    def _hidden(self, snapshot: Snapshot) -> frozenset[str]:
        """The fields that the viewer may not see, found once per version of the mirror."""
        version = str(snapshot.version)
        if version not in self._unseen:
            self._unseen[version] = hidden_fields(self.model, self.viewer, snapshot.columns)
        return self._unseen[version]

    def interrupt(self, worker: int) -> None:
        """Stop what a worker thread (its ident) is running."""
        self.mirror.snapshot().interrupt(worker)

    def _calendar(self, snapshot: Snapshot) -> Calendar:
        return Calendar(snapshot.data_date, self.fiscal_year_start)

    def _resolve(self, query: MetricQuery, snapshot: Snapshot) -> ResolvedQuery:
        hidden = self._hidden(snapshot)
        require_visible(query, hidden)
        calendar = self._calendar(snapshot)
        if query.known_at is not None:
            calendar = replace(calendar, data_date=self._last_day_known(query.known_at, snapshot))
        resolved = resolve(query, self.model, calendar, self.reporting_currency, hidden)
        if query.known_at is not None:
            note = ("known at", query.known_at.isoformat(), "question")
            resolved = replace(resolved, history=histories(snapshot.columns), assumptions=(*resolved.assumptions, note))
        resolved = permitted(resolved, self.model, self.viewer, hidden)
        self._require_feeds(resolved, snapshot)
        first = self._first_date(snapshot)
        if first is not None and resolved.period.end < first:
            raise NoDataError(
                f"The mirror's first invoice is of {first.isoformat()}; {resolved.period} lies before it.",
                choices=(f"since {first.isoformat()}",),
            )
        return resolved

    def _first_date(self, snapshot: Snapshot) -> date | None:
        """The date of the first invoice that the viewer may see: others' dates are not told either."""
        if not self.viewer.rows or snapshot.first_date is None:
            return snapshot.first_date
        version = str(snapshot.version)
        if version not in self._firsts:
            first = Order(field="invoice_date", descending=False)
            query = RecordQuery(entity="invoice", columns=("invoice_date",), order=(first,), limit=1)
            query = permitted_records(query, self.model, self.viewer, frozenset(), snapshot.columns)
            sql = compile_records(query, self.model, self._calendar(snapshot), self.reporting_currency)
            rows = snapshot.run(guard(sql, snapshot.tables)).rows
            self._firsts[version] = rows[0][0] if rows else None
        return self._firsts[version]

    def _last_day_known(self, moment: datetime, snapshot: Snapshot) -> date:
        """The last complete day that was known at a moment. Raises NoDataError before the mirror knew anything."""
        since: datetime | None = None
        if "known_since" in snapshot.columns.get("mirror_manifest", frozenset()):
            since = snapshot.run("SELECT known_since FROM mirror_manifest").rows[0][0]
        if since is None:
            raise NoDataError("This mirror keeps no past versions, so nothing is known of what it held before.")
        if moment < since:
            raise NoDataError(
                f"The mirror knows its own past since {since.isoformat()}, not yet at {moment.isoformat()}.",
                choices=(f"known at {since.isoformat()} or later",),
            )
        local = moment.astimezone(snapshot.data_as_of.tzinfo).date()
        return min(snapshot.data_date, local - timedelta(days=1))

    def _statement(self, query: ResolvedQuery, snapshot: Snapshot, *, apart: bool = False) -> str:
        """The statement of the groups and the whole, as it runs; with the whole computed apart if asked for."""
        return self._checked(compile_query(query, self.model, apart=apart), snapshot)

    def _rolled_up(self, query: ResolvedQuery, snapshot: Snapshot) -> tuple[tuple[str, ...], str]:
        """The statement of a query as it runs, and what made the sums by month that it reads, if it reads any."""
        if query.query.known_at is None and snapshot.rows_in("invoices") >= self.rollups_from:
            statement = compile_query(query, self.model, rollups=True)
            tables = {name for _, text in (*statement.ctes, ("", statement.final)) for name in tables_of(text)}
            made = {}
            for entity in self.model.entities:
                build = compile_rollup(entity, query, self.model) if f"{entity}{ENDING}" in tables else None
                if build is not None:
                    made[f"{entity}{ENDING}"] = self._checked(build, snapshot)
            if made and all(snapshot.roll_up(name, sql) for name, sql in made.items()):
                return tuple(made.values()), self._checked(statement, snapshot, frozenset(made))
        return (), self._statement(query, snapshot)

    def _checked(self, statement: Statement, snapshot: Snapshot, rollups: frozenset[str] = frozenset()) -> str:
        return guard_queries(statement.ctes, statement.final, snapshot.tables | rollups, statement.inline)

    def _run(self, query: ResolvedQuery, snapshot: Snapshot) -> ResultSet:
        made, sql = self._rolled_up(query, snapshot)
        left_out = {
            name: self._left_out(query, metric, name, snapshot)
            for metric in query.metrics
            for name in metric.caveat_measures
        }
        for metric in query.metrics:
            if not metric.caveat_measures or any(left_out[name] for name in metric.caveat_measures):
                require_coverage(metric, query, self.model, lambda text: snapshot.once(self._checked(text, snapshot)))
        groups, whole = parted(snapshot.run(sql, rollups=bool(made)))
        result = assemble(query, groups, whole, left_out, (sql, *made), repeated_keys(self._repeats(query, snapshot)))
        caveat = history_caveat(query, self._first_date(snapshot))
        return result if caveat is None else _with_caveat(result, caveat)

    def _repeats(self, query: ResolvedQuery, snapshot: Snapshot) -> dict[str, int]:
        """How many rows of each entity that the grouping joins repeat its key; asked once per version of the mirror."""
        found = {}
        for entity, key in sorted(joined_for_groups(query, self.model)):
            if (entity, key) not in snapshot.repeats:
                sql = self._checked(compile_repeats(entity, key, query, self.model), snapshot)
                snapshot.repeats[entity, key] = int(snapshot.run(sql).rows[0][0])
            found[entity] = snapshot.repeats[entity, key]
        return found

    def _left_out(self, query: ResolvedQuery, metric: Metric, measure: str, snapshot: Snapshot) -> int:
        sql = self._checked(compile_left_out(query, self.model, metric, measure), snapshot)
        return int(snapshot.once(sql).rows[0][0] or 0)


def _with_caveat(result: ResultSet, caveat: str) -> ResultSet:
    return replace(result, caveats=(*result.caveats, caveat))
