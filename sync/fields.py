"""The kinds of values in Coupa's JSON: ids, money, rates, local dates, custom fields, and the record that holds them.

Blank text counts as absent, as Coupa sends both; a boolean is not a number; nothing is infinite; nothing is a float.
Each kind of number has as many digits as its column in the mirror; one that is too large sets its record aside.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def _rounded(places: int, below: Decimal) -> Callable[[Decimal], Decimal]:
    """Rounds half to even to so many places; raises for a number that is too large after that."""
    place = Decimal(1).scaleb(-places)

    def rounded(value: Decimal) -> Decimal:
        found = value.quantize(place)
        if abs(found) >= below:
            raise PydanticCustomError("too_large", "{problem}", {"problem": f"too large; it must be below {below:,f}"})
        return found

    return rounded


def _blank_to_none(value: object) -> object:
    """Coupa writes a missing value as null, as "" or not at all."""
    if isinstance(value, dict):
        return {key: None if item == "" else item for key, item in value.items()}
    return value


def _blanks_to_null(value: object) -> object:
    """A value with each member "" of an object in it as null."""
    if isinstance(value, dict):
        return {key: None if item == "" else _blanks_to_null(item) for key, item in value.items()}
    return [_blanks_to_null(item) for item in value] if isinstance(value, list) else value


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
        return dt.datetime.fromisoformat(value.upper()).date()
    except ValueError:
        raise PydanticCustomError("local_date", "not a date or a time such as 2026-01-31T00:00:00-05:00") from None


Identifier = Annotated[int, BeforeValidator(_not_a_boolean), Field(ge=1, le=2**63 - 1)]
Whole = Annotated[int, BeforeValidator(_not_a_boolean), Field(ge=-(2**31), le=2**31 - 1)]
Money = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 14, gt=-(Decimal(10) ** 14)),
    AfterValidator(_rounded(4, below=Decimal(10) ** 14)),
]
"""An amount of a document."""
Total = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 23, gt=-(Decimal(10) ** 23)),
    AfterValidator(_rounded(4, below=Decimal(10) ** 24)),
]
"""A bound that may stand for "no bound", or a number whose meaning is the tenant's own."""
Quantity = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 22, gt=-(Decimal(10) ** 22)),
    AfterValidator(_rounded(6, below=Decimal(10) ** 23)),
]
"""A quantity, or the price of one."""
Percent = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(lt=Decimal(10) ** 5, gt=-(Decimal(10) ** 5)),
    AfterValidator(_rounded(4, below=Decimal(10) ** 5)),
]
Rate = Annotated[
    Decimal,
    BeforeValidator(_not_a_boolean),
    Field(gt=0, lt=Decimal(10) ** 18),
    AfterValidator(_rounded(9, below=Decimal(10) ** 19)),
]
LocalDate = Annotated[dt.date, BeforeValidator(_local_date)]
CustomFields = dict[str, Any]
LineFields = Annotated[dict[str, Any], BeforeValidator(_blanks_to_null)]
"""Custom fields inside a list of children: there "" is null, as in every other value."""
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

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Rules over several fields: raises `problem_with` the first that is broken.

        It also runs on the plain values of `sync.plain_records`, which have the same attributes.
        """


def custom_flag(custom_fields: CustomFields | None, name: str) -> bool | None:
    """A yes/no custom field by its hyphenated name: booleans, text, or a lookup value with a name; None when absent."""
    value = (custom_fields or {}).get(name, (custom_fields or {}).get(name.replace("-", "_")))
    if isinstance(value, msgspec.Raw):
        value = msgspec.json.decode(value)
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


def _decimal_text(whole: int, places: int, sign: str = "-?") -> Any:
    """Decimal text that is its own canonical value: at most so many digits before and after the point."""
    return Annotated[str, msgspec.Meta(pattern=rf"\A{sign}[0-9]{{1,{whole}}}(\.[0-9]{{1,{places}}})?\Z")]


_PLAIN_PERCENT: Final = re.compile(r"-?[0-9]{1,5}(\.[0-9]{1,4})?")


def plain_percent(value: Any) -> Any:
    """A plain percent as text; raises ValueError for a number with more digits than a percent has.

    No other number of up to nine digits has the same float, so that nothing is lost on the way through one.
    """
    if not isinstance(value, int | float):
        return value
    text = str(value)
    if not _PLAIN_PERCENT.fullmatch(text):
        raise ValueError(text)
    return text


_PLAIN_FIELD: Final[Any] = None | bool | int | Annotated[str, msgspec.Meta(min_length=1)]

# What each kind of value looks like where nothing about it is unusual, for the fast reader of `sync.plain_records`.
# A form may be narrower than the kind it stands for, never wider, and it holds the same value. Decimals and local
# dates stay text, because text is what they are written to the mirror as.
PLAIN_FORMS: Final[tuple[tuple[Any, Any], ...]] = (
    (Identifier, Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]),
    (Whole, Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]),
    (Money, _decimal_text(14, 4)),
    (Total, _decimal_text(23, 4)),
    (Quantity, _decimal_text(22, 6)),
    (Percent, _decimal_text(5, 4) | int | float),  # Coupa writes them as text and as numbers; see plain_percent
    (Rate, _decimal_text(18, 9, sign=r"(?=[0-9.]*[1-9])")),
    (
        LocalDate,
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}"
                r"(T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?)?\Z",
            ),
        ],
    ),
    (AwareDatetime, Annotated[dt.datetime, msgspec.Meta(tz=True)]),
    (CustomFields, dict[str, msgspec.Raw]),
    (LineFields, dict[str, _PLAIN_FIELD | dict[str, _PLAIN_FIELD]]),  # other numbers, and lists, are read by pydantic
    (bool, bool),
    (str, Annotated[str, msgspec.Meta(min_length=1)]),
)
