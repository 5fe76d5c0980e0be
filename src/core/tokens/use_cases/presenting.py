from collections import OrderedDict
from datetime import datetime
from uuid import UUID

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, System
from core.kernel.errors import answers
from core.kernel.ports import Clock
from core.tokens.ports import ApiTokenTexts, PresentedTokens
from core.tokens.read_models import Recognised

# A bound on what is remembered, not on what is accepted.
_REMEMBERED = 10_000


class PresentedTokenUseCases:
    """Recognising the tokens that requests bring, and noting that they were used.

    Whose a token is, and its scopes, never change, so whoever was recognised once is remembered. That it still works is
    not remembered: the database says so in every request, with the user's present role.
    """

    def __init__(self, *, presented: PresentedTokens, texts: ApiTokenTexts, clock: Clock) -> None:
        self._presented = presented
        self._texts = texts
        self._clock = clock
        self._remembered: OrderedDict[bytes, Recognised] = OrderedDict()
        self._uses: dict[UUID, datetime] = {}

    @answers(TokenInvalid)
    def remembered(self, token: str) -> Actor | None:
        """The caller that a token stands for, if it was recognised before. Nothing is asked of the database.

        Raises TokenInvalid for what no token can be, and for one that has expired since.
        """
        digest = self._digest(token)
        known = self._remembered.get(digest)
        if known is None:
            return None
        if known.expires_at is not None and self._clock.now() >= known.expires_at:
            del self._remembered[digest]
            raise TokenInvalid
        self._remembered.move_to_end(digest)
        return known.actor()

    @answers(TokenInvalid)
    async def recognise(self, token: str) -> Actor:
        """The caller that a token stands for, which works at this moment."""
        digest = self._digest(token)
        found = await self._presented.recognise(digest)
        if found is None:
            raise TokenInvalid
        self._remembered[digest] = found
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return found.actor()

    @answers()
    def forget(self, token: str) -> None:
        """The database said that it works no more: whoever goes on presenting it is unknown again."""
        digest = self._texts.digest(token)
        if digest is not None:
            self._remembered.pop(digest, None)

    @answers()
    def used(self, actor: Actor) -> None:
        """Notes that the caller's token was just used, in memory: a read writes nothing."""
        if actor.token_id is not None:
            self._uses[actor.token_id] = self._clock.now()

    @answers()
    async def keep_uses(self, _: System) -> None:
        """Writes down when tokens were last used; called about once a minute."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._presented.note_uses(uses)
        except BaseException:
            self._uses = {**uses, **self._uses}
            raise

    def _digest(self, token: str) -> bytes:
        digest = self._texts.digest(token)
        if digest is None:
            raise TokenInvalid
        return digest
