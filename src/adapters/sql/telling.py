"""Writing audit events across companies: for the doors beside that in `system`, and by them alone."""

from adapters.sql.audit_log import NOTED
from adapters.sql.statement import Statement


def telling(told: str) -> Statement:
    """What writes an event for each company, and user of it, that the last of some queries, `told`, finds. What is not
    `kept`, or was noted already, is as long a way to the disk, in the log that PostgreSQL writes ahead.
    """
    return Statement.plain(f"""
with {told.strip()}, written as (
  insert into audit_events (company_id, actor_id, {", ".join(NOTED)})
  select told.company_id, told.actor_id, {", ".join(NOTED.values())} from told
   where %(kept)s::boolean
  on conflict (company_id, coalesced_by) where coalesced_by is not null do nothing
  returning id
)
select pg_logical_emit_message(true, 'flowtrack', repeat('.', 600)) where not exists (select from written)
""")  # noqa: S608  (columns of our own)
