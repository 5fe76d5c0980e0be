import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from core.cycles.errors import AnotherCycleActive, CycleActive, CycleNotActive, CycleNotPlanned, CycleTakesNoTasks
from core.cycles.events import CycleCompleted, CycleCreated, CycleDeleted, CycleStarted, CycleUpdated
from core.kernel import text
from core.kernel.errors import Fault, Invalid, ReferenceNotFound
from core.kernel.events import Change
from core.kernel.metadata import checked_metadata, is_same, merged

PREFIX_LENGTH = 200

# One part of an address in an object store: the characters that need no escaping there. `.` and `..` are none.
_PREFIX_PART = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9!_.*'()-]+\Z")


class CycleStatus(StrEnum):
    """The course of a cycle: it only ever goes forward."""

    PLANNED = "planned"
    ACTIVE = "active"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have. `metadata` is a merge patch; None takes all of it away.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    s3_prefix: str = ""
    description: str | None = None
    metadata: Mapping[str, object] | None = None
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "name" in self.given:
            text.name(self.name)
        if "s3_prefix" in self.given:
            checked_prefix(self.s3_prefix)
        if self.description is not None:
            text.description(self.description)
        if self.metadata is not None:
            checked_metadata(self.metadata)


@dataclass(slots=True, kw_only=True)
class Cycle:
    """A stretch of a project's time. `s3_prefix` is where its files are kept in an object store."""

    id: UUID
    project_id: UUID
    number: int
    name: str
    s3_prefix: str
    status: CycleStatus
    description: str | None
    metadata: Mapping[str, object]
    starts_on: date | None
    ends_on: date | None
    started_at: datetime | None
    completed_at: datetime | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @staticmethod
    def create(
        *,
        id: UUID,
        project_id: UUID,
        project_key: str,
        number: int,
        name: str,
        s3_prefix: str | None,
        description: str | None,
        metadata: Mapping[str, object],
        starts_on: date | None,
        ends_on: date | None,
        created_by: UUID,
        at: datetime,
    ) -> "tuple[Cycle, CycleCreated]":
        """A planned cycle. Raises Invalid for a field that is none, and for an end before the start."""
        ensure_in_order(starts_on, ends_on, pointer="/ends_on")
        cycle = Cycle(
            id=id,
            project_id=project_id,
            number=number,
            name=text.name(name),
            s3_prefix=f"{project_key}/{number}".lower() if s3_prefix is None else checked_prefix(s3_prefix),
            status=CycleStatus.PLANNED,
            description=text.description(description) if description is not None else None,
            metadata=checked_metadata(metadata),
            starts_on=starts_on,
            ends_on=ends_on,
            started_at=None,
            completed_at=None,
            created_by=created_by,
            created_at=at,
            updated_at=at,
        )
        return cycle, CycleCreated(
            cycle_id=id,
            project_id=project_id,
            number=number,
            name=cycle.name,
            created_by=created_by,
            version=cycle.version,
        )

    def change(self, changes: CycleChanges, *, at: datetime) -> CycleUpdated | None:
        """Changes fields; None if nothing is different. Raises Invalid."""
        new: dict[str, object] = {name: getattr(changes, name) for name in changes.given}
        if "name" in new:
            new["name"] = text.name(changes.name)
        if changes.description is not None:
            new["description"] = text.description(changes.description)
        if "metadata" in new:
            patch = changes.metadata
            new["metadata"] = checked_metadata(merged(self.metadata, patch)) if patch is not None else {}
        starts_on = changes.starts_on if "starts_on" in new else self.starts_on
        ends_on = changes.ends_on if "ends_on" in new else self.ends_on
        ensure_in_order(starts_on, ends_on, pointer="/ends_on" if "ends_on" in new else "/starts_on")
        changed: dict[str, Change] = {}
        for name, value in sorted(new.items()):
            old = getattr(self, name)
            if not (is_same(old, value) if name == "metadata" else old == value):
                changed[name] = Change(old=old, new=value)
                setattr(self, name, value)
        if not changed:
            return None
        self._touch(at)
        return CycleUpdated(cycle_id=self.id, project_id=self.project_id, changes=changed, version=self.version)

    def start(self, *, another_is_active: bool, at: datetime) -> CycleStarted:
        """Makes a planned cycle its project's active one. Raises CycleNotPlanned and AnotherCycleActive."""
        if self.status is not CycleStatus.PLANNED:
            raise CycleNotPlanned
        if another_is_active:
            raise AnotherCycleActive
        self.status = CycleStatus.ACTIVE
        self.started_at = at
        self._touch(at)
        return CycleStarted(
            cycle_id=self.id, project_id=self.project_id, number=self.number, name=self.name, version=self.version
        )

    def ensure_active(self) -> None:
        """Raises CycleNotActive for a cycle that was not started, or is over."""
        if self.status is not CycleStatus.ACTIVE:
            raise CycleNotActive

    def complete(self, *, carried_over: int, carry_over_to: UUID | None, at: datetime) -> CycleCompleted:
        """Ends the active cycle, whose unfinished tasks have gone elsewhere. Raises CycleNotActive."""
        self.ensure_active()
        self.status = CycleStatus.COMPLETED
        self.completed_at = at
        self._touch(at)
        return CycleCompleted(
            cycle_id=self.id,
            project_id=self.project_id,
            number=self.number,
            name=self.name,
            carried_over=carried_over,
            carry_over_to=carry_over_to,
            version=self.version,
        )

    def delete(self) -> CycleDeleted:
        """Takes the cycle away for good; its number is not used again. Raises CycleActive."""
        if self.status is CycleStatus.ACTIVE:
            raise CycleActive
        return CycleDeleted(
            cycle_id=self.id, project_id=self.project_id, number=self.number, name=self.name, version=self.version + 1
        )

    def _touch(self, at: datetime) -> None:
        self.version += 1
        self.updated_at = at


def ensure_takes_tasks(status: CycleStatus | None, *, pointer: str) -> None:
    """Whether tasks can be put into a cycle of that status, None if the project has no such cycle.

    Raises ReferenceNotFound and CycleTakesNoTasks.
    """
    if status is None:
        raise ReferenceNotFound(pointer=pointer)
    if status is CycleStatus.COMPLETED:
        raise CycleTakesNoTasks(pointer=pointer)


def ensure_in_order(starts_on: date | None, ends_on: date | None, *, pointer: str) -> None:
    """Raises Invalid for a last day before the first one; a cycle may be one day long."""
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise Invalid(faults=(Fault("the cycle would end before it starts", pointer=pointer),))


def checked_prefix(prefix: str) -> str:
    """The prefix: parts of letters, digits and !_.*'()- with one slash between them, none of them `.` or `..`; up to
    200 characters. Raises Invalid.
    """
    if len(prefix) > PREFIX_LENGTH or not all(_PREFIX_PART.match(part) for part in prefix.split("/")):
        words = f"up to {PREFIX_LENGTH} letters, digits and !_.*'()- in parts with one slash between them"
        raise Invalid(faults=(Fault(words, pointer="/s3_prefix"),))
    return prefix
