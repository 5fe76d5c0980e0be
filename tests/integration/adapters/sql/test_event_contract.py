"""Every event of every test is held against the documents at the end of the run; here is shown that this is not blind."""

from tests.event_contract import wrong_in_server
from tests.integration.adapters.sql.firms import Firms
from tests.integration.conftest import Server


def test_an_event_that_breaks_the_contract_is_named(firms: Firms, postgres_server: Server) -> None:
    firm = firms.new()
    told = "(%s, 1, 'label_deleted', 'task_updates', now(), 'session', true, '{\"label_id\": \"seven\"}')"
    firm.sql(
        f"insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body) values {told}",
        (firm.id,),
    )
    try:
        looked_at, wrong = wrong_in_server(postgres_server.superuser)
    finally:
        firm.sql("delete from events where company_id = %s", (firm.id,))
    assert looked_at >= 1
    assert [each for each in wrong if "label_deleted at /label_id" in each or "label_deleted at /:" in each]
