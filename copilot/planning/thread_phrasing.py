"""How people word a follow-up, turned into the words that the rules read: "leave out the US" is "excluding the US".

Only turns of phrase of a conversation are in here; figures, names and dates are read by the planner.
"""

from __future__ import annotations

import re

from copilot.planning.plan import OutflowPlan
from copilot.planning.thread_state import Figures

_POLITE = re.compile(
    r"^(?:(?:ok|okay|now|then|so|well|just|please|pls|hey|and now|can you|could you|show(?: me)?(?: it| that| this)?|"
    r"give me(?: it| that)?|gimme|lemme see|try|do it|do that)[ ,:]+)+",
    re.IGNORECASE,
)
_WAS_IT = (
    r"^(?:and )?(?:was|were|is) (?:it|that|this|they) (?:any )?(?:better|worse|higher|lower|faster|slower|more|less|different)"
    r"(?: or \w+)?(?: than)? (?=in |at |on |last |as of )(?:in )?"
)
"""As in "was it better in September"."""
_TURNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"^(?:and )?(?:leave|take|kick|throw|strip|cut|filter) out (?=\w)", "excluding "),
        (r"^(?:and )?(?:leave|take|kick|throw|strip|cut|filter) (.+) out$", r"excluding \1"),
        (
            r"^(?:and )?(?:get rid of|ignore|forget(?: about)?|remove) (?=\w)(?!that|this|it\b|all\b|filter|the filter)",
            "excluding ",
        ),
        (r"^(?:anything|everything|all(?: of (?:them|those))?) (?=over|above|under|below|more|less|at least|>|<)", ""),
        (
            r"^(?:and )?(?:who|whose|which suppliers?|which ones)(?: are| is|'s) (?:they|those|that|it|these|on (?:the|that) list)$",
            "by supplier",
        ),
        (r"^(?:and )?what happened(?: there| here| then)?$", "why"),
        (r"^(?:the )?same picture\b", "same"),
        (
            r"^(?:and )?(?:the )?(?:total|sum) of (?:them|those|these|that|it)$|^(?:and )?(?:sum|add) (?:them|those|it|that) up$",
            "total",
        ),
        (_WAS_IT, "vs "),
        (r"\b(overdue|late|open|unpaid|disputed) (?:part|portion|piece|bit)s?\b", r"\1"),
        (r"^(?:and )?(?:zoom|drill|narrow|focus) (?:in|down|it down)?(?: ?(?:on|to|into))? ?(?=\w)", "only "),
        (r"\bpast (?:its|their|the) due dates?\b", "overdue"),
    )
)
_WEEKS = re.compile(r"^(?:and |make it |for |now )*(?:the )?(?:next )?(\d{1,2}) weeks?$", re.IGNORECASE)


def plain(text: str, last: Figures) -> str:
    """A follow-up without politeness, in words that the rules read."""
    found = _POLITE.sub("", text)
    for pattern, words in _TURNS:
        found = pattern.sub(words, found, count=1)
    weeks = _WEEKS.match(found) if isinstance(last, OutflowPlan) else None
    return f"next {weeks[1]} weeks" if weeks else found


def polite(text: str) -> str:
    """A text without the words of politeness before it."""
    return _POLITE.sub("", text)
