"""Every operation of the OpenAPI document, asked by everybody, and the answers as a page to read."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.integration.api import Api
from tests.integration.entrypoints.rest.conformance import Conformance
from tests.integration.entrypoints.rest.permissions.recipes import (
    BEFORE,
    BODIES,
    QUERIES,
    SPENDS,
    THINGS,
    Ids,
    is_asked,
    places_of,
)
from tests.integration.entrypoints.rest.permissions.stage import Case, Place, Role, Stage

INTRODUCTION = """# Who gets what answered

Every operation, asked by every kind of caller, about things of their own, in a project that a member belongs to, in one that
no member here belongs to, and in another company. This page is written by `make permissions`, which really asks, and a test
compares it on every run: a change of a policy, or a new operation, shows here. What is out of sight is 404, what is in sight
and not allowed is 403; a body's reference to what is out of sight is 422.
"""


@dataclass(kw_only=True)
class Asked:
    """One operation in one wording, and how each caller was answered, by the place of what they asked for."""

    operation_id: str
    tag: str
    address: str
    wording: str
    places: tuple[Place, ...]
    answers: dict[Role, dict[Place, str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"`{self.operation_id}`{f', {self.wording}' if self.wording else ''}: {self.address}"


async def ask_everything(api: Api, conformance: Conformance) -> list[Asked]:
    """Asks every operation in each of its wordings."""
    found: list[Asked] = []
    stage = await Stage.set_up(api)
    for method, path, operation in conformance.operations():
        async for asked, stage in _ask(stage, method, path, operation):
            found.append(asked)
    return found


async def _ask(stage: Stage, method: str, path: str, operation: dict[str, Any]) -> AsyncIterator[tuple[Asked, Stage]]:
    operation_id, names = operation["operationId"], re.findall(r"\{(\w+)\}", path)
    _ensure_known(operation_id, names, operation)
    for wording, body, query in _wordings(operation_id):
        asked = Asked(
            operation_id=operation_id,
            tag=operation["tags"][0],
            address=f"{method.upper()} {path}",
            wording=wording,
            places=places_of(operation_id, names),
        )
        ready: dict[tuple[Place, Role | None], Ids] = {}
        for role in [each for each in Role if (each is Role.ANYONE) is ("security" not in operation)]:
            answers = asked.answers[role] = {}
            for place in asked.places:
                if not is_asked(role, place):
                    continue
                case = Case(stage=stage, role=role, place=place)
                # What a refused question was about is as it was, and there for the next one who asks.
                kept = (place, role if place is Place.OWN else None)
                if kept not in ready:
                    ready[kept] = await _prepared(case, operation_id, names)
                filled = re.sub(r"\{(\w+)\}", lambda name, ids=ready[kept]: ids[name[1]], path)
                answer = await case.ask(
                    method.upper(), filled, body(case, ready[kept]) if body else None, query(case) if query else None
                )
                answers[place] = _shown(answer)
                if answer.is_success and method != "get":
                    del ready[kept]
                if answer.is_success and operation_id in SPENDS:
                    stage, ready = await Stage.set_up(stage.api), {}
        yield asked, stage


async def _prepared(case: Case, operation_id: str, names: list[str]) -> Ids:
    ids = {name: await THINGS[name].make(case) for name in names}
    if operation_id in BEFORE:
        await BEFORE[operation_id](case, ids)
    return ids


def _ensure_known(operation_id: str, names: list[str], operation: dict[str, Any]) -> None:
    unknown = [name for name in names if name not in THINGS]
    if unknown:
        pytest.fail(f"{operation_id}: THINGS in permissions/recipes.py does not say how to make {unknown}")
    content = operation.get("requestBody", {})
    if content.get("required") and operation_id not in BODIES:
        pytest.fail(f"{operation_id}: BODIES in permissions/recipes.py has no body for it")


def _wordings(operation_id: str) -> Iterator[tuple[str, Any, Any]]:
    bodies, queries = BODIES.get(operation_id, {"": None}), QUERIES.get(operation_id, {"": None})
    for said, body in bodies.items():
        for asked, query in queries.items():
            yield ", ".join(filter(None, (said, asked))), body, query


def _shown(answer: httpx.Response) -> str:
    if answer.is_success:
        return str(answer.status_code)
    return f"{answer.status_code} `{answer.json()['code']}`"


def written(found: list[Asked]) -> str:
    """The page: a table for each question, a line for each caller."""
    lines = [INTRODUCTION]
    for tag in dict.fromkeys(asked.tag for asked in found):
        lines.append(f"## {tag}\n")
        for asked in (each for each in found if each.tag == tag):
            headings = [*asked.places] if asked.places != (Place.NOWHERE,) else ["answer"]
            lines += [
                f"### {asked.title}\n",
                f"| asked by | {' | '.join(headings)} |",
                f"|---|{'---|' * len(headings)}",
                *(
                    f"| {role} | {' | '.join(answers.get(place, '') for place in asked.places)} |"
                    for role, answers in asked.answers.items()
                ),
                "",
            ]
    return "\n".join(lines)
