"""`flowtrack openapi`."""

import sys

import msgspec

from entrypoints.rest.app import make_document


def openapi() -> None:
    """Prints the OpenAPI document of this release, in a form that is easy to compare. Needs neither settings nor a
    database.
    """
    document = msgspec.json.encode(make_document(), order="sorted")
    sys.stdout.write(msgspec.json.format(document, indent=1).decode() + "\n")
