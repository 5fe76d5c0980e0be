"""The chains that prove the audit, across companies. Only the container may import this.

One process at a time takes events up; in what order those of one moment go in does not matter, only that none leaves.
"""

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from adapters.crypto.sealing import Sealer, Unsealable
from adapters.sql.audit_log import NOBODYS
from adapters.sql.connection import COMMIT, Connection, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.upkeep import Upkeep
from core.audit.errors import NobodyFound
from core.audit.model import EMPTY, AuditEvent, Examination, Head, proof
from core.audit.read_models import Verified

_CHAINING: Final = 7163298418
_BATCH: Final = 500
_FIELDS: Final = ", ".join(AuditEvent._fields)

_WAITING = Statement.plain(
    f"select {_FIELDS} from audit_events where number is null order by company_id, at, id limit {_BATCH}"
)
_HEADS = Statement.plain("""
select c.id, h.number, h.mac from unnest(%(companies)s::uuid[]) c (id), lateral (
  select e.number, e.mac from audit_events e where e.company_id = c.id and e.number is not null
   order by e.number desc limit 1) h
""")
_TAKE_UP = Statement.plain("""
update audit_events e set number = n.number, mac = n.mac
  from unnest(%(companies)s::uuid[], %(ids)s::uuid[], %(numbers)s::bigint[], %(macs)s::bytea[])
       n (company_id, id, number, mac)
 where e.company_id = n.company_id and e.id = n.id
""")
_CHAINED = Statement.plain(
    f"select {_FIELDS} from audit_events where company_id = %(company)s and number > %(after)s"
    f" order by number limit {_BATCH}"
)
_LEFT = Statement.plain("select count(*) from audit_events where company_id = %(company)s and number is null")
_COMPANIES = Statement.plain("""
select id, code from companies where %(code)s::text is null or code = %(code)s::text order by code
""")
_PERSON = Statement.plain("""
select c.id, u.id, u.email
  from companies c
  left join users u on u.company_id = c.id
                   and (lower(u.username) = lower(%(person)s) or lower(u.email) = lower(%(person)s))
 where c.code = %(code)s
""")
# What somebody did, what was done to them, and what became of invitations: to them, or to their address.
_ERASE = Statement.plain("""
update audit_events set address = null, agent = null, personal = null, salt = null, erased_at = %(at)s
 where company_id = %(company)s and erased_at is null
   and (actor_id = %(user)s::uuid or details ->> 'user_id' = %(user)s::text
        or lower(personal ->> 'email') = any(%(addresses)s::text[])
        or details ->> 'invitation_id' in (select i.id::text from invitations i
                                            where i.company_id = %(company)s and i.user_id = %(user)s::uuid))
""")
_KEY = Statement.plain("select sealed_private_jwk from signing_keys where purpose = 'audit' and retired_at is null")
# Of a key that was lost, where each chain stood is kept in the place of its public half.
_LOST = Statement.plain("select public_jwk from signing_keys where purpose = 'audit' and retired_at is not null")
_GIVE_UP = Statement.plain("""
update signing_keys set sealed_private_jwk = '', public_jwk = %(ends)s, retired_at = now()
 where purpose = 'audit' and retired_at is null
""")
_ADD_KEY = Statement.plain("""
insert into signing_keys (kid, public_jwk, sealed_private_jwk, purpose, created_at)
values (%(kid)s, '', %(sealed)s, 'audit', now())
""")


class SqlAuditChain:
    """The chains of all companies, and of what happened in none. Their key is made once, and kept sealed."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._upkeep = Upkeep(database)
        self._sealer = sealer

    async def extend(self) -> int:
        taken = 0
        while True:
            async with self._upkeep.alone(_CHAINING) as is_alone:
                batch = await self._extend() if is_alone else 0
            taken += batch
            if batch < _BATCH:
                return taken

    async def _extend(self) -> int:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_WAITING, {}))
            events = [AuditEvent._make(row) for row in found.rows()]
            if not events:
                return 0
            key = await self._key(connection, make=True)
            companies = list(dict.fromkeys(event.company_id for event in events))
            (ends,) = await execute(connection, Asked(_HEADS, {"companies": companies}))
            heads = defaultdict(lambda: EMPTY, {row[0]: Head(row[1], bytes(row[2])) for row in ends.rows()})
            taken = []
            for event in events:
                heads[event.company_id] = proof(event, after=heads[event.company_id], key=key)
                taken.append((event, heads[event.company_id]))
            values = {
                "companies": [event.company_id for event, _ in taken],
                "ids": [event.id for event, _ in taken],
                "numbers": [head.length for _, head in taken],
                "macs": [head.mac for _, head in taken],
            }
            await execute(connection, Asked(_TAKE_UP, values), Asked(COMMIT, {}))
            return len(taken)

    async def verify(self, *, company_code: str | None, expected: Head | None) -> AsyncIterator[Verified]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_COMPANIES, {"code": company_code}))
            chains: list[tuple[UUID, str | None]] = [(row[0], row[1]) for row in found.rows()]
            key = await self._key(connection, make=False)
            unproved = await self._unproved(connection)
        if company_code is None:
            chains.append((NOBODYS, None))
        elif not chains:
            raise NobodyFound
        for company_id, code in chains:
            yield await self._verified(
                company_id, code, key=key, expected=expected, unproved=unproved.get(str(company_id), 0)
            )

    async def _verified(
        self, company_id: UUID, code: str | None, *, key: bytes, expected: Head | None, unproved: int
    ) -> Verified:
        examination, after, is_more = Examination(key=key, expected=expected, unproved=unproved), 0, True
        while is_more:
            async with self._upkeep.across() as connection:
                asked: dict[str, Any] = {"company": company_id, "after": after}
                found, left = await execute(connection, Asked(_CHAINED, asked), Asked(_LEFT, asked))
            events = [_event(row) for row in found.rows()]
            examination.look_at(events)
            is_more = len(events) == _BATCH and examination.flaw is None
            after = events[-1].number or after if events else after
        examination.finish()
        return Verified(
            company_id=None if company_id == NOBODYS else company_id,
            company_code=code,
            head=examination.head,
            waiting=left.rows()[0][0],
            unproved=unproved,
            flaw=examination.flaw,
        )

    async def begin_anew(self) -> bool:
        ends = {str(company): head.length for company, head in (await self.heads()).items()}
        async with self._upkeep.across() as connection:
            try:
                await self._key(connection, make=False)
            except Unsealable:
                given = {"ends": msgspec.json.encode(ends).decode()}
                await execute(connection, Asked(_GIVE_UP, given), Asked(COMMIT, {}))
                return True
        return False

    async def heads(self) -> dict[UUID, Head]:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_COMPANIES, {"code": None}))
            companies = [*(row[0] for row in found.rows()), NOBODYS]
            (ends,) = await execute(connection, Asked(_HEADS, {"companies": companies}))
            return {row[0]: Head(row[1], bytes(row[2])) for row in ends.rows()}

    async def erase(self, *, company_code: str, person: str, at: datetime) -> int:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_PERSON, {"code": company_code, "person": person}))
            asked = []
            for company_id, user_id, email in found.rows():
                addresses = [each.lower() for each in (email, person) if each and "@" in each]
                given = {"company": company_id, "user": user_id, "addresses": addresses, "at": at}
                asked.append(Asked(_ERASE, given))
            *erased, _ = await execute(connection, *asked, Asked(COMMIT, {}))
            count = sum(each.count for each in erased)
            # Whoever was invited and never came is told of, and is no user.
            if not count and all(row[1] is None for row in found.rows()):
                raise NobodyFound
            return count

    async def _unproved(self, connection: Connection) -> dict[str, int]:
        """How many events of each chain were proved with keys that are lost."""
        (found,) = await execute(connection, Asked(_LOST, {}))
        unproved: dict[str, int] = {}
        for (ends,) in found.rows():
            for company, length in msgspec.json.decode(ends, type=dict[str, int]).items():
                unproved[company] = max(length, unproved.get(company, 0))
        return unproved

    async def _key(self, connection: Connection, *, make: bool) -> bytes:
        """What the proofs are made with. Raises Unsealable."""
        (found,) = await execute(connection, Asked(_KEY, {}))
        kept = found.first()
        if kept is not None:
            return self._sealer.open(bytes(kept[0]))
        key = secrets.token_bytes(32)
        if make:
            # Nobody else does meanwhile: whoever takes events up does so alone.
            values = {"kid": f"audit-{secrets.token_hex(8)}", "sealed": self._sealer.seal(key)}
            await execute(connection, Asked(_ADD_KEY, values))
        return key


def _event(row: tuple[Any, ...]) -> AuditEvent:
    event = AuditEvent._make(row)
    return event._replace(
        salt=event.salt and bytes(event.salt), digest=bytes(event.digest), mac=bytes(event.mac or b"")
    )
