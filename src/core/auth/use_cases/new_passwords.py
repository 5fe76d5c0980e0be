from core.auth.model import check_password
from core.auth.ports import Passwords


class CheckedPasswords:
    """Passwords that somebody chooses for an account: held against the rules, then hashed."""

    def __init__(self, *, passwords: Passwords) -> None:
        self._passwords = passwords

    async def __call__(self, password: str, *, name: str, email: str) -> str:
        """The hash. Raises PasswordTooWeak."""
        check_password(password, name=name, email=email)
        return await self._passwords.hash(password)
