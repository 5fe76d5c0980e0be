"""What statements are called in a trace."""

import pytest

from adapters.opentelemetry.summaries import summary
from adapters.sql.connection import BEGIN, COMMIT, OPEN
from adapters.sql.event_log import APPEND, APPEND_AND_KEEP, APPEND_ONE
from adapters.sql.once_ledger import KEEP, KEEP_AGAIN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "select a, b from tasks t join public.users u on u.id = t.x where t.title = 'from here'",
            "SELECT tasks users",
        ),
        ("SELECT 1", "SELECT"),
        ("select id from login_sessions where id = $1 for update", "SELECT login_sessions"),
        ("select a from projects p for no key update of p", "SELECT projects"),
        ("select a from tasks for NO KEY UPDATE OF tasks", "SELECT tasks"),
        ("select a from tasks left join lateral (select b from only users) x on true", "SELECT tasks users"),
        ("select a from tasks, lateral (select 1) x join lateral unnest($1) y on true", "SELECT tasks"),
        ("update only public.tasks set a = $1", "UPDATE tasks"),
        ("select a from only_one", "SELECT only_one"),
        ("delete from tasks where id = $1", "DELETE tasks"),
        ("insert into a (b) values ($1) on conflict do update set b = $1", "INSERT a"),
        ("with x as (update a set b = $1 returning b) insert into c select b from x", "UPDATE a, INSERT c"),
        ("with x as (select b from a) select b from x", "SELECT a x"),
        ("", "SQL"),
        (BEGIN.text, "BEGIN"),
        (COMMIT.text, "COMMIT"),
        (OPEN.text, "SELECT open_company"),
        (APPEND.text, "UPDATE event_sequences, INSERT events"),
        (APPEND_ONE.text, "UPDATE event_sequences, INSERT events"),
        (APPEND_AND_KEEP.text, "UPDATE event_sequences, INSERT events, INSERT idempotency_keys"),
        (KEEP.text, "INSERT idempotency_keys"),
        (KEEP_AGAIN.text, "INSERT idempotency_keys"),
    ],
)
def test_a_statement_is_called_by_what_it_does_to_which_tables(text: str, said: str) -> None:
    assert summary(text) == said


def test_values_that_somebody_wrote_into_a_statement_are_not_in_its_name() -> None:
    said = summary("select set_config('app.secret', 'hunter2', true), 'ann@example.com' from accounts where a = 'x'")
    assert said == "SELECT accounts"
