from core.kernel.actor import Actor, reading
from core.kernel.errors import Invalid, answers
from core.kernel.paging import Answer
from core.projects.policy import visible_projects
from core.search.errors import TooManyWords
from core.search.model import Kind, Question
from core.search.ports import SearchReader
from core.search.read_models import Found


class SearchUseCases:
    """Finding projects, tasks and comments by their words."""

    def __init__(self, *, reader: SearchReader) -> None:
        self._reader = reader

    @reading
    @answers(Invalid, TooManyWords)
    async def search(
        self, actor: Actor, *, text: str, kinds: frozenset[Kind] = frozenset(), limit: int
    ) -> Answer[Found]:
        """What holds all the words that are asked for, in any case and with or without accents, of what the caller may
        see; of all kinds, unless some are named.

        The last word may be only begun. What counts most is a word in the title, or the project's key; a task's own key
        finds that task first; what counts least is a word in a comment. Of a description or a comment the first 20,000
        characters are searched. What is deleted is not found, what is archived is. Signs that are no letters or digits
        separate words and mean nothing: a question of them alone finds nothing. What was committed before is found.
        """
        return await self._reader.search(
            actor,
            Question.of(text),
            visible=visible_projects(actor),
            kinds=kinds or frozenset(Kind),
            limit=limit,
        )
