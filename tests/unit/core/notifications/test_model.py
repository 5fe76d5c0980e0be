"""Who is told what: the rules, as a table."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernel.days import last_at_hour
from core.kernel.errors import Invalid
from core.notifications.model import (
    Batch,
    ByMail,
    Cause,
    DueTask,
    Kind,
    Notification,
    Preference,
    PreferenceChanges,
    Preferences,
    Recipient,
    TaskNow,
    at_once,
    tell,
    tell_of_deadlines,
    whole_transactions,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN, BEN, CLO, DAN = (UUID(int=number) for number in range(1, 5))
WEB, APP = UUID(int=11), UUID(int=12)
TASK, OTHER, COMMENT = UUID(int=21), UUID(int=22), UUID(int=31)


def created(by: UUID | None, to: UUID | None, *, task: UUID = TASK, seq: int = 7, at: datetime = AT) -> Cause:
    return Cause(seq, "task_created", by, at, WEB, task, None, to)


def updated(by: UUID | None, to: UUID, *, task: UUID = TASK, seq: int = 7, at: datetime = AT) -> Cause:
    return Cause(seq, "task_updated", by, at, WEB, task, None, to)


def commented(by: UUID, *mentions: UUID, task: UUID = TASK) -> Cause:
    return Cause(7, "comment_created", by, AT, WEB, task, COMMENT, None, frozenset(mentions))


def recommented(by: UUID, *mentions: UUID) -> Cause:
    return Cause(7, "comment_updated", by, AT, WEB, TASK, COMMENT, None, frozenset(mentions))


def added(by: UUID | None, to: UUID, project: UUID = WEB) -> Cause:
    return Cause(7, "project_member_added", by, AT, project, None, None, to)


# Ann created the task and Ben has it; Clo watches it, and Dan is an admin who does not.
TASKS = {
    TASK: TaskNow(WEB, ANN, BEN, {CLO: True}),
    OTHER: TaskNow(APP, ANN, None, {ANN: False, BEN: True}),
}
IN_WEB = Recipient(administers=False, projects=frozenset([WEB]))
PEOPLE = {ANN: IN_WEB, BEN: IN_WEB, CLO: IN_WEB, DAN: Recipient(administers=True, projects=frozenset())}


def batch(*causes: Cause, people: dict[UUID, Recipient] = PEOPLE, tasks: dict[UUID, TaskNow] = TASKS) -> Batch:
    return Batch(causes=causes, tasks=tasks, projects=frozenset([WEB, APP]), people=people)


def told(given: Batch) -> list[Notification]:
    numbers = iter(range(1_000, 9_000))
    return tell(given, new_id=lambda: UUID(int=next(numbers)), at=AT)


def said(given: Batch) -> set[tuple[UUID, str]]:
    return {(each.user_id, str(each.kind)) for each in told(given)}


TABLE: list[tuple[str, Cause, set[tuple[UUID, str]]]] = [
    ("a task that is made for somebody", created(ANN, BEN), {(BEN, "assigned")}),
    ("a task that is made for oneself", created(ANN, ANN), set()),
    ("a task that is made for nobody", created(ANN, None), set()),
    ("a task that FlowTrack itself gives", updated(None, BEN), {(BEN, "assigned")}),
    ("a task that is given away", updated(BEN, CLO), {(CLO, "assigned")}),
    ("a task that is taken", updated(CLO, CLO), set()),
    ("a task that was deleted since", created(ANN, BEN, task=UUID(int=99)), set()),
    ("a comment", commented(DAN), {(ANN, "commented"), (BEN, "commented"), (CLO, "commented")}),
    ("a comment of who watches", commented(CLO), {(ANN, "commented"), (BEN, "commented")}),
    (
        "a comment that mentions who watches and who does not",
        commented(CLO, BEN, DAN),
        {(ANN, "commented"), (BEN, "mentioned"), (DAN, "mentioned")},
    ),
    ("a comment that mentions who wrote it", commented(DAN, DAN), {(user, "commented") for user in (ANN, BEN, CLO)}),
    ("a comment on what one left off to watch", commented(DAN, task=OTHER), set()),
    ("a comment that mentions somebody anew", recommented(ANN, DAN), {(DAN, "mentioned")}),
    ("a comment that mentions nobody anew", recommented(ANN), set()),
    ("who is added to a project", added(DAN, CLO), {(CLO, "added_to_project")}),
    ("who adds themselves", added(DAN, DAN), set()),
    ("who is added to what they left since", added(DAN, CLO, APP), set()),
    ("who is added to what was deleted since", added(DAN, CLO, UUID(int=98)), set()),
]


class TestTelling:
    @pytest.mark.parametrize(("cause", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
    def test_of_one_event(self, cause: Cause, expected: set[tuple[UUID, str]]) -> None:
        assert said(batch(cause)) == expected
        assert len(told(batch(cause))) == len(expected)

    def test_nobody_who_is_not_there_or_does_not_want_to(self) -> None:
        without = {ANN: IN_WEB, CLO: IN_WEB._replace(unwanted=frozenset(["commented"]))}
        assert said(batch(commented(DAN, CLO), people=without)) == {(ANN, "commented"), (CLO, "mentioned")}
        assert said(batch(commented(DAN), people=without)) == {(ANN, "commented")}

    def test_what_one_transaction_gives_is_told_at_once(self) -> None:
        both = dict.fromkeys((BEN, CLO), Recipient(administers=True, projects=frozenset()))
        causes = [
            created(ANN, BEN, seq=1),
            created(ANN, CLO, seq=2),
            updated(ANN, BEN, task=OTHER, seq=3),
            updated(ANN, BEN, seq=4, at=AT + timedelta(microseconds=1)),
            updated(DAN, BEN, seq=5, at=AT + timedelta(microseconds=1)),
        ]
        found = [
            (each.user_id, each.cause, each.task_count, each.task_id, each.project_id)
            for each in told(batch(*causes, people=both))
        ]
        assert found == [
            (BEN, 1, 2, None, None),
            (CLO, 2, 1, TASK, None),
            (BEN, 4, 1, TASK, None),
            (BEN, 5, 1, TASK, None),
        ]
        of_one_project = told(batch(created(ANN, BEN, seq=1), updated(ANN, BEN, seq=2)))
        assert [(each.task_count, each.task_id, each.project_id) for each in of_one_project] == [(2, None, WEB)]

    def test_the_last_transaction_is_left_as_long_as_there_may_be_more_of_it(self) -> None:
        later = AT + timedelta(seconds=1)
        causes = [created(ANN, BEN, seq=1), created(ANN, BEN, seq=2, at=later), created(ANN, BEN, seq=3, at=later)]
        assert whole_transactions(causes, most=4) == causes
        assert whole_transactions(causes, most=3) == causes[:1]
        assert whole_transactions(causes[1:], most=2) == []
        assert whole_transactions([], most=3) == []
        # What they did before at the same instant, with somebody else in between, stays.
        between = [created(ANN, BEN, seq=1), created(DAN, BEN, seq=2), created(ANN, BEN, seq=3)]
        assert whole_transactions(between, most=3) == between[:2]

    def test_so_many_are_told_at_once_or_all_of_one_transaction(self) -> None:
        seconds = (1, 1, 2, 2, 2, 2, 3)
        causes = [created(ANN, BEN, seq=seq, at=AT + timedelta(seconds=each)) for seq, each in enumerate(seconds)]
        for most, first, rest in ((1, 2, 4), (2, 2, 4), (5, 2, 5), (6, 6, 1), (7, 7, 0)):
            taken, concerned = at_once(causes, TASKS, frozenset([WEB]), most=most)
            assert taken == causes[:first] and len(concerned) == first
            taken, _ = at_once(causes[first:], TASKS, frozenset([WEB]), most=most)
            assert len(taken) == rest
        # What concerns nobody takes no room.
        of_nobody = created(ANN, ANN, seq=9, at=AT + timedelta(days=1))
        assert at_once([*causes, of_nobody], TASKS, frozenset([WEB]), most=7)[0] == [*causes, of_nobody]
        assert at_once([], TASKS, frozenset(), most=7) == ([], [])

    def test_of_deadlines(self) -> None:
        day = date(2026, 3, 2)
        tasks = [DueTask(TASK, BEN, day), DueTask(OTHER, CLO, day + timedelta(days=1))]
        found = tell_of_deadlines(tasks, day=day, new_id=lambda: COMMENT, at=AT)
        assert [(each.user_id, each.task_id, each.days_before, each.cause) for each in found] == [
            (BEN, TASK, 0, None),
            (CLO, OTHER, 1, None),
        ]

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=30), st.data())
    @settings(max_examples=200, deadline=None)
    def test_however_the_log_is_cut_the_same_is_told(self, steps: list[tuple[int, int]], data: st.DataObject) -> None:
        """Each step is who gets a task, in the transaction of the step before or in a new one; parts of any size are
        read, and taken back before they were kept.
        """
        users, causes, at = (ANN, BEN, CLO, DAN), [], AT
        for seq, (user, is_new) in enumerate(steps, 1):
            at += timedelta(microseconds=is_new)
            causes.append(created(None, users[user], seq=seq, at=at))
        expected = sorted((each.user_id, each.cause, each.task_count) for each in told(batch(*causes)))
        found: list[tuple[UUID, int | None, int]] = []
        position = 0
        while True:
            most = data.draw(st.integers(1, 9))
            rest = [cause for cause in causes if cause.seq > position]
            while not (part := whole_transactions(rest[:most], most=most)) and len(rest) >= most:
                most *= 4
            if data.draw(st.booleans()):
                deepcopy(told(batch(*part)))
                continue
            taken, _ = at_once(part, TASKS, frozenset([WEB, APP]), most=data.draw(st.integers(1, 9)))
            found += [(each.user_id, each.cause, each.task_count) for each in told(batch(*taken))]
            if len(rest) < most and taken == part:
                break
            position = taken[-1].seq
        assert sorted(found) == expected


class TestPreferences:
    def _preferences(self) -> Preferences:
        return Preferences(user_id=ANN, created_at=AT, updated_at=AT)

    def test_at_first_all_comes_into_the_inbox_and_nothing_is_mailed(self) -> None:
        assert (self._preferences().unwanted, self._preferences().mailed) == ([], [])

    def test_a_change_changes_what_it_names(self) -> None:
        preferences, later = self._preferences(), AT + timedelta(days=1)
        changes = PreferenceChanges(of={Kind.COMMENTED: {"inbox": False}, Kind.MENTIONED: {"mail": ByMail.DAILY}})
        assert preferences.change(changes, at=later)
        assert (preferences.unwanted, preferences.mailed) == (["commented"], ["mentioned"])
        assert (preferences.version, preferences.updated_at) == (2, later)
        assert not preferences.change(changes, at=later + timedelta(days=1))
        assert (preferences.version, preferences.updated_at) == (2, later)

    def test_what_is_not_in_the_inbox_is_not_mailed(self) -> None:
        preferences = self._preferences()
        with pytest.raises(Invalid) as invalid:
            preferences.change(PreferenceChanges(of={Kind.ASSIGNED: {"inbox": False, "mail": ByMail.DAILY}}), at=AT)
        assert [fault.pointer for fault in invalid.value.faults] == ["/assigned/mail"]
        assert preferences.of_kind(Kind.ASSIGNED) == Preference()
        assert preferences == replace(self._preferences())


MORNINGS = [
    ("UTC", "2026-03-02T08:59:59", "2026-03-01"),
    ("UTC", "2026-03-02T09:00:00", "2026-03-02"),
    ("Europe/Berlin", "2026-03-02T08:00:00", "2026-03-02"),
    ("Europe/Berlin", "2026-03-02T07:59:59", "2026-03-01"),
    # The night in which an hour is left out, and that in which one comes twice.
    ("Europe/Berlin", "2026-03-29T06:59:59", "2026-03-28"),
    ("Europe/Berlin", "2026-03-29T07:00:00", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25T07:59:59", "2026-10-24"),
    ("Europe/Berlin", "2026-10-25T08:00:00", "2026-10-25"),
    ("Pacific/Kiritimati", "2026-03-01T19:00:00", "2026-03-02"),
    ("Pacific/Pago_Pago", "2026-03-02T19:59:59", "2026-03-01"),
    ("Asia/Kathmandu", "2026-03-02T03:15:00", "2026-03-02"),
    ("Nowhere/Land", "2026-03-02T09:00:00", "2026-03-02"),
]


@pytest.mark.parametrize(("zone", "at", "day"), MORNINGS)
def test_a_morning_comes_at_nine_where_people_are(zone: str, at: str, day: str) -> None:
    assert last_at_hour(zone, datetime.fromisoformat(at).replace(tzinfo=UTC), hour=9) == date.fromisoformat(day)
