"""What an e-mail address is, by email-validator."""

from unicodedata import name, normalize

from email_validator import EmailNotValidError, validate_email

from core.kernel.errors import Fault, Invalid
from core.users.errors import EmailInvalid

# Scripts of which some letters are drawn as those of another. The database of Unicode names each letter by its script.
_ALIKE = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "COPTIC", "CHEROKEE", "GEORGIAN"}


class ValidatedEmailAddresses:
    """Syntax and IDNA only: whether mail arrives is proved by a link, not by asking the DNS.

    One address has one form, whatever compatible letters it was typed in; and no part of it mixes scripts whose letters
    look alike, since `\N{CYRILLIC SMALL LETTER A}nn@example.com` is nobody but who wants to be taken for somebody else.
    """

    def contact(self, address: str) -> str:
        try:
            return self.canonical(address)
        except EmailInvalid as error:
            raise Invalid(faults=(Fault("must be an e-mail address", pointer="/contact_email"),)) from error

    def canonical(self, address: str) -> str:
        # Before it is looked at: a full-width `@` or comma is one, and so must be seen as one.
        address = normalize("NFKC", address).strip()
        try:
            found = validate_email(address, check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise EmailInvalid from error
        local = found.local_part.lower()
        if local != normalize("NFKC", local):
            raise EmailInvalid
        if any(_mixes_scripts(part) for part in (local, *found.domain.split("."))):
            raise EmailInvalid
        return f"{local}@{found.ascii_domain.lower()}"


def _mixes_scripts(text: str) -> bool:
    """Whether letters of more than one of the scripts that look alike stand together."""
    scripts = {name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()}
    return len(scripts & _ALIKE) > 1
