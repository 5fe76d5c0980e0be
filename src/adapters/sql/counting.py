"""Counting the companies' logs into days. Only the container may import this."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from adapters.sql.arrays import array
from adapters.sql.connection import Connection, Database, execute
from adapters.sql.log_reader import LOGS, Held, LogReader
from adapters.sql.pipeline import Asked, Result
from adapters.sql.readers.counted import (
    READER,
    counted_up_to,
    cycle_day_of,
    entries,
    entry_of,
    project_day_of,
    standing_of,
)
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from core.reports.model import Batch, Tally

log = logging.getLogger("flowtrack.reports")

# Reports count by themselves what is left, so that not every few events are worth a transaction.
_BEHIND = Statement.plain(f"""
{LOGS} where q.last_seq - coalesce(p.seq, 0) >= %(least)s::bigint order by q.company_id
""")
_ZONE = Statement.plain(f"select time_zone from companies where id = {OWN}")
# What the log of before there were reports does not tell: with which status and in which cycle a task was made. It is
# what the first change says that it was before, or else what it is now.
_PATIENTLY = Statement.plain("set local statement_timeout = '10min'")
_RECALL = Statement.plain(f"""
with changes as (
  select e.seq, (e.body ->> 'task_id')::uuid as task_id,
         coalesce(e.body ->> 'old_status', e.body #>> '{{changes,status,old}}') as status,
         e.body #> '{{changes,cycle_id}}' as cycle
    from events e
   where e.company_id = {OWN} and e.event in ('task_moved', 'task_updated')
), statuses as (
  select distinct on (task_id) task_id, status from changes where status is not null order by task_id, seq
), moves as (
  select distinct on (task_id) task_id, (cycle ->> 'old')::uuid as cycle_id from changes
   where cycle is not null order by task_id, seq
)
insert into counted_tasks (task_id, project_id, status, cycle_id, is_counted)
select t.id, t.project_id, coalesce(s.status, t.status),
       case when m.task_id is null then t.cycle_id else m.cycle_id end, false
  from tasks t
  left join statuses s on s.task_id = t.id
  left join moves m on m.task_id = t.id
 where t.company_id = {OWN}
on conflict do nothing
""")
_ENTRIES = Statement(entries(counted_up_to))
# What was not met yet stands as it is now, for events of the release before, which do not say. What is gone for good is
# not found. Cycles and projects are held until the end: their days refer to them. Two questions, and not one that joins
# them: of a company that has just begun to grow few tasks are expected, and then all would be held against all. For the
# same reason each is looked up in the order of the one index that has it, without sorting: otherwise all are read.
_TASKS = Statement.plain(f"""
select found.id, found.project_id, found.status, found.cycle_id, false
  from unnest(%(tasks)s::uuid[]) given (id)
 cross join lateral (select t.id, t.project_id, t.status, t.cycle_id from tasks t
                      where t.company_id = {OWN} and t.id >= given.id and t.id <= given.id order by t.id) found
""")
_COUNTED = Statement.plain(f"""
select found.*
  from unnest(%(tasks)s::uuid[]) given (id)
 cross join lateral (select c.task_id, c.project_id, c.status, c.cycle_id, c.is_counted from counted_tasks c
                      where c.company_id = {OWN} and c.task_id >= given.id and c.task_id <= given.id
                      order by c.task_id) found
""")
_PROJECTS = Statement.plain(f"""
select p.id, d.day, d.todo, d.in_progress, d.done
  from projects p
  left join lateral (select * from project_days each where each.company_id = {OWN} and each.project_id = p.id
                      order by each.day desc limit 1) d on true
 where p.company_id = {OWN} and p.id = any(%(projects)s)
   for key share of p
""")
_CYCLES = Statement.plain(f"""
select y.id, d.day, d.status, d.scope, d.done, d.added, d.removed
  from cycles y
  left join lateral (select * from cycle_days each where each.company_id = {OWN} and each.cycle_id = y.id
                      order by each.day desc limit 1) d on true
 where y.company_id = {OWN} and y.id = any(%(cycles)s)
   for key share of y
""")
_KEEP_TASKS = Statement.plain("""
insert into counted_tasks (task_id, project_id, status, cycle_id, is_counted)
select * from unnest(%(ids)s::uuid[], %(projects)s::uuid[], %(statuses)s::text[], %(cycles)s::uuid[],
                     %(counted)s::boolean[])
on conflict (company_id, task_id) do update
   set project_id = excluded.project_id, status = excluded.status, cycle_id = excluded.cycle_id,
       is_counted = excluded.is_counted
""")
_KEEP_PROJECT_DAYS = Statement.plain("""
insert into project_days (project_id, day, todo, in_progress, done)
select * from unnest(%(ids)s::uuid[], %(days)s::date[], %(todo)s::integer[], %(in_progress)s::integer[],
                     %(done)s::integer[])
on conflict (company_id, project_id, day) do update
   set todo = excluded.todo, in_progress = excluded.in_progress, done = excluded.done
""")
_KEEP_CYCLE_DAYS = Statement.plain("""
insert into cycle_days (cycle_id, day, status, scope, done, added, removed)
select * from unnest(%(ids)s::uuid[], %(days)s::date[], %(statuses)s::text[], %(scope)s::integer[],
                     %(done)s::integer[], %(added)s::integer[], %(removed)s::integer[])
on conflict (company_id, cycle_id, day) do update
   set status = excluded.status, scope = excluded.scope, done = excluded.done, added = excluded.added,
       removed = excluded.removed
""")


class SqlDayCounts:
    """The days of all companies, in their tables."""

    def __init__(self, database: Database) -> None:
        self._logs = LogReader(
            database,
            name=READER,
            log=log,
            left="a company's days were",
            failed="the days of company %s cannot be counted",
            behind=_BEHIND,
        )

    async def behind(self, *, least: int = 1) -> list[UUID]:
        return await self._logs.behind({"least": least})

    async def advance(self, company_id: UUID, *, most: int, counted: Callable[[Batch], Tally]) -> bool:
        async def read(held: Held, found: list[Result]) -> bool:
            if held.after >= held.head:
                return False
            if held.is_new:
                await execute(held.connection, Asked(_PATIENTLY, {}), Asked(_RECALL, {}))
            entries, zone = found
            rows = [each for each in entries.rows() if each[0] <= held.head]
            is_more = len(rows) == most
            kept = _keeping(counted(await _batch(held.connection, zone.rows()[0][0], rows))) if rows else []
            await held.move_on(rows[-1][0] if is_more else held.head, *kept, is_for_good=held.is_new)
            return is_more

        return await self._logs.advance(
            company_id, read, beside=lambda: [Asked(_ENTRIES, {"most": most}), Asked(_ZONE, {})]
        )


async def _batch(connection: Connection, zone: str, rows: list[tuple[Any, ...]]) -> Batch:
    """The events with all that they may concern; two questions, since the second needs what the first found."""
    taken = tuple(entry_of(row) for row in rows)
    concerned = {"tasks": array(sorted({row[4] for row in rows if row[4]}))}
    tasks, met = await execute(connection, Asked(_TASKS, concerned), Asked(_COUNTED, concerned))
    standings = {row[0]: standing_of(row[1:]) for row in tasks.rows()}
    standings |= {row[0]: standing_of(row[1:]) for row in met.rows() if row[0] in standings}
    known = [each for each in standings.values() if each is not None]
    projects = {UUID(each.body["project_id"]) for each in taken} | {each.project_id for each in known}
    cycles = {each.cycle_id for each in known if each.cycle_id is not None}
    for each in taken:
        change = (each.body["changes"] or {}).get("cycle_id") or {}
        named = (each.body.get("cycle_id"), change.get("new"))
        cycles |= {UUID(cycle_id) for cycle_id in named if cycle_id is not None}
    of_projects, of_cycles = await execute(
        connection,
        Asked(_PROJECTS, {"projects": sorted(projects)}),
        Asked(_CYCLES, {"cycles": sorted(cycles)}),
    )
    return Batch(
        zone=zone,
        entries=taken,
        tasks=standings,
        projects={row[0]: project_day_of(row[1:]) for row in of_projects.rows()},
        cycles={row[0]: cycle_day_of(row[1:]) for row in of_cycles.rows()},
    )


def _keeping(tally: Tally) -> list[Asked]:
    """What writes down what was counted, in the order of ids."""
    asked = []
    if tally.standings:
        standings = sorted(tally.standings.items())
        values: dict[str, Any] = {
            "ids": array([task_id for task_id, _ in standings]),
            "projects": array([each.project_id for _, each in standings]),
            "statuses": array([each.status for _, each in standings]),
            "cycles": array([each.cycle_id for _, each in standings]),
            "counted": array([each.is_counted for _, each in standings]),
        }
        asked.append(Asked(_KEEP_TASKS, values))
    if tally.project_days:
        days = sorted(tally.project_days.items())
        values = {name: [getattr(row, name) for _, row in days] for name in ("todo", "in_progress", "done")}
        values |= {"ids": [project_id for (project_id, _), _ in days], "days": [row.day for _, row in days]}
        asked.append(Asked(_KEEP_PROJECT_DAYS, values))
    if tally.cycle_days:
        of_cycles = sorted(tally.cycle_days.items())
        values = {name: [getattr(row, name) for _, row in of_cycles] for name in ("scope", "done", "added", "removed")}
        values |= {"ids": [cycle_id for (cycle_id, _), _ in of_cycles], "days": [row.day for _, row in of_cycles]}
        values["statuses"] = [str(row.status) for _, row in of_cycles]
        asked.append(Asked(_KEEP_CYCLE_DAYS, values))
    return asked
