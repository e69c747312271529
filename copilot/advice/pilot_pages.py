"""The review of a pilot as one page, Markdown or HTML: verdict, both sides, guardrails, funnel, losses, confidence."""

from __future__ import annotations

from copilot.advice.pack_pages import Section, html_page, markdown_page
from copilot.advice.pilot_told import footnotes, rail_words, reliability_words, tell_pilot
from copilot.advice.telling import shown
from copilot.outcomes.results import PilotResults, Stage
from copilot.wording import figures
from copilot.wording.quoting import clean


def sections_of(found: PilotResults) -> tuple[Section, ...]:
    """The page in its order. Whoever reviews it signs below the last line."""
    advice = tell_pilot(found)
    head = tuple(column.label for column in advice.columns)
    rows = tuple(
        tuple(shown(v, c.unit) if c.name != "finding" else str(v) for v, c in zip(row, advice.columns, strict=True))
        for row in advice.rows
    )
    return (
        Section("Verdict", (advice.prose.text, *footnotes(found))),
        Section("Both sides", rows=(head, *rows)),
        Section("Guardrails", tuple(map(rail_words, found.guardrails))),
        Section("From identified to captured", _money_lines(found), (STAGES, *_stages(found, found.funnel.stages))),
        Section("What fell out", rows=(STAGES, *_stages(found, found.funnel.lost)))
        if found.funnel.lost
        else Section("What fell out", ("Nothing.",)),
        Section("Stated confidence", (reliability_words(found.reliability),), _bins(found)),
        Section("Checks", tuple(f"{'kept' if c.passed else 'FAILED'}, {c.name}: {c.detail}" for c in found.checks)),
        Section("Where this is from", _origin(found)),
        Section("Reviewed", ("Name, date, signature:",)),
    )


STAGES = ("Stage", "Invoices", "As identified", "Share")


def _stages(found: PilotResults, stages: tuple[Stage, ...]) -> tuple[tuple[str, ...], ...]:
    money = f"money:{found.currency}"
    return tuple(
        (
            one.name,
            str(one.count),
            figures.exact(one.amount, money),
            "" if one.share is None else figures.headline(one.share, "ratio"),
        )
        for one in stages
    )


def _money_lines(found: PilotResults) -> tuple[str, ...]:
    money = f"money:{found.currency}"
    verified = "not known yet" if found.funnel.verified is None else figures.exact(found.funnel.verified, money)
    return (
        f"Taken, as the payments say: {figures.exact(found.funnel.taken, money)}.",
        f"Verified, as it beats the holdout: {verified}.",
    )


def _bins(found: PilotResults) -> tuple[tuple[str, ...], ...]:
    if not found.reliability.bins:
        return ()
    return (
        ("Outcomes", "Stated", "Came true"),
        *(
            (str(one.count), figures.headline(one.stated, "ratio"), figures.headline(one.realised, "ratio"))
            for one in found.reliability.bins
        ),
    )


def _origin(found: PilotResults) -> tuple[str, ...]:
    return (
        f"{found.pilot_suppliers} supplier parents in the pilot, {found.holdout_suppliers} held out.",
        f"{figures.day(found.start)} to {figures.day(found.end)}, {found.weeks} of {found.weeks_planned} weeks.",
        f"Design {found.sha256}.",
        f"Coupa's data as of {figures.day(found.as_of)}, mirror {found.mirror_version}, in {found.currency}.",
    )


def _title(found: PilotResults) -> str:
    return f"Does following Tenor pay? The pilot {clean(found.name, 80)}"


def pilot_markdown(found: PilotResults) -> str:
    """The page as Markdown."""
    return markdown_page(_title(found), sections_of(found))


def pilot_html(found: PilotResults) -> str:
    """The page as HTML."""
    return html_page(_title(found), sections_of(found))
