"""Reading the event log."""

from collections.abc import Collection
from functools import cache
from operator import attrgetter
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.projects import is_member_of
from adapters.sql.readers.users import shares_project
from adapters.sql.statement import Statement
from adapters.sql.tables.log import events
from adapters.sql.tables.people import users
from adapters.sql.tables.work import projects
from core.kernel.actor import Actor
from core.kernel.paging import Answer
from core.realtime.model import ANY_SIZE, MOST_EXAMINED, Audible
from core.realtime.read_models import EventView, Stretch


def is_audible(*, everything: bool) -> ColumnElement[bool]:
    """Whether `:member_id` hears of an event, `everything` that admins do, or what is told in their projects."""
    named = bindparam("member_id", type_=Uuid) == func.any(events.c.named)
    if everything:
        return or_(events.c.for_admins, events.c.for_everyone, named)
    # A deleted project opens nothing: its row is out of sight.
    standing = select(projects.c.id).where(projects.c.id == events.c.project_id).exists()
    of_project = and_(events.c.project_id.is_not(None), is_member_of(events.c.project_id), standing)
    return or_(of_project, events.c.for_everyone, named)


_position = bindparam("position", type_=BigInteger)
goes_on = select(events.c.seq).where(events.c.seq.between(_position, _position + literal_column("1"))).exists()
"""Whether all is there that came after `:position`, unless that is the head. The log loses its beginning alone: so what
came right then is there, or everything up to it is gone. Nor is anything missing after an event that is there itself,
though it be the last before positions that are of no log, since a backup was restored (decision 0037).
"""


# How much larger than it is kept a text can become, by either way to compress; and up to what size it is
# unpacked to see, which costs little and is the size of most.
_UNPACKED, _SMALL = 255, 4096


def within_size(page: Subquery) -> Subquery:
    """Those of a page of events, in order, before which no more than `:most_bytes` stands; `among` is how many it had.

    How large one is that is kept compressed, only unpacking it tells: where that may be much, it is taken to be as
    large as it can be.
    """
    kept = func.pg_column_size(page.c.body)
    is_packed = func.pg_column_compression(page.c.body).is_not(None)
    size = cast(
        case(
            (is_packed & (kept < literal_column(str(_SMALL))), func.octet_length(cast(page.c.body, Text))),
            (is_packed, kept * literal_column(str(_UNPACKED))),
            else_=kept,
        ),
        BigInteger,
    )
    before = func.sum(size).over(order_by=page.c.seq, rows=(None, 0)) - size
    measured = select(page, before.label("before"), func.count().over().label("among")).subquery("measured")
    fits = measured.c.before <= bindparam("most_bytes", type_=BigInteger)
    return select(*(each for each in measured.c if each.name != "before")).where(fits).subquery("bounded")


@cache
def _after(everything: bool, typed: bool) -> Statement:
    query = (
        select(
            events.c.seq,
            events.c.event,
            events.c.channel,
            events.c.occurred_at,
            events.c.actor_id,
            events.c.via,
            events.c.project_id,
            events.c.body,
        )
        .where(
            events.c.seq > _position,
            events.c.seq <= bindparam("farthest", type_=BigInteger),
            is_audible(everything=everything),
        )
        .order_by(events.c.seq)
        .limit(bindparam("most", type_=Integer))
    )
    if typed:
        query = query.where(events.c.event == func.any(bindparam("types", type_=ARRAY(Text))))
    # One row at least, which says whether the log goes on from there.
    there, page = select(goes_on.label("goes_on")).subquery("there"), within_size(query.subquery("page"))
    return Statement(select(there.c.goes_on, page).select_from(there.outerjoin(page, true())))


@cache
def _seen(everything: bool) -> Statement:
    query = select(users.c.id).where(users.c.id == func.any(bindparam("among", type_=ARRAY(Uuid)))).order_by(users.c.id)
    if not everything:
        query = query.where(or_(users.c.id == bindparam("for_user", type_=Uuid), shares_project()))
    return Statement(query)


_NOTHING = Statement(select(events.c.seq).where(false()))
_GOES_ON = Statement(select(goes_on))
_NEXT = Statement(
    select(events.c.seq)
    .where(events.c.seq > bindparam("position", type_=BigInteger))
    .order_by(events.c.seq)
    .limit(literal_column("1"))
)


class SqlEventReader:
    """The log as one caller hears it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self,
        actor: Actor,
        *,
        audible: Audible,
        position: int,
        types: tuple[str, ...],
        limit: int,
        most: int = MOST_EXAMINED,
        most_bytes: int = ANY_SIZE,
    ) -> Answer[Stretch]:
        farthest = position + most
        values = {"position": position, "farthest": farthest, "member_id": audible.user_id, "most": limit}
        values["most_bytes"] = most_bytes
        if types:
            values["types"] = list(types)
        found = await self._database.rows(actor, _after(audible.everything, bool(types)), values)
        # What stands beside something else keeps its order, though nothing promises it.
        shown = [row for row in found.rows if row[1] is not None]
        heard = sorted((EventView._make(row[1:9]) for row in shown), key=attrgetter("seq"))
        is_cut = bool(shown) and len(shown) < shown[0][9]
        # Fewer than asked for: the rest, as far as it was read, and up to the head in this snapshot, holds nothing for
        # the caller.
        examined = heard[-1].seq if is_cut or len(heard) == limit else max(min(found.seq, farthest), position)
        if examined == farthest < found.seq:
            # What follows need not follow at once, and positions that are of no log are not looked through.
            following = await self._database.rows(actor, _NEXT, {"position": farthest})
            examined = following.rows[0][0] - 1 if following.rows else found.seq
        is_expired = position < found.seq and not found.rows[0][0]
        return Answer(Stretch(heard, examined, is_expired), found.seq)

    async def is_kept(self, actor: Actor, *, position: int) -> Answer[bool]:
        found = await self._database.rows(actor, _GOES_ON, {"position": position})
        return Answer(bool(found.rows[0][0]) or position >= found.seq, found.seq)

    async def seen(self, actor: Actor, *, among: Collection[UUID]) -> Answer[list[UUID]]:
        values = {"among": list(among), "for_user": actor.user_id}
        found = await self._database.rows(actor, _seen(actor.administers), values)
        return Answer([row[0] for row in found.rows], found.seq)

    async def head(self, actor: Actor) -> Answer[None]:
        found = await self._database.rows(actor, _NOTHING, {})
        return Answer(None, found.seq)
