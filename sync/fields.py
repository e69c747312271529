"""The kinds of values in Coupa's JSON: ids, money, rates, local dates, custom fields, and the record that holds them.

Blank text counts as absent, as Coupa sends both; a boolean is not a number; nothing is infinite; nothing is a float.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

_FOUR_PLACES: Final = Decimal("0.0001")
_NINE_PLACES: Final = Decimal("0.000000001")


def _blank_to_none(value: object) -> object:
    """Coupa writes a missing value as null, as "" or not at all."""
    if isinstance(value, dict):
        return {key: None if item == "" else item for key, item in value.items()}
    return value


def _not_a_boolean(value: object) -> object:
    """JSON true is not the number 1, whatever Python thinks."""
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "a boolean where a number is expected")
    return value


def _local_date(value: object) -> object:
    """The date part of a time in its own offset; raises for text that is neither a date nor a time."""
    if not isinstance(value, str):
        return value
    try:
        return dt.datetime.fromisoformat(value).date()
    except ValueError:
        raise PydanticCustomError("local_date", "not a date or a time such as 2026-01-31T00:00:00-05:00") from None


Identifier = Annotated[int, BeforeValidator(_not_a_boolean), Field(ge=1, le=2**63 - 1)]
Whole = Annotated[int, BeforeValidator(_not_a_boolean), Field(ge=-(2**31), le=2**31 - 1)]
Money = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 23, gt=-(Decimal(10) ** 23)),
    AfterValidator(lambda value: value.quantize(_FOUR_PLACES)),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 5, gt=-(Decimal(10) ** 5)),
    AfterValidator(lambda value: value.quantize(_FOUR_PLACES)),
]
Rate = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(gt=0, lt=Decimal(10) ** 18),
    AfterValidator(lambda value: value.quantize(_NINE_PLACES)),
]
LocalDate = Annotated[dt.date, BeforeValidator(_local_date)]
CustomFields = dict[str, Any]
ABSENT_IS_EMPTY: Final = BeforeValidator(lambda value: () if value is None else value)


class Record(BaseModel):
    """What all records share: frozen, hyphenated aliases, blanks as absent, no infinities."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=lambda name: name.replace("_", "-"),
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )

    _blanks = model_validator(mode="before")(_blank_to_none)


def custom_flag(custom_fields: CustomFields | None, name: str) -> bool | None:
    """A yes/no custom field by its hyphenated name: booleans, text, or a lookup value with a name; None when absent."""
    value = (custom_fields or {}).get(name, (custom_fields or {}).get(name.replace("-", "_")))
    if isinstance(value, dict):
        value = value.get("name")
    if value is None or value == "":
        return None
    flag = _FLAGS.get(str(value).strip().lower())
    if flag is None:
        raise problem_with(f"custom-fields.{name}", "neither yes nor no")
    return flag


_FLAGS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "no", "n", "0"), False),
}


def problem_with(field: str, problem: str) -> PydanticCustomError:
    """A validation error that names Coupa's field although it is found after the whole record was read."""
    return PydanticCustomError("record", "{problem}", {"field": field, "problem": problem})
