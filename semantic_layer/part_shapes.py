"""Parts that are more than a sum of rows: the members of a group (concentration) and days counted back (countback)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from semantic_layer.fragments import comma, literal
from semantic_layer.parts import AGGREGATES, flow_of_rows, flows_ctes, plain_ctes
from semantic_layer.parts_context import MEMBER, Cte, PartContext
from semantic_layer.rollup import rolled_up


def all_part_ctes(contexts: Iterable[PartContext], *, rollups: bool = False) -> list[Cte]:
    """The WITH queries of all parts; parts of one fact under the same conditions read it once.

    With `rollups`, balances read the sums by month where those suffice.
    """
    together: dict[object, list[PartContext]] = {}
    for place, context in enumerate(contexts):
        together.setdefault(flow_of_rows(context) or place, []).append(context)
    groups = together.values()
    found: list[Cte] = []
    for group in groups:
        ctes = flows_ctes(group) if len(group) > 1 else part_ctes(group[0])
        rolled = rolled_up(group[0], part_ctes(replace(group[0], by_list=False))) if rollups else None
        found += rolled if rolled is not None else ctes
    return found


def part_ctes(context: PartContext) -> list[Cte]:
    """The WITH queries that end in the value of a part."""
    if context.part.part.read == "countback":
        return countback_ctes(context)
    ctes = plain_ctes(context)
    return members_ctes(context, ctes) if context.part.part.members else ctes


def members_ctes(context: PartContext, ctes: list[Cte]) -> list[Cte]:
    """The sums of the members of each group, and what the part keeps of them (see Members)."""
    members, name = context.part.part.members, context.part.name
    if members is None:
        return ctes
    inner = f"{name}__members"
    keys = [d.name for d in context.query.dimensions] + (["bucket"] if context.dimensional_time else [])
    partition = f"PARTITION BY {comma(keys)}" if keys else ""
    whole = f"SUM({name}) OVER ({partition})" if keys else f"(SELECT SUM({name}) FROM {inner} WHERE {name} > 0)"
    ranked = (
        f"SELECT {comma([*keys, f'{name} AS value', 'unconverted'])},"
        f" ROW_NUMBER() OVER ({_words(partition, f'ORDER BY {name} DESC, {MEMBER}')}) AS place,"
        f" SUM({name}) OVER ({_words(partition, f'ORDER BY {name} DESC, {MEMBER} ROWS UNBOUNDED PRECEDING')}) AS upto,"
        f" {whole} AS whole FROM {inner} WHERE {name} > 0"
    )
    needed = f"upto - value < whole * {literal(members.share)}"
    kept = {
        "all": "SUM(value)",
        "top": f"COALESCE(SUM(value) FILTER(WHERE place <= {members.n}), 0)",
        "squares": "SUM(CAST(value AS DOUBLE) * CAST(value AS DOUBLE))",
        "needed": f"COUNT(*) FILTER(WHERE {needed})",
        "rest": f"COALESCE(SUM(value) FILTER(WHERE NOT {needed}), 0)",
    }[members.keep]
    group = "GROUP BY ALL" if keys else ""
    columns = comma([*keys, f"{kept} AS {name}", "COALESCE(SUM(unconverted), 0) AS unconverted"])
    renamed = [*ctes[:-1], (inner, ctes[-1][1]), (f"{name}__ranked", ranked)]
    return [*renamed, (name, f"SELECT {columns} FROM {name}__ranked {group}")]


def countback_ctes(context: PartContext) -> list[Cte]:
    """Days of the latest purchases that make up the balance of another part, month by month back from the as-of date.

    A month that does not lift the running sum (a net credit) is carried into the month before it: only new records of
    the running sum count, and the last one is read in proportion. Twelve months at most; a larger balance gives their
    days. The day of a month i back is as_of - its first day + 1, so that the month in progress has its elapsed days.
    """
    name, balance = context.part.name, context.part.part.against or ""
    keys = [d.name for d in context.query.dimensions]
    at = [*keys, "bucket"] if context.dimensional_time else keys
    as_of = "spine.as_of" if context.dimensional_time else literal(context.query.as_of)
    first = f"DATE_TRUNC('month', {context.clock})"
    join = f"{context.clock} <= {as_of} AND {context.clock} >= DATE_TRUNC('month', {as_of}) - INTERVAL '11' MONTH"
    columns = comma(
        [
            *context.groups,
            "spine.bucket" if context.dimensional_time else "",
            f"DATE_DIFF('day', {first}, {as_of}) + 1 AS days",
            f"{AGGREGATES[context.part.measure.agg].format(context.value)} AS amount",
        ]
    )
    rows = context.from_where(spine_join=join) if context.dimensional_time else context.from_where(join)
    over = f"PARTITION BY {comma(at)} " if at else ""
    months = f"SELECT {columns} {rows} GROUP BY ALL"
    summed = f"SELECT *, SUM(amount) OVER ({over}ORDER BY days) AS upto FROM {name}__months"
    record = (
        f"SELECT *, COALESCE(MAX(upto) OVER ({over}ORDER BY days ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)"
        f" AS before FROM {name}__summed"
    )
    steps = (
        f"SELECT {comma([*at, 'days', 'upto'])}, LAG(days, 1, 0) OVER ({over}ORDER BY days) AS days_before,"
        f" LAG(upto, 1, 0) OVER ({over}ORDER BY days) AS upto_before FROM {name}__records"
        f" WHERE upto > GREATEST(before, 0)"
    )
    on = " AND ".join(f"s.{key} = b.{key}" for key in at) or "TRUE"
    owed = f"b.{balance}"
    part_of = f"s.days_before + ({owed} - s.upto_before) / NULLIF(s.upto - s.upto_before, 0) * (s.days - s.days_before)"
    value = (
        f"CASE WHEN MAX({owed}) <= 0 THEN 0 WHEN MAX({owed}) > MAX(s.upto) THEN MAX(s.days)"
        f" ELSE MAX({part_of}) FILTER(WHERE {owed} > s.upto_before AND {owed} <= s.upto) END"
    )
    picked = comma([*(f"b.{key}" for key in at), f"{value} AS {name}", "0 AS unconverted"])
    counted = f"SELECT {picked} FROM {balance} AS b LEFT JOIN {name}__steps AS s ON {on} {'GROUP BY ALL' if at else ''}"
    return [
        (f"{name}__months", months),
        (f"{name}__summed", summed),
        (f"{name}__records", record),
        (f"{name}__steps", steps),
        (name, counted),
    ]


def _words(*texts: str) -> str:
    return " ".join(text for text in texts if text)
