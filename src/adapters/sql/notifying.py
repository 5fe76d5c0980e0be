"""Reading the companies' logs for whom they concern. Only the container may import this."""

import logging
from collections.abc import Callable
from uuid import UUID

from adapters.sql.connection import Connection, Database, execute
from adapters.sql.event_log import traced
from adapters.sql.log_reader import LOGS, Held, LogReader, Passing
from adapters.sql.pipeline import Asked, Result, Row
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.told import keeping, members_among
from core.notifications.model import (
    CAUSES,
    Batch,
    Cause,
    Notification,
    Recipient,
    TaskNow,
    at_once,
    whole_transactions,
)

log = logging.getLogger("flowtrack.notifications")

READER = "notifications"
_TOLD_AT_ONCE = 500
"""So many notifications are written while the company's counter is held, or those of one transaction."""

_EVENTS = ", ".join(f"'{event}'" for event in CAUSES)
# Who has written nothing that may concern somebody costs nothing but this.
_BEHIND = Statement.plain(f"""
{LOGS}
 where q.last_for_people > coalesce(p.seq, 0) or q.last_seq - coalesce(p.seq, 0) > %(passed)s::bigint
 order by q.company_id
""")
# Of the log only what concerns somebody: its own events are no causes.
_CAUSES = Statement.plain(f"""
select seq, event, actor_id, occurred_at, project_id, (body ->> 'task_id')::uuid, (body ->> 'comment_id')::uuid,
       to_user::uuid, mentions, mentioned, trace
  from (select e.seq, e.event, e.actor_id, e.occurred_at, e.project_id, e.body, e.trace,
               case e.event when 'task_created' then e.body ->> 'assigned_to'
                            when 'task_updated' then e.body #>> '{{changes,assigned_to,new}}'
                            when 'project_member_added' then e.body ->> 'user_id' end as to_user,
               case e.event when 'comment_created' then e.body -> 'mentions'
                            when 'comment_updated' then e.body #> '{{changes,mentions,new}}' end as mentions,
               case e.event when 'comment_updated' then e.body #> '{{changes,mentions,old}}' end as mentioned
          from events e
         where e.company_id = {OWN} and e.event in ({_EVENTS})
           and e.seq > (select seq from log_positions where company_id = {OWN} and reader = '{READER}')) found
 where to_user is not null or mentions is not null
 order by seq limit %(most)s
""")
# Whatever is referred to stays until the transaction ends. Tasks are looked up one by one, whatever the planner
# believes of the company, in the order in which they are given.
_TASKS = Statement.plain(f"""
select t.id, t.project_id, t.created_by, t.assigned_to
  from unnest(%(tasks)s::uuid[]) given (id)
 cross join lateral (select * from tasks each
                      where each.company_id = {OWN} and each.id >= given.id and each.id <= given.id
                        and each.deleted_at is null
                      order by each.id for key share) t
  join projects p on p.company_id = {OWN} and p.id = t.project_id and p.deleted_at is null
""")
_WATCHERS = Statement.plain(f"""
select w.task_id, w.user_id, w.watching
  from unnest(%(tasks)s::uuid[]) given (id)
 cross join lateral (select * from task_watchers each
                      where each.company_id = {OWN} and each.task_id >= given.id and each.task_id <= given.id
                      order by each.task_id) w
""")
_PROJECTS = Statement.plain(f"""
select p.id
  from unnest(%(projects)s::uuid[]) given (id)
 cross join lateral (select * from projects each
                      where each.company_id = {OWN} and each.id >= given.id and each.id <= given.id
                        and each.deleted_at is null
                      order by each.id for key share) p
""")
# Whose role changes, or who is deactivated, is waited for, and waits: a key alone would not be enough. A program hears
# of its company by webhooks and the log, and has no inbox.
_PEOPLE = Statement.plain(f"""
select u.id, u.role <> 'member', coalesce(w.unwanted, '{{}}')
  from unnest(%(people)s::uuid[]) given (id)
 cross join lateral (select * from users each
                      where each.company_id = {OWN} and each.id >= given.id and each.id <= given.id
                        and each.is_active and each.accepted_at is not null and each.kind = 'person'
                      order by each.id for share) u
  left join lateral (select each.unwanted from notification_preferences each
                      where each.company_id = {OWN} and each.user_id >= u.id and each.user_id <= u.id
                      order by each.user_id) w on true
""")


class SqlNotifiedLogs:
    """The logs of all companies, and who is told what of them."""

    def __init__(self, database: Database) -> None:
        self._logs = LogReader(
            database,
            name=READER,
            log=log,
            left="a company's notifications were",
            failed="nobody can be told what happened in company %s",
            behind=_BEHIND,
        )
        self.passing = Passing()

    async def behind(self) -> list[UUID]:
        passed = self.passing.most
        found = await self._logs.behind({"passed": passed})
        self.passing.is_over(passed)
        return found

    async def advance(self, company_id: UUID, *, most: int, told: Callable[[Batch], list[Notification]]) -> bool:
        told_most = _TOLD_AT_ONCE

        async def read(held: Held, found: list[Result]) -> bool:
            if held.after >= held.head:
                return False
            (first,) = found
            causes, trace, is_all = await _causes(held, first, most)
            if not causes:
                await held.move_on(held.head)
                return False
            batch = await _batch(held.connection, causes, told_most)
            is_all = is_all and len(batch.causes) == len(causes)
            kept = keeping(told(batch))
            if trace is not None:
                kept = [traced(each, trace) for each in kept]
            await held.move_on(held.head if is_all else batch.causes[-1].seq, *kept)
            return not is_all

        def shortened() -> bool:
            # What takes too long now would the next time: less is tried.
            nonlocal most, told_most
            is_shorter = most > 1
            most, told_most = max(1, most // 2), max(1, told_most // 2)
            return is_shorter

        return await self._logs.advance(
            company_id, read, beside=lambda: [Asked(_CAUSES, {"most": most})], shortened=shortened
        )


async def _causes(held: Held, found: Result, most: int) -> tuple[list[Cause], str | None, bool]:
    """The next causes, whole transactions; the trace of the request that made them, if one alone did; and whether they
    are all up to the head.
    """
    while True:
        rows = [row for row in found.rows() if row[0] <= held.head]
        causes = [_cause(row) for row in rows]
        whole = whole_transactions(causes, most=most)
        if whole or not causes:
            traces = {row[-1] for row in rows[: len(whole)]}
            return whole, traces.pop() if len(traces) == 1 else None, len(causes) < most
        # A single transaction that is larger.
        most *= 4
        (found,) = await execute(held.connection, Asked(_CAUSES, {"most": most}))


async def _batch(connection: Connection, causes: list[Cause], told_most: int) -> Batch:
    """As many of the causes as are told at once, with all that they may concern; two questions, since the second needs
    what the first found.
    """
    of_tasks = sorted({cause.task_id for cause in causes if cause.task_id is not None})
    projects = sorted({cause.project_id for cause in causes if cause.task_id is None and cause.project_id is not None})
    commented = sorted({cause.task_id for cause in causes if cause.comment_id is not None and cause.task_id})
    there, said, standing = await execute(
        connection,
        Asked(_TASKS, {"tasks": of_tasks}),
        Asked(_WATCHERS, {"tasks": commented}),
        Asked(_PROJECTS, {"projects": projects}),
    )
    watching: dict[UUID, dict[UUID, bool]] = {}
    for task_id, user_id, is_watching in said.rows():
        watching.setdefault(task_id, {})[user_id] = is_watching
    tasks = {row[0]: TaskNow(row[1], row[2], row[3], watching.get(row[0], {})) for row in there.rows()}
    known = frozenset(row[0] for row in standing.rows())
    taken, concerned = at_once(causes, tasks, known, most=told_most)
    pairs = {(each.project_id, each.user_id) for each in concerned}
    # Of several tasks of one project their project is told.
    _, people, members = await execute(
        connection,
        Asked(_PROJECTS, {"projects": sorted({project_id for project_id, _ in pairs})}),
        Asked(_PEOPLE, {"people": sorted({user_id for _, user_id in pairs})}),
        members_among(pairs),
    )
    seen: dict[UUID, set[UUID]] = {}
    for project_id, user_id in members.rows():
        seen.setdefault(user_id, set()).add(project_id)
    return Batch(
        causes=tuple(taken),
        tasks=tasks,
        projects=known,
        people={
            row[0]: Recipient(administers=row[1], unwanted=frozenset(row[2]), projects=frozenset(seen.get(row[0], ())))
            for row in people.rows()
        },
    )


def _cause(row: Row) -> Cause:
    *fields, mentions, mentioned, _ = row
    new = frozenset(map(UUID, mentions or ())) - frozenset(map(UUID, mentioned or ()))
    return Cause._make((*fields, new))
