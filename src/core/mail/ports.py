from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from core.auth.letters import Letter
from core.mail.model import Delivery, Message
from core.mail.read_models import AccountPost, CompanyPost, DigestPost, Morning


class Mail(Protocol):
    """Hands messages over to whoever carries them."""

    async def send(self, message: Message) -> Delivery:
        """Sends one, within half a minute. Raises nothing for what a server or a network can do, nor for a message that
        cannot be written: that is refused.
        """
        ...


class CompanyPosts(Protocol):
    """Reads the companies' logs from where they were read up to, as the reader that mails."""

    async def claim(self, *, at: datetime, until: datetime, most: int) -> CompanyPost | None:
        """Some of a company's log that has to be mailed, which nobody else is at; None where there is none at all.
        Logs that hold nothing to mail are read on the way.
        """
        ...

    async def settle(
        self, post: CompanyPost, *, behind: Sequence[int], again_at: datetime | None, letters: Sequence[Letter] = ()
    ) -> None:
        """Moves the position on, puts letters beside their accounts, and lets go. What is left `behind` is read again
        from that time on; what was left before, and is not of this post, stays.
        """
        ...


class AccountPosts(Protocol):
    """Reads what waits beside the accounts."""

    async def claim(self, *, at: datetime, until: datetime) -> AccountPost | None:
        """The letters of an account that nobody else is at."""
        ...

    async def settle(self, post: AccountPost, *, done: Sequence[UUID], again_at: datetime | None) -> None:
        """Takes the letters away that are done, and lets go. What is left is read again from that time on."""
        ...


class DigestPosts(Protocol):
    """Finds who gets a daily mail of what they did not read."""

    async def mornings(self) -> list[Morning]: ...

    async def claim(self, company_id: UUID, *, day: date, at: datetime, until: datetime, most: int) -> list[DigestPost]:
        """Those of some who did not get that day's mail yet, at whom nobody else is; none where there is nobody left.
        Whoever asked for mail since gets it the next morning first.
        """
        ...

    async def settle(self, post: DigestPost, *, again_at: datetime | None) -> None:
        """Takes the day's mail as sent, and lets go; or leaves it to somebody else, from `again_at` on."""
        ...
