"""The fast way in: records that are plain are typed by structs which are derived from `sync.records`.

The record types there say what a record is. Nearly every record that Coupa sends has each value in its usual form, and
for those forms (`PLAIN_FORMS` in `sync.fields`) a decoder that is made once does the whole check in one pass, about
twenty times faster. Whatever it does not take is not a bad record: it is read again by its record type, which alone
accepts unusual forms and says what is wrong with a bad value. So both readings give the same rows; tests hold them to
it with random records.
"""

import functools
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sync.fields import ABSENT_IS_EMPTY, PLAIN_FORMS, Record

_ABSENT: Final = re.compile(rb':[ \t]*""')  # in JSON text this is a member without a value; never inside a string
_FINER_THAN_MICROSECONDS: Final = re.compile(rb"\.[0-9]{7,}[-+Zz]")  # the decoder rounds these times, the types cut
_TEXTS: Final = tuple[msgspec.Raw, ...] | None
_BLANK: Final = typing.Literal[""]
_SHARED_RULES: Final = Record.__pydantic_decorators__.model_validators.keys()


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """A typed record, with the attributes of its record type; and each kept list's items with their own text."""

    typed: Any
    kept: Mapping[str, Sequence[tuple[Any, str]]]


class PlainReader:
    """Reads plain records of one type. `kept` are the lists whose items keep their own text, by attribute.

    Raises TypeError for a record type that has no plain form.
    """

    def __init__(self, record: type[Record], kept: Iterable[str] = ()) -> None:
        hints = typing.get_type_hints(record)
        self._rule: Callable[[Any], None] | None = record.check if record.check is not Record.check else None
        exact: list[Any] = [(name, _TEXTS | _BLANK, None) for name in kept]
        if "custom_fields" in hints:
            exact.append(("custom_fields", _form(hints["custom_fields"]) | _BLANK, None))
        self._exact_names = [name for name, *_ in exact]
        self._exact = msgspec.json.Decoder(msgspec.defstruct("Exact", exact, rename=_hyphenated, gc=False))
        self._whole = msgspec.json.Decoder(_struct(record, tuple(kept)))
        self._kept = {name: msgspec.json.Decoder(_struct(typing.get_args(hints[name])[0])) for name in kept}

    def read(self, content: bytes) -> PlainRecord | None:
        """The record of a JSON text, or None when it is not plain."""
        if _FINER_THAN_MICROSECONDS.search(content):
            return None
        try:
            return self._read(content)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None

    def _read(self, content: bytes) -> PlainRecord:
        if b"\n" in content or b"\r" in content:
            content = msgspec.json.format(content, indent=-1)  # what is laid out as a line has none inside
        try:
            typed = self._whole.decode(content)
        except msgspec.ValidationError:
            typed = self._read_with_blanks(content)
        if self._rule is not None:
            self._rule(typed)
        return PlainRecord(typed, {name: self._items(name, getattr(typed, name) or ()) for name in self._kept})

    def _read_with_blanks(self, content: bytes) -> Any:
        """The record with "" taken for null, except in what keeps its own text."""
        typed = self._whole.decode(_without_blanks(content))
        exact = self._exact.decode(content)
        for name in self._exact_names:
            value = getattr(exact, name)
            setattr(typed, name, None if value == "" else value)
        return typed

    def _items(self, name: str, raws: Iterable[msgspec.Raw]) -> list[tuple[Any, str]]:
        """The typed items of a list, each with its text."""
        decode = self._kept[name].decode
        items = []
        for raw in raws:
            try:
                item = decode(raw)
            except msgspec.ValidationError:
                item = decode(_without_blanks(bytes(raw)))
            items.append((item, str(raw, "utf-8")))
        return items


def _without_blanks(content: bytes) -> bytes:
    """The text with "" as null, as the record types take it; raises ValueError when there is none to blame."""
    text, found = _ABSENT.subn(b":null", content)
    if not found:
        raise ValueError("no blanks")
    return text


def _hyphenated(name: str) -> str:
    return name.replace("_", "-")


@functools.cache
def _struct(record: type[Record], kept: tuple[str, ...] = ()) -> type[msgspec.Struct]:
    """The struct of a record type, with its properties; raises TypeError where the type has rules of its own."""
    declared = record.__pydantic_decorators__
    if declared.field_validators or declared.model_validators.keys() != _SHARED_RULES:
        raise TypeError(f"{record.__name__} checks values in a way of its own; state the rule in `check`.")
    fields: list[Any] = []
    for name, hint in typing.get_type_hints(record, include_extras=True).items():
        if name not in record.model_fields:
            continue
        form = _TEXTS if name in kept else _form(hint)
        required = record.model_fields[name].is_required()
        fields.append((name, form) if required else (name, form, None))
    own = [base for base in reversed(record.__mro__) if issubclass(base, Record) and base is not Record]
    shared = {name: value for base in own for name, value in vars(base).items() if isinstance(value, property)}
    return msgspec.defstruct(
        f"Plain{record.__name__}", fields, namespace=shared, rename=_hyphenated, kw_only=True, gc=False
    )


def _form(hint: Any) -> Any:
    """The plain form of an annotation; raises TypeError when there is none."""
    for kind, form in PLAIN_FORMS:
        if hint == kind:
            return form
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union} and len(arguments) == 2 and arguments[1] is types.NoneType:
        return _form(arguments[0]) | None
    if hasattr(hint, "__metadata__") and hint.__metadata__ == (ABSENT_IS_EMPTY,):
        return _form(hint.__origin__) | None
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return types.GenericAlias(tuple, (_form(arguments[0]), ...))
    if isinstance(hint, type) and issubclass(hint, Record) and hint.check is Record.check:
        return _struct(hint)
    raise TypeError(f"There is no plain form of {hint!r}.")
