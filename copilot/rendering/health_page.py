"""The health board as HTML without scripts that draw: figures, charts as SVG in its own ink, links that ask on."""

from __future__ import annotations

import html
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from copilot.answer import Answer, Headline, Table, TableColumn
from copilot.rendering.moments import moment
from copilot.rendering.picture import drawing
from copilot.wording import figures
from copilot.wording.period_words import key_words

_templates = PackageLoader("copilot.rendering")
_pages = Environment(loader=_templates, autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True)


def head() -> str:
    """The page up to its first tile."""
    return _pages.get_template("health_head.html").render()


def foot(data_as_of: str) -> str:
    """The page after its last tile; `data_as_of` is an ISO time, empty where nothing was answered."""
    told = f'<p class="soft">Data to {html.escape(moment(data_as_of))}.</p>' if data_as_of else ""
    return f"</div>{told}</main></body></html>\n"


def tile_html(heading: str, question: str, found: Answer | str) -> str:
    """One tile: an answer, or the sentence that stands in for one."""
    answer = found if isinstance(found, Answer) else None
    return _pages.get_template("health_tile.html").render(
        heading=heading,
        question=question,
        sentence="" if answer and answer.status == "answered" else answer.narrative if answer else found,
        figures=_figures(answer) if answer else [],
        under=_under(answer.headline) if answer and answer.headline else "",
        chart=Markup(drawing(_untitled(answer.chart), f"Chart: {heading}")) if answer and answer.chart else "",  # noqa: S704 (drawn by us; its texts are escaped)
        caveats=answer.caveats if answer else (),
        trust=answer.trust if answer and answer.status == "answered" else "",
        evidence=answer.evidence_id if answer and answer.status == "answered" else "",
    )


def _untitled(chart: dict[str, Any]) -> dict[str, Any]:
    """The chart without its title, which would repeat the tile's heading."""
    return {**chart, "layout": {**chart["layout"], "title": {"text": ""}}}


def _figures(answer: Answer) -> list[tuple[str, str]]:
    """(label, figure): the headline alone, or every figure of a single row that holds several."""
    lead, table = answer.headline, answer.table
    if table is not None and len(several := _whole_figures(answer, table)) > 1 and len(table.rows) == 1:
        row = table.rows[0]
        return [(column.label, figures.headline(row[place], column.unit)) for place, column in several]
    return [(lead.label, figures.headline(lead.value, lead.unit))] if lead else []


def _whole_figures(answer: Answer, table: Table) -> list[tuple[int, TableColumn]]:
    """The columns that were asked for; parts of a figure are not."""
    asked = answer.plan.get("query", {}).get("metrics", ())
    return [(place, column) for place, column in enumerate(table.columns) if column.name in asked]


def _under(lead: Headline) -> str:
    told = []
    if lead.low is not None and lead.high is not None:
        low, high = (figures.headline(edge, lead.unit) for edge in (lead.low, lead.high))
        told.append(f"P10 to P90: {low} to {high}")
    if lead.delta is not None and lead.baseline:
        told.append(f"{figures.change(lead.delta, lead.unit)} vs {lead.baseline}")
    return " · ".join([*told, key_words(lead.period)])
