"""The language of a question, and figures and dates as that language writes them without being mistaken.

Numbers keep the decimal point in every language; thousands are set apart by a narrow space, since "1,204" and "1.204"
mean different things to different readers. Months are words, so no date can be read the wrong way round.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["en", "de", "fr", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

NARROW, FIXED = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
_READ = 2_000
"""Characters of a question that are looked at."""
_WORD = re.compile(r"[^\W\d_]+(?:'(?=[^\W\d_]))?")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TELLING: Mapping[Language, frozenset[str]] = {
    "en": _words(
        "the what what's which who how why when is are was were our we by for from of and in on vs with "
        "without did does do show give much many last this next top"
    ),
    "de": _words(
        "wie was welche welcher welches welchen wer warum wieso wann ist sind war unser unsere unseren "
        "unserer wir der die das den dem und nach pro für fuer im am vom zum mit ohne bei zeig zeige hoch "
        "viel viele letzten letztes letzter letzte diesen dieses diesem nächsten nächstes quartal monat jahr "
        "woche rechnungen lieferanten lieferant ausgaben verbindlichkeiten überfällig offene offen skonto "
        "skonti gesellschaft land kategorie haben bitte gegenüber seit bis größten grössten"
    ),
    "fr": _words(
        "quel quelle quels quelles qui pourquoi quand combien est sont était notre nos nous le la les l' d' "
        "et par pour du des au aux dans avec sans montre montrez dernier dernière derniers ce cette prochain "
        "prochaine trimestre mois année semaine factures fournisseurs fournisseur dépenses dettes échu échus "
        "échues retard entité pays catégorie depuis entre escompte"
    ),
    "es": _words(
        "cuál cual cuáles cuánto cuanto cuánta cuántas cuántos qué quién cómo cuándo es son era nuestro "
        "nuestra nuestros nuestras el los las y por para del al con sin muestra muéstrame último última "
        "últimos este esta próximo próxima trimestre mes año semana facturas proveedores proveedor gasto "
        "gastos deudas vencidas vencido entidad país categoría desde entre descuento"
    ),
}
"""Words that tell a language. Those of several languages tell none of them apart and simply count for each."""


def language_of(question: str) -> Language | None:
    """The language whose words a question has most of; None where nothing tells it (a name, "DPO Q3?")."""
    words = [
        word.casefold() for word in _WORD.findall(question[:2_000].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    ]
    scores = {language: sum(word in telling for word in words) for language, telling in _TELLING.items()}
    best = max(scores.values())
    if best == 0:
        return None
    leading = [language for language, score in scores.items() if score == best]
    return leading[0] if len(leading) == 1 or leading[0] == "en" else None


_MONTHS: Mapping[Language, tuple[str, ...]] = {
    "de": ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}
_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SCALES: Mapping[Language, Mapping[str, str]] = {
    "de": {"k": "Tsd", "m": "Mio", "bn": "Mrd"},
    "fr": {"k": "k", "m": "M", "bn": "Md"},
    "es": {"k": "mil", "m": "M", "bn": "mil M"},
}
_ENGLISH = ("days", "percentage points", "to", "week", "of", "yes", "no")
_UNITS: Mapping[Language, tuple[str, ...]] = {
    "de": ("Tage", "Prozentpunkte", "bis", "Woche", "von", "ja", "nein"),
    "fr": ("jours", "points de pourcentage", "au", "semaine", "de", "oui", "non"),
    "es": ("días", "puntos porcentuales", "al", "semana", "de", "sí", "no"),
}
_UNIT = re.compile(rf"\b({'|'.join(_ENGLISH)})\b")
_MONTH = re.compile(rf"\b({'|'.join(_ENGLISH_MONTHS)})\b")
_SHORT = re.compile(r"(?<=\d)(k|m|bn)\b")
_DAY = re.compile(r"\b(\d{1,2})(?= (?:bis|Jan\.|Feb\.|März|Apr\.|Mai|Juni|Juli|Aug\.|Sept\.|Okt\.|Nov\.|Dez\.))")
_PREPOSITION = re.compile(r"^(?:in|on|from) (?=[\dQFJAMSOND])")


def localised(text: str, language: Language) -> str:
    """A figure, date or period that was printed in English, as the language writes it. English stays as it is."""
    if language == "en":
        return text
    found = _PREPOSITION.sub("", text)
    found = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", NARROW, found)
    found = _SHORT.sub(lambda match: FIXED + _SCALES[language][match[1]], found)
    found = re.sub(r"(?<=\d)%", f"{NARROW}%", found)
    found = _UNIT.sub(lambda match: _UNITS[language][_ENGLISH.index(match[1])], found)
    found = _MONTH.sub(lambda match: _MONTHS[language][_ENGLISH_MONTHS.index(match[1])], found)
    return _DAY.sub(r"\1.", found) if language == "de" else found
