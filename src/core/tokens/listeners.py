"""What tokens do when something happens to their holder."""

from datetime import datetime
from uuid import UUID

from core.tokens.ports import ApiTokenUnitOfWork


async def end_tokens(uow: ApiTokenUnitOfWork, user_id: UUID, *, at: datetime) -> None:
    """Revokes the tokens of a user who can act no more, for good: they do not come back with the user, who is locked
    by then.
    """
    for token in await uow.api_tokens.active_of(user_id, at=at):
        revoked = token.revoke(at=at)
        uow.api_tokens.save(token)
        uow.record(revoked)
