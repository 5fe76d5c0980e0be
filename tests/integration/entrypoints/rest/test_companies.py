"""Companies: sections 2 and 5 of the contract, as far as they stand."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.api import Api, Person


async def test_an_account_opens_another_company_and_acts_in_it_after_switching(api: Api) -> None:
    ann = await api.register(name="Ann Miller")
    answer = await ann.post("/companies", {"name": " Second & Sons ", "contact_email": "office@example.com"})
    company = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/companies/{company['id']}"
    assert UUID(company["id"]).version == 7
    assert company == {
        "id": company["id"],
        "name": "Second & Sons",
        "code": company["code"],
        "contact_email": "office@example.com",
        "is_active": True,
        "settings": {"members_edit_all_project_tasks": False, "time_zone": "UTC"},
        "role": "owner",
        "version": 1,
        "created_at": company["created_at"],
        "updated_at": company["created_at"],
    }
    found = await ann.get(f"/companies/{company['id']}")
    assert (found.json(), found.headers["etag"]) == (company, answer.headers["etag"])
    assert (await ann.get("/projects")).json() == []

    switched = (await ann.post("/auth/switch-company", {"company_id": company["id"]})).json()
    there = Person(
        client=ann.client, token=switched["access_token"], email=ann.email, user=switched["user"],
        company=switched["company"],
    )  # fmt: skip
    assert (there.user["name"], there.user["role"], there.company["id"]) == ("Ann Miller", "owner", company["id"])
    await there.project(name="Only there")
    assert (await ann.get("/projects")).json() == []
    events = (await there.get("/events")).json()
    assert [event["event"] for event in events] == ["company_created", "user_created", "project_created"]


async def test_the_list_holds_all_companies_of_the_account_with_the_role_in_each(api: Api) -> None:
    ann = await api.register(company_name="M middle")
    zoe = await api.register(company_name="Z last")
    await api.colleague(zoe, who=ann)
    first = (await ann.post("/companies", {"name": "A first"})).json()
    listed = (await ann.get("/companies")).json()
    assert [(each["id"], each["role"]) for each in listed] == [
        (first["id"], "owner"),
        (ann.company_id, "owner"),
        (zoe.company_id, "member"),
    ]
    assert [each["id"] for each in (await zoe.get("/companies")).json()] == [zoe.company_id]
    for each in listed:
        assert (await ann.get(f"/companies/{each['id']}")).json() == each


async def test_the_list_is_paged_and_sorted_as_others_and_me_names_all(api: Api) -> None:
    ann = await api.register(company_name="M middle")
    made = [(await ann.post("/companies", {"name": name})).json()["id"] for name in ("A first", "Z last")]
    by_name = [made[0], ann.company_id, made[1]]
    first = await ann.get("/companies?limit=2&include_total=true")
    assert ([each["id"] for each in first.json()], first.headers["x-total-count"]) == (by_name[:2], "3")
    rest = await ann.client.get(first.links["next"]["url"], headers={"Authorization": f"Bearer {ann.token}"})
    assert [each["id"] for each in rest.json()] == by_name[2:]
    assert "next" not in rest.links
    assert [each["id"] for each in (await ann.get("/companies?sort=-name&skip=1")).json()] == by_name[-2::-1]
    oldest = (await ann.get("/companies?sort=created_at")).json()
    assert [each["id"] for each in oldest] == [ann.company_id, *made]
    assert (await ann.get("/companies?cursor=altered")).json()["code"] == "cursor.invalid"
    for wrong in ("sort=code", "limit=0", "limit=201", "skip=10001"):
        assert (await ann.get(f"/companies?{wrong}")).status_code == 422
    me = (await ann.get("/auth/me")).json()
    assert [each["id"] for each in me["companies"]] == by_name


async def test_a_company_of_others_is_as_missing_as_one_that_never_was(api: Api) -> None:
    ann, bob = await api.register(), await api.register()
    for wrong in (bob.company_id, str(uuid4()), bob.company["code"], ann.company["code"], "x", "0"):
        answer = await ann.get(f"/companies/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "company.not_found")


async def test_codes_are_unique_and_fit_into_an_address(api: Api) -> None:
    ann = await api.register()
    names = ["Twin Works", "Twin Works", "日本", "Ünï  ©ode / 100%", "x" * 200]
    codes = [(await ann.post("/companies", {"name": name})).json()["code"] for name in names]
    assert len(set(codes)) == len(codes)
    assert all(code.strip("-") == code and code.replace("-", "").isalnum() and code.isascii() for code in codes), codes


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "  "}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"contact_email": "nobody"}, "/contact_email"),
        ({"contact_email": "a@example.com\u0000"}, "/contact_email"),
        ({"contact_email": "a@example.com\r\nBcc: b@example.com"}, "/contact_email"),
        ({"contact_email": 5}, "/contact_email"),
        ({"code": "mine"}, "/code"),
        ({"settings": {}}, "/settings"),
        ({"is_active": False}, "/is_active"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_field_that_cannot_be_accepted_is_named(api: Api, fields: dict[str, Any], pointer: str) -> None:
    ann = await api.register()
    answer = await ann.post("/companies", {"name": "A company", **fields})
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert len((await ann.get("/companies")).json()) == 1


async def test_members_and_service_to_another_company_change_nothing_here(api: Api) -> None:
    owner = await api.register()
    bob = await api.colleague(owner)
    before = (await owner.get("/events")).json()
    opened = await bob.post("/companies", {"name": "Bob's own"})
    assert (opened.status_code, opened.json()["role"]) == (201, "owner")
    assert (await owner.get("/events")).json() == before
    assert api.count("users", owner.company_id) == 2
    assert (await bob.get(f"/companies/{owner.company_id}")).json()["role"] == "member"
    assert (await owner.get(f"/companies/{opened.json()['id']}")).status_code == 404


async def test_a_copy_that_is_current_is_not_sent_again(api: Api) -> None:
    ann = await api.register()
    tag = (await ann.get(f"/companies/{ann.company_id}")).headers["etag"]
    same = await ann.get(f"/companies/{ann.company_id}", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    api.sql("update companies set version = 2, name = 'x' where id = %s", (ann.company_id,))
    assert (await ann.get(f"/companies/{ann.company_id}", headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize(
    "deletion",
    ["update companies set deleted_at = now() where id = %s", "delete from companies where id = %s"],
    ids=["deleted", "erased"],
)
async def test_whoever_was_signed_in_when_it_was_deleted_is_told_so(api: Api, deletion: str) -> None:
    ann = await api.register()
    here = f"/companies/{ann.company_id}"
    api.sql(deletion, (ann.company_id,))
    for answer in (
        await ann.get(here),
        await ann.get("/auth/me"),
        await ann.patch(here, {"name": "Too late"}),
        await ann.send("DELETE", here, json={"confirm": ann.company["code"]}),
        await ann.post("/companies", {"name": "Another"}),
        await ann.patch(f"/users/{ann.user_id}", {"role": "member"}),
        await ann.delete(f"/users/{ann.user_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.session_ended"), answer.text
