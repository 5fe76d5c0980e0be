"""The bus of one process: whoever listens is told at once."""

from uuid import UUID

from core.realtime.ports import Ear
from core.realtime.read_models import Moment


class LocalBus:
    """Tells those who listen in this process."""

    def __init__(self) -> None:
        self._ears: list[Ear] = []

    def listen(self, ear: Ear) -> None:
        self._ears.append(ear)

    def appended(self, company_id: UUID, seq: int) -> None:
        for ear in self._ears:
            ear.appended(company_id, seq)
            ear.stirred()

    def ended(self, account_id: UUID) -> None:
        for ear in self._ears:
            ear.ended(account_id)

    def tell(self, moment: Moment) -> None:
        for ear in self._ears:
            ear.told(moment)

    def follow(self, company_id: UUID) -> None:
        """Nothing to do: all that happens here is heard."""

    def leave(self, company_id: UUID) -> None:
        """Nothing to do."""

    async def carry(self) -> None:
        """Nothing to do: there is no other process."""
