"""Writing down what users are told, and the facts of it: the last of a transaction but for what moves on."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from adapters.sql import event_log
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from core.kernel.actor import Via
from core.notifications.model import Notification

# After the events were appended: the counter's row is ours, so that each gets the position of its own event. Whatever
# they refer to was locked before, so that nobody waits for anything while the counter is held.
_KEEP = Statement.plain(f"""
insert into notifications (id, seq, user_id, kind, cause, event, actor_id, comment_id, project_id, task_id, task_count,
                           deadline, days_before, created_at)
select given.id, counter.last_seq - %(all)s::bigint + given.ordinal, given.user_id, given.kind, given.cause,
       given.event, given.actor_id, given.comment_id, given.project_id, given.task_id, given.task_count, given.deadline,
       given.days_before, %(at)s::timestamptz
  from unnest(%(ids)s::uuid[], %(users)s::uuid[], %(kinds)s::text[], %(causes)s::bigint[], %(events)s::text[],
              %(actors)s::uuid[], %(comments)s::uuid[], %(projects)s::uuid[], %(tasks)s::uuid[], %(counts)s::integer[],
              %(deadlines)s::date[], %(days_before)s::smallint[])
       with ordinality as given (id, user_id, kind, cause, event, actor_id, comment_id, project_id, task_id, task_count,
                                 deadline, days_before, ordinal),
       (select last_seq from event_sequences where company_id = {OWN}) counter
""")  # noqa: S608  (an expression of our own)


# Who leaves a project is waited for, or waits until it is kept what they are told of it: in the log nobody is told
# anything of a project that they were removed from before. Asked by itself, for what stands once they are locked.
_MEMBERS = Statement.plain(f"""
select m.project_id, m.user_id
  from unnest(%(projects)s::uuid[], %(users)s::uuid[]) as asked (project_id, user_id)
 cross join lateral (select * from project_members each
                      where each.company_id = {OWN} and each.project_id = asked.project_id
                        and each.user_id >= asked.user_id and each.user_id <= asked.user_id
                      order by each.user_id for key share) m
""")  # noqa: S608  (an expression of our own)


def members_among(pairs: Collection[tuple[UUID, UUID]]) -> Asked:
    """Asks which of the projects and users belong together, and holds on to that until the transaction ends."""
    ordered = sorted(pairs)
    return Asked(_MEMBERS, {"projects": [each for each, _ in ordered], "users": [each for _, each in ordered]})


def keeping(told: list[Notification]) -> list[Asked]:
    """What writes them, in their order; nothing for none."""
    if not told:
        return []
    at = told[0].created_at
    facts = event_log.append_values([each.created for each in told], actor_id=None, via=str(Via.SYSTEM), at=at)
    # What is told to one user belongs to nobody's history of the task.
    facts["tasks"] = [None] * len(told)
    values: dict[str, Any] = {
        "all": len(told),
        "at": at,
        "ids": [each.id for each in told],
        "users": [each.user_id for each in told],
        "kinds": [str(each.kind) for each in told],
        "causes": [each.cause for each in told],
        "events": [each.event for each in told],
        "actors": [each.actor_id for each in told],
        "comments": [each.comment_id for each in told],
        "projects": [each.project_id for each in told],
        "tasks": [each.task_id for each in told],
        "counts": [each.task_count for each in told],
        "deadlines": [each.deadline for each in told],
        "days_before": [each.days_before for each in told],
    }
    return [Asked(event_log.APPEND, facts), Asked(_KEEP, values)]
