"""Who is online, of one process."""

from collections.abc import Collection
from uuid import UUID


class LocalAttendance:
    """All that there is to know is known here."""

    def __init__(self) -> None:
        self._here: dict[UUID, set[UUID]] = {}

    async def say(self, company_id: UUID, user_ids: Collection[UUID]) -> None:
        if user_ids:
            self._here[company_id] = set(user_ids)
        else:
            self._here.pop(company_id, None)

    async def online(self, company_id: UUID) -> set[UUID]:
        return set(self._here.get(company_id, ()))
