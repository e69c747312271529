"""What is turned away before it is read: nothing asked, too long, SQL, orders to act, advice the law forbids, other people's business."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.planning.plan import Choice, ReasonCode, Refuse
from copilot.reading.words import LONGEST_QUESTION, fold

SUGGESTIONS = ("What's our DPO?", "Open AP by supplier", "Top 10 suppliers by missed discounts this year")


@dataclass(frozen=True)
class Rule:
    """A pattern over the folded question, the code, and the sentence that answers it."""

    pattern: str
    reason: ReasonCode
    message: str


RULES: tuple[Rule, ...] = (
    Rule(
        r"\b(drop\s+table|delete\s+from|insert\s+into|union\s+(all\s+)?select|select\s+.+\s+from\s+\w+|alter\s+table|create\s+table)\b|(^|\s)--\s",
        "UNMAPPED_WORDS",
        "I read questions in plain words and do not run SQL that stands in them.",
    ),
    Rule(
        r"\b(ignore (all |the )?(previous|prior|above)|system prompt|your (prompt|instructions)|from now on|previous user|act as|pretend|jailbreak|turn off the log|as the auditor)\b",
        "OUT_OF_SCOPE",
        "I answer questions about payables; I do not take instructions about how I work.",
    ),
    Rule(
        r"\b(salary|salaries|earn|earns|earned by|performance review|who is to blame|whose fault|fire|promotion)\b",
        "NOT_PERMITTED",
        "I do not report on people; ask about stages, entities or suppliers instead.",
    ),
    Rule(r"\b(contacts?|e-?mails?|phone numbers?|bank (details|accounts?)|iban)\b", "NOT_PERMITTED", "Contact and bank details are not shown here."),
    Rule(
        r"\b(pay|paying|delay|delaying|hold back|stretch)\b.*\b(late|later|quarter[- ]end|window)\b.*|\bdelay payments?\b|\bpay .* late\b",
        "LEGAL_LIMIT",
        "Paying after the agreed date is limited by late-payment law and by contract, so I do not plan it; ask what is past due or on which terms you buy.",
    ),
    Rule(
        r"^(ok |okay |please |just |go |can you |could you )*(pay|release|approve|reject|cancel|void|delete|send|wire|transfer|schedule|execute|do it|submit)\b",
        "NEEDS_APPROVAL",
        "I never move money or change documents: a person decides that in Coupa.",
    ),
    Rule(r"\b(what if|what happens if|if we|simulate|suppose|assume that)\b", "OUT_OF_SCOPE", "What-ifs are not built yet; I can give today's figures and projected DPO."),
    Rule(r"^(and |but |so )?(why|what drove|what's behind|whats behind|what caused|explain why|root cause)\b", "OUT_OF_SCOPE", "I cannot explain causes yet; I can show the figure by group or over time, so that you see where it moved."),
    Rule(r"\b(weather|translate|joke|poem|recipe|football|stock price)\b", "OUT_OF_SCOPE", "That is outside payables and working capital."),
)  # fmt: skip


def turned_away(question: str) -> Refuse | None:
    """The refusal that a question meets at the door, or None."""
    if not question.strip():
        return _refuse("UNMAPPED_WORDS", "There is no question here; ask for a figure, a trend or a ranking.")
    if len(question) > LONGEST_QUESTION:
        return _refuse("TOO_LARGE", "This is longer than I read in one question; ask for one thing at a time.")
    folded = fold(question).strip()
    if not re.search(r"[a-z0-9]", folded):
        return _refuse("UNMAPPED_WORDS", "I find no words here that I know; ask for a figure, a trend or a ranking.")
    for rule in RULES:
        if re.search(rule.pattern, folded):
            return _refuse(rule.reason, rule.message)
    return None


def _refuse(reason: ReasonCode, message: str) -> Refuse:
    return Refuse(reason=reason, message=message, choices=tuple(Choice(label=s, question=s) for s in SUGGESTIONS))
