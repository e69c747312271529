"""Little words of German, French and Spanish that stand for fixed English ones: how many, this year, the ten largest.

Names of figures and dimensions are synonyms in the model; here is only what every question needs. A phrase is folded
(no accents, no case) and is exchanged as a whole, so that none of its words is read by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

_UNITS_OF_TIME = {
    "week": ("semaine", "semana"),
    "month": ("mois", "mes"),
    "quarter": ("trimestre", "trimestre"),
    "year": ("annee", "ano"),
}
_NUMBERS: Mapping[str, tuple[str, str, str]] = {
    "two": ("zwei", "deux", "dos"), "three": ("drei", "trois", "tres"), "four": ("vier", "quatre", "cuatro"),
    "five": ("fünf", "cinq", "cinco"), "six": ("sechs", "", "seis"), "seven": ("sieben", "", "siete"),
    "eight": ("acht", "huit", "ocho"), "nine": ("neun", "neuf", "nueve"), "ten": ("zehn", "dix", "diez"),
    "twelve": ("zwölf", "douze", "doce"), "twenty": ("zwanzig", "vingt", "veinte"),
}  # fmt: skip
_FIXED: Mapping[str, tuple[str, ...]] = {
    "how many": ("wie viele", "wieviele", "combien de", "cuantas", "cuantos"),
    "largest": ("plus gros", "plus grosses", "plus grands", "plus grandes", "mayores", "mas grandes", "grosste", "groessten"),
    "smallest": ("plus petits", "plus petites", "menores", "mas pequenos", "mas pequenas", "kleinste", "kleinsten"),
    "open": ("offen", "offenen", "offener", "offenes", "ouverts", "ouvertes", "ouverte", "ouvert", "abiertas", "abiertos", "abierta"),
    "overdue": ("uberfallig", "uberfalligen", "uberfalliger", "ueberfaelligen"),
    "unpaid": ("unbezahlt", "unbezahlte", "unbezahlten", "impagadas", "sin pagar"),
    "please": ("a t il", "a t elle", "ont ils", "ont elles", "avons nous", "estan", "s il vous plait", "por favor"),
    "increased": ("a augmente", "augmente", "ha subido", "aumento"),
    "decreased": ("a baisse", "a diminue", "ha bajado"),
}  # fmt: skip


def _phrases() -> dict[tuple[str, ...], str]:
    found = {text: english for english, texts in _FIXED.items() for text in texts}
    for english, spoken in _NUMBERS.items():
        found |= {text: english for text in spoken if text}
    for english, (french, spanish) in _UNITS_OF_TIME.items():
        found |= {f"{this} {french}": f"this {english}" for this in ("ce", "cet", "cette")}
        found |= {f"{french} {last}": f"last {english}" for last in ("dernier", "derniere", "passe", "passee")}
        found |= {f"{spanish} {last}": f"last {english}" for last in ("pasado", "pasada")}
        found |= {f"{french} {ahead}": f"next {english}" for ahead in ("prochain", "prochaine")}
        found |= {f"{spanish} {ahead}": f"next {english}" for ahead in ("proximo", "proxima", "que viene")}
    return {tuple(text.replace("ü", "u").replace("ö", "o").split()): english for text, english in found.items()}


PHRASES: Mapping[tuple[str, ...], str] = _phrases()
LONGEST = max(len(words) for words in PHRASES)
