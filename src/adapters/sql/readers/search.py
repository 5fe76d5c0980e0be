"""Finding things by their words.

Which ones fit is found by `search_hits`, which works past row-level security, in the caller's company and in no other.
What they are, and whether they are there to be seen at all, is asked of their own tables behind the wall: what is
deleted, or of a project that the caller does not see, is in no answer, whatever the words say.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    REAL,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    false,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.projects import is_member_of
from adapters.sql.readers.task_lists import DASH
from adapters.sql.readers.task_names import named_task, ref_values
from adapters.sql.statement import Statement
from adapters.sql.tables.comments import comments
from adapters.sql.tables.work import projects, tasks
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.projects.policy import Visible
from core.search.model import Kind, Question
from core.search.read_models import Found, Hit

_asked = bindparam("asked", type_=Text)
_KEY = projects.c.key + DASH + cast(tasks.c.number, Text)
_FIRST: ColumnElement[float] = literal_column("'infinity'::real", REAL)


def _hits(member: bool) -> CTE:
    """What fits, among the projects that the caller sees."""
    seen = select(projects.c.id)
    seen = seen.where(is_member_of(projects.c.id)) if member else seen
    found = func.search_hits(
        _asked, bindparam("kinds", type_=ARRAY(Text)), func.array(seen.scalar_subquery(), type_=ARRAY(Uuid))
    ).table_valued(
        column("kind", Text), column("ref_id", Uuid), column("score", REAL), column("is_partial", Boolean), name="found"
    )
    return select(found).cte("hits").prefix_with("MATERIALIZED")


def _projects(score: ColumnElement[float]) -> Select[Any]:
    return select(
        literal_column(f"'{Kind.PROJECT}'").label("kind"),
        projects.c.id,
        projects.c.key,
        projects.c.name.label("title"),
        projects.c.id.label("project_id"),
        projects.c.description.label("body"),
        score.label("score"),
    )


def _tasks(score: ColumnElement[float]) -> Select[Any]:
    return select(
        literal_column(f"'{Kind.TASK}'").label("kind"),
        tasks.c.id,
        _KEY.label("key"),
        tasks.c.title,
        tasks.c.project_id,
        tasks.c.description.label("body"),
        score.label("score"),
    )


def _comments(score: ColumnElement[float]) -> Select[Any]:
    return select(
        literal_column(f"'{Kind.COMMENT}'").label("kind"),
        comments.c.id,
        _KEY.label("key"),
        tasks.c.title,
        tasks.c.project_id,
        comments.c.body,
        score.label("score"),
    )


def _projects_of(hits: CTE) -> Select[Any]:
    return _projects(hits.c.score).select_from(hits.join(projects, projects.c.id == hits.c.ref_id))


def _tasks_of(hits: CTE) -> Select[Any]:
    rows = hits.join(tasks, tasks.c.id == hits.c.ref_id).join(projects, projects.c.id == tasks.c.project_id)
    return _tasks(hits.c.score).select_from(rows)


def _comments_of(hits: CTE) -> Select[Any]:
    rows = hits.join(comments, comments.c.id == hits.c.ref_id).join(tasks, tasks.c.id == comments.c.task_id)
    found = _comments(hits.c.score).select_from(rows.join(projects, projects.c.id == tasks.c.project_id))
    return found.where(comments.c.is_deleted.is_(False))


# What was found of each kind, as far as it is there to be seen: each joins the project that it is of.
SOURCES: dict[Kind, Callable[[CTE], Select[Any]]] = {
    Kind.PROJECT: _projects_of,
    Kind.TASK: _tasks_of,
    Kind.COMMENT: _comments_of,
}


def _of_kind(hits: CTE, kind: Kind, *, member: bool) -> Select[Any]:
    """What was found of a kind, as far as the caller sees it."""
    query = SOURCES[kind](hits).where(hits.c.kind == literal_column(f"'{kind}'"))
    return query.where(is_member_of(projects.c.id)) if member else query


def _named(*, member: bool) -> Select[Any]:
    """The task whose key is asked for."""
    rows = tasks.join(projects, projects.c.id == tasks.c.project_id)
    query = _tasks(_FIRST).select_from(rows).where(named_task(by_key=True))
    return query.where(is_member_of(tasks.c.project_id)) if member else query


@cache
def _statement(member: bool, names_task: bool) -> Statement:
    """The best of what fits. Texts are read of these alone, and cut to the part that holds a word."""
    hits = _hits(member)
    sources = [_of_kind(hits, kind, member=member) for kind in Kind]
    if names_task:
        sources.append(_named(member=member))
    fitting = union_all(*sources).subquery("fitting")
    best = (
        select(fitting)
        .order_by(fitting.c.score.desc(), fitting.c.id.desc())
        .limit(bindparam("most", type_=Integer))
        .subquery("best")
    )
    partial = select(func.coalesce(func.bool_or(hits.c.is_partial), false()).label("is_partial")).subquery("partial")
    shown = [best.c[name] for name in ("kind", "id", "key", "title", "project_id")]
    return Statement(
        select(partial.c.is_partial, *shown, func.search_excerpt(best.c.body, func.search_words(_asked)))
        .select_from(partial.outerjoin(best, true()))
        .order_by(best.c.score.desc(), best.c.id.desc())
    )


class SqlSearchReader:
    """What people find."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, actor: Actor, question: Question, *, visible: Visible, kinds: frozenset[Kind], limit: int
    ) -> Answer[Found]:
        key = question.task_key if Kind.TASK in kinds else None
        # One more than is asked for: the task that is named may be among those that fit, too.
        values: dict[str, Any] = {"asked": question.text, "kinds": sorted(kinds), "most": limit + 1}
        if key is not None:
            values |= ref_values(key)
        if visible.member_id is not None:
            values["member_id"] = visible.member_id
        rows, seq, _ = await self._database.rows(
            actor, _statement(visible.member_id is not None, key is not None), values
        )
        hits: dict[Any, Hit] = {}
        for _, kind, thing, name, title, project, part in rows:
            if thing is not None:
                hits.setdefault(thing, Hit(kind, thing, name, title, project, question.shown(title, part)))
        return Answer(Found(list(hits.values())[:limit], rows[0][0]), seq)
