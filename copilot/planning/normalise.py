"""Text to tokens: folded, spelt out, each with the place in the question it came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from copilot.planning.calendar_words import MONTHS
from copilot.planning.other_languages import LONGEST, PHRASES

Kind = Literal["date", "period", "bucket", "number", "symbol", "word"]

LONGEST_QUESTION = 2_000
"""Characters of a question that are read; longer ones are turned away."""

_PATTERN = r"""
    (?P<date>\d{4}-\d{1,2}-\d{1,2}\b|\d{1,2}-\d{1,2}-\d{4}\b|\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2}\b)?|\d{1,2}/\d{1,2}/\d{2,4}\b)
  | (?P<period>\d{4}[- ]?q[1-4]\b|[1-4]q'?\d{2,4}\b|[12]h'?\d{2,4}\b|q[1-4](?:[/'-]?\d{2,4})?\b|\d{4}-\d{2}\b|(?:MONTHS)['-]\d{2}\b|\d{1,2}/20\d\d\b|h[12](?:[/'-]?\d{2,4})?\b|fy'?\d{2,4}\b|l\d{1,2}[mqw]\b|t[1-4]\b)
  | (?P<bucket>\d{1,3}-\d{1,3}\b(?![.,\d])|\d{1,3}\+)
  | (?P<number>[$€£]\s?\d(?:[\d.,']*\d)?(?:\s?(?:k|mn|mio|m|bn|b)\b)?|\d(?:[\d.,']*\d)?(?:\s?(?:k|mn|mio|m|bn|b)\b|\s?%)?)
  | (?P<symbol>[<>]=?|!=|=|%|\$|-\s?(?=(?:MONTHS)\b|q[1-4]|\d{1,2}\.\d{1,2}\.))
  | (?P<word>w/o?\b|w/(?=\s)|[ymqw]/[ymqw]\b|[^\W\d_]+(?:'[^\W\d_]+)?)
    """
_TOKEN = re.compile(_PATTERN.replace("MONTHS", "|".join(MONTHS)), re.VERBOSE)

_APART = re.compile(r"[,;:.!?()]")
_EXCEPTIONS = frozenset({("with", "the", "exception", "of"), ("with", "exception", "of"), ("the", "exception", "of")})
_LEAVING_OUT = frozenset(
    {
        ("not", "including"),
        ("not", "include"),
        ("not", "included"),
        ("not", "counting"),
        ("other", "than"),
        ("apart", "from"),
        ("aside", "from"),
    }
)
"""Two words that leave something out together."""

# Short forms -> the words they stand for.
_SPELT_OUT = {
    "w/o": "without", "w/": "with", "ex": "excluding", "excl": "excluding", "incl": "including", "vs": "vs", "versus": "vs", "v": "vs",
    "mom": "month over month", "m/m": "month over month", "yoy": "year over year", "y/y": "year over year",
    "qoq": "quarter over quarter", "q/q": "quarter over quarter", "wow": "week over week", "w/w": "week over week",
    "ltm": "rolling twelve months", "ttm": "rolling twelve months", "eoy": "year end", "eoq": "quarter end",
    "py": "last year", "pls": "please", "plz": "please", "thx": "thanks", "pct": "percent", "avg": "average",
    "tbl": "table", "yr": "year", "yrs": "years", "mth": "month", "mths": "months", "mos": "months", "wks": "weeks", "qtrs": "quarters", "r": "are",
    "inv": "invoice", "invs": "invoices", "dup": "duplicate", "dups": "duplicates", "dupe": "duplicate", "dupes": "duplicates", "pymt": "payment", "pymts": "payments",
    "pmt": "payment", "pmts": "payments", "amt": "amount", "amts": "amounts", "mgmt": "management", "disc": "discount", "discs": "discounts", "wt": "weighted", "wgt": "weighted",
    "ly": "last year", "lm": "last month", "lq": "last quarter", "ctry": "country", "bu": "business unit",
    "diff": "difference", "avg.": "average", "atm": "now", "amongst": "among", "w": "with", "u": "you", "cant": "can't", "dont": "don't", "isnt": "isn't", "whats": "what is", "what's": "what is",
    "how's": "how is", "where's": "where is", "who's": "who is", "that's": "that is", "it's": "it is", "there's": "there is",
    "let's": "let us", "&": "and", "vorquartal": "last quarter", "vormonat": "last month", "vorjahr": "last year", "vorwoche": "last week",
    "monatsende": "month end", "quartalsende": "quarter end", "jahresende": "year end",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """One token: folded text, the stem that the lexicon compares, its kind, and its place in the question as typed."""

    text: str
    stem: str
    kind: Kind
    start: int
    end: int
    shouted: bool = False
    """Typed in capitals inside a question that is not all capitals ("US" and not "us")."""
    apart: bool = False
    """A comma or the end of a sentence stands before it."""


def _folded(text: str) -> Iterator[tuple[str, int]]:
    """Folded characters, each with the index it came from: no accents, no case, no control or direction marks."""
    for index, char in enumerate(text):
        if char in "‘’´`":
            yield "'", index
        elif char in "–—−‐‑":
            yield "-", index
        elif char == "&":
            yield from ((c, index) for c in " and ")
        else:
            for part in unicodedata.normalize("NFKD", char):
                category = unicodedata.category(part)
                if category in {"Cc", "Zl", "Zp"}:
                    yield " ", index
                elif category != "Cf" and not unicodedata.combining(part):
                    yield from ((c, index) for c in part.casefold())


def fold(text: str) -> str:
    """The folded text on its own."""
    return "".join(char for char, _ in _folded(text))


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its plural ending, the same for the lexicon and the question."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a question, in order."""
    pairs = tuple(_folded(text))
    folded = "".join(char for char, _ in pairs)
    calm = text.upper() != text
    found: list[Token] = []
    for match in _TOKEN.finditer(folded):
        start, end = pairs[match.start()][1], pairs[match.end() - 1][1] + 1
        shouted = calm and end - start > 1 and text[start:end].isupper()
        found += _tokens_of(match.group().strip(), match.lastgroup or "word", start, end, shouted=shouted)
    spoken = tuple(_with_phrases_exchanged(found))
    joined_up = tuple(_with_negations_joined(tuple(_with_exceptions_joined(spoken))))
    return tuple(
        replace(token, apart=True) if at and _APART.search(text[joined_up[at - 1].end : token.start]) else token
        for at, token in enumerate(joined_up)
    )


def _with_phrases_exchanged(found: Sequence[Token]) -> Iterator[Token]:
    """As in "wie viele": the English words, each with the place of the whole phrase."""
    at = 0
    while at < len(found):
        words = tuple(token.text for token in found[at : at + LONGEST])
        length = next((n for n in range(len(words), 0, -1) if words[:n] in PHRASES), 0)
        if length:
            start, end = found[at].start, found[at + length - 1].end
            yield from (Token(word, stem(word), "word", start, end) for word in PHRASES[words[:length]].split())
        else:
            yield found[at]
        at += length or 1


def _with_exceptions_joined(found: Sequence[Token]) -> Iterator[Token]:
    """As in "with the exception of": one word that leaves out."""
    at = 0
    while at < len(found):
        words = [token.text for token in found[at : at + 4]]
        length = next((n for n in (4, 3) if tuple(words[:n]) in _EXCEPTIONS), 0)
        if length:
            yield Token("excluding", "excluding", "word", found[at].start, found[at + length - 1].end)
        else:
            yield found[at]
        at += length or 1


def _with_negations_joined(found: Sequence[Token]) -> Iterator[Token]:
    """As in "not including": one negation, so that neither word can be read without the other."""
    skip = False
    for token, following in zip_longest(found, found[1:]):
        if skip:
            skip = False
        elif following is not None and (token.text, following.text) in _LEAVING_OUT:
            skip = True
            yield Token("excluding", "excluding", "word", token.start, following.end)
        else:
            yield token


def _tokens_of(text: str, kind: str, start: int, end: int, *, shouted: bool) -> Iterator[Token]:
    if kind == "number":
        text = text.replace(" ", "")
    if kind != "word":
        yield Token(text, text, kind, start, end)  # type: ignore[arg-type]  # the pattern's group names are the kinds
        return
    for word in _SPELT_OUT.get(text, text).split():
        bare = word.removesuffix("'s")
        yield Token(bare, stem(bare), "word", start, end, shouted)


def phrase(text: str) -> tuple[str, ...]:
    """The stems of a phrase of the lexicon."""
    return tuple(token.stem for token in tokens(text))


def joined(items: Sequence[Token]) -> str:
    """The words of some tokens as one text."""
    return " ".join(token.text for token in items)
