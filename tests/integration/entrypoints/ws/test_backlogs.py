"""How far the stored readers of logs are behind."""

from uuid import UUID

from tests.integration.entrypoints.ws.living import Living


async def test_a_backlog_is_as_old_as_the_first_event_that_was_not_read(live: Living) -> None:
    olga = await live.api.register()
    await olga.project()
    company = UUID(olga.company_id)
    live.api.sql(
        "insert into log_positions (company_id, reader, seq) values (%s, 'reports', 1)"
        " on conflict (company_id, reader) do update set seq = 1",
        (company,),
    )
    live.api.sql(
        "update events set occurred_at = now() - interval '1 hour' * seq where company_id = %s and seq <= 2", (company,)
    )
    found = await live.container.relay()._logs.backlogs()
    (mine,) = [each for each in found if each.company_id == company and each.reader == "reports"]
    assert (mine.position, mine.head) == (1, int((await olga.get("/events")).headers["x-event-seq"]))
    assert mine.age is not None and 7200 <= mine.age < 7260
