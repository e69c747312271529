"""CSV: our own columns, and the tables that a central bank, a treasury and Coupa's exports write."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Final

from sync.errors import RefusedFileError
from sync.feeds.declarations import Feed
from sync.feeds.drafts import Draft, Drafts, Fault, Notation, Reading

_DELIMITERS: Final = (",", ";", "\t", "|")
_US_DATE: Final = Notation(date_format="%m/%d/%Y")
_TREASURY_TERM: Final = re.compile(r"(\d+(?:\.5)?) (Mo|Month|Yr)")
_ECB_SPOT: Final = re.compile(r"(?:YC\.)?B\.U2\.EUR\.4F\.G_N_([AC])\.SV_C_YM\.SR_((?:\d+Y)?(?:\d+M)?)")
_ECB_OVERNIGHT: Final = re.compile(r"(?:EST\.)?B\.EU000A2X2A25\.WT")
_ECB_CURVES: Final = {"A": "ECB_AAA_SPOT", "C": "ECB_ALL_SPOT"}

Lines = Iterator[tuple[int, list[str]]]


def read_csv(text: str, feed: Feed, reading: Reading) -> Drafts:
    """A file in the feed's own columns, in any order; others are left aside."""
    delimiter = reading.delimiter or _delimiter(text, feed, reading)
    lines = _lines(text, delimiter)
    _, written = next(lines, (0, []))
    header = _names(written, reading)
    _check_header(header, feed, delimiter)
    return _rows(lines, header, delimiter, reading.notation)


def unused_columns(text: str, feed: Feed, reading: Reading) -> tuple[str, ...]:
    """Columns of a CSV file that the feed does not have: worth a word, since one may be misspelt."""
    delimiter = reading.delimiter or _delimiter(text, feed, reading)
    _, written = next(_lines(text, delimiter), (0, []))
    known = {column.name for column in feed.columns}
    return tuple(name for name in _names(written, reading) if name and name not in known)


def read_treasury_csv(text: str, feed: Feed, reading: Reading) -> Drafts:
    """Daily par yields of the US Treasury: a row per day, a column per term."""
    del feed, reading
    lines = _lines(text, ",")
    _, header = next(lines, (0, []))
    for line, written in lines:
        raw = ",".join(written)
        if len(written) != len(header):
            yield Fault(line, None, _uneven(written, header), raw)
            continue
        for heading, value in zip(header[1:], written[1:], strict=True):
            if value.strip() in {"", "N/A"}:
                continue
            term = treasury_term(heading)
            if term is None:
                yield Fault(line, heading, "is not a term such as '3 Mo' or '10 Yr'", raw)
            else:
                yield Draft(line, par_yield(written[0].strip(), term, value.strip()), raw, _US_DATE)


def par_yield(day: str, term: str, value: str) -> dict[str, str]:
    """One par yield of the US Treasury in the feed's columns."""
    return {
        "curve": "US_TREASURY_PAR",
        "currency": "USD",
        "quote_date": day,
        "tenor": term,
        "yield_percent": value,
        "convention": "bond_equivalent",
    }


def treasury_term(heading: str) -> str | None:
    """`3 Mo` as P3M, `10 Yr` as P10Y, `1.5 Month` as P6W; None for another heading."""
    found = _TREASURY_TERM.fullmatch(heading.strip())
    if found is None:
        return None
    if found[1] == "1.5":
        return "P6W"  # the six-week bill, which the heading calls one and a half months
    return f"P{found[1]}{'Y' if found[2] == 'Yr' else 'M'}" if "." not in found[1] else None


def read_ecb_csv(text: str, feed: Feed, reading: Reading) -> Drafts:
    """The ECB data portal's `csvdata`: a row per series and day."""
    del feed, reading
    lines = _lines(text, ",")
    _, header = next(lines, (0, []))
    places = {name: header.index(name) for name in ("KEY", "TIME_PERIOD", "OBS_VALUE") if name in header}
    if len(places) < len(("KEY", "TIME_PERIOD", "OBS_VALUE")):
        raise RefusedFileError("the header lacks KEY, TIME_PERIOD or OBS_VALUE; ask the portal for format=csvdata")
    for line, written in lines:
        raw = ",".join(written)
        if len(written) != len(header):
            yield Fault(line, None, _uneven(written, header), raw)
            continue
        value = written[places["OBS_VALUE"]].strip()
        if value in {"", "NaN"}:
            continue  # how the portal writes a day without a quote
        yield ecb_quote(line, written[places["KEY"]], written[places["TIME_PERIOD"]], value, raw)


def ecb_quote(line: int | None, key: str, day: str, value: str, raw: str) -> Draft | Fault:
    """One observation of a series the feed knows; a fault for another series."""
    shared = {"currency": "EUR", "quote_date": day, "yield_percent": value}
    spot = _ECB_SPOT.fullmatch(key)
    if spot and spot[2]:
        return Draft(
            line,
            {**shared, "curve": _ECB_CURVES[spot[1]], "tenor": f"P{spot[2]}", "convention": "continuous"},
            raw,
        )
    if _ECB_OVERNIGHT.fullmatch(key):
        return Draft(line, {**shared, "curve": "ECB_ESTR", "tenor": "P1D", "convention": "money_market"}, raw)
    return Fault(line, "KEY", f"{key!r} is neither a spot rate of the yield curves (YC …SR_…) nor the €STR", raw)


def read_coupa_risk_csv(text: str, feed: Feed, reading: Reading) -> Drafts:
    """An export of Coupa's supplier_risk_aware_feed: a row per supplier, up to ten scores in it."""
    del feed
    delimiter = reading.delimiter or ","
    lines = _lines(text, delimiter)
    _, header = next(lines, (0, []))
    names = [name.strip().lower().replace("_", "-") for name in header]
    for line, written in lines:
        raw = delimiter.join(written)
        if len(written) != len(header):
            yield Fault(line, None, _uneven(written, header), raw)
            continue
        record = dict(zip(names, (cell.strip() for cell in written), strict=True))
        yield from risk_scores(line, record, raw, reading.notation)


def risk_scores(line: int | None, record: dict[str, str], raw: str, notation: Notation) -> Drafts:
    """The scores of one supplier in the feed's columns; empty number fields are no scores."""
    day = record.get("updated-at", "")[:10]
    for number in range(1, 11):
        score = record.get(f"number-field-{number:02d}", "")
        if score:
            cells = {
                "supplier_id": record.get("supplier-id", ""),
                "source": "coupa_risk_aware_feed",
                "measure": f"number_field_{number:02d}",
                "score_date": day,
                "score": score,
            }
            yield Draft(line, cells, raw, Notation(notation.decimal, notation.thousands))


def _lines(text: str, delimiter: str) -> Lines:
    """Rows with the line they begin on, without blank ones; raises RefusedFileError where quotes do not close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begun = 1
    try:
        for written in reader:
            if any(cell.strip() for cell in written):
                yield begun, written
            begun = reader.line_num + 1
    except csv.Error as error:
        raise RefusedFileError(f"cannot be read as CSV from line {begun} on ({error}); check its quotes") from None


def _rows(lines: Lines, header: Sequence[str], delimiter: str, notation: Notation) -> Drafts:
    for line, written in lines:
        raw = delimiter.join(written)
        if len(written) != len(header):
            yield Fault(line, None, _uneven(written, header), raw)
        else:
            yield Draft(line, dict(zip(header, (cell.strip() for cell in written), strict=True)), raw, notation)


def _names(header: Sequence[str], reading: Reading) -> list[str]:
    """The header in the feed's names: mapped as declared, else in lower case with underscores."""
    given = [name.strip() for name in header]
    return [reading.columns.get(name, name.lower().replace(" ", "_").replace("-", "_")) for name in given]


def _delimiter(text: str, feed: Feed, reading: Reading) -> str:
    """The delimiter with which the header has most of the feed's columns; a comma when none helps."""
    first = text.lstrip().splitlines()[0]
    known = {column.name for column in feed.columns}
    found = {mark: len(known & set(_names(next(csv.reader([first], delimiter=mark)), reading))) for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: (found[mark], -_DELIMITERS.index(mark)))


def _check_header(header: Sequence[str], feed: Feed, delimiter: str) -> None:
    """Raises RefusedFileError that names the columns which are missing or there twice."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise RefusedFileError(f"the header has {', '.join(twice)} twice")
    optional = {feed.looks_up}
    needed = [column.name for column in feed.columns if column.required and not column.default]
    missing = [name for name in needed if name not in header and name not in optional]
    if missing:
        seen = ", ".join(repr(name) for name in header[:12])
        raise RefusedFileError(
            f"the header lacks {', '.join(missing)} (read with delimiter {delimiter!r} it has {seen}); "
            "declare the delimiter or the names of the columns, or see docs/feeds.md for the columns of this feed"
        )


def _uneven(written: Sequence[str], header: Sequence[str]) -> str:
    return f"has {len(written)} cells where the header has {len(header)}; check delimiter and quotes"
