"""Words of the calendar, in English with the German and French ones that finance people mix in."""

from __future__ import annotations

from semantic_layer.periods import Grain


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONTH_NAMES = (
    "january jan januar janvier", "february feb februar fevrier", "march mar marz maerz mars", "april apr avril", "may mai",
    "june jun juni juin", "july jul juli juillet", "august aug aout", "september sep sept septembre",
    "october oct oktober octobre", "november nov novembre", "december dec dezember decembre",
)  # fmt: skip
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}

ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}

UNITS: dict[str, Grain] = {
    "day": "day", "week": "week", "wk": "week", "month": "month", "quarter": "quarter", "qtr": "quarter", "year": "year",
    "tag": "day", "woche": "week", "kw": "week", "monat": "month", "quartal": "quarter", "jahr": "year",
    "jour": "day", "semaine": "week", "moi": "month", "trimestre": "quarter", "annee": "year",
}  # fmt: skip

GRAIN_ADVERBS: dict[str, Grain] = {
    "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year", "annually": "year",
    "taglich": "day", "wochentlich": "week", "monatlich": "month", "quartalsweise": "quarter", "mensuel": "month",
}  # fmt: skip

LAST = _words(
    "last past previous prior preceding latest letzte letzten letzter letztes letztem vergangenen dernier derniere"
)
THIS = _words("this current diese dieser dieses diesen diesem")
NEXT = _words("next coming following upcoming nachste nachsten nachstes naechstes prochain")
ROLLING = _words("trailing rolling moving")
CLOSED = _words("full closed complete completed whole calendar fiscal")
WEEKDAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
RANGE = _words("to until till through thru bis -")
SINCE = _words("since seit depuis")

WORDS_OF_TIME = (
    frozenset(MONTHS) | frozenset(ORDINALS) | frozenset(UNITS) | frozenset(GRAIN_ADVERBS)
    | LAST | THIS | NEXT | ROLLING | CLOSED | RANGE | SINCE
    | _words("ago today yesterday tomorrow ytd qtd mtd half year-to-date")
)  # fmt: skip
