"""Cash that will go out: "AP outflow for 13 weeks", "chance of more than 40m in any week", "Thursday's run", "what will be late"."""

from __future__ import annotations

import re
from datetime import date, timedelta

from copilot.planning.calendar_words import NEXT
from copilot.planning.pass_cash_ahead import cash_ahead_asked
from copilot.planning.slots import OutflowView, Sheet
from copilot.planning.word_classes import COMPARATIVE_UP, OVER

OUTFLOW_PHRASES = (
    "ap outflow", "cash outflow", "cash outflows", "outflow", "outflows", "cash out", "cash going out", "cash requirement", "cash requirements",
    "cash need", "cash needs", "cash needed", "cash do we need", "payment forecast", "payments forecast", "disbursement forecast",
    "supplier payments forecast", "cash forecast", "liquidity need", "money going out", "how much cash goes out", "how much will we pay",
    "how much do we need to pay", "payables outflow", "supplier outflow", "zahlungsabfluss", "decaissements",
)  # fmt: skip
_CHANCE = frozenset("chance probability likelihood odds likely risk".split())
_PROBABLY = frozenset("probably likely expected going expect risk will".split())
_LATE = frozenset("late overdue".split())
_ACCRUALS = frozenset("accrual accruals".split())
_EXPECTED = frozenset("expected expect forecast forecasted projected estimated estimate".split())
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FILLERS = frozenset(
    "we need to pay spend that of any a in one be paid are which open invoice is the than go out have".split()
)
_WEEKS_MEANT = 520
"""Up to here a number before "weeks" is a horizon; the decision says how far a forecast reaches."""
_CONTENT = re.compile(
    r"^(so )?(what( is|'s)?|what all is|which invoices are|show me what( is|'s)?) (in|inside|part of|makes up|due in) week (?P<week>\d{1,2})"
    r"( of the (forecast|outflow|cash forecast|outflow forecast|ap outflow))?\W*$"
)


def read_outflow(sheet: Sheet) -> None:
    """Take what asks for cash ahead, with its own numbers: a threshold, weeks, a run's day."""
    view = _view(sheet)
    if view is None:
        return
    slots = sheet.slots
    slots.outflow = view
    if view == "chance":
        _threshold(sheet)
    for at in sheet.free():
        if sheet.is_free(at):
            _horizon(sheet, at)
            _by_the_end(sheet, at)
            _by_layer(sheet, at)


def _view(sheet: Sheet) -> OutflowView | None:
    for look in (cash_ahead_asked, _content, _accruals, _run, _chance, _late, _cash):
        found = look(sheet)
        if found is not None:
            return found
    return None


def _content(sheet: Sheet) -> OutflowView | None:
    """As in "what is in week 3": the third whole week ahead, whole questions only."""
    asked = _CONTENT.match(" ".join(sheet.question.casefold().split()))
    if asked is None:
        return None
    sheet.slots.week_number = sheet.slots.weeks = int(asked["week"])
    for at in sheet.free():
        sheet.take(at, "simulation", f"AP outflow, week {asked['week']} ahead")
    return "cash"


def _cash(sheet: Sheet) -> OutflowView | None:
    for at in sheet.free():
        if sheet.spans[at].one("simulation") and not sheet.spans[at].one("metric"):
            sheet.take(at, "simulation", "AP outflow")
            return "cash"
    return None


def _chance(sheet: Sheet) -> OutflowView | None:
    """A chance of more than an amount; a chance of anything else is not ours."""
    at = next((i for i in range(len(sheet)) if sheet.word(i) in _CHANCE), None)
    amount = next((i for i, span in enumerate(sheet.spans) if span.amount and span.amount.kind != "percent"), None)
    if at is None or amount is None or sheet.figures or not _over_before(sheet, amount):
        return None
    sheet.take(at, "simulation", "chance")
    _cash(sheet)
    return "chance"


def _over_before(sheet: Sheet, at: int) -> bool:
    words = {sheet.word(i) for i in range(max(0, at - 3), at)} | {sheet.text(i) for i in range(max(0, at - 3), at)}
    return bool(words & (OVER | COMPARATIVE_UP | {"exceed", ">"}))


def _threshold(sheet: Sheet) -> None:
    for at in sheet.free():
        span = sheet.spans[at]
        if span.amount is not None and span.amount.kind != "percent" and _over_before(sheet, at):
            first = at
            while sheet.is_free(first - 1) and sheet.word(first - 1) in OVER | COMPARATIVE_UP | {"than", "exceed"}:
                first -= 1
            sheet.slots.threshold = span.amount.value
            sheet.take(first, "simulation", f"more than {span.amount.value:f}", at + 1 - first)
            break
    for at in sheet.free():
        if {sheet.word(at), sheet.text(at)} & (_FILLERS | {"week", "single", "given"}):
            sheet.take(at, "simulation", "any week" if sheet.word(at) == "week" else "")


def _late(sheet: Sheet) -> OutflowView | None:
    """As in "which open invoices will probably be paid late"."""
    late = next(
        (i for i in range(len(sheet)) if sheet.text(i).split()[-1:] and sheet.text(i).split()[-1] in _LATE), None
    )
    sure = [i for i in range(len(sheet)) if sheet.word(i) in _PROBABLY]
    if (
        late is None
        or not sure
        or not any(
            sheet.word(i) in {"invoice", "bill", "document"} or "invoice" in sheet.text(i) for i in range(len(sheet))
        )
    ):
        return None
    for at in {late, *sure}:
        sheet.take(at, "simulation", "probably late")
    for at in sheet.free():
        if sheet.text(at) in _FILLERS or sheet.word(at) in _FILLERS or "invoice" in sheet.text(at):
            sheet.take(at, "simulation", "open invoices")
    return "late"


def _run(sheet: Sheet) -> OutflowView | None:
    """As in "Thursday's run", "the next payment run"."""
    for at in range(len(sheet)):
        if sheet.word(at) != "run" or at == 0:
            continue
        place = at - 2 if sheet.text(at - 1) in {"payment", "payments"} else at - 1
        after = at + 1 + (sheet.word(at + 1) in {"on", "this"})
        if sheet.word(at - 1) in {"pay", "payment"} and sheet.text(after) in _WEEKDAYS:  # "pay run thursday"
            sheet.slots.run_day = _coming(sheet.clock.today, _WEEKDAYS.index(sheet.text(after)))
            sheet.take(at - 1, "simulation", "payment run", after + 2 - at)
            return "run"
        day = sheet.text(place).removesuffix("'s")
        if day in _WEEKDAYS:
            sheet.slots.run_day = _coming(sheet.clock.today, _WEEKDAYS.index(day))
        elif sheet.word(place) not in NEXT:
            continue
        sheet.take(place, "simulation", "payment run", at + 1 - place)
        for other in sheet.free():
            if sheet.word(other) in _FILLERS | {"will", "how", "much"}:
                sheet.take(other, "simulation", "")
        return "run"
    return None


def _coming(today: date, weekday: int) -> date:
    """The next such weekday after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _accruals(sheet: Sheet) -> OutflowView | None:
    places = {i: sheet.word(i) or sheet.text(i) for i in range(len(sheet))}
    named = next((i for i, word in places.items() if word in _ACCRUALS), None)
    expected = next((i for i, word in places.items() if word in _EXPECTED), None)
    if named is None or expected is None:
        return None
    sheet.take(named, "simulation", "accruals")
    sheet.take(expected, "simulation", "expected")
    return "accruals"


def _by_layer(sheet: Sheet, at: int) -> None:
    """As in "by layer": approved, in process, ordered, new."""
    if sheet.word(at) == "layer" and sheet.word(at - 1) in {"by", "per"} and sheet.is_free(at - 1):
        sheet.slots.group("layer")
        sheet.take(at - 1, "group", "layer", 2)


def _by_the_end(sheet: Sheet, at: int) -> None:
    """As in "by year end": of what is to come that is a day, not a grouping."""
    following = sheet.span(at + 1)
    if sheet.word(at) != "by" or not sheet.is_free(at) or following is None or not sheet.is_free(at + 1):
        return
    if following.time is not None and following.time.end_only and "end" in following.text.split():
        sheet.slots.until, sheet.slots.period = "by", following.time
        sheet.take(at, "time", "until then", 2)


def _horizon(sheet: Sheet, at: int) -> None:
    """As in "13 weeks", "for the next 13 weeks"."""
    span = sheet.spans[at]
    if span.amount is None or span.amount.kind != "plain" or sheet.word(at + 1) != "week":
        return
    number = span.amount.value
    if number != int(number) or not 1 <= number <= _WEEKS_MEANT:
        return
    sheet.slots.weeks = int(number)
    sheet.take(at, "time", f"{number} weeks ahead", 2)
