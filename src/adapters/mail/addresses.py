"""What an e-mail address is, by email-validator."""

from email_validator import EmailNotValidError, validate_email

from core.kernel.errors import Fault, Invalid
from core.users.errors import EmailInvalid


class ValidatedEmailAddresses:
    """Syntax and IDNA only: whether mail arrives is proved by a link, not by asking the DNS."""

    def contact(self, address: str) -> str:
        try:
            return self.canonical(address)
        except EmailInvalid as error:
            raise Invalid(faults=(Fault("must be an e-mail address", pointer="/contact_email"),)) from error

    def canonical(self, address: str) -> str:
        try:
            found = validate_email(address.strip(), check_deliverability=False, test_environment=True)
        except EmailNotValidError as error:
            raise EmailInvalid from error
        return f"{found.local_part.lower()}@{found.ascii_domain.lower()}"
