"""Write the pages and schemas that follow from the code: run it with `make docs`; a test fails when they are stale.

docs/metrics.md            from the metric files
docs/answer.schema.json    from the Answer type, as `tenor schema` prints it
docs/metrics.schema.json   from the types of the metric files, for editors
"""

from __future__ import annotations

from pathlib import Path

from copilot.surfaces.cli import schema_text
from semantic_layer.editor_schema import editor_schema_text
from semantic_layer.loader import load_model
from semantic_layer.model import Metric, SemanticModel
from semantic_layer.resolver import legal_dimensions

DOCS = Path(__file__).parent


def metrics_page() -> str:
    """The metric reference as Markdown."""
    model = load_model()
    lines = [
        "# Metrics",
        "",
        "Written by `make docs` from `semantic_layer/metrics/*.yml`; edit those.",
        "",
        "| metric | unit | what it is |",
        "|---|---|---|",
        *(f"| [`{m.name}`](#{m.name}) | {m.unit} | {m.definition} |" for m in model.metrics.values()),
    ]
    for metric in model.metrics.values():
        lines += ["", *_metric(metric, model)]
    lines += ["", "## Not in Coupa's data", "", "Refused by name, with what is missing and the nearest metric.", ""]
    lines += ["| asked for | needs | nearest |", "|---|---|---|"]
    lines += [f"| {m.label} | {m.needs} | {', '.join(m.nearest)} |" for m in model.external_metrics.values()]
    lines += ["", "## Dimensions", "", "| dimension | type | lives on | also called |", "|---|---|---|---|"]
    for d in model.dimensions.values():
        lines.append(f"| `{d.name}` | {d.type} | {d.entity} | {', '.join(d.synonyms[:4])} |")
    return "\n".join(lines) + "\n"


def _metric(metric: Metric, model: SemanticModel) -> list[str]:
    """One metric's section."""
    lines = [f"## {metric.name}", "", f"**{metric.label}.** {metric.definition}", ""]
    lines += [f"- Formula: {metric.formula_words}"]
    lines += [f"- Date: {metric.time_role.replace('_', ' ')}"]
    lines += [f"- Left out: {', '.join(metric.exclusions)}"] if metric.exclusions else []
    lines += [f"- Assumes: {text}" for text in metric.assumptions]
    lines += [f"- Example: {golden.given}: {golden.value}" for golden in metric.golden]
    lines += [f"- Not the same as `{name}`: {why}" for name, why in metric.not_the_same_as.items()]
    lines += [f"- By: {', '.join(sorted(n for n in legal_dimensions(model, metric) if model.dimensions[n].groupable))}"]
    if metric.coverage is not None:
        least = f"{metric.coverage.at_least * 100:.0f} %"
        lines += [f"- Withheld when less than {least} of the money has {metric.coverage.fix}"]
    if metric.needs_feed is not None:
        lines += [f"- Needs the feed [`{metric.needs_feed.feed}`](feeds.md#{metric.needs_feed.feed})"]
    lines += [f"- Reads: {', '.join(f'`{field}`' for field in metric.lineage)}"]
    owner = f"- Owner: {metric.owner}"
    if metric.certified_by:
        owner += f"; certified by {metric.certified_by} on {metric.certified_on}, review by {metric.review_by}"
    lines += [owner, f"- Asked as: {', '.join(metric.synonyms[:10])}"]
    return lines


PAGES = {"metrics.md": metrics_page, "answer.schema.json": schema_text, "metrics.schema.json": editor_schema_text}


def main() -> None:
    """Write every page."""
    for name, write in PAGES.items():
        (DOCS / name).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
