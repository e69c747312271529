"""Statements as banks send them, written by hand after the formats' public descriptions."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.mirror import Mirror

ACCOUNTS = """account,entity,currency,bank,valid_from
4000123,Acme US,USD,First,2020-01-01
4000123,Acme US New,USD,First,2026-11-20
DE89370400440532013000,Acme DE,EUR,Zweite,2020-01-01
JP0001,Acme JP,JPY,Third,2020-01-01
"""
BAI2 = """01,BANKID,ACME,261119,0600,1,,,2/
02,ACME,BANKID,1,261119,2359,USD,2/
03,4000123,,010,500000,,/
88,015,-750000,,,045,740000,,/
16,165,250000,Z,ref1,cust,WIRE IN/
49,740000,4/
98,740000,1,6/
99,740000,1,8/
"""
MT940 = """:20:STARTUMSE
:25:DE89370400440532013000
:28C:00325/001
:60F:C261119EUR1000,50
:61:2611201120D250,00NTRFNONREF
:86:something paid
:62F:C261120EUR750,50
:64:C261120EUR700,
"""


def camt(*statements: str, version: str = "053.001.02") -> str:
    """A message with these statements."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{version}">\n'
        f"<BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr>\n{''.join(statements)}</BkToCstmrStmt></Document>\n"
    )


def statement(account: str, opening: str, closing: str, *entries: str, mark: str = "CRDT", code: str = "CLBD") -> str:
    """One statement of euro balances; `mark` is that of both balances."""
    lines = [f"<Stmt><Id>S1</Id><Acct><Id>{account}</Id></Acct>"]
    for kind, amount, day in (("OPBD", opening, "2026-11-19"), (code, closing, "2026-11-20")):
        lines.append(
            f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
            f"<CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )
    lines += [
        f'<Ntry><Amt Ccy="EUR">{entry.lstrip("-")}</Amt><CdtDbtInd>{"DBIT" if entry[0] == "-" else "CRDT"}</CdtDbtInd>'
        "<Sts>BOOK</Sts></Ntry>"
        for entry in entries
    ]
    return "\n".join((*lines, "</Stmt>\n"))


IBAN = "<IBAN>DE89370400440532013000</IBAN>"


def positions(mirror: Mirror) -> list[Any]:
    """What the mirror holds: entity, day, balance type, amount."""
    return mirror.query(
        "SELECT entity, position_date, balance_type, amount FROM feed_cash_positions ORDER BY position_date, balance_type"
    )


def test_bai2_balances_with_continued_records_and_an_overdraft(mirror: Mirror, loads: Any) -> None:
    """Amounts are in cents; the group's currency holds where the account has none."""
    loads("bank_accounts", ACCOUNTS)

    done = loads("cash_positions", BAI2, "bank.txt")

    assert (done.format, done.problem, done.faults) == ("bai2", None, ())
    assert positions(mirror) == [
        ("Acme US", dt.date(2026, 11, 19), "closing_available", Decimal(7400)),
        ("Acme US", dt.date(2026, 11, 19), "closing_booked", Decimal(-7500)),
        ("Acme US", dt.date(2026, 11, 19), "opening_booked", Decimal(5000)),
    ]


def test_bai2_in_yen_has_no_decimals(mirror: Mirror, loads: Any) -> None:
    """BAI2 writes minor units, and the yen has none."""
    loads("bank_accounts", ACCOUNTS)
    text = BAI2.replace("4000123,,", "JP0001,JPY,")

    loads("cash_positions", text)

    assert ("Acme JP", dt.date(2026, 11, 19), "opening_booked", Decimal(500000)) in positions(mirror)


@pytest.mark.parametrize(
    ("old", "new"),
    [("49,740000,4/", "49,740001,4/"), ("99,740000,1,8/", "99,740000,1,9/"), ("16,165,", "16,999999,"), ("02,", "77,")],
)
def test_a_bai2_file_with_wrong_totals_is_refused(mirror: Mirror, loads: Any, old: str, new: str) -> None:
    """Control totals and counts are there to be checked."""
    loads("bank_accounts", ACCOUNTS)

    done = loads("cash_positions", BAI2.replace(old, new))

    assert "cannot be read as BAI2" in str(done.problem)
    assert positions(mirror) == []


def test_mt940_balances(mirror: Mirror, loads: Any) -> None:
    """Booked and available, opening and closing."""
    loads("bank_accounts", ACCOUNTS)

    done = loads("cash_positions", MT940, "umsatz.sta")

    assert (done.format, done.problem, done.faults) == ("mt940", None, ())
    assert positions(mirror) == [
        ("Acme DE", dt.date(2026, 11, 19), "opening_booked", Decimal("1000.5")),
        ("Acme DE", dt.date(2026, 11, 20), "closing_available", Decimal(700)),
        ("Acme DE", dt.date(2026, 11, 20), "closing_booked", Decimal("750.5")),
    ]


def test_one_bad_mt940_statement_does_not_hide_a_good_one(loads: Any) -> None:
    """The one that does not add up is set aside with its numbers."""
    loads("bank_accounts", ACCOUNTS)
    other = MT940.replace("DE89370400440532013000", "JP0001").replace("EUR", "JPY").replace("D250,00", "D251,00")

    done = loads("cash_positions", MT940 + other)

    assert done.new == 3
    assert [fault.problem for fault in done.faults] == [
        "does not add up: opening 1000.50 and entries -251.00 do not make closing 750.50"
    ]


def test_a_malformed_field_is_named_and_not_quoted(
    loads: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Balances do not end up in a log; the library would write them there."""
    done = loads("cash_positions", MT940.replace(":60F:C26", ":60F:X26"))

    assert done.problem == "cannot be read as MT940: its field :60F: is malformed"
    assert caplog.text == ""
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("version", ["053.001.02", "053.001.08", "053.001.13"])
def test_camt053_of_any_version(mirror: Mirror, loads: Any, version: str) -> None:
    """Balances by IBAN; a debit balance is an overdraft; the line is that of the balance."""
    loads("bank_accounts", ACCOUNTS)

    done = loads("cash_positions", camt(statement(IBAN, "10.00", "4.50", "5.50", mark="DBIT"), version=version))

    assert (done.format, done.problem, done.faults) == ("camt053", None, ())
    assert positions(mirror) == [
        ("Acme DE", dt.date(2026, 11, 19), "opening_booked", Decimal(-10)),
        ("Acme DE", dt.date(2026, 11, 20), "closing_booked", Decimal("-4.5")),
    ]
    assert mirror.query("SELECT source_line FROM feed_cash_positions ORDER BY ALL") == [(5,), (6,)]


def test_camt053_knows_accounts_without_iban(mirror: Mirror, loads: Any) -> None:
    """American and British banks write Othr/Id; and the entity is the one of that day."""
    loads("bank_accounts", ACCOUNTS)

    loads("cash_positions", camt(statement("<Othr><Id>4000123</Id></Othr>", "1", "2", "1").replace("EUR", "USD")))

    assert [entity for entity, *_ in positions(mirror)] == ["Acme US", "Acme US New"]


def test_camt053_that_does_not_add_up_is_set_aside_with_its_line(mirror: Mirror, loads: Any) -> None:
    """The other statement of the message is loaded."""
    loads("bank_accounts", ACCOUNTS)
    good = statement("<Othr><Id>JP0001</Id></Othr>", "1", "1").replace("EUR", "JPY")

    done = loads("cash_positions", camt(statement(IBAN, "10", "20", "5"), good))

    assert [(fault.line, fault.problem) for fault in done.faults] == [
        (4, "does not add up: opening 10 and entries 5 do not make closing 20")
    ]
    assert {entity for entity, *_ in positions(mirror)} == {"Acme JP"}


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_xml_with_a_document_type_is_not_read(loads: Any, declaration: str) -> None:
    """Entities that multiply, and files of this machine, stay where they are."""
    text = camt(statement(IBAN, "1", "1")).replace("<Document", f"{declaration}<Document")

    assert "declares a document type" in str(loads("cash_positions", text, file_format="camt053").problem)


@pytest.mark.parametrize("encoding", ["UF-8", "utf-16", "ISO-8859-1", "punycode"])
def test_what_a_message_says_of_its_encoding_cannot_mislead(mirror: Mirror, loads: Any, encoding: str) -> None:
    """The file is read as it was declared to us; names of no encoding do no harm."""
    loads("bank_accounts", ACCOUNTS)

    assert loads("cash_positions", camt(statement(IBAN, "1", "1")).replace("UTF-8", encoding)).new == 2
    assert mirror.query("SELECT min(source_line) FROM feed_cash_positions") == [(5,)]


def test_a_cut_off_message_is_refused(loads: Any) -> None:
    """Half a message is no message."""
    assert "not well-formed" in str(loads("cash_positions", camt(statement(IBAN, "1", "1"))[:-30]).problem)


def test_an_account_of_no_entity_is_set_aside_until_it_is_known(mirror: Mirror, loads: Any) -> None:
    """The same file is tried again, and needs no touch."""
    text = camt(statement(IBAN, "1", "1"))
    first = loads("cash_positions", text)
    loads("bank_accounts", ACCOUNTS, hours=1)

    second = loads("cash_positions", text, hours=2)

    assert "has no entity" in first.faults[0].problem
    assert (second.new, second.faults) == (2, ())
    assert mirror.query("SELECT count(*) FROM feed_rejected_rows") == [(0,)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(BAI2) - 1), st.integers(0, len(MT940) - 1), st.characters(codec="utf-8"))
def test_one_wrong_character_never_breaks_a_load(loads: Any, first: int, second: int, character: str) -> None:
    """Statements with a slip anywhere are read, set aside or refused, whatever a library makes of them."""
    message = camt(statement(IBAN, "1", "1"))
    third = (first * 7) % len(message)
    for text, place in ((BAI2, first), (MT940, second), (message, third)):
        done = loads("cash_positions", text[:place] + character + text[place + 1 :])
        assert done.problem or done.read >= 0
