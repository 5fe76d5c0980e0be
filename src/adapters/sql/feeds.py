"""Reading a company's log for all who listen to it here. Only the container may import this.

Nobody's login session opens the company here. Whose still do, the same round trip says, and nothing is shown to whoever
has none.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Uuid, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Asked
from adapters.sql.readers.events import goes_on, within_size
from adapters.sql.statement import Statement
from adapters.sql.tables.log import event_sequences, events
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects
from adapters.sql.upkeep import ENTER, Upkeep
from core.kernel.actor import Role
from core.kernel.events import Audience
from core.realtime.model import Audible
from core.realtime.ports import ENDED_WITHIN
from core.realtime.read_models import Acquaintances, EventView, Glance, Logged, Portion

_ENTER = Statement.plain(ENTER)
_STANDING = Statement.plain(
    "select key_id, user_id, role from standing_keys(%(company)s, %(sessions)s::uuid[], %(tokens)s::uuid[])"
)
_position, _most = bindparam("position", type_=BigInteger), bindparam("most", type_=Integer)
_page = (
    select(
        events.c.seq,
        events.c.event,
        events.c.channel,
        events.c.occurred_at,
        events.c.actor_id,
        events.c.via,
        events.c.project_id,
        events.c.body,
        events.c.named,
        events.c.for_admins,
        events.c.for_everyone,
        events.c.trace,
    )
    .where(events.c.seq > _position)
    .order_by(events.c.seq)
    .limit(_most)
    .subquery("page")
)
_bounded = within_size(_page)
_EVENTS = Statement(select(_bounded).order_by(_bounded.c.seq))
_of_events = (
    select(events.c.project_id).where(events.c.seq > _position).order_by(events.c.seq).limit(_most).subquery("recent")
)
# A deleted project opens nothing: its row is out of sight.
_MEMBERS = Statement(
    select(project_members.c.project_id, project_members.c.user_id).where(
        project_members.c.project_id.in_(
            select(projects.c.id).where(projects.c.id.in_(select(_of_events.c.project_id)))
        ),
        project_members.c.user_id == func.any(bindparam("users", type_=ARRAY(Uuid))),
    )
)
_listeners = func.any(bindparam("listeners", type_=ARRAY(Uuid)))
_SEES_ALL = Statement(select(users.c.id).where(users.c.id == _listeners, users.c.role != str(Role.MEMBER)))
_mine, _theirs = project_members.alias("mine"), project_members.alias("theirs")
# For whoever sees all there is nothing to be asked.
_SHARE_PROJECT = Statement(
    select(_mine.c.user_id, _theirs.c.user_id)
    .distinct()
    .select_from(
        users.join(_mine, _mine.c.user_id == users.c.id)
        .join(_theirs, _theirs.c.project_id == _mine.c.project_id)
        .join(projects, projects.c.id == _mine.c.project_id)
    )
    .where(
        users.c.id == _listeners,
        users.c.role == str(Role.MEMBER),
        _theirs.c.user_id == func.any(bindparam("others", type_=ARRAY(Uuid))),
    )
)
_IS_KEPT = Statement(select(or_(goes_on, _position >= select(event_sequences.c.last_seq).scalar_subquery())))
# By the upkeep role, whatever company they are of.
_ENDED = Statement.plain("""
select id from login_sessions where revoked_at > now() - %(within)s::interval
union all select id from api_tokens where revoked_at > now() - %(within)s::interval
""")
_HEADS = Statement.plain("select company_id, last_seq from event_sequences where company_id = any(%(companies)s)")


class SqlFeedReader:
    """The logs of all companies, each read inside its wall."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upkeep = Upkeep(database)

    async def read(
        self,
        company_id: UUID,
        *,
        position: int,
        most: int,
        most_bytes: int,
        sessions: Collection[UUID],
        tokens: Collection[UUID],
        users: Collection[UUID],
    ) -> Portion:
        after = {"position": position, "most": most}
        keys = {"company": company_id, "sessions": list(sessions), "tokens": list(tokens)}
        # One implicit transaction: the company is set in it alone, and all of it sees the same.
        _, standing, found, members = await self._database.asked(
            Asked(_ENTER, {"company": str(company_id)}),
            Asked(_STANDING, keys),
            Asked(_EVENTS, {**after, "most_bytes": most_bytes}),
            Asked(_MEMBERS, {**after, "users": list(users)}),
        )
        rows = found.rows()
        logged = [
            Logged(
                EventView._make(row[:8]),
                Audience(project_id=row[6], named=tuple(row[8]), admins=row[9], everyone=row[10]),
            )
            for row in rows
        ]
        return Portion(
            events=logged,
            examined=logged[-1].event.seq if logged else position,
            standing={
                key_id: Audible(user_id=user_id, everything=Role(role) is not Role.MEMBER)
                for key_id, user_id, role in standing.rows()
            },
            members=frozenset((project_id, user_id) for project_id, user_id in members.rows()),
            traces=tuple(dict.fromkeys(row[11] for row in rows if row[11] is not None)),
            is_cut=bool(rows) and len(rows) < rows[0][12],
        )

    async def is_kept(self, company_id: UUID, *, position: int) -> bool:
        _, found = await self._database.asked(
            Asked(_ENTER, {"company": str(company_id)}), Asked(_IS_KEPT, {"position": position})
        )
        return found.first() == (True,)

    async def glance(self, company_ids: Collection[UUID]) -> Glance:
        heads, ended = await self._upkeep.ask(
            Asked(_HEADS, {"companies": list(company_ids)}), Asked(_ENDED, {"within": ENDED_WITHIN})
        )
        return Glance(dict(heads.rows()), frozenset(key_id for (key_id,) in ended.rows()))

    async def acquainted(
        self, company_id: UUID, *, listeners: Collection[UUID], others: Collection[UUID]
    ) -> Acquaintances:
        _, all_seeing, sharing = await self._database.asked(
            Asked(_ENTER, {"company": str(company_id)}),
            Asked(_SEES_ALL, {"listeners": list(listeners)}),
            Asked(_SHARE_PROJECT, {"listeners": list(listeners), "others": list(others)}),
        )
        return Acquaintances(
            of_all=frozenset(user_id for (user_id,) in all_seeing.rows()),
            pairs=frozenset((listener, other) for listener, other in sharing.rows()),
        )
