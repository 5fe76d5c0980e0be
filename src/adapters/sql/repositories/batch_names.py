"""What tasks are called in a batch: by their keys, and by other systems."""

from sqlalchemy import Integer, Text, Uuid, bindparam, func, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.repositories.looked_up import each, given_ids, looked_up
from adapters.sql.statement import Statement
from adapters.sql.tables.work import project_keys, task_keys, tasks

_key = (
    func.unnest(bindparam("keys", type_=ARRAY(Text)), bindparam("numbers", type_=ARRAY(Integer)))
    .table_valued("key", "number", name="given")
    .render_derived()
)
_at = looked_up(project_keys, _key.c.key, project_keys.c.project_id, by="key")
_there = {"project_id": _at.c.project_id}
_stands = looked_up(tasks, _key.c.number, tasks.c.id, tasks.c.project_id, by="number", of=_there)
_kept = looked_up(task_keys, _key.c.number, task_keys.c.task_id, by="number", of=_there)
_stood = looked_up(tasks, _kept.c.task_id, tasks.c.project_id)
_named = each(_key, _at).outerjoin(_stands, true()).outerjoin(_kept, true()).outerjoin(_stood, true())
_named_id = func.coalesce(_stands.c.id, _kept.c.task_id)
KEYS = Statement(select(_key.c.key, _key.c.number, _at.c.project_id, _named_id).select_from(_named))
# Not the task's by the id of the task: as part of a condition, COALESCE would keep it from the index.
PROJECTS_OF_KEYS = select(func.coalesce(_stands.c.project_id, _stood.c.project_id)).select_from(_named)

_given_transferred = given_ids("transferred")
_had = looked_up(tasks, _given_transferred.c.id, tasks.c.external_id)
_transferred = select(_had.c.external_id).select_from(each(_given_transferred, _had))
_wanted = union(
    select(func.unnest(bindparam("external_ids", type_=ARRAY(Text))).label("external_id")),
    _transferred.where(_had.c.external_id.is_not(None)),
)
EXTERNAL_IDS_OF_MANY = Statement(
    select(tasks.c.project_id, tasks.c.external_id, tasks.c.id).where(
        tasks.c.project_id == func.any(bindparam("projects", type_=ARRAY(Uuid))), tasks.c.external_id.in_(_wanted)
    )
)
_called, _given_projects = _wanted.subquery("called"), given_ids("projects")
_bearing = looked_up(
    tasks, _called.c.external_id, tasks.c.project_id, tasks.c.external_id, tasks.c.id, by="external_id",
    of={"project_id": _given_projects.c.id},
)  # fmt: skip
# Each in each project, which are a few as a rule.
EXTERNAL_IDS = Statement(select(*_bearing.c).select_from(each(_given_projects.join(_called, true()), _bearing)))
