from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from core.kernel.actor import Role
from core.mail.read_models import DigestLine, DigestPost, Morning
from core.notifications.policy import Visible
from tests.fakes.notifications import inbox_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, Digested

_SHOWN = 20


class InMemoryDigestPosts:
    """Who wants mail, in all companies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mornings(self) -> list[Morning]:
        found = []
        for company_id, tables in sorted(self._store.tables.companies.items()):
            users = _mailed(tables)
            if not users or not tables.company.is_active:
                continue
            days = [tables.digested[user].mailed_on for user in users if user in tables.digested]
            zone = tables.company.settings.time_zone
            found.append(Morning(company_id, zone, min(days) if len(days) == len(users) else None))
        return found

    async def claim(self, company_id: UUID, *, day: date, at: datetime, until: datetime, most: int) -> list[DigestPost]:
        tables = self._store.tables.companies[company_id]
        claimed = []
        for user in _mailed(tables):
            digested = tables.digested.setdefault(user, Digested(mailed_on=day, up_to=tables.last_seq))
            is_free = digested.leased_until is None or digested.leased_until <= at
            if digested.mailed_on < day and is_free and len(claimed) < most:
                tables.digested[user] = replace(digested, leased_until=until)
                claimed.append(self._post(company_id, tables, user, day, until))
        return claimed

    async def settle(self, post: DigestPost, *, again_at: datetime | None) -> None:
        tables = self._store.tables.companies[post.company_id]
        digested = tables.digested.get(post.user_id)
        if digested is None or digested.leased_until != post.until:
            return
        if again_at is None:
            tables.digested[post.user_id] = Digested(mailed_on=post.day, up_to=post.up_to)
        else:
            tables.digested[post.user_id] = replace(digested, leased_until=again_at)

    def _post(self, company_id: UUID, tables: CompanyTables, user: UUID, day: date, until: datetime) -> DigestPost:
        person, since = tables.people[user], tables.digested[user].up_to
        visible = Visible(user_id=user, member_id=user if person.user.role is Role.MEMBER else None)
        wanted = tables.preferences[user].mailed
        views = [
            view
            for view in inbox_of(tables, visible, unread=True)
            if int(view.position) > since and view.kind in wanted
        ]
        views.sort(key=lambda view: int(view.position), reverse=True)
        account_id = person.user.account_id
        account = self._store.tables.accounts[account_id] if account_id is not None and person.may_act else None
        return DigestPost(
            company_id=company_id,
            company_name=tables.company.name,
            user_id=user,
            to=account.email if account is not None and account.email_verified_at is not None else None,
            day=day,
            lines=tuple(
                DigestLine(
                    view.kind,
                    view.actor_name,
                    view.project_name,
                    view.task_key,
                    view.task_title,
                    view.task_count,
                    view.deadline,
                )
                for view in views[:_SHOWN]
            ),
            more=max(0, len(views) - _SHOWN),
            up_to=tables.last_seq,
            until=until,
        )


def _mailed(tables: CompanyTables) -> list[UUID]:
    return sorted(user for user, each in tables.preferences.items() if each.mailed)
