"""Words of the calendar, in English with the German and French ones that finance people mix in."""

from __future__ import annotations

from semantic_layer.periods import Grain


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONTH_NAMES = (
    "january jan januar janvier enero", "february feb februar fevrier febrero", "march mar marz maerz mars marzo", "april apr avril abril", "may mai mayo",
    "june jun juni juin junio", "july jul juli juillet julio", "august aug aout agosto", "september sep sept septembre septiembre",
    "october oct oktober octobre octubre", "november nov novembre noviembre", "december dec dezember decembre diciembre",
)  # fmt: skip
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}

ORDINALS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
    "premier": 1,
    "deuxieme": 2,
    "troisieme": 3,
    "quatrieme": 4,
    "erstes": 1,
    "ersten": 1,
    "zweites": 2,
    "zweiten": 2,
    "drittes": 3,
    "dritten": 3,
    "viertes": 4,
    "vierten": 4,
}

UNITS: dict[str, Grain] = {
    "day": "day", "week": "week", "wk": "week", "month": "month", "quarter": "quarter", "qtr": "quarter", "year": "year",
    "tag": "day", "tage": "day", "tagen": "day", "wochen": "week", "monate": "month", "monaten": "month", "quartale": "quarter", "jahren": "year", "woche": "week", "kw": "week", "monat": "month", "quartal": "quarter", "jahr": "year",
    "jour": "day", "semaine": "week", "moi": "month", "trimestre": "quarter", "annee": "year",
    "dia": "day", "semana": "week", "mes": "month", "ano": "year",
}  # fmt: skip

GRAIN_ADVERBS: dict[str, Grain] = {
    "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year", "annually": "year",
    "taglich": "day", "wochentlich": "week", "monatlich": "month", "quartalsweise": "quarter", "mensuel": "month",
}  # fmt: skip

LAST = _words(
    "last past previous prior preceding latest letzte letzten letzter letztes letztem vergangenen dernier derniere ultimo ultima pasado pasada"
)
THIS = _words(
    "this current diese dieser dieses diesen diesem este esta laufendes laufenden laufende laufender aktuelles aktuellen"
)
NEXT = _words("next coming following upcoming nachste nachsten nachstes naechstes prochain proximo proxima")
ROLLING = _words("trailing rolling moving")
CLOSED = _words("full closed complete completed whole calendar fiscal")
WEEKDAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
RANGE = _words("to until till through thru bis -")
SINCE = _words("since seit depuis desde")

WORDS_OF_TIME = (
    frozenset(MONTHS) | frozenset(ORDINALS) | frozenset(UNITS) | frozenset(GRAIN_ADVERBS)
    | LAST | THIS | NEXT | ROLLING | CLOSED | RANGE | SINCE
    | _words("ago today yesterday tomorrow ytd qtd mtd half year-to-date")
)  # fmt: skip
