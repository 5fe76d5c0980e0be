"""Boards over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from core.tasks.fields import Status
from core.tasks.read_models import BoardView, ColumnView
from core.tasks.use_cases.boards import BoardUseCases
from entrypoints.rest import answers
from entrypoints.rest.caller import SignedInRoute, caller, container_of
from entrypoints.rest.operations import operation
from entrypoints.rest.refs import project_ref
from entrypoints.rest.v1.fields import Shown
from entrypoints.rest.v1.task_fields import TASK_EXAMPLE, TaskShown

router = APIRouter(prefix="/api/v1", route_class=SignedInRoute, tags=["Tasks and boards"])


class ColumnShown(Shown):
    id: UUID
    name: str
    category: Status
    position: int
    wip_limit: int | None
    over_limit: bool
    task_count: int
    tasks: list[TaskShown]


class BoardShown(Shown):
    project_id: UUID
    columns: list[ColumnShown]


BOARD_EXAMPLE = {
    "project_id": "01920000-0000-7000-8000-000000000001",
    "columns": [
        {
            "id": "01920000-0000-7000-8000-000000000003",
            "name": "In progress",
            "category": "in_progress",
            "position": 1,
            "wip_limit": None,
            "over_limit": False,
            "task_count": 1,
            "tasks": [TASK_EXAMPLE],
        }
    ],
}


@router.get(
    "/projects/{project_id}/board",
    **operation(
        BoardUseCases.get, id="getBoard", summary="Get a project's board", shows=BoardShown, example=BOARD_EXAMPLE
    ),
)
async def get_board(
    request: Request,
    project_id: Annotated[str, Path(description="The project's id, or its key in any case.")],
    tasks_per_column: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    boards = container_of(request).board_use_cases()
    board, seq = await boards.get(caller(request), project_ref(project_id), tasks_per_column=tasks_per_column)
    return answers.JsonResponse(_board_body(board), headers=answers.read_headers(seq))


def _board_body(board: BoardView) -> bytes:
    shape: Any = ColumnView
    columns = [answers.mirror(shape)(*column[:-1], answers.nested_list(column.tasks)) for column in board.columns]
    return answers.encoded(answers.mirror(BoardView)(board.project_id, columns))
