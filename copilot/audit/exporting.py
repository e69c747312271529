"""The trail as JSON lines that verify alone: a record a line, and a last line that says where the trail ended.

A part that was sealed is such a file, too; its last line bears the seal (`sealing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from copilot.audit.chain import Broken, Head, Verdict, verify
from copilot.audit.sealing import Seal, beginning, part_fault, seal_in
from copilot.canonical_json import canonical
from copilot.errors import AuditError

END = "tenor.audit-end/1"


def export_lines(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of an export, without line ends."""
    head = Head()
    for record in records:
        yield canonical(record)
        head = Head(int(record["seq"]), str(record["hash"]))
    yield canonical({"schema": END, "records": head.seq, "hash": head.hash})


def read_export(lines: Iterable[str]) -> tuple[list[dict[str, Any]], Head | None, Seal | None]:
    """The records of an export, the end that its last line names (None when that line is missing), and its seal.

    Raises AuditError for a line that is no JSON object, with its number.
    """
    records: list[dict[str, Any]] = []
    end: Head | None = None
    seal: Seal | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError:
            raise AuditError(
                f"Line {number} of the export is not JSON: the file was damaged or changed there."
            ) from None
        if not isinstance(found, dict):
            raise AuditError(f"Line {number} of the export is not a record of an audit trail.")
        if found.get("schema") == END:
            end, seal = _promised(found, number)
        elif end is not None:
            raise AuditError(f"Line {number} of the export stands after its end: it was added.")
        else:
            records.append(found)
    return records, end, seal


def _promised(found: Mapping[str, Any], number: int) -> tuple[Head, Seal | None]:
    seal = seal_in(found["seal"]) if "seal" in found else None
    if not set(found) <= {"schema", "records", "hash", "seal"} or ("seal" in found and seal is None):
        raise AuditError(f"Line {number} of the export is not the end of one: the file was damaged or changed there.")
    length = found.get("records")
    return Head(length if isinstance(length, int) else -1, str(found.get("hash", ""))), seal


def verify_export(
    records: list[dict[str, Any]], end: Head | None, seal: Seal | None = None, trusted: str | None = None
) -> Verdict:
    """Walks the records and compares with the end that was promised, and with the seal of a sealed part."""
    start = beginning(records, trusted) if seal is None else Head(seal.after, seal.after_hash)
    verdict = start if isinstance(start, Broken) else verify(records, start)
    if seal is not None and records and not isinstance(verdict, Broken):
        fault = part_fault(records, seal, trusted)
        verdict = verdict if fault is None else Broken(1, fault)
    if isinstance(verdict, Broken):
        return verdict
    if end is None:
        return Broken(len(records) + 1, "the line that ends an export is missing: the file was cut off")
    if end != verdict.head:
        return Broken(
            verdict.head.seq + 1,
            f"the export ends with record {verdict.head.seq}, but promises {end.seq}: it was cut off",
        )
    return verdict
