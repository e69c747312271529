"""Which discounts to take ("which discounts should we take this week"), and which stage of approval cost others."""

from __future__ import annotations

import re
from decimal import Decimal

from copilot.planning.slots import DiscountAsk, Sheet

_TAKE = r"(take|taking|capture|capturing|accept|accepting|pursue|go for|pick)"
_ASKS = tuple(
    re.compile(pattern)
    for pattern in (
        (
            rf"\b(which|what) (early payment |cash |prompt payment )?(discount|discounts|offers|discount offers) "
            rf"(should|shall|do|could|can) we {_TAKE}\b"
        ),
        rf"\b(discount|discounts|offers) (should|shall) we {_TAKE}\b",
        rf"\b(discount|discounts|discount offers) (are |is )?(now )?worth {_TAKE}\b",
        r"\bcash constrained\b.*\bdiscounts?\b|\bdiscounts?\b.*\b(under|within|given) (the |our )?(cash floor|cash we have|cash constraint)",
        r"\bdiscounts? (to take )?(for|in|on) (the |our )?next (payment )?run\b",
        r"\b(which|what) (open |approved )?(invoices|bills|suppliers) (should|shall|could|can) (we|i) pay early\b",
        r"\b(should|shall) we pay (anything|something|anyone|anybody|(any|some)( of (the|our))?( open| approved)? ?(invoices?|bills?|suppliers?)) early\b",
        rf"\b(best|optimal) (discounts|discount offers) to {_TAKE}\b",
        (
            rf"\b{_TAKE} (all |every |each )?(the )?discounts? (above|over|from|of more than|of at least|with more than) "
            r"[\d.,]+ ?(%|percent|pct)"
        ),
    )
)
_STAGE = r"(approvers?|approval (stages?|steps?)|stages? of approval)"
_MISSES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(missed|lost) (early payment )?discounts?\b.*\b(by|per) (the )?{_STAGE}\b",
        rf"\bdiscounts? (missed|lost)\b.*\b(by|per) (the )?{_STAGE}\b",
        rf"\bwhy (did|do|are|were|have) we (missed|missing|miss|lose|lost|losing)\b.*\bdiscounts?\b.*\b(by|per) (the )?{_STAGE}\b",
        rf"\b(which|what) {_STAGE} (cost|costs|lose|loses|lost|miss|missed|made|make)\b.*\bdiscounts?\b",
        r"\breason tree of (the |our )?(missed|lost) discounts?\b",
    )
)
_MISSED_GLUE = frozenset(
    "missed lost discount discounts early payment by per the approver approvers approval stage stages step steps of why did do are were have we "
    "missing miss lose loses losing which what cost costs us most made make in to our reason tree and a money".split()
)
_CASH = re.compile(r"\b(cost|take|need|require|tie up|mean) .*\bcash\b|\bhow much cash\b|\bcash (impact|effect|need)\b")
_RUN = re.compile(r"\bnext (payment |pay )?run\b")
_GLUE = frozenset(
    "which what discount discounts offer offers early payment pay should shall do could can we our us the a to take taking capture capturing accept "
    "accepting pursue go for pick worth now is are be cash constrained under within given floor constraint have all every each above over from of more "
    "than at least with would will cost need require tie up mean in on by next run payment best optimal how much if it impact effect % percent pct year "
    "annualised annualized apr yield a p.a and any some anything something anyone anybody early or open approved invoices invoice bills suppliers supplier i".split()
)


def read_discounts(sheet: Sheet) -> None:
    """Take the whole question when it asks for a choice of discounts; one about a named supplier is left alone."""
    text = " ".join(sheet.text(at) or "%" for at in range(len(sheet)))
    written = re.sub(r"[-\u2010-\u2015?!.,;:]+(?=\s|$)|-", " ", sheet.question.casefold())
    written = " ".join(written.split())
    if sheet.slots.signals & {"scenario"}:
        return
    if any(p.search(written) for p in _MISSES):
        sheet.slots.discounts = DiscountAsk(shows="missed")
        _take(sheet, _MISSED_GLUE, "reasons of missed discounts")
        return
    if not any(p.search(written) or p.search(text) for p in _ASKS):
        return
    if any(meaning.kind == "value" and meaning.name == "supplier" for span in sheet.spans for meaning in span.meanings):
        return
    least = _least(sheet)
    sheet.slots.discounts = DiscountAsk(
        shows="cash" if _CASH.search(written) and least is not None else "choice",
        least_yield=least,
        next_run=bool(_RUN.search(written)),
    )
    _take(sheet, _GLUE, "a choice of discounts")


def _take(sheet: Sheet, glue: frozenset[str], meaning: str) -> None:
    for at in sheet.free():
        words = sheet.text(at).replace("-", " ").split() or [sheet.word(at)]
        if set(words) <= glue and sheet.spans[at].time is None:
            sheet.take(at, "discounts", meaning)


def _least(sheet: Sheet) -> Decimal | None:
    """As in "above 12 %": the yearly yield from which on offers count."""
    for at in sheet.free():
        amount = sheet.spans[at].amount
        if amount is not None and amount.kind == "percent":
            sheet.take(at, "discounts", f"at least {amount.value:%} a year")
            return amount.value
    return None
