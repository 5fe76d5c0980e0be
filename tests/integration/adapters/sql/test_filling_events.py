"""Events from before 0.4.0 get their task by what docs/operations.md has an operator do."""

import re
from pathlib import Path

import psycopg

from tests.integration.adapters.sql.firms import Firms
from tests.integration.conftest import TestDatabase

DOCUMENT = Path(__file__).parents[4] / "docs" / "operations.md"


def test_the_task_of_older_events_is_filled_in_for_all_companies(test_database: TestDatabase) -> None:
    found = re.search(r"<!-- fill events -->\n```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    with psycopg.connect(test_database.superuser, autocommit=True) as superuser:
        firms = [Firms(connection=superuser).new() for _ in range(2)]
        for firm in firms:
            firm.sql(
                "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body)"
                " select %s, 1000 + n, 'task_updated', 'task_updates', now(), 'session', true,"
                "        case when n < 4 then jsonb_build_object('task_id', gen_random_uuid()) else '{}' end"
                "   from generate_series(1, 4) n",
                (firm.id,),
            )
        with psycopg.connect(test_database.owner, autocommit=True) as owner:
            owner.execute(found[1])
        for firm in firms:
            filled = firm.sql(
                "select count(*) filter (where task_id::text = body->>'task_id'), count(*) filter (where task_id is null)"
                "  from events where company_id = %s and seq > 1000",
                (firm.id,),
            )
            assert filled == [(3, 1)]
            # They were of an older release, and tell less than events do now.
            firm.sql("delete from events where company_id = %s and seq > 1000", (firm.id,))
