"""Writing a task costs less: its words are one expression, and a task of no cycle is in no index of cycles."""

from alembic import op
from migrations.protection import application_role, search_role

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# The same as in 0014.
SEPARATORS = (
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u060c\u061b\u061f\u0964\u0965\u1680\u2000-\u2bff"
    r"\u2e00-\u2e7f\u3000-\u303f\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\ufff0-\uffff\U0001f000-\U0001faff"
)
SIGNS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
READ, LONGEST = 20_000, 64

# What separates words, but for a single space: of a hundred letters a few, where spaces are many, and each that is
# found costs half a microsecond.
APART = " *[^a-z0-9 ][^a-z0-9]*|  +"
APART_BEFORE = "[^a-z0-9]+"


def _spaced_words(apart: str) -> str:
    return f"""
create or replace function spaced_words(given text) returns text language plpgsql immutable parallel safe as $$
declare
  spaced text;
begin
  -- A sign may stand for many letters, and a list of words has an end.
  spaced := left(folded_text(given), 2 * {READ});
  if octet_length(spaced) = length(spaced) then
    spaced := regexp_replace(spaced, '{apart}', ' ', 'g');
  else
    spaced := regexp_replace(regexp_replace(spaced, '([{SIGNS}])', ' \\1 ', 'g'), '[{SEPARATORS}]+', ' ', 'g');
  end if;
  if spaced ~ '[^ ]{{{LONGEST + 1}}}' then
    spaced := regexp_replace(spaced, '([^ ]{{{LONGEST}}})[^ ]+', '\\1', 'g');
  end if;
  return btrim(spaced);
end $$
"""


def _weighed(text: str, weight: str) -> str:
    """The words of a text, each with its weight and a mark before it, where the sign of the company comes to stand."""
    spaced = f"""btrim(regexp_replace(lower({text} collate "C"), '{APART}', ' ', 'g'))"""
    return f"coalesce('@' || replace(nullif({spaced}, ''), ' ', '\\:1{weight} @') || '\\:1{weight} ', '')"


# One expression, which PostgreSQL puts into the statement that asks for it: most texts are in ASCII, without words as
# long as a line. What is not is left to what was there before, which says the same of all texts.
VECTOR = f"""
create function search_vector(company uuid, heading text, body text) returns tsvector
language sql immutable parallel safe as $$
  select case
    when octet_length(coalesce(body, '')) <= {READ}
     and heading || ' ' || coalesce(body, '') !~ '[^\\u0001-\\u007f]|[A-Za-z0-9]{{{LONGEST + 1}}}'
    then replace({_weighed("heading", "A")} || {_weighed("body", "B")}, '@', right(company::text, 8))::tsvector
    else public.vector_of_any_text(company, heading, body) end
$$
"""
SIGNATURE = "(uuid,text,text)"

# The new index is built beside the one that stands, and then takes its name.
_STANDING = "select pg_get_indexdef(indexrelid) from pg_index where indexrelid = to_regclass('public.tasks_of_cycle')"
_VALID = "select indisvalid from pg_index where indexrelid = to_regclass('public.tasks_of_cycle_built')"
IN_CYCLE, IN_ANY = " and cycle_id is not null", ""


def upgrade() -> None:
    # If it breaks off here, it is begun again.
    with op.get_context().autocommit_block():
        _build_index(IN_CYCLE)
    op.execute("set local lock_timeout = '5s'")
    op.execute(_spaced_words(APART))
    op.execute(f"alter function search_vector{SIGNATURE} rename to vector_of_any_text")
    op.execute(VECTOR)
    op.execute(f"revoke all on function search_vector{SIGNATURE} from public")
    op.execute(f"grant execute on function search_vector{SIGNATURE} to {application_role()}, {search_role()}")


def _build_index(condition: str) -> None:
    """Tasks in their cycles, and only those that are in one, or all again; nobody waits until it is built."""
    connection = op.get_bind()
    # For transactions that began before, which hold up nobody else.
    connection.exec_driver_sql("set lock_timeout = '300s'")
    if connection.exec_driver_sql(_VALID).scalar() is False:
        # What an attempt that broke off has left.
        connection.exec_driver_sql("drop index concurrently tasks_of_cycle_built")
    standing = connection.exec_driver_sql(_STANDING).scalar()
    if standing is None or ("cycle_id IS NOT NULL" in standing) != bool(condition):
        connection.exec_driver_sql(
            "create index concurrently if not exists tasks_of_cycle_built"
            f" on tasks (company_id, cycle_id, created_at, id) where deleted_at is null{condition}"
        )
        connection.exec_driver_sql("drop index concurrently if exists tasks_of_cycle")
        connection.exec_driver_sql("alter index tasks_of_cycle_built rename to tasks_of_cycle")
    connection.exec_driver_sql("reset lock_timeout")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(f"drop function search_vector{SIGNATURE}")
    op.execute(f"alter function vector_of_any_text{SIGNATURE} rename to search_vector")
    op.execute(_spaced_words(APART_BEFORE))
    op.execute("drop index tasks_of_cycle")
    op.execute("create index tasks_of_cycle on tasks (company_id, cycle_id, created_at, id) where deleted_at is null")
