"""Finding the deadlines that are near, in all companies. Only the container may import this."""

import logging
from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

from adapters.sql.connection import COMMIT, Connection, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.told import keeping, members_among
from adapters.sql.upkeep import Upkeep
from core.kernel.errors import DatabaseAway, Refusal, StorageFull
from core.notifications.model import DueTask, Notification
from core.notifications.ports import Calendar

log = logging.getLogger("flowtrack.notifications")

# By the upkeep role.
_CALENDARS = Statement.plain("""
select c.id, c.time_zone, d.told_on
  from companies c left join notification_days d on d.company_id = c.id
 where c.is_active and c.deleted_at is null
 order by c.id
""")
_BEGIN = Statement.plain("insert into notification_days (told_on) values (%(day)s) on conflict do nothing")
_TAKE = Statement.plain(f"""
select told_on from notification_days where company_id = {OWN} and told_on < %(day)s for update skip locked
""")
_TOLD = Statement.plain(f"update notification_days set told_on = %(day)s where company_id = {OWN}")
# Who is told, and of what, stays until the transaction ends. In an archived project nobody can do anything about it.
DUE = Statement.plain(f"""
select t.id, t.assigned_to, t.deadline, t.project_id, u.role <> 'member'
  from tasks t
  join projects p on p.company_id = t.company_id and p.id = t.project_id and p.deleted_at is null and p.is_active
  join users u on u.company_id = t.company_id and u.id = t.assigned_to and u.is_active
                and u.accepted_at is not null and u.kind = 'person'
  left join notification_preferences w on w.company_id = u.company_id and w.user_id = u.id
 where t.company_id = {OWN} and t.deleted_at is null and t.assigned_to is not null and t.status <> 'done'
   and t.deadline is not null and t.deadline >= (select %(day)s::date) and t.deadline <= (select %(next)s::date)
   and (w.user_id is null or 'deadline_near' <> all(w.unwanted))
   and (u.role <> 'member' or exists (
     select from project_members m where m.company_id = {OWN} and m.project_id = t.project_id and m.user_id = u.id))
   and not exists (
     select from notifications n
      where n.company_id = {OWN} and n.task_id = t.id and n.user_id = t.assigned_to and n.deadline = t.deadline
        and n.kind = 'deadline_near' and n.days_before = t.deadline - (select %(day)s::date))
 order by t.deadline, t.id limit %(most)s
   for key share of t for share of u
""")


class SqlDeadlineDays:
    """The days of all companies."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def calendars(self) -> list[Calendar]:
        (found,) = await self._upkeep.ask(Asked(_CALENDARS, {}))
        return [Calendar._make(row) for row in found.rows()]

    async def begin(self, company_id: UUID, *, day: date) -> None:
        try:
            async with self._upkeep.within(company_id) as connection:
                await execute(connection, Asked(_BEGIN, {"day": day}), Asked(COMMIT, {}))
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            log.warning("a company's first morning was left to the next time: %s", refusal.code)
        except Exception:
            log.exception("the first morning of company %s cannot be written down", company_id)

    async def advance(
        self, company_id: UUID, *, day: date, most: int, told: Callable[[list[DueTask]], list[Notification]]
    ) -> bool:
        try:
            async with self._upkeep.within(company_id) as connection:
                return await _advance(connection, day, most, told)
        except (DatabaseAway, StorageFull):
            raise
        except Refusal as refusal:
            log.warning("a company's deadlines were left to the next time: %s", refusal.code)
            return False
        except Exception:
            log.exception("nobody can be told of the deadlines of company %s", company_id)
            return False


async def _advance(
    connection: Connection, day: date, most: int, told: Callable[[list[DueTask]], list[Notification]]
) -> bool:
    (taken,) = await execute(connection, Asked(_TAKE, {"day": day}))
    if taken.first() is None:
        return False
    values = {"day": day, "next": day + timedelta(days=1), "most": most}
    (found,) = await execute(connection, Asked(DUE, values))
    rows = found.rows()
    is_all = len(rows) < most
    # Again, since whoever leaves a project may have done so meanwhile.
    asked = members_among({(project_id, user_id) for _, user_id, _, project_id, is_free in rows if not is_free})
    (members,) = await execute(connection, asked)
    still = {tuple(row) for row in members.rows()}
    due = [DueTask._make(row[:3]) for row in rows if row[4] or (row[3], row[1]) in still]
    over = [Asked(_TOLD, {"day": day})] if is_all else []
    await execute(connection, *over, *keeping(told(due)), Asked(COMMIT, {}))
    return not is_all
