from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.auth.letters import Letter
from core.kernel.actor import Role
from core.kernel.events import Concern
from core.mail.model import Delivery, Message
from core.mail.read_models import AccountPost, CompanyPost, Invited, Recipient, SwitchedOff
from core.webhooks.model import DisabledReason
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, Letters, Position, StoredEvent


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
            if tables.last_of.get(Concern.MAIL, 0) > mailed.seq or is_due:
                post = self._read(company_id, tables, behind=mailed.behind if is_due else frozenset(), most=most)
                if post:
                    tables.mailed = replace(mailed, leased_until=until)
                    return replace(post, until=until)
        return None

    async def settle(
        self, post: CompanyPost, *, behind: Sequence[int], again_at: datetime | None, letters: Sequence[Letter] = ()
    ) -> None:
        tables = self._store.tables.companies[post.company_id]
        mailed = tables.mailed
        if mailed.leased_until != post.until:
            return
        left = mailed.behind - set(post.behind) | set(behind)
        tables.mailed = Position(
            seq=post.position, behind=left, again_at=(again_at or mailed.again_at) if left else None
        )
        for each in letters:
            waiting = self._store.tables.letters.get(each.account_id, Letters())
            self._store.tables.letters[each.account_id] = replace(
                waiting, letters=(*waiting.letters, each), due_at=each.at
            )

    def _read(
        self, company_id: UUID, tables: CompanyTables, *, behind: frozenset[int], most: int
    ) -> CompanyPost | None:
        before = tables.mailed.seq
        found = [
            event
            for event in tables.events
            if event.event in ("invitation_created", "webhook_disabled") and (event.seq > before or event.seq in behind)
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
            invited=tuple(
                self._invited(tables, event.seq, UUID(event.body["invitation_id"]))
                for event in found
                if event.event == "invitation_created"
            ),
            switched_off=tuple(
                self._switched_off(tables, event)
                for event in found
                if event.event == "webhook_disabled" and self._is_off(tables, event)
            ),
            until=datetime.max,
        )

    def _is_off(self, tables: CompanyTables, event: StoredEvent) -> bool:
        webhook = tables.webhooks.get(UUID(event.body["webhook_id"]))
        return webhook is not None and webhook.disabled_at == event.occurred_at

    def _switched_off(self, tables: CompanyTables, event: StoredEvent) -> SwitchedOff:
        body, accounts = event.body, self._store.tables.accounts
        webhook_id = UUID(body["webhook_id"])
        return SwitchedOff(
            at=event.occurred_at,
            webhook_id=webhook_id,
            description=tables.webhooks[webhook_id].chosen.description,
            url=body["url"],
            reason=DisabledReason(body["reason"]),
            failing_since=datetime.fromisoformat(body["failing_since"]),
            last_status=body["last_status"],
            last_error=body["last_error"],
            to=tuple(
                Recipient(account.id, account.email)
                for user in (each.user for each in tables.people.values())
                if user.role is not Role.MEMBER and user.is_active and user.accepted_at is not None
                if user.account_id is not None and (account := accounts[user.account_id]).email_verified_at is not None
            ),
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
