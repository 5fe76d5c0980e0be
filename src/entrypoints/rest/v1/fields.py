"""Kinds of fields that several features' bodies and queries share."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from core.kernel import text


class Given(BaseModel):
    """A body of a request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Shown(BaseModel):
    """A body of an answer, for the documentation: read models write it themselves."""

    model_config = ConfigDict(extra="forbid")


def _split(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [part for each in value for part in (each.split(",") if isinstance(each, str) else [each])]


Several = BeforeValidator(_split)
"""A filter of several values: repeated, or separated by commas."""

Name = Annotated[str, Field(min_length=1, max_length=text.NAME_LENGTH)]
Title = Annotated[str, Field(min_length=1, max_length=text.TITLE_LENGTH)]
Description = Annotated[str, Field(max_length=text.DESCRIPTION_LENGTH)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="The version that you believe to be current.")]
