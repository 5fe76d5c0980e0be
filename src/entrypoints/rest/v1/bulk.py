"""Many changes of tasks over HTTP."""

import zlib
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from core.kernel.errors import Refusal, Stale
from core.kernel.once import Made
from core.kernel.paging import Answer
from core.tasks.read_models import TaskView
from core.tasks.use_cases.bulk import BulkUseCases, OperationResult, Results
from core.tasks.use_cases.bulk_operations import CreateTask
from entrypoints.rest import answers
from entrypoints.rest.caller import caller, container_of
from entrypoints.rest.errors import note_denials, status_of
from entrypoints.rest.idempotency import answered_once
from entrypoints.rest.middleware.form import LARGEST_BODY
from entrypoints.rest.operations import operation
from entrypoints.rest.sole import SoleRoute
from entrypoints.rest.v1.bulk_fields import BULK_EXAMPLE, BulkGiven, BulkShown, operation_of


class BulkRoute(SoleRoute):
    """A route for as much as a batch may say."""

    largest_body = 10 * LARGEST_BODY


router = APIRouter(prefix="/api/v1", route_class=BulkRoute, tags=["Tasks and boards"])


class _Kept(msgspec.Struct, array_like=True):
    """What is remembered of an operation's result, to answer it again; the problem of what was refused."""

    status: int
    task_id: UUID | None = None
    problem: msgspec.Raw = msgspec.Raw(b"null")


_read_outline = msgspec.json.Decoder(list[_Kept]).decode


def bulk_of(request: Request) -> BulkUseCases:
    found: BulkUseCases = container_of(request).bulk_use_cases()
    return found


@router.post(
    "/tasks/bulk",
    **operation(
        BulkUseCases.carry_out,
        id="bulkTasks",
        summary="Change many tasks at once",
        shows=BulkShown,
        example=BULK_EXAMPLE,
        body=True,
        idempotent=True,
    ),
)
async def bulk_tasks(request: Request, given: BulkGiven) -> Response:
    actor, bulk = caller(request), bulk_of(request)
    operations = [operation_of(each) for each in given.operations]

    async def again(made: Made) -> Response:
        kept = _read_outline(zlib.decompress(made.outline or b""))
        tasks, seq = await bulk.again(actor, [each.task_id for each in kept if each.task_id is not None])
        results = [_answered_again(place, each, tasks) for place, each in enumerate(kept)]
        return _respond(results, seq)

    def respond(answer: Answer[Results]) -> Response:
        return _respond([_answered(place, each) for place, each in enumerate(answer.value)], answer.seq)

    async def carry_out(once: Any) -> Answer[Results]:
        answer = await bulk.carry_out(actor, operations, atomic=given.atomic, outline=_outline, once=once)
        await note_denials(request, [each.refused for each in answer.value if each.refused is not None])
        return answer

    return await answered_once(request, do=carry_out, again_of_many=again, respond=respond)


def _respond(results: list[dict[str, Any]], seq: int) -> Response:
    return answers.JsonResponse(answers.encoded({"results": results}), headers=answers.read_headers(seq))


def _answered(place: int, result: OperationResult) -> dict[str, Any]:
    if result.refused is not None:
        return {"index": place, "status": status_of(type(result.refused)), "problem": _problem(place, result.refused)}
    if result.task is None:
        return {"index": place, "status": 204}
    return {"index": place, "status": _status(result), "task": answers.as_written(result.task)}


def _answered_again(place: int, kept: _Kept, tasks: dict[UUID, TaskView]) -> dict[str, Any]:
    answered: dict[str, Any] = {"index": place, "status": kept.status}
    if kept.status >= 400:
        return answered | {"problem": kept.problem}
    if kept.task_id is None:
        return answered
    task = tasks.get(kept.task_id)
    return answered | {"task": answers.as_written(task) if task is not None else None}


def _status(result: OperationResult) -> int:
    return 201 if isinstance(result.operation, CreateTask) else 200


def _outline(results: Results) -> bytes:
    kept = []
    for place, each in enumerate(results):
        if each.refused is not None:
            problem = msgspec.Raw(answers.encoded(_problem(place, each.refused)))
            kept.append(_Kept(status_of(type(each.refused)), problem=problem))
        elif each.task is None:
            kept.append(_Kept(204))
        else:
            kept.append(_Kept(_status(each), each.task.id))
    return zlib.compress(answers.encoded(kept))


def _problem(place: int, refusal: Refusal) -> dict[str, Any]:
    """What the operation was refused by, with pointers into the body of the whole."""
    problem: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status_of(type(refusal)),
        "detail": refusal.detail,
        "code": refusal.code,
    }
    if refusal.faults:
        problem["errors"] = [
            {"detail": fault.detail, "pointer": f"/operations/{place}{fault.pointer or ''}"} for fault in refusal.faults
        ]
    if isinstance(refusal, Stale):
        problem["etag"] = f'"{refusal.current}"'
    return problem
