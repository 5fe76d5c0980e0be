"""Kinds of fields that several features' bodies and queries share."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from core.kernel import text
from core.kernel.errors import Invalid

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)


class Given(BaseModel):
    """A body of a request: unknown fields are refused, and so is `"1"` where a number is meant."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shown(BaseModel):
    """A body of an answer, for the documentation: read models write it themselves."""

    model_config = ConfigDict(extra="forbid")


def _split(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [part for each in value for part in (each.split(",") if isinstance(each, str) else [each])]


def _clean(value: str) -> str:
    try:
        return text.cleaned(value, pointer="", most=len(value))
    except Invalid as error:
        raise ValueError(error.faults[0].detail) from error


def _like(pattern: re.Pattern[str], words: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and pattern.match(value)):
            raise ValueError(words)
        return value

    return BeforeValidator(check)


Several = BeforeValidator(_split)
"""A filter of several values: repeated, or separated by commas."""

Text = Annotated[str, AfterValidator(_clean)]
"""Trimmed, without control characters but tab and newline, and so without NUL."""

Day = Annotated[date, Field(strict=False), _like(_DAY, "must be a day as YYYY-MM-DD")]
Instant = Annotated[
    datetime, Field(strict=False), _like(_INSTANT, "must be an instant with its zone, as 2026-11-20T09:30:00Z")
]

Name = Annotated[Text, Field(min_length=1, max_length=text.NAME_LENGTH)]
Title = Annotated[Text, Field(min_length=1, max_length=text.TITLE_LENGTH)]
Description = Annotated[Text, Field(max_length=text.DESCRIPTION_LENGTH)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="The version that you believe to be current.")]
