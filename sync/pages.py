"""A page as received: a JSON array split into records that keep their exact text.

The text is what the mirror stores as `raw`; the decoded value (decimals as Decimal, never float) is what is typed.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from sync.errors import BrokenPageError

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class RawRecord:
    """One record as received: its exact JSON text, and the same decoded (decimals as Decimal)."""

    text: str
    value: Any

    @property
    def id(self) -> int | None:
        """The record's id, if it has one."""
        found = self.value.get("id") if isinstance(self.value, dict) else None
        if isinstance(found, str) and found.isdecimal():
            return int(found)
        return found if isinstance(found, int) and not isinstance(found, bool) else None


@dataclass(frozen=True)
class Page:
    """One page of a resource; `last_id` is where the next one starts."""

    records: tuple[RawRecord, ...]
    last_id: int


def split_records(content: bytes, resource: str) -> tuple[RawRecord, ...]:
    """The records of a page, each with its exact text; raises BrokenPageError unless it is a whole JSON array."""
    try:
        text = content.decode("utf-8")
        start = _skip(text, 0)
        if text[start : start + 1] != "[":
            raise BrokenPageError(_broken(resource, "is not a list"))
        return tuple(_elements(text, start + 1, resource))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise BrokenPageError(_broken(resource, "is not valid JSON, or is cut short")) from None


def decode_record(text: str) -> RawRecord:
    """A record from its stored text."""
    return RawRecord(text, _DECODER.decode(text))


def _elements(text: str, position: int, resource: str) -> list[RawRecord]:
    """Decodes element by element, so that each keeps its own text."""
    records: list[RawRecord] = []
    position = _skip(text, position)
    more = text[position : position + 1] != "]"
    while more:
        value, end = _DECODER.raw_decode(text, position)
        records.append(_raw_record(text[position:end], value))
        position = _skip(text, end)
        more = text[position : position + 1] == ","
        if more:
            position = _skip(text, position + 1)
    if text[position : position + 1] != "]":
        raise BrokenPageError(_broken(resource, "is cut short"))
    if _skip(text, position + 1) != len(text):
        raise BrokenPageError(_broken(resource, "goes on after its end"))
    return records


def _raw_record(text: str, value: object) -> RawRecord:
    """The record; half a surrogate pair, which no database stores, becomes the replacement character."""
    if ("\\ud" in text or "\\uD" in text) and _LONE_SURROGATE.search(_compact(value)):
        value = _without_surrogates(value)
        text = _compact(value)
    return RawRecord(text, value)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)
_SPACE: Final = re.compile(r"[ \t\n\r]*")


def _skip(text: str, position: int) -> int:
    """The position of the next character that is not white space."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _broken(resource: str, what: str) -> str:
    return f"A page of {resource!r} {what}; nothing of it was taken. Try again later."
