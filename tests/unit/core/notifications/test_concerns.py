"""Which facts the readers of the log are to look at: all others they pass over unseen."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from adapters.sql.posting import LETTERS
from core.comments.events import CommentUpdated
from core.kernel.events import Change, Concern, Fact
from core.notifications.model import CAUSES
from core.tasks.events import TaskCreated, TaskUpdated
from entrypoints.events.examples import example_fact
from entrypoints.events.registry import KINDS

ANN = UUID(int=1)


def changed(kind: type[Fact], *fields: str) -> Fact:
    fact: Any = example_fact(kind)
    return replace(fact, changes={name: Change(old=None, new=ANN) for name in fields})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.event)
def test_what_may_concern_somebody_says_so_itself(kind: type[Fact]) -> None:
    says = kind.concern is not Fact.concern
    assert says is (kind.event in CAUSES or kind.event in LETTERS)
    if kind.event in LETTERS:
        assert example_fact(kind).concern() is Concern.MAIL
    elif says:
        assert example_fact(kind).concern() in (Concern.PEOPLE, None)


def test_a_task_concerns_whom_it_is_given_to() -> None:
    created: Any = example_fact(TaskCreated)
    assert replace(created, assigned_to=None).concern() is None
    assert replace(created, assigned_to=ANN).concern() is Concern.PEOPLE
    assert changed(TaskUpdated, "title", "deadline").concern() is None
    assert changed(TaskUpdated, "title", "assigned_to").concern() is Concern.PEOPLE


def test_a_comment_concerns_whom_it_mentions_anew() -> None:
    assert changed(CommentUpdated).concern() is None
    assert changed(CommentUpdated, "mentions").concern() is Concern.PEOPLE
