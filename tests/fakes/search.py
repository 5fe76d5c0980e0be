from typing import NamedTuple
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.projects.policy import Visible
from core.search.model import RANKED, Kind, Question, excerpt, words_of
from core.search.read_models import Found, Hit
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables


class Document(NamedTuple):
    """What is searched of one thing: a word of `heading` counts one, a word of `body` what `counts` says."""

    kind: Kind
    id: UUID
    key: str
    title: str
    project_id: UUID
    heading: str
    body: str | None
    counts: float = 0.4


class InMemorySearchReader:
    """What people find: by reading everything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def search(
        self, actor: Actor, question: Question, *, visible: Visible, kinds: frozenset[Kind], limit: int
    ) -> Answer[Found]:
        tables = self._store.read(actor)
        seen = [
            each
            for each in _documents(tables)
            if visible.member_id is None or (each.project_id, visible.member_id) in tables.members
        ]
        fitting = [each for each in seen if each.kind in kinds and question.fits(f"{each.heading} {each.body or ''}")]
        newest = sorted(fitting, key=lambda each: each.id, reverse=True)
        best = sorted(newest[:RANKED], key=lambda each: _score(each, question), reverse=True)
        named = tables.task(question.task_key) if question.task_key is not None else None
        if named is not None:
            best = [each for each in seen if each.id == named.id and each.kind in kinds] + [
                each for each in best if each.id != named.id
            ]
        hits = [_hit(each, question) for each in best[:limit]]
        return Answer(Found(hits, is_partial=len(newest) > RANKED), tables.last_seq)


def _documents(tables: CompanyTables) -> list[Document]:
    projects = {project.id: project for project in tables.projects.values() if project.deleted_at is None}
    found = [
        Document(Kind.PROJECT, each.id, each.key, each.name, each.id, f"{each.key} {each.name}", each.description)
        for each in projects.values()
    ]
    for task in tables.tasks.values():
        if tables.stands(task) and task.project_id in projects:
            key = f"{projects[task.project_id].key}-{task.number}"
            found.append(Document(Kind.TASK, task.id, key, task.title, task.project_id, task.title, task.description))
    for comment in tables.comments.values():
        about = tables.task(comment.task_id)
        if about is not None and not comment.is_deleted:
            key = f"{projects[about.project_id].key}-{about.number}"
            found.append(
                Document(Kind.COMMENT, comment.id, key, about.title, about.project_id, "", comment.body, counts=0.2)
            )
    return found


def _score(document: Document, question: Question) -> float:
    heading = {word for word in words_of(document.heading) if question.finds(word)}
    body = {word for word in words_of(document.body or "") if question.finds(word)}
    return len(heading) + document.counts * len(body - heading)


def _hit(document: Document, question: Question) -> Hit:
    part = excerpt(document.body, question) if document.body else None
    shown = question.shown(document.title, part)
    return Hit(document.kind, document.id, document.key, document.title, document.project_id, shown)
