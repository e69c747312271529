"""A page as received: a JSON array split into records that keep their exact text.

The text is what the mirror stores as `raw`; the decoded value (decimals as Decimal, never float) is what is typed.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from sync.errors import BrokenPageError


class _Head(msgspec.Struct, gc=False):
    """The one field that a page is ordered by."""

    id: msgspec.Raw = msgspec.Raw()


_PAGE: Final = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD: Final = msgspec.json.Decoder(_Head)
_NOT_A_LIST: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ESCAPE: Final = re.compile(  # any escape in a JSON string: a whole surrogate pair, half of one, or another
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as received: its exact JSON text in UTF-8, known to be whole."""

    content: bytes

    @property
    def text(self) -> str:
        """The exact text."""
        return self.content.decode("utf-8")

    @property
    def value(self) -> Any:
        """The text decoded, decimals as Decimal; raises ValueError or RecursionError where no program can hold it."""
        return _DECODER.decode(self.text)

    @property
    def id(self) -> int | None:
        """The record's id, if it has one."""
        try:
            found = msgspec.json.decode(_HEAD.decode(self.content).id)
        except (msgspec.MsgspecError, RecursionError):
            return None  # no object, no id, or one that is no value
        if isinstance(found, str) and found.isdecimal():
            return int(found)
        return found if isinstance(found, int) and not isinstance(found, bool) else None


@dataclass(frozen=True)
class Page:
    """One page of a resource; `last_id` is where the next one starts. `repeated` records were served before."""

    records: tuple[RawRecord, ...]
    last_id: int
    repeated: int = 0


def split_records(content: bytes, resource: str) -> tuple[RawRecord, ...]:
    """The records of a page, each with its exact text; raises BrokenPageError unless it is a whole JSON array.

    Half a surrogate pair, which no database stores, becomes the replacement character; all else stays as it came.
    """
    try:
        return _elements(content)
    except _NOT_A_LIST:
        pass
    try:
        return _elements(_ESCAPE.sub(_whole_characters, content))
    except msgspec.ValidationError:
        raise BrokenPageError(_broken(resource, "is not a list")) from None
    except _NOT_A_LIST:
        raise BrokenPageError(_broken(resource, "is not valid JSON, or is cut short")) from None


def decode_record(text: str) -> RawRecord:
    """A record from its stored text."""
    return RawRecord(text.encode("utf-8"))


def _elements(content: bytes) -> tuple[RawRecord, ...]:
    content.decode("utf-8")  # the splitter does not look into strings for that
    return tuple(RawRecord(bytes(element)) for element in _PAGE.decode(content))


def _whole_characters(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are not JSON."""
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def _broken(resource: str, what: str) -> str:
    return f"A page of {resource!r} {what}; nothing of it was taken. Try again later."
