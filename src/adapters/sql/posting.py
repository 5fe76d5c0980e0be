"""What has to be mailed: read from the companies' logs and from beside the accounts, by whoever claims it first. Only
the container may import this.

A claim is a lease in the row itself, and no lock: the transaction is over before anything is sent, and whoever dies
with a claim loses it in time.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from adapters.sql.accounts import ACCOUNT_FIELDS, account_of
from adapters.sql.connection import COMMIT, Connection, Database, execute
from adapters.sql.letters import letters_of, write
from adapters.sql.log_reader import Passing
from adapters.sql.pipeline import Asked, Row
from adapters.sql.readers.users import invitation_of
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement
from adapters.sql.tenancy import OWN
from adapters.sql.upkeep import Upkeep
from core.auth.letters import Letter
from core.mail.read_models import AccountPost, CompanyPost, Invited, Recipient, SwitchedOff
from core.webhooks.model import DisabledReason

LETTERS: Final = ("invitation_created", "webhook_disabled")
"""The events of which letters are made."""
_SEQ = 4
_HERE = f"company_id = {OWN} and reader = 'mail'"
_IS_FREE = "(leased_until is null or leased_until <= %(at)s)"

# By the upkeep role: whose log holds letters, or went on for long, or left something behind whose time has come.
_WAITING = Statement.plain(f"""
select q.company_id
  from event_sequences q
  join companies c on c.id = q.company_id and c.is_active and c.deleted_at is null
  left join log_positions p on p.company_id = q.company_id and p.reader = 'mail'
 where {_IS_FREE} and (q.last_for_mail > coalesce(p.seq, 0) or q.last_seq - coalesce(p.seq, 0) > %(passed)s::bigint
                     or p.again_at <= %(at)s)
 order by q.company_id
""")
_BEGIN = Statement.plain("insert into log_positions (reader, seq) values ('mail', 0) on conflict do nothing")
_LEASE = Statement.plain(f"""
update log_positions set leased_until = %(until)s where {_HERE} and {_IS_FREE}
returning seq, case when again_at <= %(at)s then behind else '{{}}' end,
          (select last_seq from event_sequences where company_id = {OWN}), (select name from companies where id = {OWN})
""")
_READ = Statement.plain(f"""
select e.event, e.occurred_at, e.body, w.description,
       e.seq, u.name, coalesce(u.account_id, u.id), i.id, i.email, i.role, i.user_id, i.token_digest, i.invited_by,
       i.created_at, i.expires_at, i.accepted_at, i.revoked_at
  from events e
  left join invitations i on i.company_id = e.company_id and i.id = (e.body ->> 'invitation_id')::uuid
  left join users u on u.company_id = i.company_id and u.id = i.invited_by
  left join webhooks w
    on w.company_id = e.company_id and w.id = (e.body ->> 'webhook_id')::uuid and w.disabled_at = e.occurred_at
   and w.deleted_at is null
 where e.company_id = {OWN} and e.event in ({", ".join(f"'{event}'" for event in LETTERS)})
   and (e.seq = any(%(behind)s) or (e.seq > %(seq)s and e.seq <= %(head)s))
 order by e.seq limit %(most)s
""")
# The ones that were read are left behind again, or done with.
_SETTLE = Statement.plain(f"""
update log_positions p
   set seq = %(position)s, behind = rest.behind, leased_until = null,
       again_at = case when rest.behind <> '{{}}' then coalesce(%(again_at)s::timestamptz, p.again_at) end
  from (select array(select each from unnest(behind) each where each <> all(%(read)s)) || %(left)s::bigint[] as behind
          from log_positions where {_HERE}) rest
 where p.company_id = {OWN} and p.reader = 'mail' and p.leased_until = %(until)s
""")

# By the upkeep role: what the application may not see of accounts.
_ADMINISTRATION = Statement.plain("""
select u.account_id, a.email
  from users u join accounts a on a.id = u.account_id and a.email_verified_at is not null
 where u.company_id = %(company)s and u.role in ('owner', 'admin') and u.is_active and u.accepted_at is not null
 order by u.id
""")
_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")

_CLAIM_ACCOUNT = Statement.plain(f"""
update accounts a set letters_leased_until = %(until)s
 where id = (select id from accounts
              where letters_due_at <= %(at)s and (letters_leased_until is null or letters_leased_until <= %(at)s)
              order by letters_due_at, id limit 1 for no key update skip locked)
returning letters, {", ".join(f"a.{field}" for field in ACCOUNT_FIELDS)}
""")
# What was written meanwhile is due as it says itself.
_SETTLE_ACCOUNT = Statement.plain("""
update accounts a
   set letters = rest.letters, letters_leased_until = null,
       letters_due_at = case when rest.letters = '[]' then null
                             when jsonb_array_length(a.letters) > %(claimed)s then a.letters_due_at
                             else coalesce(%(again_at)s::timestamptz, a.letters_due_at) end
  from (select coalesce(jsonb_agg(each order by place), '[]') as letters
          from accounts, jsonb_array_elements(letters) with ordinality as found (each, place)
         where id = %(account)s and each ->> 'id' <> all(%(done)s)) rest
 where a.id = %(account)s and a.letters_leased_until = %(until)s
""")


class SqlCompanyPosts:
    """What the companies' logs hold for mail."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)
        self.passing = Passing()

    async def claim(self, *, at: datetime, until: datetime, most: int) -> CompanyPost | None:
        async with self._upkeep.across() as connection:
            passed = self.passing.most
            (waiting,) = await execute(connection, Asked(_WAITING, {"at": at, "passed": passed}))
        for (company_id,) in waiting.rows():
            async with self._upkeep.within(company_id) as connection:
                post = await self._claimed(connection, company_id, {"at": at, "until": until, "most": most})
                await execute(connection, Asked(COMMIT, {}))
            if post is not None:
                return await self._addressed(post) if post.switched_off else post
        self.passing.is_over(passed)
        return None

    async def settle(
        self, post: CompanyPost, *, behind: Sequence[int], again_at: datetime | None, letters: Sequence[Letter] = ()
    ) -> None:
        async with self._upkeep.within(post.company_id) as connection:
            (settled,) = await execute(connection, _settling(post, behind, again_at))
            # Whoever lost the lease leaves them to who has it.
            if letters and settled.count:
                await execute(connection, Asked(_AS_UPKEEP, {}))
                for letter in sorted(letters, key=lambda each: each.account_id):
                    await write(connection, letter)
            await execute(connection, Asked(COMMIT, {}))

    async def _addressed(self, post: CompanyPost) -> CompanyPost:
        async with self._upkeep.across() as connection:
            (found,) = await execute(connection, Asked(_ADMINISTRATION, {"company": post.company_id}))
        to = tuple(map(Recipient._make, found.rows()))
        return replace(post, switched_off=tuple(replace(each, to=to) for each in post.switched_off))

    async def _claimed(self, connection: Connection, company_id: UUID, values: dict[str, Any]) -> CompanyPost | None:
        _, leased = await execute(connection, Asked(_BEGIN, {}), Asked(_LEASE, values))
        row = leased.first()
        if row is None:
            return None
        seq, behind, head, name = row
        (found,) = await execute(connection, Asked(_READ, {**values, "seq": seq, "behind": behind, "head": head}))
        rows = found.rows()
        is_all = len(rows) < values["most"]
        post = CompanyPost(
            company_id=company_id,
            company_name=name,
            position=head if is_all else max(seq, rows[-1][_SEQ]),
            # Where all was read, they are done with, be it that nothing is left of them.
            behind=tuple(behind) if is_all else tuple(row[_SEQ] for row in rows if row[_SEQ] <= seq),
            invited=tuple(_invited(row[_SEQ:]) for row in rows if row[0] == "invitation_created"),
            # One that is switched on again, or gone, is told to nobody.
            switched_off=tuple(_switched_off(row) for row in rows if row[3] is not None),
            until=values["until"],
        )
        if not rows:
            await execute(connection, _settling(post, (), None))
            return None
        return post


class SqlAccountPosts:
    """What waits beside the accounts."""

    def __init__(self, database: Database) -> None:
        self._upkeep = Upkeep(database)

    async def claim(self, *, at: datetime, until: datetime) -> AccountPost | None:
        async with self._upkeep.across() as connection:
            claimed, _ = await execute(connection, Asked(_CLAIM_ACCOUNT, {"at": at, "until": until}), Asked(COMMIT, {}))
        row = claimed.first()
        if row is None:
            return None
        stored, *fields = row
        account = account_of(tuple(fields))
        return AccountPost(account=account, letters=letters_of(account.id, stored), until=until)

    async def settle(self, post: AccountPost, *, done: Sequence[UUID], again_at: datetime | None) -> None:
        values = {
            "account": post.account.id,
            "done": [str(each) for each in done],
            "claimed": len(post.letters),
            "again_at": again_at,
            "until": post.until,
        }
        async with self._upkeep.across() as connection:
            await execute(connection, Asked(_SETTLE_ACCOUNT, values), Asked(COMMIT, {}))


def _settling(post: CompanyPost, behind: Sequence[int], again_at: datetime | None) -> Asked:
    values = {
        "position": post.position,
        "read": list(post.behind),
        "left": list(behind),
        "again_at": again_at,
        "until": post.until,
    }
    return Asked(_SETTLE, values)


def _switched_off(row: Row) -> SwitchedOff:
    _, at, body, description, *_ = row
    return SwitchedOff(
        at=at,
        webhook_id=UUID(body["webhook_id"]),
        description=description,
        url=body["url"],
        reason=DisabledReason(body["reason"]),
        failing_since=datetime.fromisoformat(body["failing_since"]),
        last_status=body["last_status"],
        last_error=body["last_error"],
    )


def _invited(row: Row) -> Invited:
    seq, inviter_name, inviter_id, *fields = row
    invitation = invitation_of(tuple(fields)) if fields[0] is not None else None
    return Invited(seq=seq, invitation=invitation, inviter_name=inviter_name, inviter_id=inviter_id)
