"""The audit over HTTP: what is noted of what people do, who reads it, and how."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.api import Api, Person


async def events(person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"/audit-events{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def types(person: Person, query: str = "") -> list[str]:
    return [each["type"] for each in await events(person, query)]


async def test_opening_a_company_is_noted_with_where_the_request_came_from(api: Api) -> None:
    ann = await api.register()
    noted = {each["type"]: each for each in await events(ann)}
    assert {"company.created", "user.created"} <= set(noted)
    created = noted["company.created"]
    assert (created["actor_id"], created["actor_name"], created["via"]) == (ann.user_id, ann.user["name"], "session")
    assert created["address"] == "127.0.0.1"
    assert created["agent"].startswith("python-httpx")
    assert created["request_id"]


async def test_a_change_of_role_is_an_event_of_its_own(api: Api) -> None:
    ann = await api.register()
    bea = await api.colleague(ann, role="member")
    answer = await ann.patch(f"/users/{bea.user_id}", {"role": "admin", "name": "Beatrice"})
    assert answer.status_code == 200, answer.text
    changed, updated = await events(ann, "?type=role.changed,user.updated&sort=-at")
    if changed["type"] != "role.changed":
        changed, updated = updated, changed
    assert changed["details"] == {"user_id": bea.user_id, "old": "member", "new": "admin"}
    assert changed["personal"] is None
    assert updated["details"] == {"user_id": bea.user_id, "fields": ["name"]}
    assert updated["personal"]["name"]["new"] == "Beatrice"
    assert updated["session_id"] == ann.session_id


async def test_members_may_not_read_it_and_that_they_tried_is_noted_once(api: Api) -> None:
    ann = await api.register()
    bea = await api.colleague(ann, role="member")
    for _ in range(3):
        answer = await bea.get("/audit-events")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission.denied")
    (denied,) = await events(ann, "?type=permission.denied")
    assert denied["actor_id"] == bea.user_id
    assert denied["details"] == {"rule": "permission.denied", "verb": "GET /api/v1/audit-events"}
    assert denied["address"] == "127.0.0.1"


async def test_a_refusal_is_noted_though_its_transaction_was_taken_back(api: Api) -> None:
    ann = await api.register()
    bea = await api.colleague(ann, role="member")
    answer = await bea.patch(f"/companies/{ann.company_id}", {"name": "Mine"})
    assert answer.status_code == 403
    (denied,) = await events(ann, "?type=permission.denied")
    assert denied["details"]["verb"] == "PATCH /api/v1/companies/{company_id}"


async def test_other_companies_read_nothing_of_it(api: Api) -> None:
    ann, eve = await api.register(), await api.register()
    theirs = {each["id"] for each in await events(ann)}
    assert theirs
    assert theirs & {each["id"] for each in await events(eve)} == set()
    assert await events(eve, f"?actor={ann.user_id}") == []


async def test_filters_narrow_it_and_pages_join_to_the_whole(api: Api) -> None:
    ann = await api.register()
    people = [await api.colleague(ann, role="member") for _ in range(3)]
    for person in people:
        await ann.patch(f"/users/{person.user_id}", {"role": "admin"})
    assert await types(ann, "?type=role.changed") == ["role.changed"] * 3
    assert len(await events(ann, f"?type=role.changed&actor={ann.user_id}")) == 3
    assert await events(ann, f"?type=role.changed&actor={people[0].user_id}") == []
    whole = await events(ann, "?sort=at&limit=200")
    middle = quote(whole[3]["at"])
    # By their ids: meanwhile the chain may have taken them up, and numbered them.
    since, until = await events(ann, f"?sort=at&from={middle}"), await events(ann, f"?sort=at&to={middle}")
    assert [each["id"] for each in since] == [each["id"] for each in whole if each["at"] >= whole[3]["at"]]
    assert [each["id"] for each in until] == [each["id"] for each in whole if each["at"] < whole[3]["at"]]
    paged, path = [], "/audit-events?sort=at&limit=2&include_total=true"
    while path:
        answer = await ann.get(path)
        assert answer.headers["x-total-count"] == str(len(whole))
        paged += answer.json()
        link = answer.headers.get("link", "")
        path = link.partition("<")[2].partition(">")[0].removeprefix("/api/v1")
    assert [each["id"] for each in paged] == [each["id"] for each in whole]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?actor=me", 422, "request.invalid"),
        ("?from=yesterday", 422, "request.invalid"),
        ("?from=2026-11-20T09:30:00", 422, "request.invalid"),
        ("?from=2026-11-20T09:30:00Z&to=2026-11-20T09:30:00Z", 422, "audit.span_invalid"),
        ("?format=xml", 422, "request.invalid"),
        ("?format=ndjson&limit=5", 422, "request.invalid"),
        ("?types=role.changed", 400, "parameter.unknown"),
    ],
)
async def test_bad_questions_are_refused_by_name(api: Api, query: str, status: int, code: str) -> None:
    ann = await api.register()
    answer = await ann.get(f"/audit-events{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_export_holds_everything_a_line_an_event_and_is_noted_itself(api: Api) -> None:
    ann = await api.register()
    bea = await api.colleague(ann, role="member")
    api.sql(
        "insert into audit_events (company_id, type, at, via, details, digest)"
        " select %s, 'user.updated', now() - interval '1 day', 'system', '{}', 'd' from generate_series(1, 450)",
        (ann.company_id,),
    )
    answer = await ann.get("/audit-events?format=ndjson", headers={"Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) > 450
    assert [each["at"] for each in lines] == sorted(each["at"] for each in lines)
    assert set(lines[0]) == set((await events(ann, "?limit=1"))[0])
    (made,) = await events(ann, "?type=export.made")
    assert made["details"]["of"] == "audit_events"
    only = await ann.get("/audit-events?format=ndjson&type=company.created")
    assert [json.loads(line)["type"] for line in only.text.splitlines()] == ["company.created"]
    refused = await bea.get("/audit-events?format=ndjson")
    assert refused.status_code == 403
    assert len(await events(ann, "?type=export.made")) == 2


async def test_what_is_noted_later_than_the_span_is_left_out(api: Api) -> None:
    ann = await api.register()
    soon = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert await events(ann, f"?to={quote(soon)}") == []


async def test_what_is_streamed_is_not_compressed(api: Api) -> None:
    ann = await api.register()
    for _ in range(10):
        await ann.project()
    gzip = {"Accept-Encoding": "gzip"}
    assert (await ann.get("/audit-events", headers=gzip)).headers["content-encoding"] == "gzip"
    streamed = await ann.get("/audit-events?format=ndjson", headers=gzip)
    assert streamed.status_code == 200
    assert "content-encoding" not in streamed.headers


@pytest.mark.parametrize("given", ["1700000000", "2026-11-20 09:30:00Z", "2026-11-20T09:30Z", "2026-11-20"])
async def test_an_instant_is_written_as_everywhere(api: Api, given: str) -> None:
    ann = await api.register()
    refused = await ann.get("/audit-events", params={"from": given})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "from")
