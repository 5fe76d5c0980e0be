from core.kernel.actor import Actor, reading
from core.kernel.errors import answers
from core.kernel.paging import Answer
from core.projects.errors import ProjectNotFound
from core.projects.policy import visible_projects
from core.projects.ports import ProjectRef
from core.tasks.ports import TaskReader
from core.tasks.read_models import BoardView


class BoardUseCases:
    """Reading boards."""

    def __init__(self, *, reader: TaskReader) -> None:
        self._reader = reader

    @reading
    @answers(ProjectNotFound)
    async def get(self, actor: Actor, ref: ProjectRef, *, tasks_per_column: int) -> Answer[BoardView]:
        """A project's board: its columns from left to right, each with its first cards and the count of all."""
        board, seq = await self._reader.board(
            actor, ref, visible=visible_projects(actor), tasks_per_column=tasks_per_column
        )
        if board is None:
            raise ProjectNotFound
        return Answer(board, seq)
