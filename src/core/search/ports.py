from typing import Protocol

from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.projects.policy import Visible
from core.search.model import Kind, Question
from core.search.read_models import Found


class SearchReader(Protocol):
    async def search(
        self, actor: Actor, question: Question, *, visible: Visible, kinds: frozenset[Kind], limit: int
    ) -> Answer[Found]:
        """What fits in the projects that are visible, and those projects themselves: a task whose key is asked for
        first, then by how well each fits, the newest first. Of one snapshot, in which a committed write is found.
        """
        ...
