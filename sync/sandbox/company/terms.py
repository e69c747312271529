"""Due dates and discount windows: Coupa's four kinds of payment term, computed for arrays of invoice days.

Days after net: base day plus days. Base end of month then days: last day of the base month plus days. Days then end
of month: last day of the month that holds base plus days. Specific day: the month `offset` months after the base
month, one more when the base day lies after the cutoff, on `day` (the month's last day when it is shorter).
"""

import numpy as np

from sync.sandbox.arrays import FloatArray, IntArray
from sync.sandbox.company.reference import DAYS_THEN_EOM, EOM_THEN_DAYS, SPECIFIC_DAY, TERMS

NO_DAY = np.iinfo(np.int32).min
"""Stands for a missing day in arrays of day numbers."""


def net_due_days(terms: IntArray, base: IntArray) -> IntArray:
    """The net due day of each invoice: `terms` are rows of TERMS, `base` are invoice days."""
    due = base.copy()
    for row, term in enumerate(TERMS):
        chosen = terms == row
        if not chosen.any():
            continue
        days = base[chosen]
        if term.kind == SPECIFIC_DAY and term.net_day is not None:
            due[chosen] = specific_day(days, *term.net_day)
        elif term.kind == EOM_THEN_DAYS:
            due[chosen] = month_end(days) + (term.net or 0)
        elif term.kind == DAYS_THEN_EOM:
            due[chosen] = month_end(days + (term.net or 0))
        else:
            due[chosen] = days + (term.net or 0)
    return due


def discount_due_days(terms: IntArray, base: IntArray) -> IntArray:
    """The last day of each invoice's discount window; NO_DAY where the term carries no discount."""
    due = np.full(len(base), NO_DAY, dtype=np.int64)
    for row, term in enumerate(TERMS):
        chosen = terms == row
        if not term.rate or not chosen.any():
            continue
        days = base[chosen]
        due[chosen] = specific_day(days, *term.discount_day) if term.discount_day else days + (term.discount_days or 0)
    return due


def discount_rates(terms: IntArray) -> FloatArray:
    """The discount rate of each term row, in percent; 0 without one."""
    return np.array([term.rate or 0.0 for term in TERMS])[terms]


def month_end(days: IntArray) -> IntArray:
    """The last day of each day's month."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return ((months + 1).astype("datetime64[D]").astype(np.int64)) - 1


def month_start(days: IntArray) -> IntArray:
    """The first day of each day's month."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def specific_day(base: IntArray, cutoff: int, offset: int, day: int) -> IntArray:
    """See the module's text; clipped to the month's length."""
    months = base.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    months = months + offset + (base - month_start(base) + 1 > cutoff)
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.minimum(start + day - 1, month_end(start))
