from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.mail.model import Delivery, Message
from core.mail.read_models import AccountPost, CompanyPost, Invited
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, Position


class Mailbox:
    """Everybody's, by address. `answers` are what becomes of messages to an address; `is_away`, of all."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: dict[str, Delivery] = {}
        self.is_away = False
        self.asked = 0

    async def send(self, message: Message) -> Delivery:
        self.asked += 1
        if self.is_away:
            return Delivery.AWAY
        delivery = self.answers.get(message.to, Delivery.SENT)
        if delivery is Delivery.SENT:
            self.messages.append(message)
        return delivery


class InMemoryCompanyPosts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, *, at: datetime, until: datetime, most: int) -> CompanyPost | None:
        for company_id, tables in sorted(self._store.tables.companies.items()):
            mailed = tables.mailed
            if not tables.company.is_active or not _is_free(mailed.leased_until, at=at):
                continue
            is_due = mailed.again_at is not None and mailed.again_at <= at
            if tables.last_seq > mailed.seq or is_due:
                post = self._read(company_id, tables, behind=mailed.behind if is_due else frozenset(), most=most)
                if post:
                    tables.mailed = replace(mailed, leased_until=until)
                    return replace(post, until=until)
        return None

    async def settle(self, post: CompanyPost, *, behind: Sequence[int], again_at: datetime | None) -> None:
        tables = self._store.tables.companies[post.company_id]
        mailed = tables.mailed
        if mailed.leased_until != post.until:
            return
        left = mailed.behind - set(post.behind) | set(behind)
        tables.mailed = Position(
            seq=post.position, behind=left, again_at=(again_at or mailed.again_at) if left else None
        )

    def _read(
        self, company_id: UUID, tables: CompanyTables, *, behind: frozenset[int], most: int
    ) -> CompanyPost | None:
        before = tables.mailed.seq
        found = [
            event
            for event in tables.events
            if event.event == "invitation_created" and (event.seq > before or event.seq in behind)
        ][:most]
        if not found:
            tables.mailed = Position(
                seq=tables.last_seq,
                behind=tables.mailed.behind - behind,
                again_at=tables.mailed.again_at if tables.mailed.behind - behind else None,
            )
            return None
        is_all = len(found) < most
        return CompanyPost(
            company_id=company_id,
            company_name=tables.company.name,
            position=tables.last_seq if is_all else max(before, found[-1].seq),
            behind=tuple(behind) if is_all else tuple(event.seq for event in found if event.seq <= before),
            invited=tuple(self._invited(tables, event.seq, UUID(event.body["invitation_id"])) for event in found),
            until=datetime.max,
        )

    def _invited(self, tables: CompanyTables, seq: int, invitation_id: UUID) -> Invited:
        invitation = tables.invitations.get(invitation_id)
        if invitation is None:
            return Invited(seq=seq, invitation=None, inviter_name=None)
        sender = tables.people.get(invitation.invited_by)
        return Invited(
            seq=seq,
            invitation=replace(invitation),
            inviter_name=tables.name_of(invitation.invited_by),
            inviter_id=(sender.user.account_id or sender.user.id) if sender else None,
        )


class InMemoryAccountPosts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, *, at: datetime, until: datetime) -> AccountPost | None:
        tables = self._store.tables
        for account_id, waiting in sorted(tables.letters.items()):
            if waiting.due_at is not None and waiting.due_at <= at and _is_free(waiting.leased_until, at=at):
                tables.letters[account_id] = replace(waiting, leased_until=until)
                return AccountPost(account=replace(tables.accounts[account_id]), letters=waiting.letters, until=until)
        return None

    async def settle(self, post: AccountPost, *, done: Sequence[UUID], again_at: datetime | None) -> None:
        waiting = self._store.tables.letters[post.account.id]
        if waiting.leased_until != post.until:
            return
        left = tuple(each for each in waiting.letters if each.id not in done)
        due_at = waiting.due_at if len(waiting.letters) > len(post.letters) else again_at or waiting.due_at
        self._store.tables.letters[post.account.id] = replace(
            waiting, letters=left, due_at=due_at if left else None, leased_until=None
        )


def _is_free(leased_until: datetime | None, *, at: datetime) -> bool:
    return leased_until is None or leased_until <= at
