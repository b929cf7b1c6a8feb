"""The kinds of values in requests and answers: amounts, moments, texts and pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from core.ledger.credits import Credits
from core.services.common.cursors import MAX_LIMIT
from core.services.common.text import EMAIL_LENGTH, NAME_LENGTH, is_storable
from core.services.common.validation import MESSAGE_LENGTH

AMOUNT_PATTERN: Final = r"^[0-9]{1,10}(\.[0-9]{1,6})?$"
ID_LENGTH: Final = 40
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)

Item = TypeVar("Item")


class RequestModel(BaseModel):
    """What a request holds; a field nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Shown(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)


class PageShown(Shown, Generic[Item]):
    """A page of a list; ``next_cursor`` is null on the last."""

    items: list[Item]
    next_cursor: str | None


def _amount(value: Any) -> Credits:
    if not isinstance(value, str):
        raise ValueError('an amount is a string, like "500" or "0.25"')  # noqa: TRY004  (pydantic wants ValueError)
    return Credits.parse(value)


def _moment_text(value: Any) -> Any:
    if not isinstance(value, str) or _MOMENT.fullmatch(value) is None:
        raise ValueError("a time is written like 2026-11-20T13:02:00Z")
    return value


def _utc(moment: datetime) -> datetime:
    try:
        present = moment.astimezone(UTC)
    except OverflowError:
        present = _EARLIEST
    if present <= _EARLIEST:
        raise ValueError("must be a time after 1970 and before the year 10000")
    return present


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("must be plain text")
    return text


Amount = Annotated[
    Credits,
    PlainValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": AMOUNT_PATTERN, "examples": ["500", "0.25"]}),
]
AmountShown = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]{1,6})?$", examples=["4210", "0.5"])]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment_text),
    AfterValidator(_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-31T00:00:00Z"]}),
]
Id = Annotated[str, Field(min_length=1, max_length=ID_LENGTH), AfterValidator(_storable)]
Somebody = Annotated[str, Field(min_length=1, max_length=EMAIL_LENGTH), AfterValidator(_storable)]  # id or address
Words = Annotated[str, Field(min_length=1, max_length=MESSAGE_LENGTH), AfterValidator(_storable)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), AfterValidator(_storable)]
Flag = Annotated[bool, Field(strict=True)]

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items a page holds at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=600, description="`next_cursor` of the page before.", json_schema_extra={"example": None}),
]
