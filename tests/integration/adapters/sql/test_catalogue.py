"""The third and fourth brick of the wall, asked of the database's catalogue: a new table is covered by being there."""

from typing import Any

import psycopg
import pytest

import adapters.sql.tables.comments
import adapters.sql.tables.jobs
import adapters.sql.tables.labels
import adapters.sql.tables.live
import adapters.sql.tables.log
import adapters.sql.tables.search
import adapters.sql.tables.work  # noqa: F401  (each import adds its tables to the metadata)
from adapters.sql.roles import SEARCH, UPKEEP
from adapters.sql.tables.identity import GLOBAL_TABLES
from adapters.sql.tenancy import metadata
from tests.integration.conftest import APPLICATION, OWNER

MIGRATION_TABLES = {"alembic_version"}
# Uniques and indexes that do not start with the company, each with its reason.
NOT_BY_COMPANY = {
    "users_of_account": "sign-in asks for all memberships of an account, whatever the company",
    "api_tokens_ended": "what ended a moment ago is looked for in all companies at once",
    "api_tokens_digest_unique": "whoever presents a token does not say of which company it is",
    "oidc_connections_id_unique": "whoever comes to sign in does not say of which company the connection is",
    "email_domains_proved": "whoever looks for a way in knows their address alone",
    "search_documents_words": "GIN has no order to begin with; each word in it begins with its company's sign",
    "idempotency_keys_old": "what is old stands together, of all companies, and costs a request nothing that way",
    "invitations_token_unique": "whoever holds a link does not say of which company it is",
}
# What the doors across companies may do to tenant tables, each verb with the door that needs it.
UPKEEP_DOORS = {
    ("users", "SELECT"): "sign-in looks a person up in all companies",
    ("users", "UPDATE"): "sign-in notes when they came",
    ("companies", "SELECT"): "sign-in lists the companies of an account",
    ("event_sequences", "SELECT"): "the opening statement says where the log stands",
    ("invitations", "SELECT"): "whoever accepts an invitation does not say of which company it is",
    ("invitations", "UPDATE"): "whoever accepts an invitation locks it first",
    ("log_positions", "SELECT"): "who mails looks for the companies whose logs went on",
    ("api_tokens", "SELECT"): "whose a token is that a request brings, and whether it works",
    ("api_tokens", "UPDATE"): "when tokens were last used is kept once a minute, of all companies at once",
    ("oidc_connections", "SELECT"): "whoever signs in at a provider does not say of which company the connection is",
    ("email_domains", "SELECT"): "so does a provider's word count that the company has proved the domain",
    ("companies", "DELETE"): "the purge removes companies that were deleted long ago",
    ("webhooks", "SELECT"): "which companies have webhooks that have not heard of all",
    ("webhook_deliveries", "SELECT"): "which messages are due is asked across all companies",
    ("jobs", "SELECT"): "those that nobody carries out are found in all companies",
    ("notification_days", "SELECT"): "whose morning was not told yet is found in all companies",
    ("notification_preferences", "SELECT"): "so is who is to get mail",
    ("events", "SELECT"): "the purge removes the log of such a company",
    ("events", "DELETE"): "the purge removes the log of such a company",
    ("audit_events", "SELECT"): "the chain takes rows up, in all companies",
    ("audit_events", "INSERT"): "what happens to an account is noted in each of its companies",
    ("audit_events", "UPDATE"): "the chain takes rows up, and what tells of a person can be erased",
    ("audit_events", "DELETE"): "the purge removes the audit of a company that was deleted long ago",
}
# What the search role reads, of all companies, and the company is the one that the opening statement set.
SEARCHED = {("search_documents", "SELECT")}
# Of these tables only some columns may be changed, by upkeep alone.
CHANGED_IN_PART = {"audit_events": {"number", "mac", "address", "agent", "personal", "salt", "erased_at"}}
# Doors that are open for some companies alone.
LONG_GONE = "(c.deleted_at < (now() - '30 days'::interval))"
NARROW_DOORS = {("events", "SELECT"): LONG_GONE, ("events", "DELETE"): LONG_GONE, ("audit_events", "DELETE"): LONG_GONE}
# What the application holds on tenant tables, and the exceptions, each with its reason.
READS_AND_WRITES = {"SELECT", "INSERT", "UPDATE", "DELETE"}
HELD_LESS = {
    "events": ({"SELECT", "INSERT"}, "the log is only ever added to"),
    "audit_events": ({"SELECT", "INSERT"}, "the audit is only ever added to"),
    "companies": ({"SELECT", "INSERT", "UPDATE"}, "no company is deleted, which would take all that is its with it"),
}
SECRETS = ("accounts", "login_sessions", "signing_keys", "external_identities")
OWN = "({column} = (NULLIF(current_setting('app.company_id'::text, true), ''::text))::uuid)"


class Catalogue:
    """Questions to PostgreSQL about its own tables."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.tables = {
            name: oid
            for name, oid in self.ask(
                "select relname, oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
            )
        }
        self.of_company = {
            name
            for (name,) in self.ask(
                "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id'"
                " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
            )
        }

    @property
    def walled(self) -> dict[str, str]:
        """The tables behind the wall, each with the column that holds the company."""
        return {**dict.fromkeys(sorted(self.of_company), "company_id"), "companies": "id"}

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()


@pytest.fixture(scope="module")
def catalogue(superuser: psycopg.Connection[Any]) -> Catalogue:
    return Catalogue(superuser)


def test_every_table_is_on_the_global_list_or_belongs_to_a_company(catalogue: Catalogue) -> None:
    unplaced = set(catalogue.tables) - catalogue.of_company - GLOBAL_TABLES - MIGRATION_TABLES
    assert unplaced == set()
    assert catalogue.of_company & GLOBAL_TABLES == set()
    assert len(catalogue.of_company) >= 9


def test_there_is_nothing_else_that_shows_rows(catalogue: Catalogue) -> None:
    """A view works as its owner unless told otherwise, and a materialised one has no policies at all."""
    found = catalogue.ask(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'f')"
    )
    assert found == []


def test_the_tables_that_the_code_knows_are_those_of_the_database(catalogue: Catalogue) -> None:
    assert set(metadata.tables) == set(catalogue.tables) - MIGRATION_TABLES


def test_row_level_security_is_forced_on_every_table_behind_the_wall(catalogue: Catalogue) -> None:
    found = {
        name: (enabled, forced)
        for name, enabled, forced in catalogue.ask(
            "select relname, relrowsecurity, relforcerowsecurity from pg_class where relname = any(%s)"
            " and relnamespace = 'public'::regnamespace",
            list(catalogue.walled),
        )
    }
    assert found == dict.fromkeys(catalogue.walled, (True, True))


def test_every_table_behind_the_wall_has_the_one_policy_for_its_own_company(catalogue: Catalogue) -> None:
    found = {
        row[0]: row[1:]
        for row in catalogue.ask(
            "select tablename, permissive, roles::text[], cmd, qual, with_check from pg_policies"
            " where schemaname = 'public' and policyname = 'own'"
        )
    }
    expected = {}
    for name, column in catalogue.walled.items():
        own = OWN.format(column=column)
        expected[name] = ("PERMISSIVE", ["public"], "ALL", own, own)
    assert found == expected


def test_no_other_policy_opens_a_table_but_the_listed_doors_of_upkeep_and_search(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select tablename, cmd, roles::text[], qual, with_check from pg_policies"
        " where schemaname = 'public' and policyname not in ('own', 'backup') and permissive = 'PERMISSIVE'"
    )
    assert {(table, verb) for table, verb, *_ in found} == set(UPKEEP_DOORS) | SEARCHED
    for table, verb, roles, using, check in found:
        assert roles == [SEARCH if (table, verb) in SEARCHED else UPKEEP], table
        if (table, verb) in NARROW_DOORS:
            assert NARROW_DOORS[table, verb] in using and using.startswith("(EXISTS"), table
        else:
            assert using == (None if verb == "INSERT" else "true"), table
        assert check == ("true" if verb in ("INSERT", "UPDATE") else None), table


def test_what_narrows_what_others_open(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select tablename, cmd, roles::text[], qual from pg_policies"
        " where schemaname = 'public' and permissive = 'RESTRICTIVE'"
    )
    ((table, verb, roles, using),) = found
    assert (table, verb, roles) == ("events", "DELETE", [UPKEEP])
    assert using.startswith("((occurred_at < (now() - '1 day'::interval)) OR (EXISTS") and LONG_GONE in using


def test_every_table_behind_the_wall_can_be_backed_up_by_its_owner_and_by_nobody_else(catalogue: Catalogue) -> None:
    found = {
        row[0]: row[1:]
        for row in catalogue.ask(
            "select tablename, permissive, roles::text[], cmd, qual, with_check from pg_policies"
            " where schemaname = 'public' and policyname = 'backup'"
        )
    }
    asked_for = "(current_setting('app.backup'::text, true) = 'on'::text)"
    assert found == dict.fromkeys(catalogue.walled, ("PERMISSIVE", [OWNER], "SELECT", asked_for, None))


def test_what_refers_to_a_purged_thing_goes_with_it_or_lets_go(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select k.conname from pg_constraint k join pg_class t on t.oid = k.confrelid"
        " where k.contype = 'f' and k.confdeltype not in ('c', 'n') and k.connamespace = 'public'::regnamespace"
    )
    # Tasks are deleted before their project, and users before their account.
    assert {name for (name,) in found} == {"tasks_column_fk", "users_account_fk"}


def test_every_primary_key_behind_the_wall_starts_with_the_company(catalogue: Catalogue) -> None:
    found = dict(
        catalogue.ask(
            "select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
            " where i.indisprimary and c.relname = any(%s) and c.relnamespace = 'public'::regnamespace",
            list(catalogue.walled),
        )
    )
    assert found == catalogue.walled


def test_every_index_of_a_tenant_table_starts_with_the_company(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select i.indexrelid::regclass::text, a.attname from pg_index i join pg_class c on c.oid = i.indrelid"
        " left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
        " where c.relname = any(%s) and c.relnamespace = 'public'::regnamespace",
        list(catalogue.of_company),
    )
    others = {index for index, first in found if first != "company_id"}
    assert others == set(NOT_BY_COMPANY), "an index of its own order needs a reason in NOT_BY_COMPANY"


def test_every_foreign_key_between_tenant_tables_holds_both_ends_in_one_company(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select k.conname, f.relname, t.relname,"
        "       array(select a.attname::text from unnest(k.conkey) with ordinality n(num, i)"
        "               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = n.num order by i),"
        "       array(select a.attname::text from unnest(k.confkey) with ordinality n(num, i)"
        "               join pg_attribute a on a.attrelid = k.confrelid and a.attnum = n.num order by i)"
        "  from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid"
        " where k.contype = 'f' and f.relname = any(%s)",
        list(catalogue.of_company),
    )
    between = [row for row in found if row[2] in catalogue.walled]
    assert len(between) >= 11
    for name, _, to, here, there in between:
        pairs = list(zip(here, there, strict=True))
        assert ("company_id", catalogue.walled[to]) in pairs, name
    # Out of the wall there is one way only: to the account that a user is of.
    assert {(row[1], row[2]) for row in found if row[2] not in catalogue.walled} == {("users", "accounts")}


def test_setting_a_reference_to_null_never_touches_the_company(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select k.conname, array(select a.attname::text from pg_attribute a where a.attrelid = k.conrelid"
        "                          and a.attnum = any(k.confdelsetcols))"
        "  from pg_constraint k join pg_class f on f.oid = k.conrelid"
        " where k.contype = 'f' and k.confdeltype in ('n', 'd') and f.relname = any(%s)",
        list(catalogue.of_company),
    )
    assert found
    for name, columns in found:
        assert columns, f"{name} would set every column to null, the company included"
        assert "company_id" not in columns, name


def test_the_company_of_every_row_is_filled_in_by_the_database(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select c.relname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)"
        "  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id'"
        "  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
        " where c.relname = any(%s) and c.relnamespace = 'public'::regnamespace",
        list(catalogue.of_company),
    )
    default = "(current_setting('app.company_id'::text))::uuid"
    assert {row[0]: row[1:] for row in found} == dict.fromkeys(catalogue.of_company, (True, default, "uuid"))


def test_the_application_can_do_nothing_at_all_with_tables_of_secrets(catalogue: Catalogue) -> None:
    for table in SECRETS:
        for verb in ("select", "insert", "update", "references"):
            assert catalogue.ask("select has_any_column_privilege(%s, %s, %s)", APPLICATION, table, verb) == [(False,)]
        for verb in ("delete", "truncate", "trigger"):
            assert catalogue.ask("select has_table_privilege(%s, %s, %s)", APPLICATION, table, verb) == [(False,)]


def test_the_application_reads_and_writes_rows_and_nothing_more(catalogue: Catalogue) -> None:
    for table in catalogue.tables:
        held = {
            verb
            for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
            if catalogue.ask("select has_table_privilege(%s, %s, %s)", APPLICATION, table, verb) == [(True,)]
        }
        if table in MIGRATION_TABLES:
            assert held <= {"SELECT"}, "start-up may look whether the database is of this release"
        else:
            expected, _ = HELD_LESS.get(table, (READS_AND_WRITES if table in catalogue.walled else set(), ""))
            assert held == expected, table


def test_single_columns_are_granted_only_where_the_rest_must_never_change(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select c.relname, a.attname, pg_get_userbyid(g.grantee), g.privilege_type"
        "  from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) g"
        " where c.relnamespace = 'public'::regnamespace"
    )
    changed = {(table, column) for table, columns in CHANGED_IN_PART.items() for column in columns}
    assert set(found) == {(table, column, UPKEEP, "UPDATE") for table, column in changed}


def test_upkeep_holds_what_its_doors_need_and_nothing_more(catalogue: Catalogue) -> None:
    held = {
        (table, verb)
        for table in catalogue.tables
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if catalogue.ask("select has_table_privilege(%s, %s, %s)", UPKEEP, table, verb) == [(True,)]
    }
    of_secrets = {(table, verb) for table in SECRETS for verb in ("SELECT", "INSERT", "UPDATE")}
    # Who somebody is at a provider never changes.
    of_secrets -= {("external_identities", "UPDATE")}
    purged = {("accounts", "DELETE"), ("login_sessions", "DELETE"), ("signing_keys", "DELETE")}
    # Whoever proves the address of an account that never did is rid of who signed in to it before.
    purged |= {("external_identities", "DELETE")}
    # Who leads: the relay takes its lease, and gives it up.
    leased = {("leases", verb) for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")}
    in_part = {(table, "UPDATE") for table in CHANGED_IN_PART}
    assert held == set(UPKEEP_DOORS) - in_part | of_secrets | purged | leased


def test_search_reads_what_is_searched_and_nothing_more(catalogue: Catalogue) -> None:
    held = {
        (table, verb)
        for table in catalogue.tables
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
        if catalogue.ask("select has_table_privilege(%s, %s, %s)", SEARCH, table, verb) == [(True,)]
    }
    assert held == SEARCHED


def test_nothing_is_granted_to_everybody(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select c.relname, a.privilege_type from pg_class c, aclexplode(c.relacl) a"
        " where c.relnamespace = 'public'::regnamespace and a.grantee = 0"
    )
    assert found == []


@pytest.mark.parametrize("role", [APPLICATION, UPKEEP, SEARCH])
def test_the_roles_of_the_runtime_can_make_nothing(catalogue: Catalogue, role: str) -> None:
    can = catalogue.ask(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, has_schema_privilege(oid, 'public', 'create')"
        "  from pg_roles where rolname = %s",
        role,
    )
    assert can == [(False,) * 5]


def test_upkeep_cannot_sign_in_and_the_application_inherits_nothing_of_it(catalogue: Catalogue) -> None:
    assert catalogue.ask("select rolcanlogin from pg_roles where rolname = %s", UPKEEP) == [(False,)]
    assert catalogue.ask(
        "select pg_has_role(%s, %s, 'member'), pg_has_role(%s, %s, 'usage'), pg_has_role(%s, %s, 'member')",
        *(APPLICATION, UPKEEP, APPLICATION, UPKEEP, APPLICATION, OWNER),
    ) == [(True, False, False)]


def test_search_cannot_sign_in_and_the_application_has_no_part_in_it(catalogue: Catalogue) -> None:
    assert catalogue.ask("select rolcanlogin from pg_roles where rolname = %s", SEARCH) == [(False,)]
    assert catalogue.ask(
        "select pg_has_role(%s, %s, 'member'), pg_has_role(%s, %s, 'member')", APPLICATION, SEARCH, UPKEEP, SEARCH
    ) == [(False, False)]


def test_functions_that_see_through_the_wall_are_upkeeps_pinned_and_not_for_everybody(catalogue: Catalogue) -> None:
    found = catalogue.ask(
        "select p.oid::regprocedure::text, p.prosecdef, pg_get_userbyid(p.proowner), p.proconfig,"
        "       has_function_privilege(%s, p.oid, 'execute'),"
        "       exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)"
        "  from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1",
        APPLICATION,
    )
    pinned = ["search_path=public, pg_temp"]
    planned = [*pinned, "plan_cache_mode=force_generic_plan", "enable_seqscan=off", "jit=off"]
    assert found == [
        # Triggers': they see what whoever writes sees, and nobody calls them.
        ("add_comment_words()", False, OWNER, pinned, False, False),
        ("add_project_words()", False, OWNER, pinned, False, False),
        ("add_task_words()", False, OWNER, pinned, False, False),
        ("api_token_of(bytea)", True, UPKEEP, pinned, True, False),
        ("change_comment_words()", False, OWNER, pinned, False, False),
        ("change_project_words()", False, OWNER, pinned, False, False),
        ("change_task_words()", False, OWNER, pinned, False, False),
        ("companies_of_session(uuid)", True, UPKEEP, pinned, True, False),
        # Those of triggers see what whoever writes sees, and nobody calls them.
        ("count_sub_tasks()", False, OWNER, pinned, False, False),
        # This and those below look at no table.
        ("folded_text(text)", False, OWNER, None, True, False),
        ("has_second_factor(uuid)", True, UPKEEP, pinned, True, False),
        ("keep_watching()", False, OWNER, pinned, False, False),
        ("move_comment_words()", False, OWNER, pinned, False, False),
        ("open_company(uuid,uuid)", True, UPKEEP, pinned, True, False),
        ("open_company_by_job(uuid,uuid)", True, UPKEEP, pinned, True, False),
        ("open_company_by_token(uuid,uuid)", True, UPKEEP, pinned, True, False),
        ("remove_words()", False, OWNER, pinned, False, False),
        ("search_excerpt(text,text[])", False, OWNER, None, True, False),
        ("search_hits(text,text[],uuid[])", True, SEARCH, planned, True, False),
        ("search_sign(uuid)", False, OWNER, None, True, False),
        ("search_vector(uuid,text,text)", False, OWNER, None, True, False),
        ("search_words(text)", False, OWNER, None, True, False),
        ("spaced_words(text)", False, OWNER, None, True, False),
        ("standing_keys(uuid,uuid[],uuid[])", True, UPKEEP, pinned, True, False),
        ("vector_of_any_text(uuid,text,text)", False, OWNER, None, True, False),
    ]


def test_no_trigger_or_rule_works_behind_the_back_of_a_statement(catalogue: Catalogue) -> None:
    found = {
        name
        for (name,) in catalogue.ask(
            "select tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
            " where not tgisinternal and c.relnamespace = 'public'::regnamespace"
        )
    }
    # What is kept so: how many sub-tasks a task has, whatever changes these (decision 0018), that whoever loses a task
    # goes on watching it, whatever takes it away (decision 0019), and by which words things are found, whoever writes
    # them (decision 0022).
    counting = {"tasks_sub_task_added", "tasks_sub_task_changed", "tasks_sub_task_removed"}
    whens = ("added", "changed", "removed")
    words = {f"{table}_words_{when}" for table in ("projects", "tasks", "comments") for when in whens}
    assert found == {"tasks_assigned", "tasks_words_moved"} | counting | words
    assert catalogue.ask("select rulename from pg_rules where schemaname = 'public'") == []
