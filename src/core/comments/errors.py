from core.kernel.errors import Conflict, Fault, Invalid, NotFound


class CommentNotFound(NotFound):
    code = "comment.not_found"
    title = "There is no such comment, or you may not see it"


class CommentWasDeleted(Conflict):
    code = "comment.deleted"
    title = "The comment was deleted; only its place among its answers is left"


class AnswerToAnswer(Invalid):
    code = "comment.answer_to_answer"
    title = "Comments are answered, answers are not"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("is an answer itself; name the comment that it answers", pointer="/parent_id"),))


class TooManyMentions(Invalid):
    code = "comment.too_many_mentions"
    title = "A comment mentions 50 names at most"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("mentions more than 50 names", pointer="/body"),))
