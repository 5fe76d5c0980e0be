"""What people search by: the words of things, found through one function that sees past the wall's cost."""

from alembic import op
from migrations.protection import application_role, protect, search_role, upkeep_role

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OWN = "current_setting('app.company_id')::uuid"
PINNED = "set search_path = public, pg_temp"

TABLE = f"""
create table search_documents (
  company_id uuid not null default {OWN},
  ref_id uuid not null,
  kind text not null,
  project_id uuid not null,
  words tsvector not null,
  primary key (company_id, ref_id),
  constraint search_documents_kind_check check (kind in ('project', 'task', 'comment'))
);
create index search_documents_of_project on search_documents (company_id, project_id, ref_id);
-- Not by company, since GIN has no order: each word begins with its company's sign instead. What is written waits in a
-- list until that is full, and one writer sorts it all in: half as long as usual, so that nobody is held up for long.
create index search_documents_words on search_documents using gin (words) with (gin_pending_list_limit = 2048);
"""

# Words are runs of letters and digits, in no case and without accents. What separates them is listed, since what a
# database takes for a letter depends on how it was made; `core.search.model` says the same, and a test compares them.
MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f"
SEPARATORS = (
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u060c\u061b\u061f\u0964\u0965\u1680\u2000-\u2bff"
    r"\u2e00-\u2e7f\u3000-\u303f\ufe10-\ufe6f\uff00-\uff0f\uff1a-\uff20\ufff0-\uffff\U0001f000-\U0001faff"
)
# Of what is written without spaces each sign is a word.
SIGNS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
READ, EXCERPTED, LONGEST = 20_000, 2_000, 64

# None of these looks at a table, so that there is nothing to pin them to: whoever calls them is pinned.
WORDS = f"""
create function folded_text(given text) returns text language plpgsql immutable parallel safe as $$
begin
  if octet_length(given) = length(given) then
    return lower(given collate "C");
  end if;
  given := lower(normalize(regexp_replace(normalize(given, nfkd), '[{MARKS}]', '', 'g'), nfkc));
  given := replace(replace(replace(replace(given, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
  return translate(given, U&'\\03c2øłđðħŧ\\0131', U&'\\03c3olddhti');
end $$;

-- The words of a text with one space between each and the next.
create function spaced_words(given text) returns text language plpgsql immutable parallel safe as $$
declare
  spaced text;
begin
  -- A sign may stand for many letters, and a list of words has an end.
  spaced := left(folded_text(given), 2 * {READ});
  if octet_length(spaced) = length(spaced) then
    spaced := regexp_replace(spaced, '[^a-z0-9]+', ' ', 'g');
  else
    spaced := regexp_replace(regexp_replace(spaced, '([{SIGNS}])', ' \\1 ', 'g'), '[{SEPARATORS}]+', ' ', 'g');
  end if;
  if spaced ~ '[^ ]{{{LONGEST + 1}}}' then
    spaced := regexp_replace(spaced, '([^ ]{{{LONGEST}}})[^ ]+', '\\1', 'g');
  end if;
  return btrim(spaced);
end $$;

create function search_words(given text) returns text[] language plpgsql immutable parallel safe as $$
begin
  return string_to_array(spaced_words(given), ' ');
end $$;

-- The sign of a company is the end of its id: the beginning is when it was made.
create function search_sign(company uuid) returns text language sql immutable parallel safe
  return right(company::text, 8);

create function search_vector(company uuid, heading text, body text) returns tsvector
language plpgsql immutable parallel safe as $$
declare
  own constant text := '''' || search_sign(company);
  first constant text := spaced_words(heading);
  second constant text := spaced_words(coalesce(left(body, {READ}), ''));
begin
  return (
    case when first = '' then '' else own || replace(first, ' ', '''\\:1A ' || own) || '''\\:1A ' end
    || case when second = '' then '' else own || replace(second, ' ', '''\\:1B ' || own) || '''\\:1B' end
  )::tsvector;
end $$;

-- The part of a text that a found word stands in, among its first characters; null if none does. Places are those of
-- the folded text, which is as long but for rare letters: whoever shows the part looks whether a word is in it.
create function search_excerpt(given text, wanted text[]) returns text
language plpgsql immutable parallel safe as $$
declare
  part constant text := normalize(left(given, {EXCERPTED} + 240), nfc);
  folded constant text := ' ' || folded_text(left(part, {EXCERPTED})) || ' ';
  spaced constant text := regexp_replace(folded, '[{SEPARATORS}{SIGNS}]', ' ', 'g');
  place integer;
  first integer;
  found text;
begin
  select min(nullif(case
           when word ~ '^[{SIGNS}]' then greatest(strpos(folded, word) - 1, 0)
           -- The last may be only begun, and of a longer one the beginning counts.
           when number = cardinality(wanted) or length(word) = {LONGEST} then strpos(spaced, ' ' || word)
           else strpos(spaced, ' ' || word || ' ') end, 0))
    into place from unnest(wanted) with ordinality as asked (word, number);
  if place is null then
    return null;
  end if;
  first := greatest(place - 60, 1);
  found := substr(part, first, 240)
    || case when length(part) >= first + 240 or length(given) > {EXCERPTED} + 240 then '…' else '' end;
  -- A word that was cut off is left out, but for one as long as a line.
  return case when first > 1 then '…' || regexp_replace(found, '^\\S{{1,30}}\\s', '') else found end;
end $$;
"""


def _said(comment: str) -> str:
    """The words of a comment, which count least; one that only keeps its place has none."""
    words = f"setweight(search_vector({comment}.company_id, '', {comment}.body), 'C')"
    return f"case when {comment}.is_deleted then '' else {words} end"


# In the transaction of what is written, whoever writes it. Deleting and restoring write no words: what is deleted is
# not found, since it is not there to be shown.
TRIGGERS = f"""
create function add_project_words() returns trigger language plpgsql {PINNED} as $$
begin
  insert into search_documents (company_id, ref_id, kind, project_id, words)
  select company_id, id, 'project', id, search_vector(company_id, key || ' ' || name, description) from added;
  return null;
end $$;
create function change_project_words() returns trigger language plpgsql {PINNED} as $$
begin
  update search_documents
     set words = search_vector(new.company_id, new.key || ' ' || new.name, new.description)
   where company_id = new.company_id and ref_id = new.id;
  return null;
end $$;
create function add_task_words() returns trigger language plpgsql {PINNED} as $$
begin
  insert into search_documents (company_id, ref_id, kind, project_id, words)
  select company_id, id, 'task', project_id, search_vector(company_id, title, description) from added;
  return null;
end $$;
create function change_task_words() returns trigger language plpgsql {PINNED} as $$
begin
  update search_documents
     set project_id = new.project_id, words = search_vector(new.company_id, new.title, new.description)
   where company_id = new.company_id and ref_id = new.id;
  return null;
end $$;
create function add_comment_words() returns trigger language plpgsql {PINNED} as $$
begin
  -- A task that is being moved is waited for, and none is moved before its comments are there to go with it.
  insert into search_documents (company_id, ref_id, kind, project_id, words)
  select a.company_id, a.id, 'comment', t.project_id, {_said("a")}
    from added a join tasks t on t.company_id = a.company_id and t.id = a.task_id for share of t;
  return null;
end $$;
create function change_comment_words() returns trigger language plpgsql {PINNED} as $$
begin
  update search_documents set words = {_said("new")} where company_id = new.company_id and ref_id = new.id;
  return null;
end $$;
create function move_comment_words() returns trigger language plpgsql {PINNED} as $$
begin
  update search_documents d
     set project_id = new.project_id
    from comments c
   where c.company_id = new.company_id and c.task_id = new.id and d.company_id = c.company_id and d.ref_id = c.id;
  return null;
end $$;
create function remove_words() returns trigger language plpgsql {PINNED} as $$
begin
  -- Whoever removes a company from whose tables all is gone may not touch this one, and need not.
  if exists (select from removed) then
    delete from search_documents d using removed r where d.company_id = r.company_id and d.ref_id = r.id;
  end if;
  return null;
end $$;

create trigger projects_words_added after insert on projects referencing new table as added
  for each statement execute function add_project_words();
create trigger projects_words_changed after update of key, name, description on projects for each row
  when ((old.key, old.name, old.description) is distinct from (new.key, new.name, new.description))
  execute function change_project_words();
create trigger projects_words_removed after delete on projects referencing old table as removed
  for each statement execute function remove_words();
create trigger tasks_words_added after insert on tasks referencing new table as added
  for each statement execute function add_task_words();
create trigger tasks_words_changed after update of title, description, project_id on tasks for each row
  when ((old.title, old.description, old.project_id) is distinct from (new.title, new.description, new.project_id))
  execute function change_task_words();
create trigger tasks_words_removed after delete on tasks referencing old table as removed
  for each statement execute function remove_words();
create trigger tasks_words_moved after update of project_id on tasks for each row
  when (old.project_id is distinct from new.project_id) execute function move_comment_words();
create trigger comments_words_added after insert on comments referencing new table as added
  for each statement execute function add_comment_words();
create trigger comments_words_changed after update of body, is_deleted on comments for each row
  when ((old.body, old.is_deleted) is distinct from (new.body, new.is_deleted))
  execute function change_comment_words();
create trigger comments_words_removed after delete on comments referencing old table as removed
  for each statement execute function remove_words();
"""
TRIGGER_FUNCTIONS = (
    "add_project_words()",
    "change_project_words()",
    "add_task_words()",
    "change_task_words()",
    "add_comment_words()",
    "change_comment_words()",
    "move_comment_words()",
    "remove_words()",
)
PLAIN_FUNCTIONS = (
    "folded_text(text)",
    "spaced_words(text)",
    "search_words(text)",
    "search_sign(uuid)",
    "search_vector(uuid,text,text)",
    "search_excerpt(text,text[])",
)

RANKED, GATHERED, EXAMINED, TRIED = 1_000, 2_000, 6_000, 200
# Of so many projects, the newest, some are tried, and so many looked through: at least ten things of each.
PROJECTS_TRIED, PROJECTS_EXAMINED = 200, 600
# Row-level security would keep `@@` from the index, so this works as a role that it does not bind; the company is the
# one that the opening statement set, and nothing that is given can name another.
HITS = f"""
create function search_hits(
  given text, kinds text[], among uuid[],
  out kind text, out ref_id uuid, out score real, out is_partial boolean
) returns setof record language plpgsql stable security definer rows 50
{PINNED} set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  own constant uuid := {OWN};
  signed constant text[] :=
    array(select quote_literal(search_sign(own) || word) from unnest(search_words(given)) word);
  examined constant uuid[] := array(select id from unnest(among) id order by id desc limit {PROJECTS_EXAMINED});
  depth constant integer := {EXAMINED} / greatest(cardinality(examined), 1);
  first_depth constant integer := greatest({TRIED} / greatest(cardinality(among), 1), 1);
  matching tsquery;
  ranking tsquery;
  gathered uuid[];
  newest uuid[];
  fitting_projects uuid[];
  is_common boolean;
  counted bigint;
  partial boolean := false;
begin
  if cardinality(signed) = 0 or cardinality(among) = 0 then
    return;
  end if;
  matching := (array_to_string(signed, ' & ') || ':*')::tsquery;
  ranking := (array_to_string(signed, ' | ') || ':*')::tsquery;
  -- All of these, since a project is older than what is in it.
  if 'project' = any(kinds) then
    fitting_projects := array(
      select d.ref_id from search_documents d
       where d.company_id = own and d.ref_id = any(among) and d.kind = 'project' and d.words @@ matching
       order by d.ref_id desc limit {RANKED});
  end if;
  -- Where most things hold the words, the index would name nearly all there are.
  select count(*) > 0 and 2 * count(*) filter (where words @@ matching) >= count(*) into is_common
    from unnest(examined[1\\:{PROJECTS_TRIED}]) project
   cross join lateral (
     select d.words from search_documents d
      where d.company_id = own and d.project_id = project order by d.ref_id desc limit first_depth) recent;
  -- By the words alone: asked as it is, the company is no condition of another index.
  if not is_common then
    select count(*), array_agg(ref_id)
             filter (where kind = any(kinds) and kind <> 'project' and project_id in (select unnest(among)))
      into counted, gathered
      from (select d.ref_id, d.kind, d.project_id from search_documents d
             where d.words @@ matching and (d.company_id = own) is true limit {GATHERED} + 1) hits;
  end if;
  if is_common or counted > {GATHERED} then
    -- So many that reading them all would take long: the newest of each project are looked through instead.
    select bool_or(place = depth) or cardinality(among) > cardinality(examined), array_agg(ref_id)
           filter (where kind = any(kinds) and kind <> 'project' and words @@ matching)
      into partial, newest
      from unnest(examined) project
     cross join lateral (
       select d.ref_id, d.kind, d.words, row_number() over (order by d.ref_id desc) as place from search_documents d
        where d.company_id = own and d.project_id = project order by d.ref_id desc limit depth) recent;
    gathered := case when partial then newest || gathered else newest end;
  end if;
  partial := partial or cardinality(gathered) > {RANKED};
  return query
    select d.kind, d.ref_id, ts_rank(d.words, ranking), partial
      from (
        (select distinct id from unnest(gathered) id order by id desc limit {RANKED})
         union all
        select unnest(fitting_projects)
      ) ranked
      join search_documents d on d.company_id = own and d.ref_id = ranked.id;
end $$;
"""
HITS_SIGNATURE = "search_hits(text,text[],uuid[])"

# So many are taken up in one transaction, and cannot be changed meanwhile.
BATCH = 1_000
_TAKEN_UP = {
    "projects a": ("'project'", "a.id", "search_vector(a.company_id, a.key || ' ' || a.name, a.description)"),
    "tasks a": ("'task'", "a.project_id", "search_vector(a.company_id, a.title, a.description)"),
    # Their tasks cannot be moved meanwhile.
    "comments a join tasks t on t.company_id = a.company_id and t.id = a.task_id": (
        "'comment'",
        "t.project_id",
        _said("a"),
    ),
}


def _take_up(source: str) -> str:
    """Takes the words of a batch up, after the id `after`, and answers how many there were and the last id."""
    kind, project, words = _TAKEN_UP[source]
    return f"""
with batch as (
  select a.*, {project} as project from {source}
   where a.company_id = {OWN} and a.id > %(after)s::uuid order by a.id limit {BATCH} for share
), taken_up as (
  insert into search_documents (company_id, ref_id, kind, project_id, words)
  select a.company_id, a.id, {kind}, a.project, {words} from batch a
  on conflict do nothing
)
select count(*), max(id::text) from batch
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    connection = op.get_bind()
    if connection.exec_driver_sql("select to_regclass('public.search_documents')").scalar() is None:
        _make()
    # What there is already is taken up in short transactions: nobody who writes waits for more than one of them, and
    # what is written meanwhile is taken up by the triggers. If it breaks off, it is begun again.
    with op.get_context().autocommit_block():
        _take_all_up()


def _make() -> None:
    op.execute(TABLE)
    protect("search_documents")
    op.execute(f"grant select on search_documents to {search_role()}")
    op.execute(f"create policy search_select on search_documents for select to {search_role()} using (true)")
    op.execute(WORDS)
    op.execute(TRIGGERS)
    op.execute(HITS)
    op.execute(f"grant create on schema public to {search_role()}")
    op.execute(f"alter function {HITS_SIGNATURE} owner to {search_role()}")
    op.execute(f"revoke create on schema public from {search_role()}")
    op.execute(f"revoke all on function {', '.join((*TRIGGER_FUNCTIONS, *PLAIN_FUNCTIONS))} from public")
    op.execute(f"grant execute on function {', '.join(PLAIN_FUNCTIONS)} to {application_role()}, {search_role()}")
    op.execute(f"set local role {search_role()}")
    op.execute(f"revoke all on function {HITS_SIGNATURE} from public")
    op.execute(f"grant execute on function {HITS_SIGNATURE} to {application_role()}")
    op.execute("set local role none")


def _take_all_up() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("set lock_timeout = '30s'")
    connection.exec_driver_sql(f"set role {upkeep_role()}")
    companies = connection.exec_driver_sql("select id from companies order by id").scalars().all()
    connection.exec_driver_sql("set role none")
    for company in companies:
        connection.exec_driver_sql("select set_config('app.company_id', %(id)s, false)", {"id": str(company)})
        for source in _TAKEN_UP:
            count, last = BATCH, "00000000-0000-0000-0000-000000000000"
            while count == BATCH:
                count, last = connection.exec_driver_sql(_take_up(source), {"after": last}).one()
    connection.exec_driver_sql("select set_config('app.company_id', '', false)")
    connection.exec_driver_sql("reset lock_timeout")


def downgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("drop trigger tasks_words_moved on tasks")
    for table in ("projects", "tasks", "comments"):
        for when in ("added", "changed", "removed"):
            op.execute(f"drop trigger {table}_words_{when} on {table}")
    op.execute(f"set local role {search_role()}")
    op.execute(f"drop function {HITS_SIGNATURE}")
    op.execute("set local role none")
    op.execute(f"drop function {', '.join((*TRIGGER_FUNCTIONS, *reversed(PLAIN_FUNCTIONS)))}")
    op.execute("drop table search_documents")
