"""ISO 20022 camt.053 (and 052): balances of statements, in any version of the schema.

A statement whose booked entries do not lead from its opening to its closing balance is set aside whole: one of the
three numbers is wrong, and nobody can tell which.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from sync.errors import RefusedFileError
from sync.feeds.declarations import Feed
from sync.feeds.drafts import Draft, Drafts, Fault, Reading

_TYPES: Final = {
    "OPBD": "opening_booked",
    "CLBD": "closing_booked",
    "CLAV": "closing_available",
    "FWAV": "forward_available",
    "ITBD": "interim_booked",
}
_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]*\?>")
_SIGNS: Final = {"CRDT": 1, "DBIT": -1}


class Marked(TreeBuilder):
    """Builds a tree whose elements know their line; `lines` is filled as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Element, int] = {}
        self.line: Callable[[], int] = lambda: 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        """Begins an element, without its namespace: versions of the schema differ in nothing we read."""
        element = super().start(tag.rpartition("}")[2], attrs)
        self.lines[element] = self.line()
        return element

    def end(self, tag: str, /) -> Element:
        """Ends an element."""
        return super().end(tag.rpartition("}")[2])


def parse_xml(text: str) -> tuple[Element, dict[Element, int]]:
    """The root and the line of each element, namespaces and attributes' namespaces left out.

    Raises RefusedFileError for what is not well-formed, and for document types, entities and external references.
    """
    builder = Marked()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    builder.line = lambda: int(parser.parser.CurrentLineNumber)
    try:
        # the text is decoded already, so what the file says of its encoding no longer holds
        parser.feed(_DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1).encode())
        return parser.close(), builder.lines
    except ParseError as error:
        raise RefusedFileError(f"is not well-formed XML ({error})") from None
    except (DefusedXmlException, ValueError):
        raise RefusedFileError("declares a document type or entities; no such message needs them") from None


def read_camt(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The balances of every statement in the file."""
    del feed, reading
    root, lines = parse_xml(text)
    statements = [*root.iter("Stmt"), *root.iter("Rpt")]
    if not statements:
        raise RefusedFileError("holds no statement (Stmt) or report (Rpt); it is not a camt.053 or camt.052 message")
    for statement in statements:
        yield from _statement(statement, lines)


def _statement(statement: Element, lines: dict[Element, int]) -> Drafts:
    account = _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id")
    raw = f"statement {_text(statement, 'Id')} of account {account}"
    problem = _imbalance(statement)
    if not account:
        problem = "names no account (Acct/Id)"
    if problem:
        yield Fault(lines[statement], "Stmt", problem, raw)
        return
    for balance in _kept(statement):
        yield _balance(balance, lines[balance], account, _text(statement, "Acct/Svcr/FinInstnId/Nm"), raw)


def _balance(balance: Element, line: int, account: str, bank: str, raw: str) -> Draft | Fault:
    amount = balance.find("Amt")
    sign = _text(balance, "CdtDbtInd")
    if amount is None or sign not in _SIGNS:
        return Fault(line, "Bal", "lacks its amount (Amt) or its sign (CdtDbtInd)", raw)
    value = (amount.text or "").strip()
    cells = {
        "account": account,
        "currency": amount.get("Ccy", ""),
        "position_date": (_text(balance, "Dt/Dt") or _text(balance, "Dt/DtTm"))[:10],
        "balance_type": _TYPES[_code(balance)],
        "amount": f"-{value}" if sign == "DBIT" else value,
        "bank": bank,
    }
    return Draft(line, cells, f"{raw}, balance {_code(balance)} {value} {sign}")


def _kept(statement: Element) -> Iterator[Element]:
    """The balances that are of use; value-dated and other kinds are left aside, as are those of credit lines."""
    for balance in statement.iterfind("Bal"):
        if _code(balance) in _TYPES:
            yield balance


def _imbalance(statement: Element) -> str | None:
    """Why opening, entries and closing do not fit together; None when they do, or one of them is not given."""
    try:
        booked = {_code(balance): _signed(balance) for balance in statement.iterfind("Bal")}
        opening = booked.get("OPBD", booked.get("PRCD"))
        entries = sum((_signed(entry) for entry in statement.iterfind("Ntry") if _is_booked(entry)), Decimal())
    except (InvalidOperation, KeyError):
        return "has an entry or a balance without a readable amount and sign"
    closing = booked.get("CLBD")
    if opening is None or closing is None or opening + entries == closing:
        return None
    return f"does not add up: opening {opening} and entries {entries} do not make closing {closing}"


def _is_booked(entry: Element) -> bool:
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    return status in {"BOOK", ""}


def _signed(element: Element) -> Decimal:
    return _SIGNS[_text(element, "CdtDbtInd")] * Decimal(_text(element, "Amt"))


def _code(balance: Element) -> str:
    return _text(balance, "Tp/CdOrPrtry/Cd")


def _text(element: Element, path: str) -> str:
    found = element.find(path)
    return (found.text or "").strip() if found is not None else ""
