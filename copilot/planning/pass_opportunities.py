"""What to do beside discounts: "which suppliers should we renegotiate terms with", "which suppliers have several terms"."""

from __future__ import annotations

import re
from collections.abc import Mapping

from copilot.planning.plan import OpportunityView, ProposalState
from copilot.planning.slots import OpportunityAsk, Sheet

_TERMS = r"(payment )?(terms?|conditions?)"
_WHO = r"(suppliers?|vendors?|parents?|supplier (groups?|famil(y|ies))|families)"
_LONGER = r"(extend|lengthen|stretch|renegotiate|re negotiate|negotiate)"
_FASTER = (
    r"\bapprov(?:e|ing|als?)(?: of)?(?: every| each| all| the)?(?: invoices?)?(?: (?:at|in))?(?: (?:stage|step|level) (?P<stage>\d|one|two|three))?(?: approvals?)?"
    r"(?: (?:within|in(?: at most)?|in under|under) )(?P<days>\d{1,3}|one|two|three|five) days?\b"
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "five": 5}
_PROPOSALS = r"(proposals?|recommendations?)"
_STATES_OF: Mapping[str, ProposalState] = {
    "open": "open", "pending": "open", "waiting": "open", "outstanding": "open", "undecided": "open", "wait": "open", "waits": "open", "need": "open",
    "approved": "approved", "rejected": "rejected", "declined": "rejected", "expired": "expired", "lapsed": "expired", "voided": "voided", "withdrawn": "voided",
}  # fmt: skip
"""Words for the state of a proposal."""
_STATES = "|".join(_STATES_OF)
_TEXTS: Mapping[OpportunityView, tuple[str, ...]] = {
    "terms": (
        rf"\b(which|what) (\w+ ){{0,4}}{_WHO}\b.*\b{_LONGER}\b",
        rf"\b(where|how far|with whom|who) (can|could|should|shall) (we|i) {_LONGER}\b",
        rf"\b{_WHO} to (re)?negotiate\b|\bterms? to (re)?negotiate\b",
        rf"\b{_TERMS} (extension )?(opportunit(y|ies)|potential|candidates?)\b|\bextension (opportunit(y|ies)|candidates?)\b",
        rf"\b(opportunit(y|ies)|potential|room) (for|in|from|to get) (longer|extended|extending|better) {_TERMS}\b",
        rf"\b(longer|better) {_TERMS} (from|with) (whom|which {_WHO})\b|\bwho (can|could|should) give us longer {_TERMS}\b",
        rf"\b(which|what) {_WHO} (have|has|are on|with) shorter {_TERMS} than (their |its )?peers\b",
        r"^(please )?((can|could|should|may) (we|i|you) )?(extend|move|put|push|bring|take|set) .*\b(to|at|on) net \d{1,3}\b",
    ),
    "movers": (
        rf"\b{_WHO}\b.*\b(changed|moved|switched|changing|left|entered|joined)( (from|to|into|between|their|the|its))* segments?\b",
        r"\bsegment (movers|moves|changes)\b|\bmovers (between|of|by|in) (the )?segments?\b|\bwho (changed|moved|switched) segments?\b",
    ),
    "segments": (
        rf"\b(which|what) segments? (is|are) (each|every|which|our|the) {_WHO}\b|\b(which|what) {_WHO} (is|are) in (which|what) segments?\b",
        rf"\b{_WHO} (and|with) (their|its) segments?\b|^(show |list )?(me )?((our|the|all) )*(supplier )?segments( of ((our|the) )?suppliers)?( and why)?$",
    ),
    "waits": (
        r"\bwhere (do|are|did|does) ((our|the|my) )?(invoices?|bills?) (get |getting |got |be )?(stuck|wait|waiting|held up|delayed|lose time|losing time)\b",
        r"\b(where|what) (is|are) (the |our )?bottlenecks?\b|\b(approval|invoice|process|invoice to pay) bottlenecks?\b|\bbottlenecks? (in|of) (the |our )?(approvals?|invoices?|process|invoice process)\b",
        r"\bwhich (approval )?(stage|step) (takes|took|is) (the )?(longest|slowest|most time)\b",
    ),
    "faster_stage": (_FASTER,),
    "duplicates": (
        r"\b(which|what) (invoices|bills) (were|are|have been|did we get|came|was) (probably |likely |possibly )?(sent |billed |invoiced |in )?(twice|double)\b",
        r"\b(which|what) (invoices|bills) (did|have) we (probably )?(paid|pay) (twice|double)\b",
    ),
    "proposals": (
        rf"\b({_STATES}|all|our|the|any|which|what|how many) (tenor )?{_PROPOSALS}\b(?! (for|on|to get|to extend|of) (longer|longest|terms?))",
        rf"^(show |list )?(me )?((the|all|our|my) )*{_PROPOSALS}( (and )?(their )?(status|state|states))?$",
        rf"^{_PROPOSALS} (that )?((were|was|are|have been) )?(still )?({_STATES})\b",
        rf"\b(status|state|list) of (the |all |our )*{_PROPOSALS}\b|\bwhat became of (the |our |all )*{_PROPOSALS}\b",
    ),
    "pilot": (
        r"\bpilots?\b.*\b(results?|outcomes?|effects?|going|doing|deliver(ed)?|bring|brought|work(s|ed|ing)?|pay(s|ing)? off|verdict|status)\b",
        r"\b(results?|outcomes?|effects?|verdict|status) (of|from|in) (the |our )?pilot\b|\bpilot (vs|versus|against) (the )?holdout\b",
        r"\b(does|did|is) (it )?(following|listening to) tenor (pay|paid|paying)( off)?\b|\bdoes it pay to follow tenor\b",
        r"\b(what|which|any) (effects?|impact|difference) (did|does|do|has|have|of) (the |our )?pilot\b|\bdid (the |our )?pilot (have|make) an? (effect|impact|difference)\b",
        r"\bwhat (did|has|have) (tenor|the copilot) (really |actually )?(deliver(ed)?|bring|brought|save|saved)( us)?\b",
    ),
    "several_terms": (
        rf"\b{_WHO}\b.*\b(several|multiple|various|more than one|different|two|many)( different)? {_TERMS}\b",
    ),
    "term_mismatches": (
        rf"\b{_TERMS} (that )?(mismatch(es)?|differ(s|ences?)?|do not agree|not agree(ing)?|disagree)\b.*\b(invoices?|bills?|orders?|pos?|contracts?|master)\b",
        rf"\b(invoices?|bills?)\b.*\b(shorter|other|different) {_TERMS} (than|from) (the |their |its )?(order|orders|po|pos|contract|contracts|master|agreed)\b",
        rf"\b(invoices?|bills?) (whose|where) {_TERMS} (differ|differs|do not match|are shorter)\b",
    ),
}
_PATTERNS = {view: tuple(re.compile(text) for text in texts) for view, texts in _TEXTS.items()}
_BASE = (
    "which what where who whom how suppliers supplier vendors vendor we our us the a an with to for from of in on at is are be please should shall can "
    "could may i you have has show list me all and now"
)
_WORDS: Mapping[OpportunityView, str] = {
    "terms": "far payment terms term condition conditions renegotiate negotiate extend lengthen stretch opportunity opportunities potential candidates "
    "candidate extension room longer better shorter extended extending than their its peers get give move put push bring take set next",
    "several_terms": "parent parents group groups family families payment terms term conditions condition several multiple various more than one "
    "different two many",
    "term_mismatches": "payment terms term conditions condition do not agree match mismatch mismatches differ differs difference differences disagree "
    "shorter other different than their its invoices invoice bills bill orders order po pos contract contracts master agreed whose between or vs",
    "movers": "changed moved switched changing left entered joined segment segments movers moves changes between into by their its since",
    "segments": "segment segments each every their its why",
    "waits": "invoices invoice bills bill get got getting stuck wait waiting held up delayed lose losing time do did does most bottleneck bottlenecks "
    "approval approvals process stage step takes took longest slowest pay my",
    "proposals": "proposal proposals recommendation recommendations tenor open pending waiting outstanding undecided approved rejected declined expired "
    "lapsed voided withdrawn status state states what became wait waits still need needs made was were been for approval decision decisions how many do does "
    "any our my today until",
    "pilot": "pilot pilots result results outcome outcomes effect effects going doing deliver delivered bring brought work works worked working pay "
    "pays paid paying off verdict status so far vs versus against holdout does did it following follow listening tenor copilot really actually save "
    "saved how tell until today any an impact difference have had make made do",
    "duplicates": "invoices bills invoice bill were been did get came was probably likely possibly probable sent billed invoiced in twice double duplicate "
    "duplicates find list did paid pay",
}
_GLUES = {view: frozenset(f"{_BASE} {words}".split()) for view, words in _WORDS.items()}
"""Words that ask for a view and say nothing else; a word that turns its sense round is none of them."""
_FASTER_GLUE = frozenset(
    "what would will does do it bring save gain us be worth is how much many discounts discount mean for the a in if we you our of value benefit more by".split()
)
_NET = re.compile(r"\bnet (\d{1,3})\b")


def read_opportunities(sheet: Sheet) -> None:
    """Take the words that ask for an opportunity; conditions and times are left to the other passes."""
    written = re.sub(r"[-\u2010-\u2015?!.,;:]+(?=\s|$)|-", " ", sheet.question.casefold())
    written = " ".join(written.split())
    if sheet.slots.signals & {"scenario"} or sheet.slots.discounts is not None:
        return
    view = next((view for view, patterns in _PATTERNS.items() if any(p.search(written) for p in patterns)), None)
    if view is None:
        return
    if view == "faster_stage":
        _read_faster(sheet)
        return
    net = _NET.search(written) if view == "terms" else None
    states = {state for word, state in _STATES_OF.items() if word in written.split()} if view == "proposals" else set()
    if len(states) > 1:
        return
    asked = OpportunityAsk(view, net_days=int(net.group(1)) if net else None, state=next(iter(states), None))
    sheet.slots.opportunity = asked
    for at in sheet.free():
        text = _said(sheet, at)
        if net is not None and _is_term(sheet, at, net.group(1)):
            sheet.take(at, "opportunity", f"net {net.group(1)}")
        elif _leads_to_place(sheet, at):
            continue
        elif set(text.split() or [sheet.word(at)]) <= _GLUES[view] and sheet.spans[at].time is None:
            sheet.take(at, "opportunity", view.replace("_", " "))


def _read_faster(sheet: Sheet) -> None:
    """As in "what would approving stage 2 within 2 days bring": the step, the days, and the words around them."""
    found = re.search(_FASTER, sheet.question.casefold())
    if found is None:
        return
    stage, days = found["stage"], found["days"]
    sheet.slots.opportunity = OpportunityAsk(
        "faster_stage", stage=None if stage is None else _number(stage), within_days=_number(days)
    )
    for at in sheet.free():
        span = sheet.spans[at]
        inside = span.start >= found.start() and span.end <= found.end()
        if inside or set(_said(sheet, at).split()) <= _FASTER_GLUE:
            sheet.take(at, "opportunity", f"within {_number(days)} days" if inside else "faster approval")


def _number(text: str) -> int:
    return _NUMBERS.get(text) or int(text)


def _said(sheet: Sheet, at: int) -> str:
    """The words at a place; those of a number as they are written."""
    span = sheet.span(at)
    written = sheet.question[span.start : span.end].casefold() if span else ""
    return (sheet.text(at) or written).replace("-", " ")


def _is_term(sheet: Sheet, at: int, days: str) -> bool:
    """The words of "net 60 days", and no other number."""
    if _said(sheet, at) in {"net", f"net {days}", f"net {days} days"}:
        return True
    if _said(sheet, at) in {days, f"{days} days"}:
        return _said(sheet, at - 1) == "net"
    return _said(sheet, at) in {"days", "day"} and _is_term(sheet, at - 1, days)


def _leads_to_place(sheet: Sheet, at: int) -> bool:
    """As in "suppliers in Germany", where the words before the place say whose country it is."""
    place = at + 2 if sheet.text(at + 1) in {"in", "from"} else at + 1
    if sheet.text(at) not in {"suppliers", "supplier", "vendors", "vendor", "in", "from"}:
        return False
    if sheet.text(at) in {"in", "from"} and sheet.text(at - 1) not in {"suppliers", "supplier", "vendors", "vendor"}:
        return False
    span = sheet.span(place)
    return span is not None and any(meaning.kind == "value" for meaning in span.meanings)
