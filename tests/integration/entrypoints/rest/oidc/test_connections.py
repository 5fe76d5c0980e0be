"""A company's connections to providers and its domains, as admins set them up."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.integration.api import NOBODYS_ID, Api, Person
from tests.integration.entrypoints.rest.oidc.conftest import audited

GIVEN = {
    "name": "Own",
    "issuer": "https://login.example.com/realms/x",
    "client_id": "flowtrack",
    "client_secret": "only for the provider",
    "email_domains": ["Example.com", "example.com", "münchen.example"],
    "default_role": "member",
    "role_claim": "groups",
    "role_map": {"it": "admin"},
    "jit_provisioning": True,
}


@pytest.fixture
async def ann(api: Api) -> Person:
    return await api.register()


def place(person: Person, *more: str) -> str:
    return "/".join([f"/companies/{person.company_id}/oidc-connections", *more])


class TestConnections:
    async def test_one_is_shown_as_it_was_given_but_for_its_secret(self, ann: Person, api: Api) -> None:
        made = await ann.post(place(ann), GIVEN)
        assert made.status_code == 201
        body = made.json()
        assert {name: body[name] for name in GIVEN if name in body} == {
            **{name: value for name, value in GIVEN.items() if name != "client_secret"},
            "email_domains": ["example.com", "xn--mnchen-3ya.example"],
        }
        assert body["has_client_secret"] and body["admits_owners"] and not body["enforce_sso"]
        assert (await ann.get(place(ann))).json() == [body]
        got = await ann.get(place(ann, body["id"]))
        assert got.json() == body and got.headers["etag"] == made.headers["etag"]
        (sealed,) = api.sql("select sealed_client_secret from oidc_connections where id = %s", (body["id"],))[0]
        assert b"only for the provider" not in bytes(sealed)
        for seen in (
            made.text,
            got.text,
            str(api.sql("select body from events where company_id = %s", (ann.company_id,))),
        ):
            assert "only for the provider" not in seen

    @pytest.mark.parametrize("word", ["a\x00b", "a\x1bb", "\ud800"])
    async def test_a_word_of_a_provider_that_no_text_can_hold_is_refused(self, ann: Person, word: str) -> None:
        content = json.dumps({**GIVEN, "role_map": {word: "member"}})
        refused = await ann.send(
            "POST", place(ann), content=content.encode(), headers={"Content-Type": "application/json"}
        )
        assert refused.status_code == 422, refused.text
        assert (await ann.get(place(ann))).json() == []

    async def test_what_changes_is_told_to_the_log_and_to_auditors(self, ann: Person, api: Api) -> None:
        connection = (await ann.post(place(ann), GIVEN)).json()
        here = place(ann, connection["id"])
        changed = await ann.patch(
            here, {"name": "New", "client_secret": "another", "role_map": {"it": None, "x": "member"}}
        )
        assert changed.status_code == 200
        assert (changed.json()["name"], changed.json()["role_map"], changed.json()["version"]) == (
            "New",
            {"x": "member"},
            2,
        )
        assert (await ann.patch(here, {"name": "New"})).json()["version"] == 2
        gone = await ann.patch(here, {"client_secret": None})
        assert not gone.json()["has_client_secret"]
        assert (await ann.delete(here)).status_code == 204
        assert (await ann.get(here)).json()["code"] == "oidc_connection.not_found"
        told = audited(api, ann.company_id, "oidc_connection.changed")
        assert [each["event"] for each in told] == [
            "oidc_connection_created", "oidc_connection_updated", "oidc_connection_updated", "oidc_connection_deleted"
        ]  # fmt: skip
        assert told[0]["issuer"] == GIVEN["issuer"]
        assert told[1]["fields"] == ["client_secret", "name", "role_map"]
        log = [each["event"] for each in (await ann.get("/events?limit=200")).json()]
        assert log[-4:] == [each["event"] for each in told]

    async def test_a_version_that_is_not_the_present_one_changes_nothing(self, ann: Person) -> None:
        here = place(ann, (await ann.post(place(ann), GIVEN)).json()["id"])
        for refused in (
            await ann.patch(here, {"name": "New", "version": 7}),
            await ann.patch(here, {"name": "New"}, headers={"If-Match": '"7"'}),
            await ann.delete(here, headers={"If-Match": '"7"'}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (412, "version.stale")
        read_only = await ann.patch(here, {"admits_owners": False})
        assert (read_only.status_code, read_only.json()["code"]) == (422, "field.read_only")

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"issuer": "http://login.example.com"}, "/issuer"),
            ({"issuer": "https://user:pass@login.example.com"}, "/issuer"),
            ({"issuer": "https://login.example.com/?x=1"}, "/issuer"),
            ({"issuer": "https://login.example.com/#x"}, "/issuer"),
            ({"issuer": "https://"}, "/issuer"),
            ({"issuer": "https://[::1"}, "/issuer"),
            ({"issuer": "https://login.example.com:0"}, "/issuer"),
            ({"issuer": "ftp://login.example.com"}, "/issuer"),
            ({"issuer": "login.example.com"}, "/issuer"),
            ({"issuer": "https://lögin.example.com"}, "/issuer"),
            ({"name": ""}, "/name"),
            ({"email_domains": ["example.com", "no domain"]}, "/email_domains/1"),
            ({"email_domains": ["localhost"]}, "/email_domains/0"),
            ({"default_role": "owner"}, "/default_role"),
            ({"role_map": {"bosses": "owner"}}, "/role_map/bosses"),
            ({"break_glass_user_id": NOBODYS_ID}, "/break_glass_user_id"),
        ],
        ids=str,
    )
    async def test_a_field_that_cannot_be_accepted_is_named(
        self, ann: Person, fields: dict[str, Any], pointer: str
    ) -> None:
        here = place(ann, (await ann.post(place(ann), GIVEN)).json()["id"])
        for refused in (await ann.post(place(ann), {**GIVEN, **fields}), await ann.patch(here, fields)):
            assert refused.status_code == 422, refused.text
            assert refused.json()["errors"][0]["pointer"] == pointer

    async def test_a_company_has_so_many_and_no_more(self, ann: Person, api: Api) -> None:
        for number in range(20):
            assert (await ann.post(place(ann), {**GIVEN, "name": f"{number}"})).status_code == 201
        refused = await ann.post(place(ann), GIVEN)
        assert (refused.status_code, refused.json()["code"]) == (409, "oidc_connection.too_many")
        words = {f"word{number}": "member" for number in range(100)}
        here = place(ann, (await ann.get(place(ann))).json()[0]["id"])
        refused = await ann.patch(here, {"role_map": words})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/role_map")

    async def test_it_needs_a_fresh_proof(self, ann: Person, api: Api) -> None:
        connection = (await ann.post(place(ann), GIVEN)).json()
        domain = (await ann.post(f"/companies/{ann.company_id}/email-domains", {"domain": "a.example"})).json()
        api.sql(
            "update login_sessions set authenticated_at = now() - interval '11 min' where id = %s", (ann.session_id,)
        )
        domains = f"/companies/{ann.company_id}/email-domains"
        for refused in (
            await ann.post(place(ann), GIVEN),
            await ann.patch(place(ann, connection["id"]), {"name": "x"}),
            await ann.delete(place(ann, connection["id"])),
            await ann.post(domains, {"domain": "b.example"}),
            await ann.post(f"{domains}/{domain['id']}/verify"),
            await ann.delete(f"{domains}/{domain['id']}"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (403, "auth.step_up_required")
        assert (await ann.get(place(ann))).status_code == 200


class Records:
    """What the DNS says."""

    def __init__(self) -> None:
        self.published: dict[str, list[str]] = {}

    async def texts(self, name: str) -> list[str]:
        return self.published.get(name, [])


class TestDomains:
    @pytest.fixture
    async def records(self, container: Any) -> AsyncIterator[Records]:
        records = Records()
        use_cases = container.email_domain_use_cases()
        kept, use_cases._records = use_cases._records, records
        yield records
        use_cases._records = kept

    async def test_one_is_proved_by_its_record_alone(
        self, ann: Person, api: Api, records: Records, domain: str
    ) -> None:
        here = f"/companies/{ann.company_id}/email-domains"
        made = (await ann.post(here, {"domain": f" {domain.upper()}. "})).json()
        assert (made["domain"], made["is_verified"], made["record_name"]) == (domain, False, f"_flowtrack.{domain}")
        one = f"{here}/{made['id']}"
        records.published = {made["record_name"]: ["flowtrack-domain=another"], domain: [made["record_value"]]}
        refused = await ann.post(f"{one}/verify")
        assert (refused.status_code, refused.json()["code"]) == (409, "email_domain.unproved")
        records.published[made["record_name"]].append(made["record_value"])
        proved = await ann.post(f"{one}/verify")
        assert proved.json()["is_verified"] and proved.json()["version"] == 2
        records.published = {}
        assert (await ann.post(f"{one}/verify")).json() == proved.json()
        assert (await ann.get(one)).json() == proved.json()
        assert (await ann.delete(one, headers={"If-Match": '"1"'})).status_code == 412
        assert (await ann.delete(one)).status_code == 204
        assert (await ann.get(one)).json()["code"] == "email_domain.not_found"
        told = [each["event"] for each in audited(api, ann.company_id, "oidc_connection.changed")]
        assert told == ["email_domain_created", "email_domain_verified", "email_domain_deleted"]

    async def test_another_company_may_name_the_same_and_prove_it_by_itself(
        self, ann: Person, api: Api, domain: str, prove: Callable[[Person, str], Awaitable[None]]
    ) -> None:
        here = f"/companies/{ann.company_id}/email-domains"
        mine = (await ann.post(here, {"domain": domain})).json()
        twice = await ann.post(here, {"domain": domain})
        assert (twice.status_code, twice.json()["code"]) == (409, "email_domain.named_already")
        other = await api.register()
        theirs = (await other.post(f"/companies/{other.company_id}/email-domains", {"domain": domain})).json()
        assert theirs["record_value"] != mine["record_value"]
        await prove(other, domain)
        await prove(other, domain)
        assert not (await ann.get(f"{here}/{mine['id']}")).json()["is_verified"]
        (seen,) = (await other.get(f"/companies/{other.company_id}/email-domains")).json()
        assert seen["is_verified"] and seen["id"] == theirs["id"]

    async def test_a_company_names_so_many_and_no_more(self, ann: Person) -> None:
        here = f"/companies/{ann.company_id}/email-domains"
        for number in range(50):
            assert (await ann.post(here, {"domain": f"d{number}.example"})).status_code == 201
        refused = await ann.post(here, {"domain": "one.more.example"})
        assert (refused.status_code, refused.json()["code"]) == (409, "email_domain.too_many")
