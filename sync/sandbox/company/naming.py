"""Invented company names: no syllable mix here is meant to be a real company."""

import numpy as np

from sync.sandbox.arrays import IntArray
from sync.sandbox.company.reference import CATEGORIES, COUNTRIES


def _syllables(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STARTS = _syllables(
    "Bri Cor Dal Fen Gal Hol Jas Kel Lor Mav Nor Ost Pel Quo Ral Sev Tam Ulv Ver Wex Yar Zan Ard Bel Cav Dru Elm Fyr"
)
_MIDDLES = _syllables("van der lo mi ra tes no vi qua ster ri da xo len bar tu")
_ENDS = _syllables("tex rix mond via lund wick dane nova strom vale crest holm zar dor lis")
_SINGLE_STEMS = 2_000
"""From this many names on, a stem gets a second word, or the syllables would run out."""


def company_names(random: np.random.Generator, country: IntArray, category: IntArray) -> tuple[str, ...]:
    """Distinct names: three syllables, a word of the trade, a legal form of the country."""
    taken: set[str] = set()
    names: list[str] = []
    for place, trade in zip(country.tolist(), category.tolist(), strict=True):
        stem = ""
        while not stem or stem in taken:
            stem = _stem(random, two_words=len(taken) > _SINGLE_STEMS)
        taken.add(stem)
        names.append(f"{stem} {_one(random, CATEGORIES[trade].nouns)} {_one(random, COUNTRIES[place].forms)}")
    return tuple(names)


def distinct(names: list[str]) -> tuple[str, ...]:
    """The same names; one that occurs again gets a number."""
    seen: dict[str, int] = {}
    answer = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        answer.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(answer)


def _stem(random: np.random.Generator, *, two_words: bool) -> str:
    stem = _one(random, _STARTS) + _one(random, _MIDDLES) + _one(random, _ENDS)
    return f"{stem} {_one(random, _MIDDLES).capitalize()}{_one(random, _ENDS)}" if two_words else stem


def _one(random: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(random.integers(len(options)))]
