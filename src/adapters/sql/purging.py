"""Removing for good what was deleted, has ended or expired: in batches, so that nobody waits for it."""

import logging
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import adapters.sql.tables.comments
import adapters.sql.tables.jobs
import adapters.sql.tables.labels
import adapters.sql.tables.live
import adapters.sql.tables.log
import adapters.sql.tables.notifications
import adapters.sql.tables.reports
import adapters.sql.tables.search
import adapters.sql.tables.webhooks
import adapters.sql.tables.work  # noqa: F401  (each import adds its tables to the metadata)
from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN, TenantTable, metadata
from adapters.sql.upkeep import Upkeep
from core.kernel.errors import ChangedMeanwhile, Contended, TooSlow
from core.operations.model import Cutoffs
from core.operations.read_models import Purged

log = logging.getLogger("flowtrack.purge")

_PURGING = 7163298417
_BATCH = 500


def _delete(table: str, chosen: str, *, key: str = "id") -> Statement:
    """Deletes a batch of the company's rows; what `TenantTable` renders would not show deleted ones."""
    return Statement.plain(
        f"delete from {table} where company_id = {OWN} and ({key}) in ("
        f"select {key} from {table} where company_id = {OWN} and {chosen} limit {_BATCH})"
    )


# In this order, in one transaction: a project goes once it has no tasks left, and takes its board and cycles along.
_OF_COMPANY: tuple[tuple[str, Statement], ...] = (
    ("tasks", _delete("tasks", "deleted_at < %(deleted)s")),
    (
        "tasks",
        _delete(
            "tasks",
            f"project_id in (select p.id from projects p where p.company_id = {OWN} and p.deleted_at < %(deleted)s)",
        ),
    ),
    (
        "projects",
        _delete(
            "projects",
            "deleted_at < %(deleted)s and not exists (select from tasks t where t.company_id = projects.company_id"
            " and t.project_id = projects.id)",
        ),
    ),
    ("invitations", _delete("invitations", "least(accepted_at, revoked_at, expires_at) < %(deleted)s")),
    ("api_tokens", _delete("api_tokens", "least(revoked_at, expires_at) < %(deleted)s")),
    # No figure of its own: it goes with its job.
    (
        "jobs",
        _delete(
            "task_imports",
            "created_at < %(keys)s and id not in (select j.id from jobs j"
            f" where j.company_id = {OWN} and j.state in ('queued', 'started'))",
        ),
    ),
    ("jobs", _delete("jobs", "finished_at < %(deleted)s")),
    # With their attempts; what waits for a webhook that was switched off for so long, too.
    ("webhook_deliveries", _delete("webhook_deliveries", "created_at < %(deleted)s")),
    (
        "webhook_deliveries",
        _delete(
            "webhook_deliveries",
            f"webhook_id in (select w.id from webhooks w where w.company_id = {OWN} and w.deleted_at is not null)",
        ),
    ),
    (
        "webhook_deliveries",
        _delete(
            "webhooks",
            "deleted_at is not null and not exists (select from webhook_deliveries d"
            f" where d.company_id = {OWN} and d.webhook_id = webhooks.id)",
        ),
    ),
    # No figure of its own: a secret that signs no more.
    (
        "webhook_deliveries",
        Statement.plain(
            "update webhooks set sealed_previous_secret = '', previous_until = null"
            f" where company_id = {OWN} and id in (select id from webhooks where company_id = {OWN}"
            " and previous_until < now())"
        ),
    ),
    ("notifications", _delete("notifications", "read_at < %(read)s")),
    ("notifications", _delete("notifications", "created_at < %(unread)s and read_at is null")),
    ("idempotency_keys", _delete("idempotency_keys", "created_at < %(keys)s")),
)
_OF_NOBODY: tuple[tuple[str, Statement], ...] = (
    (
        "login_sessions",
        Statement.plain(
            "delete from login_sessions where id in (select id from login_sessions"
            f" where least(revoked_at, expires_at) < %(deleted)s limit {_BATCH})"
        ),
    ),
    (
        "signing_keys",
        Statement.plain("delete from signing_keys where retired_at < %(signing_keys)s and purpose = 'access_token'"),
    ),
)

# The database's clock has to agree: only then may the upkeep role see the log that has to go first.
_TO_ERASE = Statement.plain(
    "select id from companies where deleted_at < least(%(deleted)s, now() - interval '30 days') order by id"
)
_EVENTS = Statement.plain(
    "delete from events where company_id = %(company)s and seq in (select seq from events"
    f" where company_id = %(company)s limit {_BATCH})"
)
_AUDIT = Statement.plain(
    "delete from audit_events where company_id = %(company)s and id in (select id from audit_events"
    f" where company_id = %(company)s limit {_BATCH})"
)
_PEOPLE = Statement.plain("select account_id from users where company_id = %(company)s and account_id is not null")
_ERASE = Statement.plain(
    "delete from companies where id = %(company)s and deleted_at < least(%(deleted)s, now() - interval '30 days')"
)
_ACCOUNTS = Statement.plain(
    "delete from accounts a where id = any(%(accounts)s) and not exists (select from users u where u.account_id = a.id)"
)
# The first part of the log that is old enough and that everybody has read who remembers how far they read, or has
# nothing in it for them: mail, who comes back to some places too, notifications and days; webhooks, also those that are
# told of the past again, and what waits to be sent to them. Whoever has not begun has read nothing.
_UPTO = Statement.plain(f"""
with first as (
  select seq, occurred_at from events where company_id = {OWN} order by seq limit {_BATCH}
), needed as (
  select min(case when coalesce(p.seq, 0) >= r.last then q.last_seq else coalesce(p.seq, 0) end) as seq
    from event_sequences q
   cross join lateral (values ('mail', q.last_for_mail), ('notifications', q.last_for_people), ('reports', q.last_seq))
              r (reader, last)
    left join log_positions p on p.company_id = q.company_id and p.reader = r.reader
   where q.company_id = {OWN}
  union all
  select min(each) - 1 from log_positions, unnest(behind) each where company_id = {OWN}
  union all
  select min(least(greatest(w.after_seq, coalesce(p.seq, 0)), w.behind_seq))
    from webhooks w left join log_positions p on p.company_id = w.company_id and p.reader = 'webhooks'
   where w.company_id = {OWN} and w.deleted_at is null and w.is_active
  union all
  select min(each) - 1 from webhook_deliveries d, unnest(d.seqs) each where d.company_id = {OWN} and d.state = 'pending'
)
select least((select min(seq) from needed),
             coalesce((select min(seq) - 1 from first
                        where occurred_at >= least(%(events)s::timestamptz, now() - interval '1 day')),
                      (select max(seq) from first)))
""")
# Whoever has a webhook told of the past again, or a message sent again, waits until it is clear what is left; and the
# other way round.
_HOLD = Statement.plain(f"select id from webhooks where company_id = {OWN} order by id for share")
_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_EXPIRE = Statement.plain(f"delete from events where company_id = {OWN} and seq <= %(upto)s")
# These go with the company's own row, at once: a company without people or counter would be neither there nor gone.
_WITH_THE_COMPANY = {"companies", "users", "event_sequences", "events", "audit_events", "notification_days"}


class SqlRemains:
    """What is left of things that are gone."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def purge(self, before: Cutoffs) -> Purged | None:
        """Removes what is older; of two processes at once, one does."""
        values = {
            "deleted": before.deleted,
            "read": before.read,
            "unread": before.unread,
            "keys": before.keys,
            "signing_keys": before.signing_keys,
        }
        removed: Counter[str] = Counter()
        async with self._upkeep.alone(_PURGING) as is_alone:
            if not is_alone:
                return None
            for company in await self._to_erase(values):
                await self._or_later(self._erase(company, values), removed)
            for company in await self._upkeep.companies():
                await self._or_later(self._tidy(company, values), removed)
                if before.events is not None:
                    await self._or_later(self._expire(company, before.events), removed)
            removed.update(await self._in_batches(_OF_NOBODY, values, company=None))
        return Purged(**removed)

    async def _or_later(self, work: Any, removed: Counter[str]) -> None:
        """What somebody holds at this moment is left to the next time; the other companies do not wait for it."""
        try:
            removed.update(await work)
        except (Contended, ChangedMeanwhile):
            log.warning("a company could not be purged, since somebody was changing it; it will be next time")
        except TooSlow:
            log.warning("a company could not be purged in the time that a statement is given; it is tried again")

    async def _tidy(self, company: UUID, values: dict[str, Any]) -> Counter[str]:
        return await self._in_batches(_OF_COMPANY, values, company=company)

    async def _expire(self, company: UUID, before: datetime) -> Counter[str]:
        """Takes from the beginning of the log what is older: the upkeep role alone may, and nothing younger than a
        day.
        """
        removed: Counter[str] = Counter()
        while True:
            async with self._upkeep.within(company) as connection:
                _, found = await execute(connection, Asked(_HOLD, {}), Asked(_UPTO, {"events": before}))
                upto = found.rows()[0][0]
                if upto is None:
                    return removed
                _, gone, _ = await execute(
                    connection, Asked(_AS_UPKEEP, {}), Asked(_EXPIRE, {"upto": upto}), Asked(COMMIT, {})
                )
            removed["events"] += gone.count
            if gone.count < _BATCH:
                return removed

    async def _in_batches(
        self, steps: tuple[tuple[str, Statement], ...], values: dict[str, Any], *, company: UUID | None
    ) -> Counter[str]:
        removed: Counter[str] = Counter()
        is_more = True
        while is_more:
            async with self._upkeep.within(company) if company else self._upkeep.across() as connection:
                asked = [Asked(statement, values) for _, statement in steps]
                *done, _ = await execute(connection, *asked, Asked(COMMIT, {}))
            for (name, _), result in zip(steps, done, strict=True):
                removed[name] += result.count
            is_more = any(result.count >= _BATCH for result in done)
        return removed

    async def _to_erase(self, values: dict[str, Any]) -> list[UUID]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_TO_ERASE, values))
            return [row[0] for row in found.rows()]

    async def _erase(self, company: UUID, values: dict[str, Any]) -> Counter[str]:
        """Removes a company and all that was its, and the accounts that belong to no other."""
        emptied: Counter[str] = Counter()
        # One table after the other: rows that are left of one hold on to those of the next.
        for step in _emptying():
            emptied.update(await self._in_batches((step,), values, company=company))
        is_more = True
        while is_more:
            async with self._upkeep.across() as connection:
                asked = [Asked(statement, {"company": company}) for statement in (_EVENTS, _AUDIT)]
                *logs, _ = await execute(connection, *asked, Asked(COMMIT, {}))
            is_more = any(log.count >= _BATCH for log in logs)
        async with self._upkeep.across() as connection:
            (people,) = await execute(connection, Asked(_PEOPLE, {"company": company}))
            accounts = [row[0] for row in people.rows()]
            erased, orphaned, _ = await execute(
                connection,
                Asked(_ERASE, {**values, "company": company}),
                Asked(_ACCOUNTS, {"accounts": accounts}),
                Asked(COMMIT, {}),
            )
        counted = {
            name: emptied[name]
            for name in (
                "tasks",
                "projects",
                "invitations",
                "api_tokens",
                "jobs",
                "webhook_deliveries",
                "notifications",
                "idempotency_keys",
            )
        }
        return Counter(companies=erased.count, accounts=orphaned.count, **counted)


def _emptying() -> tuple[tuple[str, Statement], ...]:
    """Deletes all rows of a company that was deleted long ago, table by table: whatever tables there are."""
    gone = f"exists (select from companies c where c.id = {OWN} and c.deleted_at < %(deleted)s)"
    return tuple(
        (table.name, _delete(table.name, gone, key=", ".join(_own_key(table))))
        for table in reversed(metadata.sorted_tables)
        if isinstance(table, TenantTable) and table.name not in _WITH_THE_COMPANY
    )


def _own_key(table: TenantTable) -> list[str]:
    return [column.name for column in table.primary_key if column.name != "company_id"]
