import re

from core.users.errors import EmailInvalid
from core.kernel.errors import Fault, Invalid


class PlainEmailAddresses:
    """Something, an @, something with a dot; in lower case."""

    def contact(self, address: str) -> str:
        try:
            return self.canonical(address)
        except EmailInvalid as error:
            raise Invalid(faults=(Fault("must be an e-mail address", pointer="/contact_email"),)) from error

    def canonical(self, address: str) -> str:
        address = address.strip().lower()
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
            raise EmailInvalid
        return address
