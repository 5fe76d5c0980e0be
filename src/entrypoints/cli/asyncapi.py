"""`flowtrack asyncapi`."""

import sys
from typing import Annotated

import msgspec
import typer

from entrypoints.events.asyncapi import asyncapi_document
from entrypoints.events.table import event_table


def asyncapi(
    table: Annotated[bool, typer.Option("--table", help="Print the table of all events instead, as Markdown.")] = False,
) -> None:
    """Prints the AsyncAPI document of this release's events, in a form that is easy to compare. Needs neither settings
    nor a database.
    """
    if table:
        sys.stdout.write(event_table())
        return
    document = msgspec.json.encode(asyncapi_document(), order="sorted")
    sys.stdout.write(msgspec.json.format(document, indent=1).decode() + "\n")
