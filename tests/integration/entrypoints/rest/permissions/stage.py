"""The stage that callers are asked on: two companies, people of every kind, and projects that some of them share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from tests.integration.entrypoints.rest.conformance import CSV
from tests.integration.api import Api, Person

Thing = dict[str, Any]


class Place(StrEnum):
    """Where the thing that is asked for stands; the heading of a column."""

    OWN = "their own"
    """Made by the caller, in the shared project; or the caller, or what belongs to them alone."""
    SHARED = "in the shared project"
    HIDDEN = "in another project"
    FOREIGN = "in another company"
    NOWHERE = "asked"
    """The operation is about no certain thing."""


class Role(StrEnum):
    """Who asks; the beginning of a line."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member of the shared project"
    ELSEWHERE = "member of none of these projects"
    DEACTIVATED = "deactivated member"
    STRANGER = "owner of another company"
    VISITOR = "visitor"
    ANYONE = "anyone"
    """Of operations that do not ask who calls."""


COLLEAGUES = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.ELSEWHERE, Role.DEACTIVATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Whoever asks, and what there is. `stranger` owns the other company, and everything in it."""

    api: Api
    people: dict[Role, Person]
    shared: Thing
    hidden: Thing
    foreign: Thing

    @staticmethod
    async def set_up(api: Api) -> "Stage":
        owner, stranger = await api.register(), await api.register()
        shared, hidden, foreign = await owner.project(), await owner.project(), await stranger.project()
        people = {
            Role.OWNER: owner,
            Role.ADMIN: await api.colleague(owner, role="admin"),
            Role.MEMBER: await api.colleague(owner, projects=(shared,)),
            Role.ELSEWHERE: await api.colleague(owner, projects=(await owner.project(),)),
            Role.DEACTIVATED: await api.colleague(owner, projects=(shared,)),
            Role.STRANGER: stranger,
        }
        api.sql("update users set is_active = false where id = %s", (people[Role.DEACTIVATED].user_id,))
        return Stage(api=api, people=people, shared=shared, hidden=hidden, foreign=foreign)

    @property
    def owner(self) -> Person:
        return self.people[Role.OWNER]

    @property
    def stranger(self) -> Person:
        return self.people[Role.STRANGER]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question: who asks, and where what they ask for stands."""

    stage: Stage
    role: Role
    place: Place

    @property
    def caller(self) -> Person | None:
        """Nobody, for a visitor."""
        return self.stage.people.get(self.role)

    @property
    def host(self) -> Person:
        """Who may do everything where the thing stands, and therefore makes it."""
        return self.stage.stranger if self._is_elsewhere else self.stage.owner

    @property
    def project(self) -> Thing:
        """The project that the thing stands in."""
        if self._is_elsewhere:
            return self.stage.foreign
        return self.stage.hidden if self.place is Place.HIDDEN else self.stage.shared

    @property
    def _is_elsewhere(self) -> bool:
        """Whether it is about the stranger's company."""
        return self.place is Place.FOREIGN or (self.role is Role.STRANGER and self.place is Place.OWN)

    async def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> httpx.Response:
        """Asks as the caller."""
        client = self.stage.api.client
        client.cookies.clear()
        headers = {"Authorization": f"Bearer {self.caller.token}"} if self.caller is not None else {}
        more: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, bytes):
            more, headers = {"content": body}, headers | CSV
        answer = await client.request(method, path, headers=headers, params=query, **more)
        client.cookies.clear()
        return answer
