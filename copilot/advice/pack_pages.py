"""A negotiation pack as one page, Markdown or HTML, from the same sections. Whatever strangers wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from html import escape

from copilot.opportunities.negotiation_pack import NegotiationPack
from copilot.rendering.markdown import to_chat_markdown
from copilot.wording import figures
from copilot.wording.quoting import clean

BAR_WIDTH, ROW_HEIGHT, LABEL_WIDTH = 320, 22, 170


@dataclass(frozen=True)
class Plot:
    """Bars with a label and a value in days; below zero they go to the left."""

    title: str
    bars: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class Section:
    """A heading with lines of text, rows of a table (the first is its head), and a plot."""

    title: str
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    plot: Plot | None = None


def sections_of(pack: NegotiationPack) -> tuple[Section, ...]:
    """The page in its order: what to do, the facts, where others are, how we pay, ways to deal, what to say, risks."""
    money = f"money:{pack.currency}"
    facts = [
        ("Purchases, 365 days", figures.headline(pack.spend, money)),
        ("The year before", figures.headline(pack.spend_before, money)),
        ("Invoices", str(pack.invoices)),
        ("Net days", "not known" if pack.days is None else str(pack.days)),
        ("Terms in use", ", ".join(f"{term} ({count})" for term, _, count in pack.terms[:4]) or "none"),
        ("Category, country", f"{pack.category}, {pack.country}"),
        ("Segment", pack.segment),
        ("Risk", pack.risk),
        ("Contract", _contract(pack)),
    ]
    return (
        Section("What to do", _todo(pack)),
        Section("Facts", rows=(("", ""), *facts)),
        Section("Where others are", _peers(pack), plot=_days_plot(pack)),
        Section("How we pay", _habit(pack), plot=_late_plot(pack)),
        Section("Ways to deal", rows=_deal_rows(pack, money))
        if pack.deals
        else Section("Ways to deal", ("None now.",)),
        Section("What to say", pack.points or ("Nothing: this supplier is not to be asked now.",)),
        Section("Risks", pack.risks),
        Section("Where this is from", _origin(pack)),
    )


def _todo(pack: NegotiationPack) -> tuple[str, ...]:
    if pack.proposal is None:
        return (f"Do not ask for longer terms now. {pack.why_not}.",)
    change, benefit, sure = pack.proposal.payload, pack.proposal.benefit, pack.proposal.confidence
    money = f"money:{pack.currency}"
    now, then, open_at, least = change.current_days, change.target_days, change.opening_days, change.least_days
    low, high = (figures.headline(edge, money) for edge in (benefit.low, benefit.high))
    cash, year = figures.headline(change.cash_released, money), figures.headline(benefit.amount, money)
    return (
        f"Ask for net {then} instead of net {now}: open at {open_at}, walk away below {least}.",
        f"The limit is {change.limited_by}.",
        f"Expected: {cash} of cash once, {year} a year ({low} to {high}).",
        f"Score {change.score.total} of 100, {sure.overall:.0%} sure, route {pack.proposal.route}.",
        f"Valid until {pack.proposal.expires}. Procurement and treasury decide; nothing is sent to the supplier.",
    )


def _contract(pack: NegotiationPack) -> str:
    contract = pack.contract
    if contract is None:
        return "none in force"
    end = f"ends {contract.end}" if contract.end else "without an end"
    return f"{contract.number}, {contract.kind.replace('_', ' ')}, {end}"


def _peers(pack: NegotiationPack) -> tuple[str, ...]:
    peers = pack.peers
    if peers is None:
        return ("Too few comparable suppliers for a benchmark.",)
    return (f"{peers.n} supplier families of the same {peers.level}; invoices of {peers.first} to {peers.last}.",)


def _habit(pack: NegotiationPack) -> tuple[str, ...]:
    where = "after" if pack.days_late >= 0 else "before"
    return (
        (
            f"{pack.late_share:.0%} of the money was paid after its due date; on average {abs(pack.days_late):.1f} days"
            f" {where} it. Our own lateness weakens the ask."
        ),
    )


def _days_plot(pack: NegotiationPack) -> Plot:
    rows = [("This supplier", pack.days)]
    if pack.peers is not None:
        rows += [("Peers, middle", pack.peers.p50), ("Peers, upper quarter", pack.peers.p75)]
        rows.append(("Peers, P90", pack.peers.p90))
    if pack.proposal is not None:
        rows.append(("Target", pack.proposal.payload.target_days))
    if pack.cap is not None:
        rows.append(("Legal cap", pack.cap.days))
    return Plot("Net days", tuple((label, Decimal(days)) for label, days in rows if days is not None))


def _late_plot(pack: NegotiationPack) -> Plot:
    return Plot(
        "Days from due date to payment, by month", tuple((f"{m.first:%Y-%m}", m.days_late) for m in pack.months)
    )


def _deal_rows(pack: NegotiationPack, money: str) -> tuple[tuple[str, ...], ...]:
    head = ("Way", "Terms", "Us, a year", "Them, a year", "Heed")
    rows = [
        (d.name, d.terms, figures.headline(d.ours, money), figures.headline(d.theirs, money), d.heed)
        for d in pack.deals
    ]
    return (head, *rows)


def _origin(pack: NegotiationPack) -> tuple[str, ...]:
    version = f" Policy {pack.proposal.policy_version}." if pack.proposal else ""
    return (f"Coupa's invoices, contracts and supplier master as of {pack.as_of}, in {pack.currency}.{version}",)


def pack_markdown(pack: NegotiationPack) -> str:
    """The page as Markdown that shows exactly these characters."""
    return markdown_page(f"Terms with {pack.supplier}", sections_of(pack))


def markdown_page(title: str, sections: Iterable[Section]) -> str:
    """Sections as Markdown."""
    blocks = [f"# {to_chat_markdown(title)}"]
    for section in sections:
        blocks.append(f"## {section.title}")
        if section.lines:
            blocks.append("\n".join(f"- {to_chat_markdown(line)}" for line in section.lines))
        if section.rows:
            head, *rows = section.rows
            cells = [head, tuple("---" for _ in head), *rows]
            blocks.append("\n".join(f"| {' | '.join(c if c == '---' else _md(c) for c in row)} |" for row in cells))
        if section.plot and section.plot.bars:
            blocks.append(f"{section.plot.title}:\n\n```text\n{_text_plot(section.plot)}\n```")
    return "\n\n".join(blocks) + "\n"


def _md(cell: str) -> str:
    return to_chat_markdown(cell).replace("\n", " ")


def _text_plot(plot: Plot) -> str:
    """Bars of signs; labels are ours, never a stranger's."""
    largest = max((abs(value) for _, value in plot.bars), default=Decimal(0)) or Decimal(1)
    width = max(len(label) for label, _ in plot.bars)
    rows = []
    for label, value in plot.bars:
        bar = ("#" if value >= 0 else "-") * max(1 if value else 0, round(30 * abs(value) / largest))
        rows.append(f"{label.ljust(width)}  {value:>7.1f}  {bar}".rstrip())
    return "\n".join(rows)


def pack_html(pack: NegotiationPack) -> str:
    """The page as HTML; prints on one sheet."""
    return html_page(f"Terms with {clean(pack.supplier, 600)}", sections_of(pack))


def html_page(title: str, sections: Iterable[Section]) -> str:
    """Sections as HTML without script or anything loaded from elsewhere."""
    name = _safe(title)
    body = [f"<h1>{name}</h1>"]
    for section in sections:
        body.append(f"<h2>{_safe(section.title)}</h2>")
        if section.lines:
            body.append("<ul>" + "".join(f"<li>{_safe(line)}</li>" for line in section.lines) + "</ul>")
        if section.rows:
            body.append(_html_table(section.rows))
        if section.plot and section.plot.bars:
            body.append(f"<h3>{_safe(section.plot.title)}</h3>{_svg(section.plot)}")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{name}</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


STYLE = (
    "body{font:13px/1.45 system-ui,sans-serif;max-width:46rem;margin:1.5rem auto;padding:0 1rem;color:#1c1d1f}"
    "h1{font-size:1.35rem;margin:0 0 .4rem}h2{font-size:1rem;margin:.9rem 0 .2rem}"
    "h3{font-size:.85rem;margin:.4rem 0 .1rem}"
    "ul{margin:.2rem 0;padding-left:1.1rem}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.12rem .5rem .12rem 0;border-bottom:1px solid #ddd}"
    "svg text{font:12px system-ui,sans-serif}@media print{body{margin:0;font-size:10px}}"
)


def _safe(text: str) -> str:
    return escape(clean(text, 600), quote=True)


def _html_table(rows: tuple[tuple[str, ...], ...]) -> str:
    head, *rest = rows
    top = "<tr>" + "".join(f"<th>{_safe(c)}</th>" for c in head) + "</tr>" if any(head) else ""
    lines = "".join("<tr>" + "".join(f"<td>{_safe(c)}</td>" for c in row) + "</tr>" for row in rest)
    return f"<table>{top}{lines}</table>"


def _svg(plot: Plot) -> str:
    """Lying bars from a zero line."""
    largest = max((abs(value) for _, value in plot.bars), default=Decimal(0)) or Decimal(1)
    lowest = min((value for _, value in plot.bars), default=Decimal(0))
    zero = LABEL_WIDTH + (BAR_WIDTH // 2 if lowest < 0 else 0)
    scale = (BAR_WIDTH // 2 if lowest < 0 else BAR_WIDTH) / float(largest)
    parts = []
    for row, (label, value) in enumerate(plot.bars):
        size, top = abs(float(value)) * scale, row * ROW_HEIGHT
        left = zero if value >= 0 else zero - size
        middle = top + ROW_HEIGHT * 0.68
        parts.append(f'<text x="0" y="{middle:.1f}">{_safe(label)}</text>')
        parts.append(
            f'<rect x="{left:.1f}" y="{top + 4}" width="{size:.1f}" height="{ROW_HEIGHT - 8}" fill="#2f7fd1"/>'
        )
        parts.append(f'<text x="{LABEL_WIDTH + BAR_WIDTH + 10}" y="{middle:.1f}">{value:.1f}</text>')
    height, width = len(plot.bars) * ROW_HEIGHT, LABEL_WIDTH + BAR_WIDTH + 60
    label = _safe(f"{plot.title}: " + ", ".join(f"{name} {value:.1f}" for name, value in plot.bars))
    return f'<svg role="img" aria-label="{label}" width="{width}" height="{height}">{"".join(parts)}</svg>'
