"""The requests that are measured, encoded beforehand, and what their answers must be."""

import itertools
import json
import secrets
from collections.abc import Iterator
from typing import Any

from benchmarks.reference import FIELDS
from benchmarks.seeding import Company
from benchmarks.servers import Server

PAGE = 50


class Mismatch(Exception):
    """The two sides do not answer the same, so that comparing their speed means nothing."""


def encoded(method: str, path: str, *, token: str | None = None, body: Any = None, **headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/json"]
    if token is not None:
        lines.append(f"authorization: Bearer {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    content = b""
    if body is not None:
        content = json.dumps(body).encode()
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def over_and_over(requests: list[bytes]) -> Iterator[bytes]:
    """The same requests in turns."""
    return itertools.cycle(requests)


def lists(companies: list[Company]) -> list[bytes]:
    """The first page of each company's tasks, newest first."""
    return [encoded("GET", f"/api/v1/tasks?limit={PAGE}", token=each.token) for each in companies]


def next_pages(server: Server, companies: list[Company]) -> list[bytes]:
    """The page after the first, by the cursor that the first one gives."""
    requests = []
    for each in companies:
        link = server.ask("GET", f"/api/v1/tasks?limit={PAGE}", token=each.token).headers["link"]
        requests.append(encoded("GET", link.partition("<")[2].partition(">")[0], token=each.token))
    return requests


def bare_lists(companies: list[Company]) -> list[bytes]:
    return [encoded("GET", f"/list/{each.id}") for each in companies]


def gets(companies: list[Company]) -> list[bytes]:
    """Tasks by id, of all companies in turns."""
    return [
        encoded("GET", f"/api/v1/tasks/{task}", token=each.token)
        for tasks in zip(*(each.task_ids for each in companies), strict=True)
        for each, task in zip(companies, tasks, strict=True)
    ]


def bare_gets(companies: list[Company]) -> list[bytes]:
    return [
        encoded("GET", f"/one/{each.id}/{task}")
        for tasks in zip(*(each.task_ids for each in companies), strict=True)
        for each, task in zip(companies, tasks, strict=True)
    ]


def gets_if_changed(server: Server, companies: list[Company], *, each_has: int = 10) -> list[bytes]:
    """The same with the tag of the present state."""
    requests = []
    for place in range(each_has):
        for each in companies:
            path = f"/api/v1/tasks/{each.task_ids[place]}"
            tag = server.ask("GET", path, token=each.token).headers["etag"]
            requests.append(encoded("GET", path, token=each.token, if_none_match=tag))
    return requests


def boards(companies: list[Company]) -> list[bytes]:
    """Whole boards, of all companies and their projects in turns."""
    return [
        encoded("GET", f"/api/v1/projects/{project}/board?tasks_per_column=500", token=each.token)
        for projects in zip(*(each.project_ids for each in companies), strict=True)
        for each, project in zip(companies, projects, strict=True)
    ]


def bare_boards(companies: list[Company]) -> list[bytes]:
    return [
        encoded("GET", f"/board/{each.id}/{project}")
        for projects in zip(*(each.project_ids for each in companies), strict=True)
        for each, project in zip(companies, projects, strict=True)
    ]


def beside(server: Server, companies: list[Company]) -> list[tuple[Company, str, dict[str, str]]]:
    """Moves over boards: a card before one card, and when its turn comes again, after another one, so that whoever
    moves it next finds it elsewhere.
    """
    moves = []
    for each in companies:
        for project in each.project_ids:
            path = f"/api/v1/projects/{project}/board?tasks_per_column=500"
            shown = server.ask("GET", path, token=each.token).body["columns"]
            cards = [[card["id"] for card in column["tasks"]] for column in shown]
            todo, doing = cards[0], cards[1]
            for place in range(10):
                moved = todo[place]
                moves.append((place, 0, each, moved, {"before": todo[20 + 3 * place]}))
                moves.append((place, 1, each, moved, {"after": doing[20 + 3 * place]}))
    # Of one company's cards no two in a row, and each card's two moves far apart.
    moves.sort(key=lambda move: (move[1], move[0]))
    return [(each, moved, to) for _, _, each, moved, to in moves]


def moves(places: list[tuple[Company, str, dict[str, str]]]) -> list[bytes]:
    return [encoded("PATCH", f"/api/v1/tasks/{moved}/move", token=each.token, body=to) for each, moved, to in places]


def bare_updates(places: list[tuple[Company, str, dict[str, str]]]) -> list[bytes]:
    return [encoded("PATCH", f"/update/{each.id}/{moved}", body=to) for each, moved, to in places]


def new_task(company: Company, place: int = 0) -> dict[str, Any]:
    return {
        "project_id": str(company.project_ids[place]),
        "title": "A task that the bench has made",
        "description": "What this task is about, in a sentence or two, so that whoever takes it up knows where to begin.",
        "priority": "high",
        "deadline": "2030-12-24",
    }


def creates(companies: list[Company], *, keyed: bool = False) -> Iterator[bytes]:
    """New tasks, in the companies and their projects in turns; each with a fresh Idempotency-Key if `keyed`."""
    projects = range(min(len(each.project_ids) for each in companies))
    bodies = [(each, new_task(each, place)) for place in projects for each in companies]
    if not keyed:
        yield from over_and_over(
            [encoded("POST", "/api/v1/tasks", token=each.token, body=body) for each, body in bodies]
        )
    mark = secrets.token_hex(8)
    parts = [
        encoded("POST", "/api/v1/tasks", token=each.token, body=body, idempotency_key="@").split(b"@", 1)
        for each, body in bodies
    ]
    for number, (before, after) in enumerate(itertools.cycle(parts)):
        yield b"%b%b-%d%b" % (before, mark.encode(), number, after)


def bare_inserts(companies: list[Company]) -> list[bytes]:
    """The same tasks for the reference."""
    projects = range(min(len(each.project_ids) for each in companies))
    return [
        encoded(
            "POST",
            "/insert",
            body={
                **new_task(each, place),
                "company_id": str(each.id),
                "column_id": str(each.first_columns[place]),
                "created_by": str(each.owner_id),
            },
        )
        for place in projects
        for each in companies
    ]


def compare_answers(ours: Server, bare: Server, company: Company) -> None:
    """Raises Mismatch unless both servers answer the same rows, field by field."""
    task = company.task_ids[0]
    pairs = (
        (f"/api/v1/tasks?limit={PAGE}", f"/list/{company.id}"),
        (f"/api/v1/tasks/{task}", f"/one/{company.id}/{task}"),
    )
    for path, bare_path in pairs:
        shown, expected = ours.ask("GET", path, token=company.token), bare.ask("GET", bare_path)
        if shown.status != 200 or shown.body != expected.body:
            raise Mismatch(f"{path} and {bare_path} differ: {str(shown)[:500]} / {str(expected)[:500]}")
    project = company.project_ids[0]
    shown = ours.ask("GET", f"/api/v1/projects/{project}/board?tasks_per_column=500", token=company.token)
    if shown.body != bare.ask("GET", f"/board/{company.id}/{project}").body:
        raise Mismatch(f"the boards of {project} differ: {str(shown)[:1000]}")
    listed = ours.ask("GET", pairs[0][0], token=company.token).body
    if len(listed) != PAGE or any(set(each) != set(FIELDS) for each in listed):
        raise Mismatch(f"a list has {len(listed)} tasks instead of {PAGE}, or other fields")
