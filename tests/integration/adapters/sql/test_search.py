"""The words that things are found by: who writes them, who reads them, by which index, and what they are."""

import asyncio
import itertools
import unicodedata
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sql.connection import Database
from adapters.sql.migrating import migrate, run
from adapters.sql.readers.search import SOURCES, SqlSearchReader
from core.kernel.actor import Actor
from core.projects.policy import Visible
from core.search.model import RANKED, Kind, Question, words_of
from core.search.read_models import Found
from tests.integration.adapters.sql.firms import Firm, Firms, Ground
from tests.integration.conftest import APPLICATION, Server, TestDatabase

_numbers = itertools.count(1)
MANY = 2_500
"""More than are gathered before the newest alone are looked through."""


async def found(database: Database, actor: Actor, text: str, *, visible: Visible = Visible()) -> Found:
    question = Question.of(text)
    reader = SqlSearchReader(database)
    return (await reader.search(actor, question, visible=visible, kinds=frozenset(Kind), limit=200)).value


def many(firm: Firm, project: Ground, title: str, *, count: int = MANY) -> None:
    """Tasks, each newer than the one before."""
    firm.sql(
        "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, version,"
        "  created_at, updated_at)"
        " select %(company)s, ('01900000-0000-7000-8000-' || right(%(part)s::text, 4) || lpad(to_hex(n), 8, '0'))::uuid,"
        "        %(project)s, n + 1000000 * %(part)s, %(title)s || ' ' || n, 'low', 'todo', %(column)s,"
        "        lpad((n + 1000000 * %(part)s)::text, 10, '0'), 1, now(), now() from generate_series(1, %(count)s) n",
        {
            "company": firm.id,
            "project": project.id,
            "column": project.columns[0],
            "title": title,
            "count": count,
            "part": 1000 + next(_numbers),
        },
    )


def comment(firm: Firm, task: uuid.UUID, body: str = "Said") -> uuid.UUID:
    return comments(firm, task, body, count=1)[0]


def comments(firm: Firm, task: uuid.UUID, body: str, *, count: int) -> list[uuid.UUID]:
    made = firm.sql(
        "insert into comments (company_id, id, task_id, author_id, body, version, created_at, updated_at)"
        " select %s, gen_random_uuid(), %s, %s, %s, 1, now(), now() from generate_series(1, %s) returning id",
        (firm.id, task, firm.owner.user_id, body, count),
    )
    return [id for (id,) in made]


def documents(superuser: psycopg.Connection[Any], firm: Firm) -> list[tuple[Any, ...]]:
    return superuser.execute(
        "select kind, ref_id, project_id, words::text, xmin::text from search_documents where company_id = %s order by 2",
        (firm.id,),
    ).fetchall()


# What a word is


SCRIPTS = st.characters(min_codepoint=0x20, max_codepoint=0x24FF, categories=("L", "N", "P", "S", "Z", "M"))
TEXTS = (
    "Draw the Front-page!", "snake_case", "Größe ÉTÉ Ёлка", "e\u0301te\u0301", "ΟΔΟΣ οδός", "ﬁne ２０２６ x² ½", "東京での会議",
    "한국어 검색", "a🎉b", "& | ! :* '", "x" * 100, "İstanbul ISPARTA ı", "ǅ ß ẞ", "שָׁלוֹם مُحَمَّد", "हिन्दी।", "ａｂ［ｃ］ カタカナ ｶﾞ",
    "\u00a0non\u00a0breaking\u2028line\u200bzero", "a\ttab\nline", "№ ™ Ⅷ ①",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_the_database_and_the_core_say_the_same_of_a_text(superuser: psycopg.Connection[Any], text: str) -> None:
    assert superuser.execute("select search_words(%s)", (text,)).fetchone() == (list(words_of(text)),)


@given(texts=st.lists(st.text(SCRIPTS, max_size=30), min_size=20, max_size=20))
@settings(max_examples=50, deadline=None)
def test_and_of_any_other(test_database: TestDatabase, texts: list[str]) -> None:
    with psycopg.connect(test_database.superuser) as connection:
        for text, words in connection.execute(
            "select given, search_words(given) from unnest(%s::text[]) given", (texts,)
        ):
            assert words == list(words_of(text)), text


PLAIN = st.text(st.characters(min_codepoint=0x01, max_codepoint=0x7F), max_size=40)
LONG = st.builds("{}{}{}".format, PLAIN, st.sampled_from(("", "x" * 64, "X1" * 40, "\u00e9" * 70, "y" * 20_001)), PLAIN)


@given(pairs=st.lists(st.tuples(PLAIN, st.none() | PLAIN | LONG), min_size=20, max_size=20))
@settings(max_examples=50, deadline=None)
def test_the_quick_way_to_the_words_of_plain_texts_says_what_the_long_way_says(
    test_database: TestDatabase, pairs: list[tuple[str, str | None]]
) -> None:
    headings, bodies = zip(*pairs, strict=True)
    with psycopg.connect(test_database.superuser) as connection:
        for heading, body, quick, long in connection.execute(
            "select heading, body, search_vector(id, heading, body)::text, vector_of_any_text(id, heading, body)::text"
            "  from unnest(%s::text[], %s::text[]) given (heading, body), gen_random_uuid() id",
            (list(headings), list(bodies)),
        ):
            assert quick == long, (heading, body)


def test_words_are_made_in_time_that_grows_with_the_text(superuser: psycopg.Connection[Any]) -> None:
    for text in (
        "w" * 100_000,
        "a " * 50_000,
        "é " * 50_000,
        "京" * 100_000,
        "e\u0301" * 50_000,
        "\u0301" * 100_000,
        "ﷺ" * 100_000,
    ):
        assert superuser.execute(
            "select length(search_vector(gen_random_uuid(), %s, %s)) >= 0", (text[:500], text)
        ).fetchone() == (True,)


def test_the_part_that_is_shown_is_looked_for_in_little_of_a_long_text(superuser: psycopg.Connection[Any]) -> None:
    """A page of the longest texts, not in ASCII: less time than reading one of them whole for each."""
    (plan,) = superuser.execute(
        "explain (analyze, format json) select search_excerpt(body, array['нет', 'конец'])"
        "  from (select repeat('Дом и сад. ', 9000) || n as body from generate_series(1, 51) n offset 0) texts"
    ).fetchone() or ([],)
    assert plan[0]["Execution Time"] < 250


def test_no_sign_breaks_a_list_of_words_or_a_question(superuser: psycopg.Connection[Any], firm: Firm) -> None:
    """PostgreSQL reads both from text, in which some signs mean something to it."""
    signs = [chr(n) for n in range(1, 0x30000) if unicodedata.category(chr(n))[0] not in "LNC" or n < 0x100]
    superuser.execute("select set_config('app.company_id', %s, false)", (str(firm.id),))
    for sign in signs:
        text = f"a{sign}b {sign}c{sign}"
        ((found,),) = superuser.execute(
            "select tsvector_to_array(search_vector(%s, %s, %s))", (firm.id, text, text)
        ).fetchall()
        assert {word[:8] for word in found} == {str(firm.id)[-8:]}, hex(ord(sign))
        superuser.execute("select * from search_hits(%s, '{task}', %s)", (text, [firm.id]))
    superuser.execute("select set_config('app.company_id', '', false)")
    assert len(signs) > 5_000


# Who writes them


def test_whoever_writes_a_thing_writes_its_words(superuser: psycopg.Connection[Any], firm: Firm) -> None:
    project = firm.project()
    task = firm.task(project, title="Draw it")
    sign = str(firm.id)[-8:]
    assert {row[:3] for row in documents(superuser, firm)} == {
        ("project", project.id, project.id),
        ("task", task, project.id),
    }
    ((words,),) = superuser.execute("select words::text from search_documents where ref_id = %s", (task,)).fetchall()
    assert words == f"'{sign}draw':1A '{sign}it':1A"
    said = comment(firm, task, "With ink")
    assert [row[:4] for row in documents(superuser, firm) if row[1] == said] == [
        ("comment", said, project.id, f"'{sign}ink':1C '{sign}with':1C")
    ]
    firm.sql("update comments set is_deleted = true where company_id = %s and id = %s", (firm.id, said))
    assert [row[3] for row in documents(superuser, firm) if row[1] == said] == [""]
    comment(firm, task)
    firm.sql("delete from comments where company_id = %s and id = %s", (firm.id, said))
    assert sorted(row[0] for row in documents(superuser, firm)) == ["comment", "project", "task"]
    # What was said about it goes with it.
    firm.sql("delete from tasks where company_id = %s and id = %s", (firm.id, task))
    assert [row[0] for row in documents(superuser, firm)] == ["project"]


def test_a_task_takes_along_what_was_said_about_it(superuser: psycopg.Connection[Any], firm: Firm) -> None:
    here, there = firm.project(), firm.project()
    task, other = firm.task(here), firm.task(here)
    moved, left = {task, comment(firm, task), comment(firm, task)}, {other, comment(firm, other)}
    firm.sql(
        "update tasks set project_id = %s, number = 9, column_id = %s where company_id = %s and id = %s",
        (there.id, there.columns[0], firm.id, task),
    )
    held = {(row[1], row[2]) for row in documents(superuser, firm) if row[0] != "project"}
    assert held == {(each, there.id) for each in moved} | {(each, here.id) for each in left}


@pytest.mark.parametrize("moving_first", [True, False])
async def test_and_what_is_said_at_the_same_moment(test_database: TestDatabase, firm: Firm, moving_first: bool) -> None:
    here, there = firm.project(), firm.project()
    task = firm.task(here)
    move = (
        "update tasks set project_id = %s, number = 9, column_id = %s where company_id = %s and id = %s",
        (there.id, there.columns[0], firm.id, task),
    )
    say = (
        "insert into comments (company_id, id, task_id, body, version, created_at, updated_at)"
        " values (%s, gen_random_uuid(), %s, 'Said', 1, now(), now())",
        (firm.id, task),
    )
    first, second = (move, say) if moving_first else (say, move)
    async with (
        await psycopg.AsyncConnection.connect(test_database.application) as one,
        await psycopg.AsyncConnection.connect(test_database.application) as two,
    ):
        for connection in (one, two):
            # As units of work begin.
            await connection.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
            await connection.execute("select set_config('app.company_id', %s, true)", (str(firm.id),))
        await one.execute(*first)
        waiting = asyncio.create_task(two.execute(*second))
        await asyncio.wait({waiting}, timeout=0.3)
        assert not waiting.done()
        await one.commit()
        await waiting
        await two.commit()
    assert firm.sql(
        "select project_id from search_documents where company_id = %s and kind = 'comment'", (firm.id,)
    ) == [(there.id,)]


def test_what_says_nothing_new_writes_no_words(superuser: psycopg.Connection[Any], firm: Firm) -> None:
    """Deleting and restoring a project of a hundred thousand tasks does not touch what they are found by."""
    project = firm.project()
    task = firm.task(project)
    said = comment(firm, task)
    before = documents(superuser, firm)
    for change in (
        "deleted_at = now()",
        "deleted_at = null",
        "title = title, version = version + 1",
        "rank = rank || 'x'",
    ):
        firm.sql(f"update tasks set {change} where company_id = %s and id = %s", (firm.id, task))
    for change in ("deleted_at = now()", "deleted_at = null", "last_number = last_number + 1", "is_active = false"):
        firm.sql(f"update projects set {change} where company_id = %s and id = %s", (firm.id, project.id))
    for change in ("body = body, version = version + 1", "author_id = null", "updated_at = now()"):
        firm.sql(f"update comments set {change} where company_id = %s and id = %s", (firm.id, said))
    assert documents(superuser, firm) == before


def test_what_there_was_before_is_taken_up_once_and_for_all(postgres_server: Server) -> None:
    database = postgres_server.database(f"search_{next(_numbers)}")
    migrate(owner_url=database.owner, application_url=database.application)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        firms = [Firms(connection=connection).new() for _ in range(2)]
        for firm in firms:
            project = firm.project()
            many(firm, project, "Draw it")
            comments(firm, firm.task(project), "With ink", count=1_100)
            gone = comment(firm, firm.task(project), "With chalk")
            firm.sql("update comments set is_deleted = true where company_id = %s and id = %s", (firm.id, gone))
        written = [[row[:4] for row in documents(connection, firm)] for firm in firms]
        run(owner_url=database.owner, application_role=APPLICATION, revision="0013")
        run(owner_url=database.owner, application_role=APPLICATION, revision="0014")
        assert [[row[:4] for row in documents(connection, firm)] for firm in firms] == written
        # As if it had broken off in the middle.
        connection.execute("delete from search_documents where random() < 0.5")
        connection.execute("update alembic_version set version_num = '0013'")
        run(owner_url=database.owner, application_role=APPLICATION, revision="0014")
        assert connection.execute("select version_num from alembic_version").fetchone() == ("0014",)
        assert [[row[:4] for row in documents(connection, firm)] for firm in firms] == written


# Who reads them


def hits(connection: psycopg.Connection[Any], company: uuid.UUID, text: str, among: list[uuid.UUID]) -> set[uuid.UUID]:
    connection.execute("select set_config('app.company_id', %s, true)", (str(company),))
    return {
        row[0]
        for row in connection.execute("select ref_id from search_hits(%s, '{task,project,comment}', %s)", (text, among))
    }


def test_nothing_that_is_given_leads_into_another_company(test_database: TestDatabase, firm: Firm, other: Firm) -> None:
    ours, theirs = firm.project(), other.project()
    our_task, their_task = firm.task(ours, title="Same"), other.task(theirs, title="Same")
    our_comment, their_comment = comment(firm, our_task, "Same"), comment(other, their_task, "Same")
    among = [ours.id, theirs.id]
    with psycopg.connect(test_database.application) as connection:
        assert hits(connection, firm.id, "same", among) == {our_task, our_comment}
        assert hits(connection, other.id, "same", among) == {their_task, their_comment}
        assert hits(connection, firm.id, "same", [theirs.id]) == set()
        assert hits(connection, firm.id, f"{str(other.id)[-8:]}same", among) == set()


def test_without_a_company_nothing_is_answered(test_database: TestDatabase) -> None:
    with psycopg.connect(test_database.application) as connection:
        with pytest.raises(psycopg.errors.UndefinedObject):
            connection.execute("select * from search_hits('x', '{task}', '{}')")


def test_the_index_of_words_is_read_and_the_table_is_not(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], firm: Firm
) -> None:
    project = firm.project()
    many(firm, project, "Common")
    task = firm.task(project, title="Rare common")
    comments(firm, task, "Said", count=50)
    comment(firm, task, "Odd")
    superuser.execute("analyze search_documents")
    many(firm, project, "Other")
    for text, count, by_words in (
        ("rare", 1, 1),
        ("rar", 1, 1),
        ("common rare", 1, 1),
        ("odd", 1, 1),
        ("said", 50, 1),
        ("common", RANKED, 1),
        ("nowhere", 0, 1),
        # It stands in most of the newest, of which the rest is read, and not in the index.
        ("other", RANKED, 0),
        ("o", RANKED, 0),
    ):
        with psycopg.connect(test_database.application) as connection:
            assert len(hits(connection, firm.id, text, [project.id])) == count, text
            assert connection.execute(
                "select pg_stat_get_xact_numscans('search_documents'::regclass),"
                "       pg_stat_get_xact_numscans('search_documents_words'::regclass)"
            ).fetchone() == (0, by_words), text


def test_of_very_many_projects_the_newest_are_looked_through_and_it_is_said(
    test_database: TestDatabase, superuser: psycopg.Connection[Any], firm: Firm
) -> None:
    old, project = firm.project(), firm.project()
    rare = firm.task(old, title="Rare common")
    others = [firm.project().id for _ in range(5)]
    many(firm, project, "Common")
    superuser.execute("analyze search_documents")
    older = [uuid.UUID(int=number) for number in range(1_000)]
    for text, among, probes, found_too, is_partial in (
        ("rare", [old.id, project.id, *others, *older], 200, True, False),
        ("common", [old.id, project.id, *others, *older], 800, True, True),
        # One beside six hundred newer ones is found by what is rare alone.
        ("rare", [old.id, *(uuid.UUID(int=2**128 - number) for number in range(1, 700))], 200, True, False),
        ("common", [project.id, *older[:599]], 800, False, True),
    ):
        with psycopg.connect(test_database.application) as connection:
            connection.execute("select set_config('app.company_id', %s, true)", (str(firm.id),))
            hits = connection.execute("select ref_id, is_partial from search_hits(%s, '{task}', %s)", (text, among))
            there = dict(hits.fetchall())
            assert (rare in there) is found_too, text
            assert set(there.values()) == {is_partial}
            assert connection.execute(
                "select pg_stat_get_xact_numscans('search_documents_of_project'::regclass)"
            ).fetchone() == (probes,), text


async def test_of_very_many_the_newest_are_ranked_and_it_is_said(database: Database, firm: Firm) -> None:
    crowded, quiet = firm.project(), firm.project()
    many(firm, crowded, "Common")
    everything = await found(database, firm.owner, "common")
    assert everything.is_partial
    assert len(everything.hits) == 200
    assert everything.hits[0].title == f"Common {MANY}"
    assert not (await found(database, firm.owner, f"common {MANY}")).is_partial
    # What they are of is older than they are, and found all the same.
    firm.sql("update projects set name = 'Common' where company_id = %s and id = %s", (firm.id, crowded.id))
    assert (await found(database, firm.owner, "common")).hits[-1].type == "task"
    reader, question = SqlSearchReader(database), Question.of("common")
    kinds = frozenset({Kind.PROJECT})
    answer = await reader.search(firm.owner, question, visible=Visible(), kinds=kinds, limit=200)
    assert [hit.id for hit in answer.value.hits] == [crowded.id]
    firm.task(quiet, title="Common too")
    # Whoever sees little of it finds all that they see.
    member = firm.user(projects=[quiet])
    few = await found(database, member, "common", visible=Visible(member_id=member.user_id))
    assert ([hit.title for hit in few.hits], few.is_partial) == (["Common too"], False)


@pytest.mark.parametrize("count", [RANKED, RANKED + 1])
async def test_a_thousand_are_all_ranked_and_one_more_is_not(database: Database, firm: Firm, count: int) -> None:
    many(firm, firm.project(), "Common", count=count)
    assert (await found(database, firm.owner, "common")).is_partial is (count > RANKED)


async def test_every_kind_has_its_place_in_the_table_of_words_and_where_it_is_read_from(
    superuser: psycopg.Connection[Any],
) -> None:
    (definition,) = superuser.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'search_documents_kind_check'"
    ).fetchone() or ("",)
    assert set(SOURCES) == set(Kind)
    for kind in Kind:
        assert f"'{kind}'" in definition
