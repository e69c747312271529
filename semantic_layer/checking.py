"""Is the model sound, and does it fit the mirror? Definitions, keys, orphans, every metric by every legal dimension.

Nothing here raises about what it checks: one broken metric is a finding, the others are checked all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from semantic_layer.database import Snapshot
from semantic_layer.definitions import Definitions, Finding
from semantic_layer.errors import MissingFeedError, SemanticLayerError
from semantic_layer.fragments import Bindings, literal
from semantic_layer.guard import guard
from semantic_layer.layer import SemanticLayer
from semantic_layer.model import Entity, Metric, SemanticModel
from semantic_layer.provenance import entity_statement
from semantic_layer.query import MetricQuery

STALE_AFTER = timedelta(hours=36)
"""A mirror older than this is reported: a nightly sync that was missed once."""


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what was found."""

    metrics: int
    dimensions: int
    queries: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing worse than a warning was found."""
        return all(finding.severity != "error" for finding in self.findings)


def check(
    definitions: Definitions,
    layer: SemanticLayer | None,
    now: datetime,
    progress: Callable[[str], None] = lambda _: None,
) -> Checked:
    """Check the definitions and, with a layer over a mirror, that they fit its data; `now` judges age and expiry."""
    findings = [*definitions.findings, *_expired(definitions, now.date())]
    ran = 0
    if layer is not None:
        findings += _stale(layer, now)
        for found, count in _against_the_mirror(definitions, layer, progress):
            ran += count
            findings += found
    model = definitions.model
    return Checked(len(model.metrics), len(model.dimensions), ran, tuple(findings))


def _expired(definitions: Definitions, today: date) -> Iterator[Finding]:
    for metric in definitions.model.metrics.values():
        if metric.review_by is not None and metric.review_by < today:
            text = f"the certification of {metric.name!r} ended on {metric.review_by}; ask {metric.owner} to review it"
            yield Finding(*definitions.place("metrics", metric.name), "warning", text)


def _stale(layer: SemanticLayer, now: datetime) -> Iterator[Finding]:
    age = now - layer.data_as_of
    if age > STALE_AFTER:
        hours = int(age.total_seconds() // 3600)
        yield Finding("mirror", 0, "warning", f"the mirror is {hours} hours old; run `tenor-sync once`")


FEED_TABLE = re.compile(r"\bfeed_\w+")
"""A table that is there once its feed was loaded."""


def _against_the_mirror(
    definitions: Definitions, layer: SemanticLayer, progress: Callable[[str], None]
) -> Iterator[tuple[list[Finding], int]]:
    snapshot = layer.mirror.snapshot()
    for entity in definitions.model.entities.values():
        progress(f"entity {entity.name}")
        yield list(_entity(entity, definitions, snapshot, layer.reporting_currency)), 0
    for metric in definitions.model.metrics.values():
        progress(f"metric {metric.name}")
        yield _metric(metric, definitions, layer)


def _entity(entity: Entity, definitions: Definitions, snapshot: Snapshot, currency: str) -> Iterator[Finding]:
    """Its tables and columns exist, its key is unique, and its relationships lead somewhere."""
    model = definitions.model
    place = definitions.place("entities", entity.name)
    absent = sorted(_feed_tables(entity, model) - set(snapshot.tables))
    if absent:
        text = f"entity {entity.name!r} stays empty: load the feed {absent[0].removeprefix('feed_')!r} first"
        yield Finding(*place, "warning", text)
        return
    bindings = Bindings(currency, snapshot.data_date, literal(snapshot.data_date))

    def first(select: str) -> int:
        names = {entity.name, *(r.to for r in entity.relationships)}
        sql = f"{entity_statement(model, names, bindings)} {select}"
        return int(snapshot.run(guard(sql, snapshot.tables)).rows[0][0] or 0)

    try:
        first(f"SELECT COUNT(*) AS n FROM {entity.name}")
    except SemanticLayerError as error:
        yield Finding(*place, "error", f"entity {entity.name!r} does not fit the mirror: {error}")
        return
    try:
        twice = f"SELECT 1 FROM {entity.name} GROUP BY {entity.primary_key} HAVING COUNT(*) > 1"
        if doubled := first(f"SELECT COUNT(*) AS n FROM ({twice}) AS t"):
            yield Finding(*place, "error", f"entity {entity.name!r}: {doubled} values of {entity.primary_key} repeat")
        for r in entity.relationships:
            known = f"SELECT {r.to_key} FROM {r.to} WHERE NOT {r.to_key} IS NULL"
            missing = f"NOT e.{r.key} IS NULL AND NOT e.{r.key} IN ({known})"
            orphans = first(f"SELECT COUNT(*) AS n FROM {entity.name} AS e WHERE {missing}")
            if orphans and r.mandatory:
                text = f"entity {entity.name!r}: {orphans} rows point to a {r.to} that is not there (by {r.key})"
                yield Finding(*place, "error", text)
    except SemanticLayerError as error:
        yield Finding(*place, "error", f"entity {entity.name!r}: its key or a relationship cannot be tested: {error}")


def _feed_tables(entity: Entity, model: SemanticModel) -> set[str]:
    """The feeds' tables that an entity stands on, by itself or by what it depends on."""
    found = set(FEED_TABLE.findall(entity.sql))
    return found.union(*(_feed_tables(model.entities[name], model) for name in entity.depends_on))


def _metric(metric: Metric, definitions: Definitions, layer: SemanticLayer) -> tuple[list[Finding], int]:
    """Whether the metric answers alone, by month and by each of its legal dimensions, and whether its checks hold."""
    place = definitions.place("metrics", metric.name)
    ran, failing, says, found = 0, list[str](), "", list[Finding]()
    for group_by in groupings(layer.model, layer.legal_dimensions(metric.name)):
        ran += 1
        by = ", ".join(group_by)
        try:
            result = layer.query(MetricQuery(metrics=(metric.name,), group_by=group_by, limit=50))
        except MissingFeedError:
            return [], ran
        except SemanticLayerError as error:
            if not group_by:
                return [Finding(*place, "error", f"{metric.name!r} fails: {error}")], ran
            failing.append(by)
            says = says or str(error)
            continue
        failed = [c.detail for c in result.checks if not c.passed]
        if failed and not found:
            found.append(Finding(*place, "warning", f"{metric.name!r} by {by or 'nothing'}: {failed[0]}"))
    if failing:
        found.append(Finding(*place, "error", f"{metric.name!r} by {', '.join(failing)} fails: {says}"))
    return found, ran


def groupings(model: SemanticModel, legal: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """No grouping, months, and each dimension that may group."""
    yield ()
    yield ("month",)
    yield from ((name,) for name in sorted(legal) if model.dimensions[name].groupable)
