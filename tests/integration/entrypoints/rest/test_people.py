"""People: users, invitations, leaving, and who may reach what through a membership."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.integration.api import PASSWORD, Api, Person


def address() -> str:
    return f"{uuid.uuid4().hex}@example.com"


async def login(api: Api, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    answer = await api.client.post("/api/v1/auth/login", json={"email": email, "password": password, **more})
    api.client.cookies.clear()
    return answer


async def accept(api: Api, body: dict[str, Any], *, by: Person | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {by.token}"} if by else {}
    answer = await api.client.post("/api/v1/invitations/accept", json=body, headers=headers)
    api.client.cookies.clear()
    return answer


def as_person(api: Api, answer: httpx.Response) -> Person:
    body = answer.json()
    return Person(
        client=api.client, token=body["access_token"], email=body["user"]["email"], user=body["user"],
        company=body["company"],
    )  # fmt: skip


async def made(owner: Person, **fields: Any) -> dict[str, Any]:
    answer = await owner.post("/users", {"name": "Bea Bloom", "email": address(), **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def invited(owner: Person, email: str, role: str = "member") -> dict[str, Any]:
    answer = await owner.post("/invitations", {"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


# All of an account but what waits to be mailed, which is on its way meanwhile.
SEEN = "to_jsonb(accounts) - '{letters,letters_due_at,letters_leased_until}'::text[]"


class TestCreatingUsers:
    async def test_usernames_that_nobody_chose_are_nobodys_conflict(self, api: Api) -> None:
        olga = await api.register()
        people = [{"name": "N", "email": f"info@{uuid.uuid4()}.example"} for _ in range(10)]
        services = [{"name": "Robot", "kind": "service"} for _ in range(10)]
        answers = await asyncio.gather(*(olga.post("/users", given) for given in people + services))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["username"] for answer in answers}) == 20

    async def test_the_answer_looks_the_same_for_a_known_and_an_unknown_address(self, api: Api) -> None:
        olga, known = await api.register(), await api.register()
        answers = [
            await olga.post("/users", {"name": "Bea", "email": email, **more})
            for more in ({}, {"password": "Another passw0rd 1"})
            for email in (known.email if not more else (await api.register()).email, address())
        ]
        shapes = set()
        for answer in answers:
            assert answer.status_code == 201
            body = answer.json()
            link = body["invitation"]
            assert link["link"].endswith(f"#{link['token']}")
            fixed = {
                k: v
                for k, v in body.items()
                if k not in ("id", "email", "username", "invitation", "created_at", "updated_at")
            }
            shapes.add((str(sorted(fixed.items())), tuple(sorted(answer.headers.keys())), tuple(sorted(link))))
        assert len(shapes) == 1, shapes

    async def test_a_person_with_a_temporary_password_may_act_at_once(self, api: Api) -> None:
        olga = await api.register()
        bea = await made(olga, password="a temporary pass")
        assert (bea["status"], bea["role"], bea["is_active"]) == ("invited", "member", True)
        # How a temporary password is replaced is tried with the sessions.
        assert api.sql("select password_is_temporary, claimed_at from accounts where email = %s", (bea["email"],)) == [
            (True, None)
        ]

    async def test_a_password_for_a_known_address_is_ignored_and_the_account_is_not_touched(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        before = api.sql(f"select {SEEN} from accounts where email = %s", (bea.email,))
        await made(olga, email=bea.email, password="Mallory's 0wn word", name="Not Bea")
        assert api.sql(f"select {SEEN} from accounts where email = %s", (bea.email,)) == before
        assert (await login(api, bea.email, "Mallory's 0wn word")).status_code == 401
        refused = await login(api, bea.email, company_id=olga.company_id)
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.no_active_membership")
        assert [each["id"] for each in (await bea.get("/companies")).json()] == [bea.company_id]

    async def test_a_known_person_is_in_after_accepting_and_not_before(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        new = await made(olga, email=bea.email)
        assert (await bea.post("/auth/switch-company", {"company_id": olga.company_id})).status_code == 422
        joined = await accept(api, {"token": new["invitation"]["token"]}, by=bea)
        assert joined.status_code == 200
        there = as_person(api, joined)
        assert (there.user["id"], there.user["status"], there.company_id) == (new["id"], "active", olga.company_id)
        assert (await there.get("/projects")).status_code == 200
        assert {each["id"] for each in (await there.get("/companies")).json()} == {bea.company_id, olga.company_id}

    async def test_the_answer_with_its_tokens_is_not_compressed(self, api: Api) -> None:
        new = await made(await api.register())
        api.sql("update users set name = %s where id = %s", ("long " * 400, new["id"]))
        body = {"token": new["invitation"]["token"], "password": PASSWORD}
        joined = await api.client.post("/api/v1/invitations/accept", json=body, headers={"Accept-Encoding": "gzip"})
        assert joined.status_code == 200 and len(joined.content) > 1024 and joined.json()["access_token"]
        assert "content-encoding" not in joined.headers

    async def test_a_link_chooses_the_password_of_an_account_that_has_none(self, api: Api) -> None:
        olga = await api.register()
        new = await made(olga)
        assert (await login(api, new["email"])).status_code == 401
        joined = await accept(api, {"token": new["invitation"]["token"], "password": PASSWORD, "name": "Beatrice"})
        assert joined.status_code == 200
        assert joined.json()["user"]["name"] == "Beatrice"
        assert (await login(api, new["email"])).status_code == 200
        again = await accept(api, {"token": new["invitation"]["token"], "password": "Mallory's 0wn word"})
        assert (again.status_code, again.json()["code"]) == (404, "invitation.not_found")
        assert (await login(api, new["email"])).status_code == 200

    async def test_usernames_are_made_unique_or_refused(self, api: Api) -> None:
        olga = await api.register()
        names = [(await made(olga, email=f"sam@{uuid.uuid4().hex}.example.com"))["username"] for _ in range(3)]
        assert names == ["sam", "sam.2", "sam.3"]
        taken = await olga.post("/users", {"name": "Sam", "email": address(), "username": "SAM"})
        assert (taken.status_code, taken.json()["code"]) == (409, "user.username_taken")

    async def test_an_address_is_used_once_in_a_company_however_it_is_written(self, api: Api) -> None:
        olga = await api.register()
        bea = await made(olga)
        twice = await olga.post("/users", {"name": "Bea", "email": bea["email"].upper()})
        assert (twice.status_code, twice.json()["code"]) == (409, "user.already_member")

    async def test_a_service_has_no_address_and_never_signs_in(self, api: Api) -> None:
        olga = await api.register()
        answer = await olga.post("/users", {"name": "Build robot", "kind": "service"})
        body = answer.json()
        assert (answer.status_code, body["kind"], body["email"], body["status"]) == (201, "service", None, "active")
        assert body["invitation"] is None
        for field in ({"email": address()}, {"password": PASSWORD}):
            refused = await olga.post("/users", {"name": "Robot", "kind": "service", **field})
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"/{next(iter(field))}")

    async def test_a_key_makes_one_and_shows_the_link_once(self, api: Api) -> None:
        olga = await api.register()
        body, key = {"name": "Bea", "email": address()}, {"Idempotency-Key": "k"}
        first, second = [await olga.post("/users", body, headers=key) for _ in range(2)]
        assert first.json()["id"] == second.json()["id"]
        assert first.json()["invitation"] is not None
        assert (second.json()["invitation"], second.headers["idempotency-replayed"]) == (None, "true")

    async def test_members_bring_nobody_in_and_admins_no_owners(self, api: Api) -> None:
        olga = await api.register()
        mia, adam = await api.colleague(olga), await api.colleague(olga, role="admin")
        for person, role in ((mia, "member"), (adam, "owner")):
            for path, body in (
                ("/users", {"name": "Bea", "email": address(), "role": role, "password": "a temporary pass"}),
                ("/invitations", {"email": address(), "role": role}),
            ):
                answer = await person.post(path, body)
                assert (answer.status_code, answer.json()["code"]) == (403, "permission.denied"), path
        assert api.count("invitations", olga.company_id) == 0


class TestListing:
    async def test_admins_find_people_by_name_address_username_and_role(self, api: Api) -> None:
        olga = await api.register(name="Olga Prime")
        bea = await made(olga, name="Zoë Quill", username="quilly")
        await olga.post("/users", {"name": "Robot", "kind": "service"})
        for search in ("quill", "QUILLY", bea["email"][:12], "zoë"):
            found = (await olga.get("/users", params={"search": search})).json()
            assert [each["id"] for each in found] == [bea["id"]], search
        assert [each["role"] for each in (await olga.get("/users?role=owner")).json()] == ["owner"]
        assert (await olga.get("/users?search=%25")).json() == []
        for alias in ("query", "q"):
            assert len((await olga.get(f"/users?{alias}=quill")).json()) == 1

    async def test_pages_and_totals(self, api: Api) -> None:
        olga = await api.register()
        for number in range(5):
            await olga.post("/users", {"name": f"Robot {number}", "kind": "service"})
        seen: list[str] = []
        path: str | None = "/users?limit=2&sort=-last_login_at&include_total=true"
        while path:
            page = await olga.get(path)
            assert page.headers["x-total-count"] == "6"
            seen += [each["id"] for each in page.json()]
            link = page.headers.get("link")
            path = link.partition(">")[0].removeprefix("</api/v1") if link else None
        assert len(seen) == len(set(seen)) == 6

    async def test_members_see_the_people_of_their_projects_and_little_of_them(self, api: Api) -> None:
        olga = await api.register()
        project = await olga.project()
        mia, max_ = [await api.colleague(olga, projects=(project,)) for _ in range(2)]
        nora = await api.colleague(olga)
        assert (await mia.get("/users")).status_code == 403
        shown = (await mia.get(f"/users/{max_.user_id}")).json()
        assert (shown["name"], shown["email"], shown["last_login_at"]) == (max_.user["name"], None, None)
        assert (await mia.get(f"/users/{mia.user_id}")).json()["email"] == mia.email
        assert (await mia.get("/users/me")).json()["id"] == mia.user_id
        missing = [await mia.get(f"/users/{each}") for each in (nora.user_id, uuid.uuid4(), "nonsense")]
        assert {(each.status_code, each.json()["code"]) for each in missing} == {(404, "user.not_found")}


class TestChanging:
    async def test_everybody_changes_their_own_name_and_username_and_no_more(self, api: Api) -> None:
        olga = await api.register()
        mia = await api.colleague(olga)
        answer = await mia.patch("/users/me", {"name": "Mia Moon", "username": "moon"})
        assert (answer.status_code, answer.json()["name"], answer.json()["username"]) == (200, "Mia Moon", "moon")
        assert (await mia.get("/auth/me")).json()["name"] == "Mia Moon"
        for body in ({"role": "admin"}, {"is_active": False}, {"email": address()}, {"password": "Another passw0rd"}):
            refused = await mia.patch("/users/me", body)
            assert (refused.status_code, refused.json()["code"]) == (403, "permission.denied"), body
        stale = await mia.patch("/users/me", {"name": "x"}, headers={"If-Match": '"1"'})
        assert stale.status_code == 412

    async def test_a_role_holds_at_once_with_the_token_of_before(self, api: Api) -> None:
        olga = await api.register()
        mia = await api.colleague(olga)
        assert (await mia.get("/users")).status_code == 403
        assert (await olga.patch(f"/users/{mia.user_id}", {"role": "admin"})).status_code == 200
        assert (await mia.get("/users")).status_code == 200
        assert (
            await mia.post("/users", {"name": "B", "email": address(), "password": "a temporary pass"})
        ).status_code == 201
        await olga.patch(f"/users/{mia.user_id}", {"role": "member"})
        assert (await mia.post("/projects", {"name": "x"})).status_code == 403

    async def test_admins_do_not_touch_owners(self, api: Api) -> None:
        olga = await api.register()
        adam, oscar = await api.colleague(olga, role="admin"), await api.colleague(olga, role="owner")
        for body in (
            {"role": "member"},
            {"is_active": False},
            {"name": "x"},
            {"email": address()},
            {"password": "Another passw0rd"},
        ):
            assert (await adam.patch(f"/users/{oscar.user_id}", body)).status_code == 403, body
        assert (await adam.delete(f"/users/{oscar.user_id}")).status_code == 403
        assert (await adam.patch(f"/users/{adam.user_id}", {"role": "owner"})).status_code == 403
        assert (await olga.patch(f"/users/{oscar.user_id}", {"role": "member"})).status_code == 200

    async def test_an_admin_never_reaches_an_account_that_belongs_elsewhere_too(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        there = await api.colleague(olga, who=bea)
        before = api.sql(f"select {SEEN} from accounts where email = %s", (bea.email,))
        for body in ({"email": address()}, {"password": "Mallory's 0wn word"}):
            refused = await olga.patch(f"/users/{there.user_id}", body)
            assert (refused.status_code, refused.json()["code"]) == (403, "user.account_shared")
        assert api.sql(f"select {SEEN} from accounts where email = %s", (bea.email,)) == before
        assert (await bea.get("/auth/me")).status_code == 200

    async def test_a_membership_that_only_waits_elsewhere_protects_the_account_as_well(self, api: Api) -> None:
        olga, other = await api.register(), await api.register()
        new = await made(olga)
        await made(other, email=new["email"])
        account = f"select {SEEN} from accounts where email = %s"
        before = api.sql(account, (new["email"],))
        # Answered as for an account that is of this company alone: nobody learns that it is not.
        ignored = await olga.patch(f"/users/{new['id']}", {"password": "Mallory's 0wn word"})
        assert (ignored.status_code, ignored.json()["version"]) == (200, 1)
        assert api.sql(account, (new["email"],)) == before

    async def test_an_account_of_this_company_alone_gets_another_address_and_a_temporary_password(
        self, api: Api
    ) -> None:
        olga = await api.register()
        new = await made(olga)
        joined = as_person(api, await accept(api, {"token": new["invitation"]["token"], "password": PASSWORD}))
        email = address()
        assert (await olga.patch(f"/users/{new['id']}", {"email": email})).status_code == 200
        assert (await joined.get("/auth/me")).json()["email"] == email
        assert (await login(api, email)).status_code == 200
        assert (await login(api, new["email"])).status_code == 401
        taken = await olga.patch(f"/users/{new['id']}", {"email": olga.email})
        assert (taken.status_code, taken.json()["code"]) == (409, "account.email_taken")
        assert (await olga.patch(f"/users/{new['id']}", {"password": "Temporary w0rd"})).status_code == 200
        assert (await joined.get("/auth/me")).status_code == 401, "its devices are signed out"
        assert (await login(api, email)).status_code == 401


class TestDeactivating:
    async def test_access_ends_at_once_and_history_stays(self, api: Api) -> None:
        olga = await api.register()
        project = await olga.project()
        mia = await api.colleague(olga, projects=(project,))
        task = await mia.task(project, assigned_to=mia.user_id)
        assert (await olga.delete(f"/users/{mia.user_id}")).status_code == 204
        assert (await mia.get("/tasks")).status_code == 401
        kept = (await olga.get(f"/tasks/{task['id']}")).json()
        assert (kept["assigned_to"], kept["created_by"]) == (mia.user_id, mia.user_id)
        assert mia.user_id not in [each["id"] for each in (await olga.get("/users")).json()]
        assert mia.user_id in [each["id"] for each in (await olga.get("/users?is_active=false")).json()]
        back = await olga.patch(f"/users/{mia.user_id}", {"is_active": True})
        assert back.status_code == 200
        assert (await login(api, mia.email, company_id=olga.company_id)).status_code == 200

    async def test_the_sessions_of_an_account_with_other_companies_go_on_there(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        there = await api.colleague(olga, who=bea)
        assert (await olga.delete(f"/users/{there.user_id}")).status_code == 204
        assert (await there.get("/tasks")).status_code == 401
        assert (await bea.get("/tasks")).status_code == 200
        back = await there.client.post(
            "/api/v1/auth/switch-company",
            json={"company_id": bea.company_id},
            headers={"Authorization": f"Bearer {there.token}"},
        )
        # The token names a company that no longer answers; refreshing leads to one that does.
        assert back.status_code in (200, 401)

    async def test_whoever_was_deactivated_is_not_let_in_by_an_old_link(self, api: Api) -> None:
        olga = await api.register()
        new = await made(olga)
        await olga.delete(f"/users/{new['id']}")
        refused = await accept(api, {"token": new["invitation"]["token"], "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (404, "invitation.not_found")


class TestInvitations:
    async def test_a_newcomer_joins_by_registering_with_the_link(self, api: Api) -> None:
        olga = await api.register()
        email = address()
        link = await invited(olga, email, "admin")
        given = {"email": email, "password": PASSWORD, "name": "Bea", "invitation_token": link["token"]}
        answer = await api.client.post("/api/v1/auth/register", json=given)
        api.client.cookies.clear()
        assert (answer.status_code, answer.json()["company"]["id"]) == (201, olga.company_id)
        bea = as_person(api, answer)
        assert bea.user["role"] == "admin"
        assert [each["id"] for each in (await bea.get("/companies")).json()] == [olga.company_id]
        shown = (await olga.get(f"/invitations/{link['id']}")).json()
        assert (shown["status"], shown["user_id"]) == ("accepted", bea.user_id)
        assert link["token"] not in str(shown)

    async def test_registering_for_another_address_than_the_invited_one_is_refused(self, api: Api) -> None:
        olga = await api.register()
        link = await invited(olga, address())
        given = {"email": address(), "password": PASSWORD, "name": "Bea", "invitation_token": link["token"]}
        answer = await api.client.post("/api/v1/auth/register", json=given)
        assert (answer.status_code, answer.json()["code"]) == (409, "invitation.other_address")

    async def test_whoever_is_signed_in_by_another_address_is_refused(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        link = await invited(olga, address())
        answer = await accept(api, {"token": link["token"]}, by=bea)
        assert (answer.status_code, answer.json()["code"]) == (409, "invitation.other_address")

    async def test_the_inviter_cannot_take_an_account_over_by_the_link(self, api: Api) -> None:
        """The link is shown to the inviter, so it proves nothing about the address."""
        mallory, victim = await api.register(), await api.register()
        link = await invited(mallory, victim.email)
        stolen = await accept(api, {"token": link["token"], "password": "Mallory's 0wn word"})
        assert (stolen.status_code, stolen.json()["code"]) == (401, "auth.sign_in_first")
        assert (await login(api, victim.email, "Mallory's 0wn word")).status_code == 401
        assert (await login(api, victim.email)).status_code == 200

    async def test_an_account_with_a_temporary_password_is_not_taken_over_either(self, api: Api) -> None:
        olga, mallory = await api.register(), await api.register()
        new = await made(olga, password="Temporary w0rd")
        link = await invited(mallory, new["email"])
        stolen = await accept(api, {"token": link["token"], "password": "Mallory's 0wn word"})
        assert (stolen.status_code, stolen.json()["code"]) == (401, "auth.sign_in_first")

    async def test_a_link_works_once_and_not_when_revoked_replaced_or_expired(self, api: Api) -> None:
        olga = await api.register()
        email = address()
        first, second = await invited(olga, email), await invited(olga, email)
        assert (await olga.delete(f"/invitations/{second['id']}")).status_code == 204
        third = await invited(olga, email)
        api.sql("update invitations set expires_at = now() where id = %s", (third["id"],))
        for link in (first, second, third, {"token": "fti_none"}):
            refused = await accept(api, {"token": link["token"], "password": PASSWORD})
            assert (refused.status_code, refused.json()["code"]) == (404, "invitation.not_found")
        found = (await olga.get("/invitations")).json()
        assert [each["status"] for each in found] == ["expired", "revoked", "revoked"]
        assert [each["id"] for each in (await olga.get("/invitations?status=expired")).json()] == [third["id"]]
        gone = await olga.delete(f"/invitations/{second['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "invitation.not_found")

    async def test_two_who_accept_at_once_make_one_user(self, api: Api) -> None:
        olga = await api.register()
        email = address()
        link = await invited(olga, email)
        body = {"token": link["token"], "password": PASSWORD, "name": "Bea"}
        statuses = sorted(each.status_code for each in await asyncio.gather(*(accept(api, body) for _ in range(8))))
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 401, 404, 409}
        assert len(api.sql("select 1 from users where email = %s", (email,))) == 1

    async def test_somebody_who_has_not_accepted_is_asked_again_by_a_new_link(self, api: Api) -> None:
        olga = await api.register()
        new = await made(olga)
        link = await invited(olga, new["email"], "admin")
        assert link["user_id"] == new["id"]
        assert (await accept(api, {"token": new["invitation"]["token"], "password": PASSWORD})).status_code == 404
        joined = await accept(api, {"token": link["token"], "password": PASSWORD})
        assert (joined.status_code, joined.json()["user"]["role"]) == (200, "admin")
        again = await olga.post("/invitations", {"email": new["email"]})
        assert (again.status_code, again.json()["code"]) == (409, "user.already_member")

    async def test_the_secret_is_stored_as_a_digest_alone(self, api: Api) -> None:
        olga = await api.register()
        link = await invited(olga, address())
        row = api.sql("select i::text from invitations i where id = %s", (link["id"],))[0][0]
        assert link["token"] not in row
        assert link["token"].removeprefix("fti_") not in row
        events = (await olga.get("/events?limit=200")).text
        assert link["token"] not in events


class TestOneAccountInSeveralCompanies:
    async def test_it_has_a_role_name_and_sight_of_its_own_in_each(self, api: Api) -> None:
        bea, olga, otto = [await api.register() for _ in range(3)]
        in_olgas = as_person(
            api, await accept(api, {"token": (await invited(olga, bea.email, "admin"))["token"]}, by=bea)
        )
        in_ottos = as_person(api, await accept(api, {"token": (await invited(otto, bea.email))["token"]}, by=bea))
        assert [each.user["role"] for each in (bea, in_olgas, in_ottos)] == ["owner", "admin", "member"]
        await in_ottos.patch("/users/me", {"name": "Bea at Otto's"})
        assert (await in_olgas.get("/auth/me")).json()["name"] != "Bea at Otto's"
        project = await olga.project()
        assert (await in_olgas.get(f"/projects/{project['id']}")).status_code == 200
        assert (await in_ottos.get(f"/projects/{project['id']}")).status_code == 404
        companies = (await in_ottos.get("/companies")).json()
        assert {(each["id"], each["role"]) for each in companies} == {
            (bea.company_id, "owner"), (olga.company_id, "admin"), (otto.company_id, "member"),
        }  # fmt: skip


class TestTheLastOwner:
    async def test_cannot_leave_be_demoted_or_deactivated(self, api: Api) -> None:
        olga = await api.register()
        for answer in (
            await olga.post(f"/companies/{olga.company_id}/leave"),
            await olga.patch("/users/me", {"role": "admin"}),
            await olga.patch("/users/me", {"is_active": False}),
            await olga.delete("/users/me"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "user.last_owner")
        assert (await olga.get("/auth/me")).json()["role"] == "owner"

    async def test_an_owner_who_has_not_accepted_does_not_count(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        await made(olga, email=bea.email, role="owner")
        assert (await olga.post(f"/companies/{olga.company_id}/leave")).status_code == 409

    async def test_of_100_pairs_of_owners_who_go_at_once_each_company_keeps_one(self, api: Api) -> None:
        """Leaving, demotion and deactivation against each other, through as many connections as the pool has."""
        anne, ben = await api.register(), await api.register()

        async def pair(number: int) -> None:
            opened = (await anne.post("/companies", {"name": f"Pair {number}"})).json()
            a = as_person(api, await anne.post("/auth/switch-company", {"company_id": opened["id"]}))
            b = await api.colleague(a, who=ben, role="owner")
            leave, me = f"/companies/{opened['id']}/leave", "/users/me"
            theirs = {id(a): f"/users/{b.user_id}", id(b): f"/users/{a.user_id}"}
            ways = [
                lambda who: who.post(leave),
                lambda who: who.patch(theirs[id(who)], {"role": "member"}),
                lambda who: who.delete(theirs[id(who)]),
                lambda who: who.post(leave) if who is a else who.patch(me, {"role": "admin"}),
            ]
            way = ways[number % len(ways)]
            answers = await asyncio.gather(way(a), way(b))
            left = api.sql(
                "select count(*) from users where company_id = %s and role = 'owner' and is_active", (opened["id"],)
            )[0][0]
            assert left >= 1, f"pair {number}: {[each.status_code for each in answers]}"
            assert any(each.is_success for each in answers), f"pair {number}: nobody could go"

        for start in range(0, 100, 10):
            await asyncio.gather(*(pair(number) for number in range(start, start + 10)))


class TestLeaving:
    async def test_ends_ones_own_access_and_nobody_elses(self, api: Api) -> None:
        olga, bea = await api.register(), await api.register()
        there = await api.colleague(olga, who=bea)
        elsewhere = await there.post(f"/companies/{bea.company_id}/leave")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "company.not_found")
        assert (await there.post(f"/companies/{olga.company_id}/leave")).status_code == 204
        assert (await there.get("/tasks")).status_code == 401
        assert (await bea.get("/tasks")).status_code == 200
        assert [each["event"] for each in (await olga.get("/events?types=user_left")).json()] == ["user_left"]


class TestTheCompany:
    async def test_its_fields_and_settings_are_changed_by_admins(self, api: Api) -> None:
        olga = await api.register()
        path, code = f"/companies/{olga.company_id}", f"c-{uuid.uuid4().hex[:20]}"
        body = {"name": "New & Co", "code": code, "settings": {"members_edit_all_project_tasks": True}}
        changed = await olga.patch(path, body)
        assert changed.status_code == 200
        assert changed.json()["settings"] == {"members_edit_all_project_tasks": True, "time_zone": "UTC"}
        zone = await olga.patch(path, {"settings": {"time_zone": "Europe/Berlin"}})
        assert zone.json()["settings"] == {"members_edit_all_project_tasks": True, "time_zone": "Europe/Berlin"}
        assert zone.json()["version"] == 3
        assert (await olga.get("/auth/me")).json()["company"]["code"] == code
        mia = await api.colleague(olga)
        assert (await mia.patch(path, {"name": "x"})).status_code == 403
        other = await api.register()
        assert (await other.patch(path, {"name": "x"})).status_code == 404
        taken = await other.patch(f"/companies/{other.company_id}", {"code": code})
        assert (taken.status_code, taken.json()["code"]) == (409, "company.code_taken")
        events = (await olga.get("/events?types=company_updated")).json()
        assert [sorted(each["changes"]) for each in events] == [
            ["code", "members_edit_all_project_tasks", "name"], ["time_zone"],
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"code": "Not Safe"}, "/code"),
            ({"settings": {"time_zone": "../../etc/passwd"}}, "/settings/time_zone"),
            ({"settings": {"unknown": 1}}, "/settings/unknown"),
            ({"contact_email": "nowhere"}, "/contact_email"),
            ({"is_active": False}, "/is_active"),
            ({"name": " "}, "/name"),
        ],
    )
    async def test_bad_values_are_refused_by_name(self, api: Api, body: dict[str, Any], pointer: str) -> None:
        olga = await api.register()
        refused = await olga.patch(f"/companies/{olga.company_id}", body)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer

    async def test_deleting_it_takes_its_code_an_owner_and_a_fresh_proof(self, api: Api) -> None:
        olga = await api.register()
        adam = await api.colleague(olga, role="admin")
        path, confirm = f"/companies/{olga.company_id}", {"confirm": olga.company["code"]}
        assert (await adam.send("DELETE", path, json=confirm)).status_code == 403
        wrong = await olga.send("DELETE", path, json={"confirm": "another"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "company.deletion_unconfirmed")
        api.sql("update login_sessions set authenticated_at = now() - interval '11 minutes'")
        late = await olga.send("DELETE", path, json=confirm)
        assert (late.status_code, late.json()["code"]) == (403, "auth.step_up_required")
        olga = await api.login(olga.email)
        assert (await olga.send("DELETE", path, json=confirm)).status_code == 204
        assert (await olga.get("/tasks")).status_code == 401
        assert (await adam.get("/tasks")).status_code == 401
        refused = await login(api, olga.email)
        assert (refused.status_code, refused.json()["code"]) == (403, "auth.no_active_membership")


class TestEvents:
    async def test_admins_hear_of_people_and_members_of_themselves(self, api: Api) -> None:
        olga = await api.register()
        mia = await api.colleague(olga)
        start = (await olga.get("/users")).headers["x-event-seq"]
        new = await made(olga)
        await olga.patch(f"/users/{mia.user_id}", {"name": "Mia Moon"})
        await olga.delete(f"/users/{new['id']}")
        heard = [each["event"] for each in (await olga.get(f"/events?after={start}")).json()]
        assert heard == ["invitation_created", "user_created", "user_updated", "user_deactivated", "invitation_revoked"]
        mine = (await mia.get(f"/events?after={start}")).json()
        assert [(each["event"], each["changes"]["name"]["new"]) for each in mine] == [("user_updated", "Mia Moon")]


async def test_a_service_user_may_be_sent_back_as_it_was_read(api: Api) -> None:
    ann = await api.register()
    service = (await ann.post("/users", {"name": "Builds", "kind": "service"})).json()
    read = (await ann.get(f"/users/{service['id']}")).json()
    sent = await ann.send("PUT", f"/users/{service['id']}", json={**read, "name": "Builder"})
    assert (sent.status_code, sent.json()["name"], sent.json()["email"]) == (200, "Builder", None)


async def test_a_person_keeps_an_address(api: Api) -> None:
    ann = await api.register()
    bob = await api.colleague(ann)
    refused = await ann.patch(f"/users/{bob.user_id}", {"email": None})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/email")


async def test_a_deleted_project_brings_nobody_together(api: Api) -> None:
    ann = await api.register()
    shared, other = await ann.project(), await ann.project()
    bob = await api.colleague(ann, projects=(shared, other))
    cat = await api.colleague(ann, projects=(shared,))
    assert (await bob.get(f"/users/{cat.user_id}")).status_code == 200
    assert (await ann.delete(f"/projects/{shared['id']}")).status_code == 204
    assert (await bob.get(f"/users/{cat.user_id}")).status_code == 404
    refused = await bob.post("/tasks", {"project_id": other["id"], "title": "T", "assigned_to": cat.user_id})
    assert (refused.status_code, refused.json()["code"]) == (422, "reference.not_found")
