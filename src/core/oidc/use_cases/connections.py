from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from core.companies.errors import CompanyNotFound
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import StepUpRequired, ensure_stepped_up
from core.oidc import policy
from core.oidc.errors import OidcConnectionNotFound, OwnersAlone, TooManyConnections
from core.oidc.model import (
    MOST_CONNECTIONS,
    ConnectionChanges,
    ConnectionFields,
    Entrance,
    OidcConnection,
    checked,
)
from core.oidc.ports import OidcReader, OidcUnitOfWork, OpenOidcUnitOfWork, Sealing
from core.oidc.read_models import ConnectionView
from core.oidc.use_cases.domains import canonical_domain
from core.users.ports import EmailAddresses

_BREAK_GLASS = "break_glass_user_id"


class OidcConnectionUseCases:
    """The providers at which a company's people sign in."""

    def __init__(
        self,
        *,
        unit_of_work: OpenOidcUnitOfWork,
        reader: OidcReader,
        sealing: Sealing,
        addresses: EmailAddresses,
        clock: Clock,
        ids: Ids,
        plain_http: bool,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._sealing = sealing
        self._addresses = addresses
        self._clock = clock
        self._ids = ids
        self._plain_http = plain_http

    @reading
    @answers(CompanyNotFound, Forbidden)
    async def list(self, actor: Actor, company_id: UUID) -> Answer[list[ConnectionView]]:
        """The company's connections to providers, by name; secrets are never shown. Owners and admins may."""
        policy.ensure_here(actor, company_id)
        answer = await self._reader.connections(actor)
        policy.authorise_administration(actor)
        return answer

    @answers(CompanyNotFound, Forbidden, OidcConnectionNotFound)
    async def get(self, actor: Actor, company_id: UUID, connection_id: UUID) -> Answer[ConnectionView]:
        """One connection to a provider; its secret is never shown. Owners and admins may."""
        connections, seq = await self.list(actor, company_id)
        for connection in connections:
            if connection.id == connection_id:
                return Answer(connection, seq)
        raise OidcConnectionNotFound

    @answers(
        CompanyNotFound,
        Forbidden,
        StepUpRequired,
        OwnersAlone,
        Invalid,
        ReferenceNotFound,
        TooManyConnections,
        KeyReused,
        InFlight,
    )
    async def connect(
        self, actor: Actor, company_id: UUID, given: Mapping[str, Any], *, once: Once | None = None
    ) -> Answer[ConnectionView]:
        """Adds a provider at which the company's people sign in. Owners and admins may, within ten minutes of proving
        who they are; but through what an admin set up no owner signs in until an owner has changed it.

        A connection links accounts by their address, or makes them, only for those of its `email_domains` that the
        company has proved. `enforce_sso`, which owners alone may set, closes every other way into the company at once,
        but to the owner that `break_glass_user_id` names: whoever asks, if they name nobody.
        """
        policy.ensure_here(actor, company_id)
        ready = self._ready(given)
        at = self._clock.now()
        async with self._unit_of_work(actor, once=once) as uow:
            present = await _authorised(uow, at=self._clock.now())
            if ready.get("enforce_sso") or ready.get(_BREAK_GLASS) is not None:
                policy.authorise_entrance(uow.actor)
            if len(present) >= MOST_CONNECTIONS:
                raise TooManyConnections
            await _settle_break_glass(uow, ready, present=None)
            connection, created = OidcConnection.connect(
                id=self._ids.new(), chosen=ConnectionFields(**ready), by=uow.actor.role, at=at
            )
            uow.connections.add(connection)
            uow.connections.set_entrance(Entrance.by([*present, connection]))
            uow.record(created)
            seq = await uow.commit(made=Made(kind="oidc_connection", id=connection.id, version=1))
        return Answer(ConnectionView.of(connection), seq)

    @answers(
        CompanyNotFound,
        Forbidden,
        StepUpRequired,
        OidcConnectionNotFound,
        OwnersAlone,
        Stale,
        FieldReadOnly,
        Invalid,
        ReferenceNotFound,
    )
    async def change(
        self,
        actor: Actor,
        company_id: UUID,
        connection_id: UUID,
        changes: ConnectionChanges,
        *,
        expected: int | None = None,
    ) -> Answer[ConnectionView]:
        """Changes a connection. Owners and admins may, within ten minutes of proving who they are; after an admin gave
        it another provider or other domains, no owner signs in through it until an owner has changed it.

        Owners alone change `enforce_sso` and `break_glass_user_id`, and of a connection that enforces the provider, the
        client, its secret and the domains as well: nobody gets in by any other way then.
        """
        policy.ensure_here(actor, company_id)
        ready = self._ready(changes.given)
        async with self._unit_of_work(actor) as uow:
            present = await _authorised(uow, at=self._clock.now())
            connection = _found(present, connection_id)
            if connection.changes_entrance(ready):
                policy.authorise_entrance(uow.actor)
            view = ConnectionView.of(connection)
            ensure_current(expected, view)
            ensure_unchanged(changes.unchanged, view)
            await _settle_break_glass(uow, ready, present=connection)
            updated = connection.change(ConnectionChanges(given=ready), by=uow.actor.role, at=self._clock.now())
            if updated is not None:
                uow.connections.save(connection)
                uow.connections.set_entrance(Entrance.by(present))
                uow.record(updated)
            seq = await uow.commit()
        return Answer(ConnectionView.of(connection), seq)

    @answers(CompanyNotFound, Forbidden, StepUpRequired, OidcConnectionNotFound, OwnersAlone, Stale)
    async def disconnect(
        self, actor: Actor, company_id: UUID, connection_id: UUID, *, expected: int | None = None
    ) -> int:
        """Removes a connection: nobody signs in by it any more. Owners and admins may, within ten minutes of proving
        who they are; one that enforces, or names who does without, owners alone. Whoever is signed in by it stays so.
        """
        policy.ensure_here(actor, company_id)
        async with self._unit_of_work(actor) as uow:
            present = await _authorised(uow, at=self._clock.now())
            connection = _found(present, connection_id)
            if connection.decides_entrance:
                policy.authorise_entrance(uow.actor)
            ensure_current(expected, ConnectionView.of(connection))
            uow.connections.remove(connection)
            uow.connections.set_entrance(Entrance.by(each for each in present if each is not connection))
            uow.record(connection.delete())
            return await uow.commit()

    def _ready(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, in the form that is kept. Raises Invalid."""
        ready = checked(given, plain_http=self._plain_http)
        if "email_domains" in given:
            domains = [
                canonical_domain(self._addresses, each, pointer=f"/email_domains/{place}")
                for place, each in enumerate(given["email_domains"])
            ]
            ready["email_domains"] = tuple(dict.fromkeys(domains))
        if "client_secret" in given:
            secret = given["client_secret"]
            ready["client_secret"] = self._sealing.seal(secret.encode()) if secret else b""
        return ready


async def _settle_break_glass(uow: OidcUnitOfWork, ready: dict[str, Any], *, present: OidcConnection | None) -> None:
    """The owner who closes all other ways into the company is not shut out with them, unless they say otherwise."""
    named = ready.get(_BREAK_GLASS)
    if named is not None and not await uow.connections.is_owner(named):
        raise ReferenceNotFound(pointer=f"/{_BREAK_GLASS}")
    was_enforced = present is not None and present.chosen.enforce_sso
    kept = present.chosen.break_glass_user_id if present is not None else None
    if ready.get("enforce_sso") and not was_enforced and _BREAK_GLASS not in ready and kept is None:
        ready[_BREAK_GLASS] = uow.actor.user_id


async def _authorised(uow: OidcUnitOfWork, *, at: datetime) -> list[OidcConnection]:
    """The company's connections, for who may change them."""
    policy.authorise_administration(uow.actor)
    ensure_stepped_up(uow.actor, at=at)
    return await uow.connections.all()


def _found(connections: list[OidcConnection], connection_id: UUID) -> OidcConnection:
    for connection in connections:
        if connection.id == connection_id:
            return connection
    raise OidcConnectionNotFound
