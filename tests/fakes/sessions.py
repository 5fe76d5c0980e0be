from datetime import datetime

from core.auth.model import LoginSession
from core.auth.read_models import SessionView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import Tables

SORTS = {
    "last_used_at": Key(lambda view: view.last_used_at, datetime.isoformat, datetime.fromisoformat),
    "created_at": Key(lambda view: view.created_at, datetime.isoformat, datetime.fromisoformat),
    "expires_at": Key(lambda view: view.expires_at, datetime.isoformat, datetime.fromisoformat),
}


class InMemorySessionReader:
    """The open login sessions of the caller's account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open_sessions(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[SessionView]]:
        caller, tables = self._store.caller(actor), self._store.tables
        at = self._store.clock.now()
        views = [
            self._view(session, current=session.id == caller.session_id)
            for session in tables.sessions.values()
            if session.account_id == caller.account_id and session.is_open(at=at) and _is_redeemed(tables, session)
            if tables.sessions[caller.session_id].reaches(session)
        ]
        found = page_of(views, page, key=SORTS[sort.field], sort=sort, id_of=lambda view: view.id)
        return Answer(found, tables.companies[actor.company_id].last_seq)

    def _view(self, session: LoginSession, *, current: bool) -> SessionView:
        company = None
        for tables in self._store.tables.companies.values():
            people = [each for each in tables.people.values() if each.user.account_id == session.account_id]
            is_there = tables.company.is_active and any(each.may_act for each in people)
            if tables.company.id == session.current_company_id and is_there:
                company = tables.company
        return SessionView(
            id=session.id,
            agent=session.agent,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            authenticated_at=session.authenticated_at,
            current=current,
            current_company_id=company.id if company else None,
            current_company_name=company.name if company else None,
        )


def _is_redeemed(tables: Tables, session: LoginSession) -> bool:
    """Whether it is somebody's: who came back from a provider has to be signed in by a code first."""
    waiting = tables.unredeemed.get(session.id)
    return waiting is None or waiting.code_digest is None
