import pytest

from core.comments.errors import CommentNotFound
from core.comments.model import CommentChanges
from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.kernel.paging import PageRequest, Sort
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


def handle(actor: Actor) -> str:
    return f"@u{actor.user_id}"


def to(body: str) -> CommentChanges:
    return CommentChanges(given=frozenset({"body"}), body=body)


async def watching(office: Office, actor: Actor, ref: object) -> bool:
    return (await office.tasks.get(actor, ref)).value.watching


class TestSaying:
    async def test_who_sees_the_task_comments_on_it_and_the_project_hears_of_it(self, office: Office) -> None:
        task = await office.task()
        head = office.head
        comment, seq = await office.comments.create(office.mia, "web-1", body=" Which one? ")
        assert (comment.body, comment.author_id, comment.author_name) == ("Which one?", office.mia.user_id, "Mia")
        assert (comment.task_id, comment.parent_id, comment.mentions, comment.deleted) == (task.id, None, [], False)
        (fact,) = office.facts(after=head)
        assert seq == fact.seq
        assert (fact.event, fact.channel, fact.audience.project_id) == (
            "comment_created",
            "task_updates",
            office.web.id,
        )
        assert "body" not in fact.body
        assert (await office.tasks.get(office.mia, task.id)).value.version == 1

    async def test_mentioned_are_those_who_see_the_project_and_they_watch_the_task(self, office: Office) -> None:
        task = await office.task()
        body = f"{handle(office.max)} {handle(office.nora)} {handle(office.olga).upper()} @nobody"
        comment = await office.comment(body, on=task.id)
        assert [mention["name"] for mention in comment.mentions] == ["Max", "Owner of Acme"]
        assert comment.embedded == ("Mia", "Max", "Owner of Acme")
        assert await watching(office, office.max, task.id) and await watching(office, office.olga, task.id)
        assert await watching(office, office.mia, task.id), "who comments watches"
        (fact,) = [each for each in office.facts(after=0) if each.event == "comment_created"]
        assert set(fact.body["mentions"]) == {str(office.max.user_id), str(office.olga.user_id)}

    async def test_a_comment_is_answered(self, office: Office) -> None:
        task = await office.task()
        first = await office.comment(on=task.id)
        answer = await office.comment("That one", on=task.id, by=office.max, parent_id=first.id)
        assert answer.parent_id == first.id
        page, _ = await office.comments.list(office.mia, task.id, sort=Sort(field="created_at"), page=PageRequest())
        assert [comment.id for comment in page.items] == [first.id, answer.id]


class TestChanging:
    async def test_who_said_it_changes_it_and_whom_it_mentions_is_found_out_anew(self, office: Office) -> None:
        task = await office.task()
        comment = await office.comment(f"For {handle(office.max)}", on=task.id)
        head = office.head
        changed, _ = await office.comments.change(office.mia, comment.id, to(f"For {handle(office.adam)}"), expected=1)
        assert (changed.version, [mention["name"] for mention in changed.mentions]) == (2, ["Adam"])
        (fact,) = office.facts(after=head)
        assert fact.event == "comment_updated"
        assert fact.body["body_changed"] is True and set(fact.body["changes"]) == {"mentions"}
        assert list(fact.body["changes"]["mentions"]["new"]) == [str(office.adam.user_id)]
        assert await watching(office, office.max, task.id), "who was mentioned before goes on watching"

    async def test_no_event_holds_what_was_said(self, office: Office) -> None:
        head = office.head
        comment = await office.comment("The password is mango", on=(await office.task()).id)
        await office.comments.change(office.mia, comment.id, to("The password is papaya"))
        await office.comments.delete(office.mia, comment.id)
        facts = office.facts(after=head)
        assert [fact.event for fact in facts][-2:] == ["comment_updated", "comment_deleted"]
        assert not any(word in str(fact.body) for fact in facts for word in ("mango", "papaya"))

    async def test_the_same_again_changes_nothing(self, office: Office) -> None:
        comment = await office.comment(on=(await office.task()).id)
        head = office.head
        same, _ = await office.comments.change(office.mia, comment.id, to(comment.body))
        assert (same, office.head) == (comment, head)
        sent_back = CommentChanges(given=frozenset(), unchanged={"mentions": [], "deleted": False})
        assert (await office.comments.change(office.mia, comment.id, sent_back)).value == comment

    async def test_admins_do_not_change_what_others_said(self, office: Office) -> None:
        comment = await office.comment(on=(await office.task()).id)
        with pytest.raises(Forbidden):
            await office.comments.change(office.olga, comment.id, to("I agree with everything"))


class TestDeleting:
    async def test_without_answers_it_is_gone(self, office: Office) -> None:
        comment = await office.comment(on=(await office.task()).id)
        head = office.head
        await office.comments.delete(office.adam, comment.id)
        with pytest.raises(CommentNotFound):
            await office.comments.get(office.mia, comment.id)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.body["keeps_place"], fact.body["deleted_by"]) == (
            "comment_deleted",
            False,
            str(office.adam.user_id),
        )

    async def test_answered_it_keeps_its_place_until_the_last_answer_goes(self, office: Office) -> None:
        task = await office.task()
        first = await office.comment(f"Ask {handle(office.max)}", on=task.id)
        answer = await office.comment("That one", on=task.id, by=office.max, parent_id=first.id)
        head = office.head
        await office.comments.delete(office.mia, first.id)
        remnant = (await office.comments.get(office.mia, first.id)).value
        assert (remnant.body, remnant.mentions, remnant.deleted, remnant.version) == ("", [], True, 2)
        await office.comments.delete(office.max, answer.id)
        page, _ = await office.comments.list(office.mia, task.id, sort=Sort(field="created_at"), page=PageRequest())
        assert page.items == []
        told = [(fact.body["comment_id"], fact.body["keeps_place"]) for fact in office.facts(after=head)]
        assert told == [(str(first.id), True), (str(answer.id), False), (str(first.id), False)]
