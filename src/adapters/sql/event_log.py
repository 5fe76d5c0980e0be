"""Writing facts to the company's log: numbered by the company's counter row, in the last statement of a transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.sql.arrays import array, array_of_texts
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.tables.log import event_sequences, events, idempotency_keys
from core.kernel.events import Concern, Fact

_WRITTEN = [
    "seq",
    "event",
    "channel",
    "occurred_at",
    "actor_id",
    "via",
    "project_id",
    "named",
    "for_admins",
    "for_everyone",
    "task_id",
    "body",
]
_count = bindparam("count", type_=BigInteger)
_after = event_sequences.c.last_seq + _count
_counter = (
    update(event_sequences)
    .values(
        last_seq=_after,
        last_for_people=case((bindparam("for_people", type_=Boolean), _after), else_=event_sequences.c.last_for_people),
        last_for_mail=case((bindparam("for_mail", type_=Boolean), _after), else_=event_sequences.c.last_for_mail),
    )
    .returning(event_sequences.c.last_seq)
    .cte("counter")
)
_facts = (
    func.unnest(
        bindparam("ordinals", type_=ARRAY(BigInteger)),
        bindparam("names", type_=ARRAY(Text)),
        bindparam("channels", type_=ARRAY(Text)),
        bindparam("projects", type_=ARRAY(Uuid)),
        # An array of arrays would be flattened, so each list of users travels as the text of an array.
        bindparam("named", type_=ARRAY(Text)),
        bindparam("for_admins", type_=ARRAY(Boolean)),
        bindparam("for_everyone", type_=ARRAY(Boolean)),
        bindparam("tasks", type_=ARRAY(Uuid)),
        bindparam("bodies", type_=ARRAY(JSONB)),
    )
    .table_valued(
        "ordinal",
        "event",
        "channel",
        "project_id",
        "named",
        "for_admins",
        "for_everyone",
        "task_id",
        "body",
        name="fact",
    )
    .render_derived()
)

# The trace in which an event happened. Where none is kept the statements are shorter.
_TRACE = bindparam("trace", type_=Text)

# The counter's row stays locked until commit, so numbers are gap-free and in the order of commits. This statement comes
# last in its transaction, so that the lock is held for one flush and no longer.
_append, _append_traced = (
    insert(events)
    .from_select(
        [*_WRITTEN, *kept],
        select(
            _counter.c.last_seq - _count + _facts.c.ordinal,
            _facts.c.event,
            _facts.c.channel,
            bindparam("occurred_at", type_=DateTime(timezone=True)),
            bindparam("actor_id", type_=Uuid),
            bindparam("via", type_=Text),
            _facts.c.project_id,
            cast(_facts.c.named, ARRAY(Uuid)),
            _facts.c.for_admins,
            _facts.c.for_everyone,
            _facts.c.task_id,
            _facts.c.body,
            *kept.values(),
        ).select_from(_counter.join(_facts, true())),
    )
    .returning(events.c.seq, events.c.company_id)
    for kept in ({}, {"trace": _TRACE})
)
APPEND, _APPEND_TRACED = Statement(_append), Statement(_append_traced)


_append_one, _append_one_traced = (
    insert(events)
    .from_select(
        [*_WRITTEN, *kept],
        select(
            _counter.c.last_seq,
            bindparam("event", type_=Text),
            bindparam("channel", type_=Text),
            bindparam("occurred_at", type_=DateTime(timezone=True)),
            bindparam("actor_id", type_=Uuid),
            bindparam("via", type_=Text),
            bindparam("project_id", type_=Uuid),
            cast(bindparam("named", type_=Text), ARRAY(Uuid)),
            bindparam("for_admins", type_=Boolean),
            bindparam("for_everyone", type_=Boolean),
            bindparam("task_id", type_=Uuid),
            bindparam("body", type_=JSONB),
            *kept.values(),
        ).select_from(_counter),
    )
    .returning(events.c.seq, events.c.company_id)
    for kept in ({}, {"trace": _TRACE})
)
APPEND_ONE, _APPEND_ONE_TRACED = Statement(_append_one), Statement(_append_one_traced)

# The event and the Idempotency-Key of the request that made it, in one statement.
APPEND_AND_KEEP, _APPEND_AND_KEEP_TRACED = (
    Statement(
        insert(idempotency_keys)
        .from_select(
            ["id", "user_id", "digest", "kind", "resource_id", "resource_version", "seq", "created_at"],
            select(
                bindparam("key_id", type_=Uuid),
                bindparam("user_id", type_=Uuid),
                bindparam("digest", type_=LargeBinary),
                bindparam("kind", type_=Text),
                bindparam("resource_id", type_=Uuid),
                bindparam("resource_version", type_=BigInteger),
                _counter.c.last_seq,
                func.now(),
            ).select_from(_counter),
        )
        .add_cte(appending.cte("event"))
        .returning(idempotency_keys.c.seq, idempotency_keys.c.company_id)
    )
    for appending in (_append_one, _append_one_traced)
)

_TRACED = {APPEND: _APPEND_TRACED, APPEND_ONE: _APPEND_ONE_TRACED, APPEND_AND_KEEP: _APPEND_AND_KEEP_TRACED}
# The statements that append, each with how many facts as its `count`; they answer a position and the company.
APPENDS = frozenset({*_TRACED, *_TRACED.values()})


def traced(asked: Asked, trace: str) -> Asked:
    """The same; but if it appends, the events remember the trace, as a `traceparent`."""
    keeping = _TRACED.get(asked.statement)
    return asked if keeping is None else Asked(keeping, {**asked.values, "trace": trace})


def append(facts: list[Fact], *, actor_id: UUID | None, via: str, at: datetime) -> Asked:
    """What writes some facts of one actor; a single one, which is the rule, without the cost of arrays."""
    if len(facts) > 1:
        return Asked(APPEND, append_values(facts, actor_id=actor_id, via=via, at=at))
    (fact,) = facts
    audience, body, concern = fact.audience(), fact.body(), fact.concern()
    values = {
        "count": 1,
        "for_people": concern is Concern.PEOPLE,
        "for_mail": concern is Concern.MAIL,
        "event": fact.event,
        "channel": str(fact.channel),
        "occurred_at": at,
        "actor_id": actor_id,
        "via": via,
        "project_id": audience.project_id,
        "named": _array(audience.named),
        "for_admins": audience.admins,
        "for_everyone": audience.everyone,
        "task_id": body.get("task_id"),
        "body": Jsonb(body),
    }
    return Asked(APPEND_ONE, values)


def append_values(facts: list[Fact], *, actor_id: UUID | None, via: str, at: datetime) -> dict[str, Any]:
    """The parameters of APPEND for some facts of one actor."""
    audiences, bodies = [fact.audience() for fact in facts], [fact.body() for fact in facts]
    concerns = {fact.concern() for fact in facts}
    return {
        "count": len(facts),
        "for_people": Concern.PEOPLE in concerns,
        "for_mail": Concern.MAIL in concerns,
        "ordinals": array(range(1, len(facts) + 1)),
        "names": array([fact.event for fact in facts]),
        "channels": array([fact.channel for fact in facts]),
        "occurred_at": at,
        "actor_id": actor_id,
        "via": via,
        "projects": array([audience.project_id for audience in audiences]),
        "named": array([_array(audience.named) for audience in audiences]),
        "for_admins": array([audience.admins for audience in audiences]),
        "for_everyone": array([audience.everyone for audience in audiences]),
        "tasks": array([body.get("task_id") for body in bodies]),
        "bodies": _array_of_json(bodies),
    }


def _array_of_json(bodies: list[dict[str, Any]]) -> str:
    return array_of_texts([msgspec.json.encode(body).decode() for body in bodies])


def _array(ids: tuple[UUID, ...]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"
