"""Links that are mailed, from the request that asks for one to the file that it stands in, and to what it opens."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from benchmarks import wire
from entrypoints.settings import Settings
from tests.integration.api import PASSWORD, Api, Person
from tests.integration.entrypoints.rest.conftest import AnotherApp
from tests.integration.conftest import TestDatabase, quick_container, running

NEW = "An0ther long secret"


class Post:
    """The folder that all applications of the tests write mail into: whoever is free does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def to(self, email: str) -> list[EmailMessage]:
        files = sorted(self._folder.glob("*.eml"))
        found = [message_from_bytes(each.read_bytes(), policy=policy.default) for each in files]
        return [each for each in found if each["To"] == email]

    async def message(self, email: str, subject: str, *, but: tuple[str, ...] = ()) -> EmailMessage:
        """The newest to an address that is about that, besides those that were there before."""
        for _ in range(400):
            found = [each for each in self.to(email) if subject in each["Subject"] and each["Message-ID"] not in but]
            if found:
                return found[-1]
            await asyncio.sleep(0.05)
        pytest.fail(f"no mail about {subject!r} within 20 seconds")

    async def token(self, email: str, subject: str, *, but: tuple[str, ...] = ()) -> str:
        """The secret of the link in it."""
        text = (await self.message(email, subject, but=but)).get_content()
        return str(text).partition("#")[2].split()[0]


@pytest.fixture
def mail(settings: Settings) -> Post:
    return Post(settings.data_dir / "mail")


async def ask(client: httpx.AsyncClient, path: str, **body: str) -> httpx.Response:
    return await client.post(f"/api/v1{path}", json=body)


def address() -> str:
    return f"{uuid4().hex}@example.com"


def account(api: Api, email: str, column: str) -> object:
    ((found,),) = api.sql(f"select {column} from accounts where email = %s", (email,))
    return found


class TestPasswords:
    async def test_a_lost_password_is_replaced_by_a_mailed_link(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        ann = await api.register(email=address())
        asked = await ask(client, "/auth/password/forgot", email=ann.email)
        assert (asked.status_code, asked.content) == (202, b"")
        token = await mail.token(ann.email, "Choose a new password")
        done = await ask(client, "/auth/password/reset", token=token, new_password=NEW)
        assert (done.status_code, done.content) == (204, b"")
        # Nobody is signed in by it, and who was is out.
        assert "set-cookie" not in done.headers
        assert (await ann.get("/auth/me")).status_code == 401
        assert (await ask(client, "/auth/login", email=ann.email, password=PASSWORD)).status_code == 401
        assert (await ask(client, "/auth/login", email=ann.email, password=NEW)).status_code == 200
        again = await ask(client, "/auth/password/reset", token=token, new_password=PASSWORD)
        assert (again.status_code, again.json()["code"]) == (422, "auth.link_invalid")
        assert again.json()["errors"][0]["pointer"] == "/token"
        await mail.message(ann.email, "Your password was changed")

    async def test_an_unknown_address_is_answered_alike(self, client: httpx.AsyncClient, mail: Post) -> None:
        unknown = address()
        asked = await ask(client, "/auth/password/forgot", email=unknown)
        assert (asked.status_code, asked.content) == (202, b"")
        assert mail.to(unknown) == []

    async def test_no_secret_stands_in_the_database(self, api: Api, client: httpx.AsyncClient, mail: Post) -> None:
        ann = await api.register(email=address())
        await ask(client, "/auth/password/forgot", email=ann.email)
        token = await mail.token(ann.email, "Choose a new password")
        secret = token.removeprefix("ftl_")[-40:]
        for table in ("accounts", "events", "audit_events"):
            assert api.sql(f"select 1 from {table} where {table}::text like %s", (f"%{secret}%",)) == []

    async def test_known_and_unknown_addresses_ask_the_database_as_often(
        self, settings: Settings, test_database: TestDatabase
    ) -> None:
        trips: dict[str, int] = {}
        with wire.counted(test_database.product) as counter:
            container = quick_container(settings, database_url=counter.url)
            async with running(container, beside=False) as client:
                ann = await Api(client=client, superuser_url=test_database.superuser).register(email=address())
                # The later ones count: by then every statement is prepared.
                for email in (ann.email, address()) * 5:
                    counter.reset()
                    await ask(client, "/auth/password/forgot", email=email)
                    trips["known" if email == ann.email else "unknown"] = counter.trips
        assert trips["known"] == trips["unknown"]

    async def test_asking_too_often_is_429_for_known_and_unknown(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            ann = await api.register(email=address())
            for email in (ann.email, address()):
                for _ in range(5):
                    assert (await ask(api.client, "/auth/password/forgot", email=email)).status_code == 202
                refused = await ask(api.client, "/auth/password/forgot", email=email)
                assert (refused.status_code, refused.json()["code"]) == (429, "auth.too_many_letters")
                assert int(refused.headers["retry-after"]) > 3000


class TestAddresses:
    async def test_registering_mails_a_link_that_proves_the_address(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        ann = await api.register(email=address())
        assert account(api, ann.email, "email_verified_at") is None
        token = await mail.token(ann.email, "Confirm your e-mail address")
        other = await api.register(email=address())
        for refused in (
            await ask(client, "/auth/email/verify", token=token),
            await other.post("/auth/email/verify", {"token": token}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (401, "auth.sign_in_first")
        assert account(api, ann.email, "email_verified_at") is None
        assert (await ann.post("/auth/email/verify", {"token": token})).status_code == 204
        assert account(api, ann.email, "email_verified_at") is not None
        refused = await ann.post("/auth/email/resend")
        assert (refused.status_code, refused.json()["code"]) == (409, "account.email_verified")

    async def test_it_is_mailed_again(self, api: Api, client: httpx.AsyncClient, mail: Post) -> None:
        ann = await api.register(email=address())
        first = await mail.message(ann.email, "Confirm your e-mail address")
        assert (await ann.post("/auth/email/resend")).status_code == 202
        token = await mail.token(ann.email, "Confirm your e-mail address", but=(first["Message-ID"],))
        assert (await ann.post("/auth/email/verify", {"token": token})).status_code == 204

    async def test_an_address_changes_once_the_new_one_is_proved(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        ann, new = await api.register(email=address()), address()
        assert (await ann.post("/auth/email/change", {"email": new})).status_code == 202
        assert (await ann.get("/auth/me")).json()["email"] == ann.email
        await mail.message(ann.email, "about to change")
        token = await mail.token(new, "Confirm your new e-mail address")
        assert (await ann.post("/auth/email/verify", {"token": token})).status_code == 204
        assert (await ann.get("/auth/me")).json()["email"] == new
        await mail.message(ann.email, "Your e-mail address was changed")
        events = (await ann.get("/events?after=0")).json()
        (updated,) = [each for each in events if each["event"] == "user_updated"]
        assert updated["changes"] == {"email": {"old": ann.email, "new": new}}
        types = [each["type"] for each in (await ann.get("/audit-events")).json()]
        assert "email.changed" in types
        assert (await ask(client, "/auth/login", email=new, password=PASSWORD)).status_code == 200

    async def test_an_address_that_somebody_else_has_is_refused_to_its_holder_alone(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        ann, bea = await api.register(email=address()), await api.register(email=address())
        assert (await ann.post("/auth/email/change", {"email": bea.email})).status_code == 202
        token = await mail.token(bea.email, "Confirm your new e-mail address")
        refused = await ann.post("/auth/email/verify", {"token": token})
        assert (refused.status_code, refused.json()["code"]) == (409, "account.email_taken")


class TestInvitations:
    async def test_the_mailed_link_takes_an_address_back_that_somebody_else_registered(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        olga, eve = await api.register(), await api.register(email=address())
        robot = (await eve.post("/users", {"kind": "service", "name": "Robot"})).json()["id"]
        for path in ("/auth/tokens", f"/users/{robot}/tokens"):
            assert (await eve.post(path, {"name": "x", "scopes": ["tasks:read"]})).status_code == 201
        of_eve = f" and company_id = '{eve.company_id}'"
        shown = (await olga.post("/invitations", {"email": eve.email})).json()["token"]
        token = await mail.token(eve.email, "Invitation to")
        assert token != shown
        by_the_sender = await ask(client, "/invitations/accept", token=shown, password=NEW)
        assert (by_the_sender.status_code, by_the_sender.json()["code"]) == (401, "auth.sign_in_first")
        done = await ask(client, "/invitations/accept", token=token, password=NEW)
        assert done.status_code == 200, done.text
        assert done.json()["company"]["id"] == olga.company_id
        assert (await eve.get("/auth/me")).status_code == 401
        assert api.sql("select via, details from audit_events where type = 'account.stripped'" + of_eve) == [
            ("visitor", {"tokens": 2})
        ]
        assert api.sql("select count(*) from audit_events where type = 'token.revoked'" + of_eve) == [(0,)]
        assert (await ask(client, "/auth/login", email=eve.email, password=PASSWORD)).status_code == 401
        assert account(api, eve.email, "email_verified_at") is not None

    async def test_whoever_is_made_a_user_is_mailed_a_link(
        self, api: Api, client: httpx.AsyncClient, mail: Post
    ) -> None:
        olga, bea = await api.register(), address()
        assert (await olga.post("/users", {"name": "Bea", "email": bea})).status_code == 201
        token = await mail.token(bea, "Invitation to")
        done = await ask(client, "/invitations/accept", token=token, password=NEW)
        assert done.status_code == 200, done.text
        person = Person(
            client=client, token=done.json()["access_token"], email=bea, user={}, company=done.json()["company"]
        )
        assert (await person.get("/auth/me")).status_code == 200


class TestBadLinks:
    @pytest.mark.parametrize("token", ["x", "ftl_", "ftl_" + "A" * 87, "fti_" + "A" * 43, "ftl_é", "ftl_" + "_" * 87])
    async def test_they_are_refused_alike(self, client: httpx.AsyncClient, token: str) -> None:
        for path, more in (("/auth/password/reset", {"new_password": NEW}), ("/auth/email/verify", {})):
            refused = await ask(client, path, token=token, **more)
            assert (refused.status_code, refused.json()["code"]) == (422, "auth.link_invalid")
        refused = await ask(client, "/invitations/accept", token=token, password=NEW)
        assert (refused.status_code, refused.json()["code"]) == (404, "invitation.not_found")

    async def test_a_link_that_was_altered_is_none(self, api: Api, client: httpx.AsyncClient, mail: Post) -> None:
        ann = await api.register(email=address())
        await ask(client, "/auth/password/forgot", email=ann.email)
        token = await mail.token(ann.email, "Choose a new password")
        for place in (4, 10, 30, 60, len(token) - 3):
            altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            refused = await ask(client, "/auth/password/reset", token=altered, new_password=NEW)
            assert refused.json()["code"] == "auth.link_invalid"
        verified = await ask(client, "/auth/email/verify", token=token)
        assert verified.json()["code"] == "auth.link_invalid"
