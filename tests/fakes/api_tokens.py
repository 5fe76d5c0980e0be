from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.tokens.model import ApiToken, ApiTokenStatus
from core.tokens.ports import NewSecret
from core.tokens.read_models import ApiTokenView, Recognised
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

_INSTANT = {"write": datetime.isoformat, "read": datetime.fromisoformat}
SORTS = {
    "name": Key(lambda view: view.name),
    "created_at": Key(lambda view: view.created_at, **_INSTANT),
    "expires_at": Key(lambda view: view.expires_at, **_INSTANT),
    "last_used_at": Key(lambda view: view.last_used_at, **_INSTANT),
}


class NumberedApiTokenTexts:
    """Numbers its tokens; what does not look like one is mangled."""

    def __init__(self) -> None:
        self._made = 0

    def new(self) -> NewSecret:
        self._made += 1
        text = f"token-{self._made}"
        return NewSecret(text, sha256(text.encode()).digest(), text[:5])

    def digest(self, text: str) -> bytes | None:
        return sha256(text.encode()).digest() if text.startswith("token-") else None


class InMemoryApiTokens:
    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def load(self, token_id: UUID) -> ApiToken | None:
        found = self._unit.now.api_tokens.get(token_id)
        return replace(found) if found else None

    async def active_of(self, user_id: UUID, *, at: datetime) -> tuple[ApiToken, ...]:
        found = [
            replace(token)
            for token in self._unit.now.api_tokens.values()
            if token.user_id == user_id and token.status(at=at) is ApiTokenStatus.ACTIVE
        ]
        return tuple(sorted(found, key=lambda token: token.id))

    def add(self, token: ApiToken) -> None:
        new = replace(token)

        def put(tables: CompanyTables) -> None:
            tables.api_tokens[new.id] = new

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, token: ApiToken) -> None:
        token_id, revoked_at = token.id, token.revoked_at

        def put(tables: CompanyTables) -> None:
            if token_id not in tables.api_tokens:
                raise Conflict("the token is gone")
            tables.api_tokens[token_id] = replace(tables.api_tokens[token_id], revoked_at=revoked_at)

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryApiTokenReader:
    """What screens show of tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self,
        actor: Actor,
        user_id: UUID,
        *,
        status: tuple[ApiTokenStatus, ...],
        at: datetime,
        sort: Sort,
        page: PageRequest,
    ) -> Answer[Page[ApiTokenView]]:
        tables = self._store.read(actor)
        views = [ApiTokenView.of(token, at=at) for token in tables.api_tokens.values() if token.user_id == user_id]
        fitting = [view for view in views if not status or view.status in status]
        found = page_of(fitting, page, key=SORTS[sort.field], sort=sort, id_of=lambda view: view.id)
        return Answer(found, tables.last_seq)

    async def one(self, actor: Actor, token_id: UUID, *, at: datetime) -> Answer[ApiTokenView | None]:
        tables = self._store.read(actor)
        found = tables.api_tokens.get(token_id)
        return Answer(ApiTokenView.of(found, at=at) if found else None, tables.last_seq)


class InMemoryPresentedTokens:
    """Whose tokens are, and when they were used. `asked` counts how often somebody wanted to know."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = 0

    async def recognise(self, digest: bytes) -> Recognised | None:
        self.asked += 1
        for company_id, tables in self._store.tables.companies.items():
            for token in tables.api_tokens.values():
                if token.digest == digest and self._store.holder_of(company_id, token.id) is not None:
                    user = tables.people[token.user_id].user
                    return Recognised(
                        token_id=token.id,
                        company_id=company_id,
                        user_id=user.id,
                        account_id=user.account_id,
                        role=user.role,
                        scopes=frozenset(token.scopes),
                        expires_at=token.expires_at,
                    )
        return None

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        for tables in self._store.tables.companies.values():
            for token_id, at in uses.items():
                token = tables.api_tokens.get(token_id)
                if token is not None and (token.last_used_at is None or token.last_used_at < at):
                    tables.api_tokens[token_id] = replace(token, last_used_at=at)
