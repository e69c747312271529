"""What a figure is compared with: another period, the bucket before, a year earlier, a target."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.planning.calendar_words import LAST, UNITS
from copilot.planning.normalise import Token
from copilot.planning.pass_timing import unclear_day
from copilot.planning.slots import THEN, Sheet
from copilot.planning.time_phrases import paired
from copilot.planning.time_reading import TimeReading
from copilot.planning.word_classes import CHANGE_WORDS, COMPARATIVE_DOWN, COMPARATIVE_UP, COMPARERS, TARGET_NAMES
from semantic_layer.periods import Period, bucket, shift

_TO = frozenset({"to", "with", "vs", "against"})
_PRIOR = frozenset({"prior", "previous", "preceding"})
_NOW = frozenset({"now", "currently", "jetzt", "heute", "present"})
_SAME = frozenset({"period", "time", "quarter", "month", "week", "day", "date"})
_ARTICLES = frozenset({"the", "our", "a", "what", "it", "was", "in"})


def read_comparisons(sheet: Sheet) -> None:
    """Take comparisons with a period or a target, and words of change."""
    if "why" in sheet.slots.signals:
        _why_between(sheet)
    for at in sheet.free():
        if sheet.is_free(at):
            any(read(sheet, at) for read in (_over_period, _same_period, _change, _comparer, _goal))


def _over_period(sheet: Sheet, at: int) -> bool:
    """As in "month over month"."""
    grain = UNITS.get(sheet.word(at))
    if grain is None or sheet.word(at + 1) not in {"over", "on"} or sheet.word(at + 2) != sheet.word(at):
        return False
    sheet.slots.compare_grain = grain
    sheet.slots.signals.add("change")
    sheet.take(at, "compare", f"{grain} over {grain}", 3)
    return True


def _same_period(sheet: Sheet, at: int) -> bool:
    """As in "(vs) same period last year", "a year earlier"."""
    found = _a_year_earlier(sheet, at)
    if found is None:
        return _bucket_back(sheet, at)
    start, end, unit = found
    others = [span.time for i, span in enumerate(sheet.spans) if span.time and not start <= i < end]
    grain = UNITS.get(unit)
    if grain not in {None, "day"} and others and not any(_spans_one(sheet, other, str(grain)) for other in others):
        return False  # "Q3 vs same month last year"
    before = sheet.left(start, _ARTICLES | {"to", "with"})
    if sheet.slots.metrics and not others and sheet.word(before) not in COMPARERS and unit:
        sheet.slots.same_back = unit, _then(sheet, unit)  # alone, or against this one, is not said
        first = start
        while sheet.is_free(first - 1) and sheet.word(first - 1) in {"the", "for", "in", "during", "of"}:
            first -= 1
        sheet.take(first, "time", THEN, end - first)
        return True
    if grain not in {None, "day"} and not others and sheet.slots.period is None and sheet.slots.metrics:
        whole = bucket(sheet.clock.today, grain, sheet.fiscal_year_start)
        today = Period(whole.start, sheet.clock.data_date, f"{whole} to date")
        sheet.slots.period = TimeReading(today, 0, ahead=whole, cut=str(whole))
    first = before if sheet.word(before) in COMPARERS else start
    sheet.slots.compare_grain = "year"
    sheet.take(first, "compare", "a year earlier", end - first)
    return True


def _bucket_back(sheet: Sheet, at: int) -> bool:
    """As in "vs same days last month", "compared to the same period last quarter": the bucket before, as many days of it."""
    span, before = sheet.span(at + 2), sheet.left(at, _ARTICLES | {"to", "with"})
    words = span.text.split() if span is not None and span.time is not None else []
    grain = UNITS.get(words[1]) if len(words) == 2 and words[0] in LAST else None
    if sheet.word(at) != "same" or sheet.word(at + 1) not in _SAME or sheet.word(before) not in COMPARERS:
        return False
    if grain not in {"week", "month", "quarter"}:
        return False
    sheet.slots.compare_grain = grain
    sheet.take(before, "compare", f"the {grain} before", at + 3 - before)
    return True


def _spans_one(sheet: Sheet, reading: TimeReading, grain: str) -> bool:
    """Whether a period is one month, quarter or week, or the begun part of one."""
    whole = reading.ahead if reading.cut and reading.ahead else reading.period
    found = next((g for g in ("week", "month", "quarter", "year") if g == grain), None)
    return found is not None and bucket(whole.start, found, sheet.fiscal_year_start).end == whole.end


def _then(sheet: Sheet, unit: str) -> Period:
    """The unit that today lies in, a year ago; the year to date where the unit is none of the calendar."""
    today, fiscal = sheet.clock.today, sheet.fiscal_year_start
    grain = UNITS.get(unit)
    if grain == "week":
        return shift(bucket(today, "week", fiscal), "week", -52, fiscal)
    if grain in {"month", "quarter"}:
        return shift(bucket(today, grain, fiscal), grain, -12 if grain == "month" else -4, fiscal)
    last = sheet.clock.data_date
    day = last.replace(year=last.year - 1, day=min(last.day, 28) if last.month == 2 else last.day)
    start = day if grain == "day" or unit == "date" else bucket(day, "year", fiscal).start
    return Period(start, day)


def _a_year_earlier(sheet: Sheet, at: int) -> tuple[int, int, str] | None:
    """As in "same month last year", "last year same month", "a year earlier": (first place, place after, unit)."""
    if sheet.word(at) in {"a", "one"} and sheet.word(at + 1) == "year" and sheet.word(at + 2) in {"earlier", "before"}:
        return at, at + 3, ""
    if sheet.word(at) != "same" or sheet.word(at + 1) not in _SAME:
        return None
    for place, start, end in ((at + 2, at, at + 3), (at - 1, at - 1, at + 2), (at - 2, at - 2, at + 2)):
        span = sheet.span(place)
        joined = start != at - 2 or sheet.word(at - 1) == "the"
        if span is not None and span.time is not None and joined and _is_a_year_back(span.text):
            return start, end, sheet.word(at + 1)
    return None


def _is_a_year_back(text: str) -> bool:
    words = text.split()
    return (words[-1] == "year" and words[0] in LAST) or words in (["a", "year", "ago"], ["one", "year", "ago"])


def _change(sheet: Sheet, at: int) -> bool:
    """As in "change in DPO", "difference between Q2 and Q3"."""
    if sheet.word(at) not in CHANGE_WORDS:
        return False
    sheet.slots.signals.add("change")
    sheet.take(at, "compare", "change")
    for place in range(at + 1, min(at + 8, len(sheet))):
        span = sheet.spans[place]
        if sheet.is_free(place) and span.time and span.items[0].text in {"between", "from"}:
            return _two_periods(sheet, place)
    return True


def _why_between(sheet: Sheet) -> None:
    """As in "why did it change Q2 to Q3": the two ends, not what lies between them."""
    for at in sheet.free():
        span = sheet.spans[at]
        links = (
            [i for i, token in enumerate(span.items) if token.text in {"to", "until", "-", "and"}] if span.time else []
        )
        links = [i for i in links if span.items[i].text != "-"] or links
        if links and 0 < links[-1] < len(span.items) - 1:
            start = 1 if span.items[0].text in {"between", "from"} else 0
            after = links[-1] + 1 + (span.items[links[-1] + 1].text == "the")
            both = _paired(sheet, span.items[start : links[-1]], span.items[after:])
            if both is not None:
                earlier, later = sorted(both, key=lambda reading: reading.period.end)
                sheet.slots.compare, sheet.slots.period = earlier, later
                sheet.take(at, "compare", f"{later.period} against {earlier.period}")


def _paired(sheet: Sheet, first: Sequence[Token], second: Sequence[Token]) -> tuple[TimeReading, TimeReading] | None:
    return paired(first, second, sheet.clock, sheet.fiscal_year_start)


def _two_periods(sheet: Sheet, at: int) -> bool:
    """The two ends of "between Q2 and Q3", read as a baseline and a period instead of one range."""
    items = sheet.spans[at].items
    links = [i for i, token in enumerate(items) if token.text in {"and", "to", "until", "-"} and i > 1]
    if not links:
        return True
    both = _paired(sheet, items[1 : links[-1]], items[links[-1] + 1 :])
    if both is None:
        return True
    earlier, later = sorted(both, key=lambda reading: reading.period.end)
    sheet.slots.compare, sheet.slots.period = earlier, later
    sheet.take(at, "compare", f"{later.period} against {earlier.period}")
    return True


def _comparer(sheet: Sheet, at: int) -> bool:
    """As in "vs last quarter", "compared to Q2", "vs 60% target", "vs dpo paid"."""
    than = (
        sheet.word(at) in COMPARATIVE_UP | COMPARATIVE_DOWN | {"better", "worse", "faster", "slower"}
        and sheet.word(at + 1) == "than"
    )
    if sheet.word(at) not in COMPARERS and not than:
        return False
    end = at + 1 + than
    while sheet.word(end) in _TO | _ARTICLES and sheet.is_free(end):
        end += 1
    target = sheet.span(end)
    if target is None or (than and target.time is None):
        return False
    if sheet.text(end) == "ytd" and (last := sheet.span(end + 1)) is not None and _is_a_year_back(last.text or " "):
        sheet.slots.compare_grain = "year"
        sheet.take(at, "compare", "a year earlier", end + 2 - at)
        return True
    if target.time is not None and sheet.is_free(end):
        return _with_period(sheet, at, end, target.time)
    if sheet.word(at + 1) in _NOW:
        return _with_now(sheet, at)
    if _with_target(sheet, at, end) or _bucket_before(sheet, at, end):
        return True
    if sheet.slot(end) == "metric" and any(sheet.slot(i) == "metric" for i in range(at)):
        sheet.take(at, "compare", "side by side")
        return True
    return _listed_periods(sheet, at)


def _with_period(sheet: Sheet, at: int, end: int, reading: TimeReading) -> bool:
    """A period after the comparer: the baseline, unless "compare Q3 with Q2" names both."""
    if sheet.slots.compare is not None:
        return False  # a third period: left over, so that it stops the turn
    second = sheet.span(end + 2)
    if sheet.word(at).startswith("compar") and sheet.word(end + 1) in _TO | {"and"} and second and second.time:
        both = _paired(sheet, sheet.spans[end].items, second.items) or (reading, second.time)
        sheet.slots.period, sheet.slots.compare = both
        sheet.take(at, "compare", f"{both[0].period} against {both[1].period}", end + 3 - at)
        return True
    before = [i for i in range(at) if sheet.is_free(i) and sheet.spans[i].time]
    for place in (*before[:1], end):
        unclear_day(sheet, place)
    words = sheet.text(end).split()
    if before and len(words) == 2 and words[0] in _PRIOR and (grain := UNITS.get(words[1])) is not None:
        again = sheet.text(end + 1) == sheet.text(before[0]) and bool(sheet.text(end + 1))
        sheet.slots.compare_grain = grain
        sheet.take(at, "compare", f"the {grain} before", end + 1 + again - at)
        return True
    pair = _paired(sheet, sheet.spans[before[0]].items, sheet.spans[end].items) if len(before) == 1 else None
    if pair is not None:
        sheet.slots.period, reading = pair
        sheet.take(before[0], "time", str(pair[0].period))
    sheet.slots.compare = reading
    sheet.take(at, "compare", str(reading.period), end + 1 - at)
    return True


def _with_now(sheet: Sheet, at: int) -> bool:
    """As in "DPO last year vs now": the last day that is known, for figures that are read as of a day."""
    if not sheet.figures or any(sheet.model.metrics[name].time_role != "as_of" for name in sheet.figures):
        return False
    today = sheet.clock.data_date
    sheet.slots.compare = TimeReading(Period(today, today, today.isoformat()), 0, end_only=True)
    sheet.take(at, "compare", today.isoformat(), 2)
    return True


def _bucket_before(sheet: Sheet, at: int, end: int) -> bool:
    """As in "vs the quarter before", "compared to the month earlier"."""
    grain = UNITS.get(sheet.word(end))
    if grain is None or sheet.word(end + 1) not in {"before", "earlier"}:
        return False
    sheet.slots.compare_grain = grain
    sheet.take(at, "compare", f"the {grain} before", end + 2 - at)
    return True


def _with_target(sheet: Sheet, at: int, end: int) -> bool:
    """As in "vs 60% target", "against our target of 45 days"."""
    place = end
    if sheet.word(place) in TARGET_NAMES:
        place += 1
        place += sheet.word(place) in {"of", "is", "at"}
    span = sheet.span(place)
    if span is None or span.amount is None or not sheet.is_free(place):
        return False
    units = {sheet.model.metrics[name].unit for name in sheet.figures}
    fits = {"ratio"} if span.amount.kind == "percent" else units - {"ratio"}
    if not units & fits:
        return False
    sheet.slots.target = span.amount.value
    last = place + 1
    while sheet.word(last) in TARGET_NAMES | {"day"}:
        last += 1
    sheet.take(at, "target", format(span.amount.value, "f"), last - at)
    return True


def _goal(sheet: Sheet, at: int) -> bool:
    """As in "DPO target 55", "DPO 55 days target - where are we"."""
    if sheet.word(at) not in TARGET_NAMES or sheet.slots.target is not None or len(sheet.figures) != 1:
        return False
    first = at - 1 - (sheet.word(at - 1) == "day")
    span = sheet.span(first)
    if span is None or span.amount is None or not sheet.is_free(first):
        return _with_target(sheet, at, at)
    if (sheet.model.metrics[sheet.figures[0]].unit == "ratio") != (span.amount.kind == "percent"):
        return False
    sheet.slots.target = span.amount.value
    sheet.take(first, "target", format(span.amount.value, "f"), at + 1 - first)
    return True


def _listed_periods(sheet: Sheet, at: int) -> bool:
    """As in "compare DPO in Q3 and Q2": the first period against the second."""
    if not sheet.word(at).startswith("compar"):
        return False
    places = [i for i in range(at + 1, len(sheet)) if sheet.is_free(i) and sheet.spans[i].time]
    if len(places) != 2 or sheet.word(places[0] + 1) not in _TO | {"and"} or places[1] != places[0] + 2:
        return False
    both = _paired(sheet, *(sheet.spans[i].items for i in places))
    if both is None:
        return False
    sheet.slots.period, sheet.slots.compare = both
    sheet.take(at, "compare", "two periods")
    sheet.take(places[0], "time", str(both[0].period), 1)
    sheet.take(places[0] + 1, "compare", str(both[1].period), 2)
    return True
