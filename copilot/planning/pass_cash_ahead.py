"""Cash once suppliers are paid: "how much cash will we have in week 3", "when do we fall below the floor"."""

from __future__ import annotations

import re

from copilot.planning.amounts import Amount
from copilot.planning.slots import OutflowView, Sheet

_CASH = r"(?:cash|money|liquidity)"
_FLOOR = r"(?:the |our |a )?(?:minimum )?(?:cash )?(?:floor|minimum(?: cash)?|cash minimum|buffer|reserve)"
_LOW = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:run|runs|running) (?:out|short|low) (?:of|on) {_CASH}\b",
        rf"\b{_CASH} (?:run|runs|running) (?:out|short|low)\b",
        rf"\b(?:fall|falls|drop|drops|go|goes|dip|dips|get|are|be|breach|breaches|break|breaks|hit|hits) (?:below |under |beneath |through )?{_FLOOR}\b",
        rf"\b(?:below|under|beneath) {_FLOOR}\b",
        rf"\b{_CASH}\b.*\b(?:fall|falls|drop|drops|go|goes|dip|dips|is|be) (?:below|under|beneath) [^a-z]*\d",
        r"\bwe (?:fall|drop|go|dip) (?:below|under|beneath) [^a-z]*\d",
        rf"\b(?:enough|sufficient) {_CASH}\b",
        r"\b(?:can|could|able to) we (?:afford|cover) (?:the |our |all )*(?:next |coming |upcoming )?(?:supplier )?(?:payments?|payables|payment run|run)\b",
        rf"\b(?:lowest|low point of(?: the| our)?|minimum) {_CASH}(?: (?:balance|position|level|point))?\b",
    )
)
_LEVEL = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\bhow much {_CASH} (?:will|would|do|shall) (?:we|i) (?:still )?have\b",
        rf"\bhow much {_CASH} (?:will|would) (?:be|remain|stay|there be)\b",
        rf"\b{_CASH} (?:is |are |be )?(?:left|remaining|over) (?:after|once)\b",
        rf"\b{_CASH} (?:balance |position )?(?:after|once|net of) (?:the |all |our )?(?:payments?|payables|suppliers?|payment runs?|paying)\b",
        rf"\b(?:projected|forecast|forecasted|expected|future) {_CASH} (?:balance|balances|position|positions|level)\b",
        rf"\b{_CASH} (?:balance|position|level) (?:forecast|projection|outlook)\b",
        rf"\b{_CASH} (?:balance|position|headroom) (?:in|at|by|next|for|on|end)\b",
        rf"\b(?:will|would|is) (?:be )?(?:the |our )?{_CASH} (?:balance|position|level|headroom)(?: going to)? be\b",
        rf"\bwill (?:be )?(?:the |our )?{_CASH} (?:balance|position|level|headroom)\b",
    )
)
_CASH_WORD = re.compile(rf"\b{_CASH}\b")
_AFTER_RUN = re.compile(
    rf"\b(?:{_CASH}|left|have)\b.*\b(?:after|for|once|following|cover|afford)\b.*\b(?:next|coming|upcoming) (?:payment |pay )?run\b"
    r"|\b(?:afford|cover) (?:the |our )?(?:next|coming|upcoming) (?:payment |pay )?run\b"
)
_NOW = re.compile(
    rf"\b(?:{_CASH} (?:positions?|balances?|on hand|at bank|at the bank|in the bank|headroom)|bank balances?"
    rf"|how much {_CASH} (?:do|have) (?:we|i)(?: got| have)?|how much {_CASH} is there)\b"
)
_LATER = re.compile(
    r"\b(?:will|would|shall|after|once|net of|next|coming|forecast(?:s|ed)?|project(?:ed|ion)|expected|future|outlook|left|remain(?:s|ing)?|ahead|until|"
    r"end of|enough|afford|weeks?|months?|quarters?|floor|minimum|lowest|low|below|under|beneath|short|run|runs|why|change[ds]?|drop(?:s|ped)?)\b"
)
"""Words for another day than this one, or for something else than the level."""
_NOW_WORDS = frozenset(
    "what s is whats was show me tell our the my current total latest present cash money liquidity position positions balance balances on hand at bank in "
    "how much do have we i got accounts there now today right currently moment".split()
)
_GLUE = frozenset(
    "when will would do does shall is are be can we i our the a an of to in on at for how much cash money liquidity balance position positions level levels headroom "
    "run runs running out short low fall falls drop drops go goes dip dips get breach breaches break breaks hit hits below under beneath through floor minimum buffer "
    "reserve lowest point left remaining remain stay over after once net all payments payment payables suppliers supplier paying paid pay projected forecast forecasted "
    "expected future projection outlook have still there chance probability likelihood odds risk likely that if and it any some ever day week end "
    "first what which date time us falling going enough sufficient cover afford can could able".split()
)
_CHANCE = frozenset("chance probability likelihood odds risk likely".split())
_WEEK = re.compile(r"week (\d{1,2})$")
_LONGEST = 26
_LEAST = 1_000
"""From here on a number without a unit is an amount of money."""


def cash_ahead_asked(sheet: Sheet) -> OutflowView | None:
    """Take a question about the level of cash whole: its view, a floor in money, how far ahead. Else nothing."""
    written = " ".join(re.sub(r"[?!.,;:](?=\s|$)", " ", sheet.question.casefold()).split())
    if _NOW.search(written) and not _LATER.search(written) and _is_present(sheet):
        return _position(sheet)
    low = any(pattern.search(written) for pattern in _LOW)
    after_run = _AFTER_RUN.search(written) is not None and (low or _CASH_WORD.search(written) is not None)
    level = after_run or any(pattern.search(written) for pattern in _LEVEL)
    if sheet.slots.signals & {"scenario"} or not (low or level):
        return None
    for at in sheet.free():
        span = sheet.spans[at]
        week = _WEEK.search(span.text)
        if week is not None and 1 <= int(week[1]) <= _LONGEST:
            sheet.slots.weeks = int(week[1])
            sheet.take(at, "time", f"the end of week {week[1]} ahead")
        elif span.amount is not None and _is_money(span.amount, sheet.reporting_currency):
            sheet.slots.threshold = span.amount.value
            sheet.take(at, "simulation", f"a floor of {span.amount.value:f}")
    for at in sheet.free():
        words = sheet.text(at).replace("-", " ").split()
        glue = _GLUE | {"next", "coming", "upcoming", "following"} if after_run else _GLUE
        if words and set(words) <= glue and sheet.spans[at].time is None:
            sheet.take(at, "simulation", "cash after payments")
    if after_run:
        return "after_run"
    if low and any(sheet.word(at) in _CHANCE or sheet.text(at) in _CHANCE for at in range(len(sheet))):
        return "shortfall"
    return "floor" if low else "balance"


def _is_present(sheet: Sheet) -> bool:
    """No day is named, or this one."""
    times = [sheet.text(at) for at in sheet.free() if sheet.spans[at].time is not None]
    return not set(times) - {"today", "now", "right now", "as of today", "currently"}


def _position(sheet: Sheet) -> OutflowView:
    for at in range(len(sheet)):
        words = re.sub(r"[-'’]", " ", sheet.text(at) or sheet.word(at)).split()
        if words and set(words) <= _NOW_WORDS:
            sheet.take(at, "simulation", "cash position")
    return "position"


def _is_money(amount: Amount, currency: str) -> bool:
    """An amount of the reporting currency; a large plain number is one too."""
    plain = amount.kind == "plain" and amount.value >= _LEAST
    return (amount.kind == "money" or plain) and amount.currency in {None, currency}
