"""The checks of the chaos bite: each of them finds what it is there for."""

import json
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Signer

from core.kernel.events import Audience
from tests.builders.receiver import Received
from tests.integration.api import Person
from tests.integration.entrypoints.chaos import checking
from tests.integration.entrypoints.chaos.checking import Row
from tests.integration.entrypoints.chaos.hearing import Heard, Listener
from tests.integration.entrypoints.chaos.writing import Absence, Log

PROJECT, MIA, TASK = UUID(int=1), str(UUID(int=2)), str(UUID(int=3))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Message(Received):
    """Is not held against the document of events."""

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def listener(*seqs: int, at: float = 0.0) -> Listener:
    person = Person(client=None, token="", email="", user={"id": MIA}, company={})  # type: ignore[arg-type]
    found = Listener("Mia", person, [], since=0, luck=random.Random(1))
    for seq in seqs:
        found._take({"seq": str(seq), "project_id": str(PROJECT)}, str(seq))
    found.heard = [each._replace(at=at) for each in found.heard]
    return found


def row(seq: int, event: str = "task_created") -> Row:
    return Row(seq, event, PROJECT, Audience(project_id=PROJECT), {"task_id": TASK})


class Sent:
    """What `message` makes of it."""

    def __init__(self, *seqs: int, **more: Any) -> None:
        self.seqs, self.more = seqs, more


def message(*seqs: int, id: str | None = None) -> Received:
    data = {"events": [{"seq": str(seq)} for seq in seqs]} if len(seqs) > 1 else {"seq": str(seqs[0])}
    body = json.dumps({"type": "batch", "data": data})
    name, at = id or f"message {seqs[0]}", datetime.now(UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Signer(SECRET).sign(name, at, body),
    }
    return Message("/hooks/all", headers, body.encode())


@pytest.mark.parametrize(
    ("seqs", "said"),
    [((1, 2, 3), ""), ((1, 3), "1 missing: [2]"), ((1, 2, 3, 4), "1 too much: [4]"), ((2, 1, 3), "came after"),
     ((1, 2, 2, 3), "1 doubled: [2]")],
)  # fmt: skip
def test_what_a_client_missed_or_heard_twice(seqs: tuple[int, ...], said: str) -> None:
    told = "\n".join(checking.missed(listener(*seqs), [1, 2, 3]))
    assert said in told
    assert bool(told) == bool(said)


@pytest.mark.parametrize(("seq", "at", "count"), [(9, 5.0, 0), (10, 5.0, 0), (11, 5.0, 1), (11, 1.0, 0), (11, 9.5, 0)])
def test_what_somebody_heard_who_was_not_to(seq: int, at: float, count: int) -> None:
    absence = Absence(MIA, frozenset({str(PROJECT)}), 10, 2.0, 9.0)
    assert len(checking.overheard(listener(seq, at=at), [absence])) == count
    assert not checking.overheard(listener(seq, at=at), [absence._replace(user_id="another")])
    assert not checking.overheard(listener(seq, at=at), [absence._replace(project_ids=frozenset({"another"}))])


def test_gaps_of_the_log() -> None:
    assert checking.gaps([row(1), row(2)], 2) == []
    assert "1 missing: [2]" in checking.gaps([row(1), row(3)], 3)[0]
    assert "1 missing: [3]" in checking.gaps([row(1), row(2)], 3)[0]


@pytest.mark.parametrize(("times", "acknowledged", "faults"), [(1, 1, 0), (0, 1, 1), (2, 1, 1), (1, 0, 1)])
def test_writes_that_are_not_in_the_log_once(times: int, acknowledged: int, faults: int) -> None:
    log = Log()
    for _ in range(acknowledged):
        log.acknowledge("task_created", TASK)
    assert len(checking.acknowledged([row(seq) for seq in range(1, times + 1)], log)) == faults


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([Sent(1), Sent(2), Sent(3, 4)], ""),
        ([Sent(1), Sent(1), Sent(2), Sent(3, 4), Sent(2)], ""),
        ([Sent(1), Sent(3, 4), Sent(2)], "out of order"),
        ([Sent(1), Sent(2)], "2 missing: [3, 4]"),
        ([Sent(1), Sent(2), Sent(2, id="another"), Sent(3, 4)], "came as"),
    ],
)
def test_webhooks(sent: list[Sent], said: str) -> None:
    rows = [row(seq) for seq in range(1, 5)]
    taken = [message(*each.seqs, **each.more) for each in sent]
    told = "\n".join(checking.delivered("all", taken, [1, 2, 3, 4], rows))
    assert said in told
    assert bool(told) == bool(said)


def test_signatures_are_verified_as_messages_come() -> None:
    signatures = checking.Signatures()
    early, forged = message(1), message(2)
    signatures.check(early)
    assert len(signatures.unknown()) == 1
    signatures.know("all", SECRET)
    signatures.check(forged._replace(body=forged.body + b" "))
    assert (signatures.count, len(signatures.faults), signatures.unknown()) == (2, 1, [])
    assert forged.id in signatures.faults[0]


def test_who_may_hear_of_what() -> None:
    rows = [
        row(1),
        Row(2, "user_updated", None, Audience(), {}),
        Row(3, "notification_created", None, Audience(named=(UUID(MIA),), admins=False), {}),
        Row(4, "company_updated", None, Audience(everyone=True), {}),
    ]
    assert checking.audible(rows, MIA, "member", [str(PROJECT)]) == [1, 3, 4]
    assert checking.audible(rows, MIA, "member", []) == [3, 4]
    assert checking.audible(rows, str(UUID(int=9)), "admin", []) == [1, 2, 4]


def test_what_was_heard_is_kept() -> None:
    assert [each.seq for each in listener(1, 2).heard] == [1, 2]
    assert listener(1).heard == [Heard(1, str(PROJECT), 0.0)]
