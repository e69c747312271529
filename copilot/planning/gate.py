"""What is turned away before it is read.

Nothing asked, too long, SQL, orders to act, advice the law forbids, other matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.planning.normalise import LONGEST_QUESTION, fold
from copilot.planning.plan import Choice, ReasonCode, Refuse

SUGGESTIONS = ("What's our DPO?", "Open AP by region", "Top 10 suppliers by missed discounts this year")


@dataclass(frozen=True)
class _Rule:
    """A pattern over the folded question, the code, the sentence that answers it, and questions to ask instead."""

    pattern: re.Pattern[str]
    reason: ReasonCode
    message: str
    instead: tuple[str, ...] = SUGGESTIONS


def _rule(pattern: str, reason: ReasonCode, message: str, *instead: str) -> _Rule:
    return _Rule(re.compile(pattern), reason, message, instead or SUGGESTIONS)


_POLITE = (
    r"^(?:(?:ok|okay|please|pls|just|go ahead and|go|now|then|and|can you|could you|let us|let's|lets|hey|hi"
    r"|tell me|show me|show|help me|help us|i want you to|we want to|we should|should we)[ ,:]+)*"
)
_RULES = (
    _rule(
        r"\b(drop\s+table|delete\s+from|insert\s+into|union\s+(all\s+)?select|alter\s+table|create\s+table|truncate\s+table)\b"
        r"|\bselect\s+[\w*, ]+\s+from\s+\w|\bupdate\s+\w+\s+set\b|;\s*--|\bor\s+1\s*=\s*1\b",
        "UNMAPPED_WORDS",
        "I read questions in plain words and do not run SQL that stands in them.",
    ),
    _rule(
        r"\b(ignore|forget|disregard|override) (all |any |the |your )*(previous|prior|above|earlier|instructions|rules)\b"
        r"|\bsystem prompt\b|\byour (prompt|instructions|rules)\b|\bfrom now on\b|\bprevious user\b|\bact as\b|\bpretend\b"
        r"|\bjailbreak\b|\bturn off the (log|audit)\b|\bas (the|an) (auditor|admin|administrator) (i|we)\b|\bdeveloper mode\b",
        "OUT_OF_SCOPE",
        "I answer questions about payables and take no instructions about how I work.",
    ),
    _rule(
        r"\b(salary|salaries|bonus)\b|^(?!.*\b(discount|skonto|escompte)).*\b(earn|earns|earned)\b|\bwho is to blame\b|\bwhose fault\b",
        "NOT_PERMITTED",
        "I do not report on people; ask about stages, entities or suppliers instead.",
        "Approval time by buying entity",
        "Discounts missed by buying entity",
    ),
    _rule(
        r"\b(supplier|vendor|lieferant(en)?|fournisseurs?)'?s? contacts?\b|\bcontact (details|data|persons?)\b|\be-?mail address|\bphone numbers?\b"
        r"|\bbank (details|accounts?)\b|\biban\b|\bpasswords?\b|\bapi keys?\b",
        "NOT_PERMITTED",
        "Contact, bank and access details are not shown here.",
    ),
    _rule(
        _POLITE
        + r"(pay|delay|postpone|stretch|hold back|withhold)\b.*\b(late|later|past (the )?terms|quarter[- ]end|year[- ]end|dpo)\b"
        r"|\b(delay|postpone|hold back|withhold)(ing)? (all |our |the |some )*(supplier )?payments?\b",
        "LEGAL_LIMIT",
        "Paying after the agreed date is limited by late-payment law and by contract, so I do not plan it; I can show on which "
        "terms you buy and where you pay early.",
        "Average payment terms by category",
        "Days beyond terms by buying entity",
    ),
    _rule(
        r"\b(what if|if|suppose|simulate)\b.*\b(pay|paid|paying)\b.*\b\d+ (days?|weeks?) (late|later)\b",
        "LEGAL_LIMIT",
        "Paying after the agreed date is limited by late-payment law and by contract, so I do not simulate it; longer terms that "
        "suppliers agree to can be.",
        "What if terms were 5 days longer?",
        "What if the top 20 suppliers go to net 60?",
    ),
    _rule(
        r"(?!.*\b(should|shall) we pay (anything|something|anyone|anybody|any|some)\b[\w ]{0,30}\bearly\b)"
        + _POLITE
        + r"(pay|release|approve|reject|cancel|void|delete|remove invoice|wire|transfer|execute|submit|do it|book)\b(?! (terms?|time|rate|cycle|runs?)\b)"
        r"|\b(wire|transfer) (us |me )?[$€£]?\d",
        "NEEDS_APPROVAL",
        "I never move money or change documents: a person decides that in Coupa.",
        "Open AP by supplier",
        "Past due AP by supplier",
    ),
    _rule(
        r"\bwhy (do|does|would|should|must) (i|we|you|it|this|that) (even )?(need|require|have to get|want)s? (an |any |the |your )?approvals?\b"
        r"|\bwho (has|have|needs?) to approve (this|that|it)\b",
        "NEEDS_APPROVAL",
        "Whoever proposes a change of terms, discounts or payments cannot approve it: a second person decides, in Coupa.",
        "Invoices waiting for approval by approver",
    ),
    _rule(
        r"^(help|help me|what can (i|you|we) (ask|do|tell)\b.*|how does this work|(give me |show me )?(some )?examples?|what do you know)\W*$",
        "MISSING_INPUT",
        "Ask for a figure of payables or working capital, with a time, a group or a condition if you like.",
    ),
    _rule(
        r"\b(translate|joke|poem|recipe|football|stock price|performance review|cover letter|horoscope)\b",
        "OUT_OF_SCOPE",
        "That is outside payables and working capital.",
    ),
)


def turned_away(question: str) -> Refuse | None:
    """The refusal that a question meets at the door, or None."""
    if len(question) > LONGEST_QUESTION:
        return refusal(
            "TOO_LARGE", f"This is longer than the {LONGEST_QUESTION:,} characters I read; ask for one thing at a time."
        )
    folded = fold(question).strip()
    if not folded:
        return refusal("UNMAPPED_WORDS", "There is no question here; ask for a figure, a trend or a ranking.")
    if not any(char.isalnum() for char in folded):
        return refusal("UNMAPPED_WORDS", "I find no words here; ask for a figure, a trend or a ranking.")
    for rule in _RULES:
        if rule.pattern.search(folded):
            return refusal(rule.reason, rule.message, rule.instead)
    return None


def refusal(reason: ReasonCode, message: str, instead: tuple[str, ...] = SUGGESTIONS) -> Refuse:
    """A refusal with questions that can be asked instead."""
    return Refuse(reason=reason, message=message, choices=tuple(Choice(label=text, question=text) for text in instead))
