"""What must be true when all is over: each line says who differs, and how."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from core.kernel.events import Audience
from core.realtime.model import Audible
from core.realtime.policy import hearing
from tests.builders.receiver import Received
from tests.integration.entrypoints.chaos.hearing import Listener
from tests.integration.entrypoints.chaos.writing import Absence, Log, keys

_SHOWN = 8


class Row(NamedTuple):
    """An event as it is stored."""

    seq: int
    event: str
    project_id: UUID | None
    audience: Audience
    body: dict[str, Any]


def stored(superuser_url: str, company_id: str) -> tuple[list[Row], int]:
    """A company's whole log, and what its counter says."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        found = connection.execute(
            "select seq, event, project_id, named, for_admins, for_everyone, body from events where company_id = %s"
            " order by seq",
            [company_id],
        ).fetchall()
        head = connection.execute("select last_seq from event_sequences where company_id = %s", [company_id]).fetchone()
    assert head is not None
    rows = [
        Row(seq, event, project, Audience(project_id=project, named=tuple(named), admins=admins, everyone=all_), body)
        for seq, event, project, named, admins, all_, body in found
    ]
    return rows, int(head[0])


def audible(rows: Iterable[Row], user_id: str, role: str, project_ids: Collection[str]) -> list[int]:
    """What a user whose role and projects never changed may hear, by the one rule."""
    who = UUID(user_id)
    listener = Audible(user_id=who, everything=role != "member")

    def may(row: Row) -> bool:
        members = {who} if str(row.project_id) in project_ids else set[UUID]()
        return hearing(row.audience, members=members)(listener)

    return [row.seq for row in rows if may(row)]


def gaps(rows: list[Row], head: int) -> list[str]:
    seqs = [row.seq for row in rows]
    return (
        []
        if seqs == list(range(1, head + 1))
        else [f"the log is not 1..{head}: {difference(range(1, head + 1), seqs)}"]
    )


def acknowledged(rows: list[Row], log: Log) -> list[str]:
    """Each acknowledged write is in the log as often as it was acknowledged, and nothing besides."""
    found = Counter(key for row in rows if (key := keys(row.event, row.body)) is not None)
    return [
        f"{key} is in the log {found[key]} times, and was acknowledged {log.expected.get(key, 0)} times"
        for key in sorted({*found, *log.expected})
        if found[key] != log.expected.get(key, 0)
    ]


def missed(listener: Listener, expected: list[int]) -> list[str]:
    """Exactly the events that they may hear, each once, in order."""
    seqs = [each.seq for each in listener.heard]
    told = [f"{listener.name}: {fault}" for fault in listener.faults]
    if seqs != expected:
        told.append(f"{listener.name}, who came {listener.comes} times: {difference(expected, seqs)}")
    return told


def overheard(listener: Listener, absences: Iterable[Absence]) -> list[str]:
    """Nothing of a project that they were taken out of, from that moment on, until they are let in again."""
    told = [f"{listener.name}: {fault}" for fault in listener.faults]
    for absence in absences:
        if absence.user_id != listener.person.user_id:
            continue
        told.extend(
            f"{listener.name} heard {each.seq} of {each.project_id} {each.at - absence.since:.3f} s after it was theirs "
            f"no more, which was told at {absence.seq}"
            for each in listener.heard
            if each.project_id in absence.project_ids
            and each.seq > absence.seq
            and absence.since < each.at < absence.until
        )
    return told


class Signatures:
    """Verifies messages as they come: a signature is good for five minutes, and a run may be longer."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.count = 0
        self._verifiers: dict[str, Verifier] = {}
        self._waiting: list[Received] = []

    def know(self, name: str, secret: str) -> None:
        """What comes for `name` is signed by that; what came before it was known is verified now."""
        self._verifiers[name] = Verifier(secret)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self.check(each)

    def check(self, received: Received) -> None:
        name = received.path.rpartition("/")[2]
        verifier = self._verifiers.get(name)
        if verifier is None:
            self._waiting.append(received)
            return
        self.count += 1
        try:
            verifier.verify(received.body, received.headers)
        except WebhookVerificationError as failed:
            self.faults.append(f"{name}: {received.id} is not to be believed: {failed}")

    def unknown(self) -> list[str]:
        """Those that nobody could verify."""
        return [f"{each.path} got {each.id}, and nobody knows its secret" for each in self._waiting]


def delivered(name: str, taken: list[Received], expected: list[int], rows: list[Row]) -> list[str]:
    """Every event arrived; the first time of each in order within its project; a repeat bears the same id."""
    told: list[str] = []
    project_of = {row.seq: row.project_id for row in rows}
    first: dict[UUID | None, list[int]] = defaultdict(list)
    bears: dict[int, str] = {}
    for each in taken:
        if each.payload.get("delayed"):
            told.append(f"{name}: {each.seqs} was marked as delayed")
        for seq in each.seqs:
            if bears.setdefault(seq, each.id) != each.id:
                told.append(f"{name}: {seq} came as {bears[seq]} and as {each.id}")
            elif seq not in first[project_of[seq]]:
                first[project_of[seq]].append(seq)
    for project, seqs in first.items():
        if seqs != sorted(seqs):
            told.append(f"{name}: out of order in {project}: {difference(sorted(seqs), seqs)}")
    if sorted(bears) != expected:
        told.append(f"{name}: {difference(expected, sorted(bears))}")
    return told


def difference(expected: Iterable[int], found: Iterable[int]) -> str:
    """How two lists of positions differ, in a few words."""
    wanted, got = list(expected), list(found)
    missing, surplus = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    doubled = [seq for seq, times in Counter(got).items() if times > 1]
    falling = [seq for before, seq in zip(got, got[1:], strict=False) if seq <= before]
    parts = {"missing": missing, "too much": surplus, "doubled": doubled, "not rising": falling}
    said = [f"{len(each)} {name}: {each[:_SHOWN]}" for name, each in parts.items() if each]
    return f"of {len(wanted)}, {'; '.join(said) or 'nothing differs'}"
