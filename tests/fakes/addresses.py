import re

from core.auth.errors import EmailInvalid


class PlainEmailAddresses:
    """Something, an @, something with a dot; in lower case."""

    def canonical(self, address: str) -> str:
        address = address.strip().lower()
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
            raise EmailInvalid
        return address
