"""Statements of every shape that the tenant wall must stand in, over the product's own tables.

They compare words that two companies share (titles, names, keys), never ids, so that a hole would be seen: each reading
shape answers the company of every row that it found, each writing one would change rows of both companies.
"""

from typing import Any

from sqlalchemy import (
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from adapters.sql.tables.identity import accounts, companies
from adapters.sql.tables.log import event_sequences
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_keys, project_members, projects, tasks
from adapters.sql.tenancy import including_deleted

_t, _p, _u = tasks.c, projects.c, users.c
_others = tasks.alias("others")
_all = including_deleted(tasks)
_also = including_deleted(tasks).alias("also")
_doubles = (
    select(_others.c.company_id.label("company"), _others.c.title)
    .where(_others.c.title == _t.title)
    .limit(1)
    .lateral("doubles")
)
_named = select(_t.company_id, _t.title).where(_t.title == "Same").cte("named")
_chain = select(_t.company_id, _t.title, literal(1).label("depth")).cte("chain", recursive=True)
_chain = _chain.union_all(
    select(_others.c.company_id, _others.c.title, _chain.c.depth + 1).where(
        _others.c.title == _chain.c.title, _chain.c.depth < 2
    )
)
_derived = select(_t.company_id, _t.title).subquery("derived")
_changed = update(projects).values(name="Renamed").returning(_p.company_id, _p.id).cte("changed")

READING: dict[str, Any] = {
    "plain select": select(_t.company_id).where(_t.title == "Same"),
    "select of all columns of a small table": select(event_sequences),
    "alias": select(_others.c.company_id).where(_others.c.title == "Same"),
    "self join": select(_t.company_id, _others.c.company_id).join(_others, _others.c.title == _t.title),
    "inner join of two tables": select(_t.company_id, _u.company_id).select_from(tasks.join(users, _u.name == "Robin")),
    "outer join": select(_t.company_id, _p.company_id).select_from(tasks.outerjoin(projects, _p.status == "pending")),
    "full join": select(_t.company_id, _p.company_id).select_from(
        tasks.join(projects, _p.id == _t.project_id, full=True)
    ),
    "several tables without a join": select(_t.company_id, _u.company_id).where(_u.name == "Robin"),
    "subquery in FROM": select(_derived.c.company_id).where(_derived.c.title == "Same"),
    "IN with a subquery": select(_p.company_id).where(
        _p.id.in_(select(_others.c.project_id).where(_others.c.title == "Same"))
    ),
    "EXISTS": select(_p.company_id).where(exists().where(_t.title == "Same", _t.project_id == _p.id)),
    "NOT EXISTS": select(_p.company_id).where(~exists().where(_t.title == "No such", _t.project_id == _p.id)),
    "correlated scalar subquery": select(
        _p.company_id,
        select(_others.c.company_id).where(_others.c.project_id == _p.id).limit(1).scalar_subquery(),
    ),
    "LATERAL": select(_t.company_id, _doubles.c.company).select_from(tasks.join(_doubles, true())),
    "CTE": select(_named.c.company_id, _t.company_id).join(tasks, _t.title == _named.c.title),
    "recursive CTE": select(_chain.c.company_id),
    "UNION": union_all(select(_t.company_id), select(_others.c.company_id), select(_u.company_id)),
    "aggregate with GROUP BY": select(_t.company_id, func.count()).group_by(_t.company_id),
    "window": select(_t.company_id, func.row_number().over(partition_by=_t.status, order_by=_t.title)),
    "DISTINCT ON": select(_t.company_id).ext(postgresql.distinct_on(_t.title)).order_by(_t.title, _t.id),
    "FOR UPDATE OF": select(_t.company_id, _p.company_id)
    .join(projects, _p.id == _t.project_id)
    .with_for_update(of=tasks),
    "FOR UPDATE OF an alias": select(_others.c.company_id).with_for_update(of=_others, key_share=True),
    "companies, whose own id is the company": select(companies.c.id),
    "companies joined with their users": select(companies.c.id, _u.company_id).join(users, _u.name == "Robin"),
    "deleted ones too": select(_all.c.company_id).where(_all.c.title == "Same"),
    "an alias of deleted ones too beside the living": select(_t.company_id, _also.c.company_id).join(
        _also, _also.c.title == _t.title
    ),
    "FOR UPDATE OF deleted ones too": select(_all.c.company_id, _p.company_id)
    .join(projects, _p.id == _all.c.project_id)
    .with_for_update(of=_all, key_share=True),
    "beside a global table": select(_u.company_id).join(accounts, accounts.c.id == _u.account_id),
}

WRITING: dict[str, Any] = {
    "UPDATE": update(tasks).where(_t.title == "Same").values(title="Other"),
    "UPDATE of everything": update(users).values(name="Nobody"),
    "UPDATE .. FROM": update(tasks).where(_p.status == "pending", _t.title == "Same").values(title=_p.name),
    "UPDATE .. FROM itself": update(tasks).where(_others.c.title == _t.title).values(title=_others.c.title + "!"),
    "UPDATE with a subquery as value": update(tasks).values(
        title=select(_u.name).where(_u.name == "Robin").limit(1).scalar_subquery()
    ),
    "UPDATE .. RETURNING in a CTE": update(tasks)
    .where(_t.project_id == _changed.c.id)
    .values(title="Of a renamed project")
    .add_cte(_changed),
    "UPDATE of companies": update(companies).values(name="Taken over"),
    "UPDATE of a counter": update(event_sequences).values(last_seq=event_sequences.c.last_seq + 1),
    "UPDATE of deleted ones too": update(_all).where(_all.c.title == "Same").values(title="Other"),
    "UPDATE .. FROM deleted ones too": update(tasks).where(_also.c.title == _t.title).values(title=_also.c.title + "!"),
    "DELETE of deleted ones too": delete(_all).where(_all.c.title == "Same"),
    "DELETE": delete(tasks).where(_t.title == "Same"),
    "DELETE of everything": delete(project_members),
    "DELETE .. USING": delete(tasks).where(_t.title == "Same", _p.status == "pending"),
    "DELETE .. WHERE EXISTS": delete(project_keys).where(exists().where(_p.status == "pending")),
    "INSERT": insert(project_keys).values(
        key=bindparam("key", "NEW", type_=Text), project_id=bindparam("project", type_=Uuid)
    ),
    "INSERT of several rows": insert(project_keys).values(
        [
            {"key": "ONE", "project_id": bindparam("project", type_=Uuid)},
            {"key": "TWO", "project_id": bindparam("project", type_=Uuid)},
        ]
    ),
    "INSERT .. SELECT": insert(project_keys).from_select(
        ["key", "project_id"],
        select(literal("COPY", Text) + cast(_p.last_number, Text), _p.id).where(_p.status == "pending"),
    ),
    "INSERT .. ON CONFLICT DO UPDATE": postgresql.insert(project_keys)
    .values(key="SAME", project_id=bindparam("project", type_=Uuid))
    .on_conflict_do_update(index_elements=["company_id", "key"], set_={"project_id": project_keys.c.project_id}),
    "INSERT .. ON CONFLICT DO NOTHING": postgresql.insert(event_sequences).values(last_seq=0).on_conflict_do_nothing(),
}
