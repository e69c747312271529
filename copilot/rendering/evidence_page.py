"""One answer with everything behind it as a page to read, print and pass on; `tenor replay` runs it again.

Rendered on the server, without scripts; every text is escaped by the template engine, whatever it came from.
"""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from copilot.answer import Headline
from copilot.evidence import EvidencePack
from copilot.rendering.markdown import cell_text, column_title, is_numeric
from copilot.rendering.moments import moment
from copilot.wording import figures
from copilot.wording.period_words import key_words
from copilot.wording.quoting import clean

MAXIMUM_ROWS = 1000
_pages = Environment(
    loader=PackageLoader("copilot.rendering"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
)


def template(name: str) -> Template:
    """A page of ours, with escaping on and nothing undefined."""
    return _pages.get_template(name)


def evidence_page(pack: EvidencePack) -> str:
    """HTML of the answer in a pack."""
    answer = pack.shown()
    table, lead = answer.table, answer.headline
    columns = [{"title": column_title(c), "numeric": is_numeric(c)} for c in table.columns] if table else []
    rows = [
        [clean(cell_text(value, column)) for value, column in zip(row, table.columns, strict=True)]
        for row in table.rows[:MAXIMUM_ROWS]
    ] if table else []  # fmt: skip
    return template("evidence.html").render(
        answer=answer,
        title=clean(lead.label if lead else answer.question, 80),
        figure=figures.headline(lead.value, lead.unit) if lead else "",
        under=_under(lead) if lead else "",
        columns=columns,
        rows=rows,
        data_to=moment(answer.freshness.data_as_of) if answer.freshness else "",
        seal=pack.seal(),
    )


def _under(lead: Headline) -> str:
    """What stands below the figure: its name, exact amount, change, range and time."""
    told = [lead.label, key_words(lead.period)]
    exact = figures.exact(lead.value, lead.unit)
    if exact != figures.headline(lead.value, lead.unit):
        told.insert(1, exact)
    if lead.delta is not None and lead.baseline:
        told.append(f"{figures.change(lead.delta, lead.unit)} vs {lead.baseline}")
    if lead.low is not None and lead.high is not None:
        low, high = (figures.headline(edge, lead.unit) for edge in (lead.low, lead.high))
        told.append(f"range (P10-P90) {low} to {high}")
    return " · ".join(told)
