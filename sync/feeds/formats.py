"""The formats by name: how each is recognised, and how it becomes drafts in the columns of a feed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sync.errors import RefusedFileError
from sync.feeds.bank_lines import read_bai2, read_mt940
from sync.feeds.camt import parse_xml, read_camt
from sync.feeds.declarations import Feed
from sync.feeds.delimited import (
    ecb_quote,
    par_yield,
    read_coupa_risk_csv,
    read_csv,
    read_ecb_csv,
    read_treasury_csv,
    risk_scores,
)
from sync.feeds.drafts import Draft, Drafts, Fault, Notation, Reading

_TREASURY_XML: Final = {
    "BC_1MONTH": "P1M",
    "BC_1_5MONTH": "P6W",
    "BC_2MONTH": "P2M",
    "BC_3MONTH": "P3M",
    "BC_4MONTH": "P4M",
    "BC_6MONTH": "P6M",
    "BC_1YEAR": "P1Y",
    "BC_2YEAR": "P2Y",
    "BC_3YEAR": "P3Y",
    "BC_5YEAR": "P5Y",
    "BC_7YEAR": "P7Y",
    "BC_10YEAR": "P10Y",
    "BC_20YEAR": "P20Y",
    "BC_30YEAR": "P30Y",
}


@dataclass(frozen=True)
class Format:
    """One format: what it is, how its first characters give it away, and its reader."""

    name: str
    about: str
    recognises: Callable[[str], bool]
    read: Callable[[str, Feed, Reading], Drafts]


def format_of(text: str, feed: Feed, asked: str | None) -> Format:
    """The format that was asked for, or the one that the text shows; raises RefusedFileError."""
    if asked is not None:
        if asked not in feed.formats:
            raise RefusedFileError(f"the feed {feed.name} has no format {asked!r}; it has {', '.join(feed.formats)}")
        return FORMATS[asked]
    head = text.lstrip()[:4_000]
    for name in feed.formats:
        if name != "csv" and FORMATS[name].recognises(head):
            return FORMATS[name]
    if head.startswith(("<", "{", "[")) or "\n:20:" in f"\n{head}":
        raise RefusedFileError(
            f"is none of the formats of the feed {feed.name}: {', '.join(feed.formats)}; "
            "if it belongs to another feed, name that one"
        )
    return FORMATS["csv"]


def _read_treasury_xml(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The Treasury's Atom feed of daily par yields: an entry per day, an element per term."""
    del feed, reading
    root, lines = parse_xml(text)
    for properties in root.iter("properties"):
        day = next(((element.text or "")[:10] for element in properties if element.tag == "NEW_DATE"), "")
        for element in properties:
            value = (element.text or "").strip()
            if element.tag in _TREASURY_XML and value:
                cells = par_yield(day, _TREASURY_XML[element.tag], value)
                yield Draft(lines[element], cells, f"{day} {element.tag} {value}")


def _read_ecb_json(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The ECB data portal's `jsondata` (SDMX-JSON): series by the positions of their dimensions."""
    del feed, reading
    try:
        message = json.loads(text, parse_float=str, parse_int=str)
        dimensions = message["structure"]["dimensions"]
        places = [[value["id"] for value in dimension["values"]] for dimension in dimensions["series"]]
        days = [value["id"] for value in dimensions["observation"][0]["values"]]
        observations = list(_observations(message, places, days))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise RefusedFileError("is not SDMX-JSON as the ECB data portal writes it (format=jsondata)") from None
    for key, day, value in observations:
        yield ecb_quote(None, key, day, value, f"{key} {day} {value}")


def _observations(message: Any, places: list[list[str]], days: list[str]) -> Iterator[tuple[str, str, str]]:
    """Key, day and value of each observation that has a value."""
    for data in message["dataSets"]:
        for position, series in data["series"].items():
            parts = position.split(":")
            key = ".".join(values[int(part)] for values, part in zip(places, parts, strict=True))
            for place, (value, *_) in series["observations"].items():
                if value is not None:
                    yield key, days[int(place)], str(value)


def _read_coupa_risk_json(text: str, feed: Feed, reading: Reading) -> Drafts:
    """Records of Coupa's supplier_risk_aware_feed, as its API answers them."""
    del feed, reading
    try:
        records = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise RefusedFileError("is not JSON") from None
    for place, record in enumerate(records if isinstance(records, list) else [records], start=1):
        if not isinstance(record, dict):
            yield Fault(None, None, f"record {place} is not an object", str(record))
            continue
        supplier = record.get("supplier")
        nested = supplier.get("id") if isinstance(supplier, dict) else None
        texts = {str(name): str(value) for name, value in record.items() if value is not None}
        identifier = texts.get("supplier-id") or ("" if nested is None else str(nested))
        raw = f"record {texts.get('id', place)}"
        yield from risk_scores(None, {**texts, "supplier-id": identifier}, raw, Notation())


FORMATS: Final = {
    found.name: found
    for found in (
        Format("csv", "comma-separated, in the feed's own columns", lambda _head: True, read_csv),
        Format("camt053", "ISO 20022 bank statement", lambda head: ":camt.05" in head, read_camt),
        Format("bai2", "BAI2 balance reporting", lambda head: head.startswith("01,"), read_bai2),
        Format("mt940", "SWIFT MT940 bank statement", lambda head: "\n:20:" in f"\n{head}", read_mt940),
        Format("ecb-csv", "ECB data portal, csvdata", lambda head: head.startswith("KEY,FREQ"), read_ecb_csv),
        Format("ecb-json", "ECB data portal, jsondata", lambda head: head.startswith("{"), _read_ecb_json),
        Format(
            "treasury-csv",
            "US Treasury, daily par yield curve rates",
            lambda head: head.startswith(('Date,"1 Mo"', "Date,1 Mo")),
            read_treasury_csv,
        ),
        Format(
            "treasury-xml",
            "US Treasury, daily par yield curve rates",
            lambda head: head.startswith("<") and "DailyTreasuryYieldCurveRateData" in head,
            _read_treasury_xml,
        ),
        Format(
            "coupa-risk-json",
            "answers of Coupa's supplier_risk_aware_feed",
            lambda head: head.startswith(("[", "{")),
            _read_coupa_risk_json,
        ),
        Format(
            "coupa-risk-csv",
            "an export with the fields of Coupa's supplier_risk_aware_feed",
            lambda head: "number-field-01" in head.splitlines()[0].lower().replace("_", "-"),
            read_coupa_risk_csv,
        ),
    )
}
