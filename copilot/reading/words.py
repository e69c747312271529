"""Text to tokens: folding, spelling out, and the small closed word classes that the passes look for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST_QUESTION = 2_000

_TOKEN = re.compile(
    r"""
    (?P<date>\d{4}-\d{1,2}-\d{1,2}|\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})?|\d{1,2}/\d{1,2}/\d{2,4})
  | (?P<period>\d{4}-q[1-4]\b|[1-4]q\d{2,4}\b|q[1-4](?:'?\d{2})?\b|\d{4}-\d{2}\b|h[12]\b)
  | (?P<bucket>\d{1,3}-\d{1,3}\b|\d{1,3}\+)
  | (?P<number>[$€£]?\d[\d.,']*\s?(?:k|m|mn|mio|bn|b)?\b%?|[$€£]?\d[\d.,']*\s?%?)
  | (?P<symbol>[<>]=?|!=|=|%|\$\?|\$)
  | (?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)
    """,
    re.VERBOSE,
)

_SPELLINGS = (
    (r"[‘’´`]", "'"),
    (r"\bw/o\b", " without "),
    (r"\bex[- ](?=\w)", " excluding "),
    (r"\bexcl\.?(?=\s|$)", " excluding "),
    (r"\bvs\.?(?=\W|$)|\bversus\b", " vs "),
    (r"\bm\s?o\s?m\b", " month over month "),
    (r"\by\s?o\s?y\b", " year over year "),
    (r"\bq\s?o\s?q\b", " quarter over quarter "),
    (r"\bpls\b|\bplz\b", " please "),
    (r"\bthx\b", " thanks "),
    (r"(?<=\w)'s\b", ""),
    (r"–|—", "-"),
    (r"\bltm\b", " last twelve months rolling "),
)


@dataclass(frozen=True)
class Token:
    """One token: folded text, the stem that the lexicon compares, its kind, and where it stood in the folded question."""

    text: str
    stem: str
    kind: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower case without accents, control or direction characters; the spellings above written out."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf"} else c for c in plain if not unicodedata.combining(c)
    )
    folded = plain.casefold()
    for pattern, replacement in _SPELLINGS:
        folded = re.sub(pattern, replacement, folded)
    return folded


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
    found = []
    for match in _TOKEN.finditer(fold(text)):
        kind = match.lastgroup or "word"
        word = match.group().strip()
        found.append(Token(word, stem(word), kind, match.start(), match.end()))
    return tuple(found)


def phrase(text: str) -> tuple[str, ...]:
    """The stems of a phrase of the lexicon."""
    return tuple(token.stem for token in tokens(text))


def joined(items: Sequence[Token]) -> str:
    """The words of some tokens as one text."""
    return " ".join(token.text for token in items)


def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


STOP_WORDS = _stems(
    "a an the our ours we us my me i you your they their its it is are was were be been being am do does did doing done have has had having "
    "of to for in on at with from into onto about and or but so then than as that this these those there here what whats which who whose when how "
    "much many show give tell list get let see want need know please thanks thank hey hi hello can could would should will may might shall "
    "now today currently current so far still just also too all any each every some only overall total totals in sum altogether figure figures number numbers "
    "value values amount amounts data report analysis breakdown break down split across by per view look looking like got go going come "
    "company companies business firm side base across end whole entire per please quick quickly exactly really actually most least "
    "including include includes included incl up out off over again more less using use used based made make makes making it's that's there's whats where if while during within between "
    "against vs compared compare comparison comparing versus relative basis terms doing perform performing performance stand stands run running "
    "grouped group grouping sorted sort order ordered rank ranked ranking ranks question answer kindly hello dear team das der die und le la les et "
    "wie hoch ist unser unsere unseren fuer pro nach im mit von quel est notre nos combien par avons haben wir zeig zeige mir bitte welche"
)
NEUTRAL = _stems(
    "invoice invoices document documents bill bills target goal change changes delta difference movement move moved "
    "level account rechnungen factures payment payments pay paid paying supplier suppliers open unpaid day days "
    "average mean median typical business only order rate rates same again instead one ones thing stuff status end "
    "close closing closed full complete whole calendar fiscal cash money usd dollars left table miss missed worth "
    "expected row rows chart graph plot line bar "
)
"""Words of the trade that say nothing by themselves: invoices, payments, supplier …"""
NEGATIONS = _stems("not no without excluding exclude except minus drop omit ohne sans nicht") | {
    "isn't",
    "aren't",
    "don't",
}
GROUPERS = _stems("by per across each nach par pro")
OVER = _stems("over above exceeding exceed exceeds beyond > greater higher larger bigger than_over ueber")
UNDER = _stems("under below < smaller lower unter")
TOP_WORDS = _stems("top biggest largest highest greatest most main major")
BOTTOM_WORDS = _stems("bottom smallest lowest least fewest")
WORST_WORDS = _stems("worst best")
TREND_WORDS = _stems(
    "trend trends trending evolution develop development developing history historical timeline verlauf entwicklung getting faster slower better worse "
    "improve improving improved rising falling increasing decreasing growing shrinking"
)
SHARE_WORDS = _stems("share shares percentage proportion anteil part")
DEFINE_WORDS = _stems(
    "define definition definitions calculated calculate computed compute formula meaning mean means explain defined"
)
FORECAST_WORDS = _stems(
    "projected projection forecast forecasted forecasting outlook expected predicted prediction predict land trajectory estimate projecting"
)


def has_any(found: Iterable[Token], words: frozenset[str]) -> bool:
    """Whether any token is one of the words."""
    return any(token.stem in words or token.text in words for token in found)
