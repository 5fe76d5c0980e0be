"""Connections and domains, as admins set them up, over the in-memory adapters."""

from typing import Any

import pytest

from core.kernel.actor import Role, System
from core.kernel.audit import AuditType
from core.kernel.errors import Invalid
from core.oidc.errors import OwnersAlone
from core.oidc.model import MOST_ROLES, ConnectionChanges, checked, leads_to_provider
from core.oidc.read_models import ConnectionView
from tests.builders.office import Office
from tests.builders.providers import GIVEN, connected, vouched_for


async def changed(office: Office, connection_id: Any, *, by: Any = None, **fields: Any) -> Any:
    by = by or office.olga
    changes = ConnectionChanges(given=fields)
    return (await office.oidc_connections.change(by, by.company_id, connection_id, changes)).value


class TestIssuers:
    @pytest.mark.parametrize(
        "issuer",
        ["https://login.example.com", "https://login.example.com/", "https://login.example.com:8443/realms/x"],
    )
    def test_one_is_kept_to_the_letter(self, issuer: str) -> None:
        assert checked({"issuer": issuer}, plain_http=False) == {"issuer": issuer}

    @pytest.mark.parametrize("issuer", ["http://localhost:8080", "http://127.0.0.1/x", "http://[::1]:1"])
    def test_this_machine_may_be_asked_without_tls_for_development(self, issuer: str) -> None:
        assert checked({"issuer": issuer}, plain_http=True)
        with pytest.raises(Invalid):
            checked({"issuer": issuer}, plain_http=False)

    @pytest.mark.parametrize(
        "issuer",
        [
            "", "https://", "login.example.com", "ftp://login.example.com", "http://login.example.com",
            "https://user@login.example.com", "https://login.example.com?x", "https://login.example.com#x",
            "https://login.example.com/ x", "https://login.example.com\\x", "https://lögin.example", "https://[::1",
            "https://login.example.com:0", "https://login.example.com:x", "https://login.example.com/" + "x" * 500,
        ],
    )  # fmt: skip
    def test_anything_else_is_none(self, issuer: str) -> None:
        with pytest.raises(Invalid):
            checked({"issuer": issuer}, plain_http=True)


class TestWhereBrowsersAreSent:
    def test_to_whole_addresses_over_tls_and_in_development_to_this_machine(self) -> None:
        assert leads_to_provider("https://login.example.com/authorize?of=acme", plain_http=False)
        for local in ("http://localhost:8080/authorize", "http://[::1]/authorize"):
            assert leads_to_provider(local, plain_http=True)
            assert not leads_to_provider(local, plain_http=False)

    @pytest.mark.parametrize(
        "address",
        [
            "", "javascript:alert(1)", "javascript://login.example.com/%0aalert(1)", "data:text/html,x", "//login.example.com",
            "http://login.example.com/", "http://localhost.evil.example/", "https:///x", "https://[::1", "https://a.example#x",
            "https://user@login.example.com/", "https://login.example.com/ x", "https://lögin.example/", "https://a.example\n",
        ],
    )  # fmt: skip
    def test_and_nowhere_else(self, address: str) -> None:
        assert not leads_to_provider(address, plain_http=True)


class TestConnections:
    async def test_they_are_listed_by_name_for_admins(self, office: Office) -> None:
        first = await connected(office, name="Zebra")
        second = await connected(office, name="Aardvark")
        for who in (office.olga, office.adam):
            found, _ = await office.oidc_connections.list(who, who.company_id)
            assert found == [second, first]
            one, _ = await office.oidc_connections.get(who, who.company_id, first.id)
            assert one == first

    async def test_a_secret_is_kept_sealed_and_can_be_taken_away(self, office: Office) -> None:
        connection = await connected(office)
        assert office.stored.oidc_connections[connection.id].chosen.client_secret == b"sealed hidden"
        head = office.head
        assert not (await changed(office, connection.id, client_secret=None)).has_client_secret
        (event,) = office.facts(after=head)
        assert event.body["changes"] == {"client_secret": {"old": None, "new": None}}
        (note,) = [each.note for each in office.world.tables.notes if "fields" in each.note.details]
        assert (note.type, note.details["fields"]) == (AuditType.OIDC_CONNECTION_CHANGED, ["client_secret"])

    async def test_another_issuer_is_told_to_auditors(self, office: Office) -> None:
        connection = await connected(office)
        await changed(office, connection.id, issuer="https://other.example")
        note = office.world.tables.notes[-1].note
        assert note.details["issuer"] == "https://other.example"

    async def test_what_is_not_different_is_no_change(self, office: Office) -> None:
        connection = await connected(office)
        head = office.head
        assert (await changed(office, connection.id, name="Own", role_map={})).version == 1
        assert office.head == head

    async def test_words_are_merged_and_forgotten(self, office: Office) -> None:
        connection = await connected(office, role_map={"it": Role.ADMIN})
        merged = await changed(office, connection.id, role_map={"it": None, "staff": Role.MEMBER})
        assert merged.role_map == {"staff": Role.MEMBER}
        with pytest.raises(Invalid):
            await changed(office, connection.id, role_map={f"w{n}": Role.MEMBER for n in range(MOST_ROLES)})

    @pytest.mark.parametrize("fields", [{"default_role": Role.OWNER}, {"role_map": {"bosses": Role.OWNER}}])
    async def test_no_word_makes_an_owner(self, office: Office, fields: dict[str, Any]) -> None:
        with pytest.raises(Invalid):
            await office.oidc_connections.connect(office.olga, office.olga.company_id, {**GIVEN, **fields})

    async def test_whoever_enforces_it_keeps_a_password_unless_they_say_otherwise(self, office: Office) -> None:
        own = await connected(office, enforce_sso=True)
        assert own.break_glass_user_id == office.olga.user_id == office.stored.break_glass_user_id
        await changed(office, own.id, enforce_sso=False)
        assert not office.stored.sso_enforced
        # Who was named before stays so, whichever owner asks.
        other = await office.world.person(office.olga.company_id, name="Otto", role=Role.OWNER)
        again = await changed(office, own.id, by=other, enforce_sso=True)
        assert again.break_glass_user_id == office.olga.user_id and office.stored.sso_enforced
        nobody = await changed(office, own.id, break_glass_user_id=None)
        assert nobody.break_glass_user_id is None is office.stored.break_glass_user_id

    async def test_the_last_that_enforces_it_opens_the_company_again_when_it_goes(self, office: Office) -> None:
        connection = await connected(office, enforce_sso=True)
        await office.oidc_connections.disconnect(office.olga, office.olga.company_id, connection.id)
        assert not office.stored.sso_enforced and office.stored.break_glass_user_id is None

    async def test_an_admin_shuts_nobody_out_and_lets_nobody_in(self, office: Office) -> None:
        adam, here = vouched_for(office, office.adam), office.adam.company_id
        for fields in ({"enforce_sso": True}, {"break_glass_user_id": office.olga.user_id}):
            with pytest.raises(OwnersAlone):
                await office.oidc_connections.connect(adam, here, {**GIVEN, **fields})
        open_to_all = await connected(office, by=adam, enforce_sso=False, break_glass_user_id=None)
        assert not open_to_all.admits_owners
        enforcing = await connected(office, enforce_sso=True)
        kept = await connected(office, break_glass_user_id=office.olga.user_id)
        refused: list[tuple[ConnectionView, dict[str, Any]]] = [
            (open_to_all, {"enforce_sso": True}),
            (open_to_all, {"break_glass_user_id": office.olga.user_id}),
            (enforcing, {"enforce_sso": False}),
            (enforcing, {"break_glass_user_id": None}),
            (enforcing, {"issuer": "https://other.example"}),
            (enforcing, {"client_id": "other"}),
            (enforcing, {"client_secret": "other"}),
            (enforcing, {"email_domains": []}),
            (kept, {"break_glass_user_id": None}),
        ]
        for connection, fields in refused:
            with pytest.raises(OwnersAlone):
                await changed(office, connection.id, by=adam, **fields)
        for connection in (enforcing, kept):
            with pytest.raises(OwnersAlone):
                await office.oidc_connections.disconnect(adam, here, connection.id)
        assert office.stored.sso_enforced and office.stored.break_glass_user_id == office.olga.user_id

    async def test_what_shuts_nobody_out_is_an_admins_too(self, office: Office) -> None:
        adam = vouched_for(office, office.adam)
        enforcing = await connected(office, enforce_sso=True)
        same = {"enforce_sso": True, "break_glass_user_id": office.olga.user_id, "issuer": enforcing.issuer}
        renamed = await changed(office, enforcing.id, by=adam, name="New", jit_provisioning=False, **same)
        assert (renamed.name, renamed.admits_owners) == ("New", True)
        other = await connected(office)
        assert not (await changed(office, other.id, by=adam, email_domains=[])).admits_owners
        await office.oidc_connections.disconnect(adam, adam.company_id, other.id)
        assert list(office.stored.oidc_connections) == [enforcing.id]

    async def test_domains_are_kept_once_and_as_they_stand_in_addresses(self, office: Office) -> None:
        connection = await connected(office, email_domains=["ACME.example", "acme.example.", "b.example"])
        assert connection.email_domains == ("acme.example", "b.example")


class TestDomains:
    async def test_one_is_proved_by_its_record(self, office: Office) -> None:
        here = (office.adam, office.adam.company_id)
        claimed, _ = await office.email_domains.claim(*here, domain="Acme.example")
        assert (claimed.domain, claimed.is_verified) == ("acme.example", False)
        office.records.published[claimed.record_name] = [claimed.record_value]
        proved, seq = await office.email_domains.verify(*here, claimed.id)
        assert proved.is_verified and proved.verified_at == office.clock.now()
        office.records.published.clear()
        assert await office.email_domains.verify(*here, claimed.id) == (proved, seq)
        assert await office.email_domains.get(*here, claimed.id) == (proved, seq)
        assert (await office.email_domains.list(*here)).value == [proved]
        await office.email_domains.release(*here, claimed.id)
        assert (await office.email_domains.list(*here)).value == []

    async def test_one_that_is_the_only_way_in_is_taken_back_by_owners_alone(self, office: Office) -> None:
        adam, here = vouched_for(office, office.adam), office.adam.company_id
        connection = await connected(office, email_domains=["acme.example"])
        kept = await office.email_domains.vouch(System(), company_code="acme", domain="acme.example")
        other = await office.email_domains.vouch(System(), company_code="acme", domain="other.example")
        await changed(office, connection.id, enforce_sso=True)
        with pytest.raises(OwnersAlone):
            await office.email_domains.release(adam, here, kept.id)
        assert {each.domain for each in office.stored.email_domains.values()} == {"acme.example", "other.example"}
        await office.email_domains.release(adam, here, other.id)
        await office.email_domains.release(office.olga, here, kept.id)
        assert not office.stored.email_domains

    async def test_one_that_no_connection_needs_is_an_admins_to_take_back(self, office: Office) -> None:
        await connected(office, email_domains=["acme.example"])
        domain = await office.email_domains.vouch(System(), company_code="acme", domain="acme.example")
        await office.email_domains.release(office.adam, office.adam.company_id, domain.id)
        assert not office.stored.email_domains

    async def test_of_several_each_is_found(self, office: Office) -> None:
        here = (office.adam, office.adam.company_id)
        claimed = [(await office.email_domains.claim(*here, domain=f"d{n}.example")).value for n in range(3)]
        assert [(await office.email_domains.get(*here, each.id)).value for each in claimed] == claimed

    async def test_the_operators_word_proves_one_too(self, office: Office) -> None:
        claimed, _ = await office.email_domains.claim(office.olga, office.olga.company_id, domain="acme.example")
        proved = await office.email_domains.vouch(System(), company_code="acme", domain="acme.example")
        assert (proved.id, proved.is_verified) == (claimed.id, True)
        head = office.head
        assert await office.email_domains.vouch(System(), company_code="acme", domain="acme.example") == proved
        assert office.head == head
