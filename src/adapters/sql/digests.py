"""What was not read, for a mail a day: claimed by a lease in the row of whoever wants it. Only the container may import
this.
"""

import logging
from datetime import date, datetime
from typing import Any
from uuid import UUID

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked, Row
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.upkeep import Upkeep
from core.kernel.errors import DatabaseAway, Refusal, StorageFull
from core.mail.read_models import DigestLine, DigestPost, Morning
from core.notifications.model import Kind

log = logging.getLogger("flowtrack.mail")

_SHOWN = 20

# By the upkeep role: whose company has anybody who wants mail, and who got it last.
_MORNINGS = Statement.plain("""
select p.company_id, c.time_zone, case when bool_and(p.mailed_on is not null) then min(p.mailed_on) end
  from notification_preferences p
  join companies c on c.id = p.company_id and c.is_active and c.deleted_at is null
 where p.is_mailed
 group by p.company_id, c.time_zone
 order by p.company_id
""")
# Whoever asked for it since is told of what comes from now on.
_BEGIN = Statement.plain(f"""
update notification_preferences
   set mailed_on = %(day)s, mailed_seq = (select last_seq from event_sequences where company_id = {OWN})
 where company_id = {OWN} and is_mailed and mailed_on is null
""")
_LEASE = Statement.plain(f"""
update notification_preferences p set leased_until = %(until)s
 where p.company_id = {OWN} and p.user_id in (
   select w.user_id from notification_preferences w
    where w.company_id = {OWN} and w.is_mailed and w.mailed_on < %(day)s
      and (w.leased_until is null or w.leased_until <= %(at)s)
    order by w.mailed_on, w.user_id limit %(most)s for update skip locked)
returning p.user_id, (select last_seq from event_sequences where company_id = {OWN}),
          (select name from companies where id = {OWN})
""")
# Those that one may see, as in the inbox, up to where the log stood when the lease was taken: the next mail begins with
# what came since.
_UNREAD = Statement.plain(f"""
select p.user_id, found.*
  from notification_preferences p
  join users u on u.company_id = p.company_id and u.id = p.user_id
  cross join lateral (
    select n.kind, a.name, j.name, j.key || '-' || t.number, t.title, n.task_count, n.deadline, count(*) over ()
      from notifications n
      left join users a on a.company_id = n.company_id and a.id = n.actor_id
      left join tasks t on t.company_id = n.company_id and t.id = n.task_id and t.deleted_at is null
      left join projects j on j.company_id = n.company_id and j.id = coalesce(t.project_id, n.project_id)
                          and j.deleted_at is null
     where n.company_id = {OWN} and n.user_id = p.user_id and n.read_at is null and n.seq > p.mailed_seq
       and n.seq <= (select %(up_to)s::bigint)
       and n.kind = any(p.mailed)
       and ((n.task_id is null and n.project_id is null) or (j.id is not null and (u.role <> 'member' or exists (
         select from project_members m
          where m.company_id = {OWN} and m.project_id = j.id and m.user_id = p.user_id))))
     order by n.seq desc limit {_SHOWN}) found
 where p.company_id = {OWN} and p.user_id = any(%(users)s)
""")
# By the upkeep role: what the application may not see of accounts.
_ADDRESSES = Statement.plain("""
select u.id, a.email
  from users u join accounts a on a.id = u.account_id and a.email_verified_at is not null
 where u.company_id = %(company)s and u.id = any(%(users)s) and u.is_active and u.accepted_at is not null
""")
_SENT = Statement.plain(f"""
update notification_preferences set mailed_on = %(day)s, mailed_seq = %(up_to)s, leased_until = null
 where company_id = {OWN} and user_id = %(user)s and leased_until = %(until)s and is_mailed
""")
_LEFT = Statement.plain(f"""
update notification_preferences set leased_until = %(again_at)s
 where company_id = {OWN} and user_id = %(user)s and leased_until = %(until)s
""")


class SqlDigestPosts:
    """Who wants mail, in all companies."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def mornings(self) -> list[Morning]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_MORNINGS, {}))
            return [Morning._make(row) for row in found.rows()]

    async def claim(self, company_id: UUID, *, day: date, at: datetime, until: datetime, most: int) -> list[DigestPost]:
        try:
            return await self._claim(company_id, {"day": day, "at": at, "until": until, "most": most})
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            # Something is held at this very moment, or takes too long: the others do not wait for it.
            log.warning("a company's daily mail was left to the next time: %s", refusal.code)
            return []
        except Exception:
            # A defect of ours keeps one company's mail back, and nobody else's.
            log.exception("the daily mail of company %s cannot be made up", company_id)
            return []

    async def _claim(self, company_id: UUID, values: dict[str, Any]) -> list[DigestPost]:
        async with self._upkeep.within(company_id) as connection:
            _, leased = await execute(connection, Asked(_BEGIN, values), Asked(_LEASE, values))
            claimed = leased.rows()
            users = [row[0] for row in claimed]
            if not claimed:
                await execute(connection, Asked(COMMIT, {}))
                return []
            up_to = claimed[0][1]
            unread, _ = await execute(connection, Asked(_UNREAD, {"users": users, "up_to": up_to}), Asked(COMMIT, {}))
            lines: dict[UUID, list[Row]] = {}
            for user_id, *line in unread.rows():
                lines.setdefault(user_id, []).append(tuple(line))
        addresses = await self._addresses(company_id, users) if lines else {}
        return [
            DigestPost(
                company_id=company_id,
                company_name=name,
                user_id=user_id,
                to=addresses.get(user_id),
                day=values["day"],
                lines=tuple(DigestLine(Kind(each[0]), *each[1:-1]) for each in lines.get(user_id, [])),
                more=max(0, lines[user_id][0][-1] - _SHOWN) if user_id in lines else 0,
                up_to=up_to,
                until=values["until"],
            )
            for user_id, _, name in claimed
        ]

    async def settle(self, post: DigestPost, *, again_at: datetime | None) -> None:
        values: dict[str, Any] = {
            "user": post.user_id,
            "until": post.until,
            "day": post.day,
            "up_to": post.up_to,
            "again_at": again_at,
        }
        try:
            async with self._upkeep.within(post.company_id) as connection:
                await execute(connection, Asked(_SENT if again_at is None else _LEFT, values), Asked(COMMIT, {}))
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            # Its lease runs out, and it is mailed once more, under the same id.
            log.warning("that a daily mail was sent could not be written down: %s", refusal.code)
        except Exception:
            log.exception("that a daily mail of company %s was sent cannot be written down", post.company_id)

    async def _addresses(self, company_id: UUID, users: list[UUID]) -> dict[UUID, str]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_ADDRESSES, {"company": company_id, "users": users}))
            return {row[0]: row[1] for row in found.rows()}
