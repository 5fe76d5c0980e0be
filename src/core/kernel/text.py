"""Text that people type: trimmed, without control characters, bounded."""

import re

from core.kernel.errors import Fault, Invalid

# C0 and C1 controls but tab and newline, and the lone surrogates that no encoding can carry.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# What ends a line: U+2028 and U+2029 do as well, to JavaScript and to whoever writes the headers of a mail.
_BREAKS = re.compile("[\n\t\u2028\u2029]")

NAME_LENGTH = 200
TITLE_LENGTH = 500
DESCRIPTION_LENGTH = 100_000


def cleaned(text: str, *, pointer: str, most: int, least: int = 0) -> str:
    """The text, trimmed.

    Carriage returns before newlines are dropped, as browsers add them. Raises Invalid, naming `pointer`, for control
    characters, lone surrogates, and for fewer than `least` or more than `most` characters.
    """
    # What can be printed is neither a control character nor a surrogate.
    if not text.isprintable():
        text = text.replace("\r\n", "\n")
        # Before trimming, which would take some control characters away unseen.
        if _FORBIDDEN.search(text):
            raise Invalid(faults=(Fault("holds a control character or a lone surrogate", pointer=pointer),))
    text = text.strip()
    if len(text) < least:
        raise Invalid(faults=(Fault("must not be empty", pointer=pointer),))
    if len(text) > most:
        raise Invalid(faults=(Fault(f"has more than {most} characters", pointer=pointer),))
    return text


def name(text: str, *, pointer: str = "/name") -> str:
    """A name of 1 to 200 characters on one line."""
    text = cleaned(text, pointer=pointer, most=NAME_LENGTH, least=1)
    if _BREAKS.search(text):
        raise Invalid(faults=(Fault("must be on one line", pointer=pointer),))
    return text


def title(text: str, *, pointer: str = "/title") -> str:
    """A title of 1 to 500 characters on one line."""
    text = cleaned(text, pointer=pointer, most=TITLE_LENGTH, least=1)
    if _BREAKS.search(text):
        raise Invalid(faults=(Fault("must be on one line", pointer=pointer),))
    return text


def description(text: str, *, pointer: str = "/description") -> str:
    """Markdown of up to 100,000 characters, stored as written but for the white space around it."""
    return cleaned(text, pointer=pointer, most=DESCRIPTION_LENGTH)
