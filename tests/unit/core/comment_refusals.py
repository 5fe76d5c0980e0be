"""How each refusal about comments, watching and activity comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from typing import Any

from core.activity.use_cases import ActivityUseCases
from core.comments.errors import AnswerToAnswer, CommentNotFound, CommentWasDeleted, TooManyMentions
from core.comments.model import CommentChanges
from core.comments.read_models import CommentView
from core.comments.use_cases import CommentUseCases
from core.kernel.actor import Actor
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale
from core.kernel.once import InFlight, KeyReused
from core.kernel.paging import PageRequest, Sort
from core.projects.errors import ProjectArchived
from core.tasks.errors import TaskNotFound
from core.watching.use_cases import WatchUseCases
from tests.builders import an_id
from tests.builders.office import Office
from tests.contracts.steps import a_key

PAGE = PageRequest()
FLOOD = " ".join(f"@user{number}" for number in range(51))


def to(body: str) -> CommentChanges:
    return CommentChanges(given=frozenset({"body"}), body=body)


async def a_comment(office: Office, *, by: Actor | None = None, **fields: Any) -> CommentView:
    return await office.comment(on=(await office.task()).id, by=by, **fields)


async def a_remnant(office: Office) -> CommentView:
    """One that was deleted, and had been answered."""
    comment = await a_comment(office)
    await office.comment(on=comment.task_id, by=office.max, parent_id=comment.id)
    await office.comments.delete(office.mia, comment.id)
    return comment


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""
    _reading(refuses)
    _saying(refuses)
    _changing(refuses)
    _deleting(refuses)


def _reading(refuses: Any) -> None:
    @refuses(CommentUseCases.list, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.list(office.nora, (await office.task()).id, sort=Sort(field="created_at"), page=PAGE)

    @refuses(CommentUseCases.get, CommentNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.get(office.nora, (await a_comment(office)).id)

    @refuses(WatchUseCases.watch, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.watching.watch(office.nora, (await office.task()).id)

    @refuses(WatchUseCases.unwatch, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.watching.unwatch(office.mia, "WEB-9")

    @refuses(ActivityUseCases.of_task, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.activity.of_task(office.nora, (await office.task()).id, sort=Sort(field="seq"), page=PAGE)


def _saying(refuses: Any) -> None:
    @refuses(CommentUseCases.create, TaskNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.create(office.nora, (await office.task()).id, body="x")

    @refuses(CommentUseCases.create, ReferenceNotFound)
    async def _(office: Office) -> Awaitable[object]:
        elsewhere = await a_comment(office)
        return office.comments.create(office.mia, (await office.task()).id, body="x", parent_id=elsewhere.id)

    @refuses(CommentUseCases.create, AnswerToAnswer)
    async def _(office: Office) -> Awaitable[object]:
        comment = await a_comment(office)
        answer = await office.comment(on=comment.task_id, parent_id=comment.id)
        return office.comments.create(office.mia, comment.task_id, body="x", parent_id=answer.id)

    @refuses(CommentUseCases.create, CommentWasDeleted)
    async def _(office: Office) -> Awaitable[object]:
        comment = await a_remnant(office)
        return office.comments.create(office.mia, comment.task_id, body="x", parent_id=comment.id)

    @refuses(CommentUseCases.create, TooManyMentions)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.create(office.mia, (await office.task()).id, body=FLOOD)

    @refuses(CommentUseCases.create, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        task = await office.task()
        await office.archive_web()
        return office.comments.create(office.mia, task.id, body="x")

    @refuses(CommentUseCases.create, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.create(office.mia, (await office.task()).id, body=" ")

    @refuses(CommentUseCases.create, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        task = await office.task()
        await office.comments.create(office.mia, task.id, body="x", once=a_key())
        return office.comments.create(office.mia, task.id, body="y", once=a_key(digest=b"other"))

    @refuses(CommentUseCases.create, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        task = await office.task()
        await office.world.comment_unit_of_work(office.mia, once=a_key()).__aenter__()
        return office.comments.create(office.mia, task.id, body="x", once=a_key())


def _changing(refuses: Any) -> None:
    @refuses(CommentUseCases.change, CommentNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.mia, an_id(), to("y"))

    @refuses(CommentUseCases.change, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.adam, (await a_comment(office)).id, to("y"))

    @refuses(CommentUseCases.change, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.mia, (await a_comment(office)).id, to("y"), expected=2)

    @refuses(CommentUseCases.change, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        changes = CommentChanges(given=frozenset(), unchanged={"author_id": an_id()})
        return office.comments.change(office.mia, (await a_comment(office)).id, changes)

    @refuses(CommentUseCases.change, CommentWasDeleted)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.mia, (await a_remnant(office)).id, to("y"))

    @refuses(CommentUseCases.change, TooManyMentions)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.mia, (await a_comment(office)).id, to(FLOOD))

    @refuses(CommentUseCases.change, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        comment = await a_comment(office)
        await office.archive_web()
        return office.comments.change(office.mia, comment.id, to("y"))

    @refuses(CommentUseCases.change, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.change(office.mia, (await a_comment(office)).id, to(" "))


def _deleting(refuses: Any) -> None:
    @refuses(CommentUseCases.delete, CommentNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.delete(office.mia, an_id())

    @refuses(CommentUseCases.delete, Forbidden)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.delete(office.max, (await a_comment(office)).id)

    @refuses(CommentUseCases.delete, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.delete(office.mia, (await a_comment(office)).id, expected=2)

    @refuses(CommentUseCases.delete, CommentWasDeleted)
    async def _(office: Office) -> Awaitable[object]:
        return office.comments.delete(office.mia, (await a_remnant(office)).id)

    @refuses(CommentUseCases.delete, ProjectArchived)
    async def _(office: Office) -> Awaitable[object]:
        comment = await a_comment(office)
        await office.archive_web()
        return office.comments.delete(office.mia, comment.id)
