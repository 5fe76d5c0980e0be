from datetime import datetime

from core.auth.read_models import Enrolment, Ticket

STEP = 30


class PredictableTimeCodes:
    """Codes that anybody can tell: six digits of the secret's number and the step."""

    def __init__(self) -> None:
        self._made = 0

    def new_secret(self) -> bytes:
        self._made += 1
        return f"sealed:{self._made}".encode()

    def enrolment(self, secret: bytes, *, account: str) -> Enrolment:
        opened = secret.decode().removeprefix("sealed:")
        return Enrolment(opened, f"otpauth://totp/Test:{account}?secret={opened}&issuer=Test")

    def step_of(self, secret: bytes, code: str, *, at: datetime) -> int | None:
        now = int(at.timestamp()) // STEP
        steps = [step for step in (now - 1, now, now + 1) if code == code_of(secret, step)]
        return steps[0] if steps else None

    def code(self, secret: bytes | str, *, at: datetime, later: int = 0) -> str:
        """The code of an authenticator that shows it so many steps later."""
        sealed = f"sealed:{secret}".encode() if isinstance(secret, str) else secret
        return code_of(sealed, int(at.timestamp()) // STEP + later)


def code_of(secret: bytes, step: int) -> str:
    number = int(secret.decode().removeprefix("sealed:"))
    return f"{(number * 7919 + step) % 1_000_000:06}"


class CountedRecoveryCodes:
    """Numbers its codes."""

    def __init__(self) -> None:
        self._made = 0

    def new(self) -> tuple[str, ...]:
        self._made += 10
        return tuple(f"recovery-{number}" for number in range(self._made - 9, self._made + 1))

    def digest(self, code: str) -> bytes:
        return b"digest of " + code.strip().lower().encode("utf-8", "replace")

    def place_of(self, code: str, digests: tuple[bytes, ...]) -> int | None:
        given = self.digest(code)
        return digests.index(given) if given in digests else None


class RememberedTickets:
    """Numbers its tickets and remembers what they hold."""

    def __init__(self) -> None:
        self._made: dict[str, Ticket] = {}

    def issue(self, ticket: Ticket) -> str:
        text = f"ticket-{len(self._made) + 1}"
        self._made[text] = ticket
        return text

    def read(self, text: str) -> Ticket | None:
        return self._made.get(text)
