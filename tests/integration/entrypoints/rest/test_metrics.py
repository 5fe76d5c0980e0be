"""/metrics: who may read it, and whether what it says is true."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.sql.relaying import SqlLogs
from core.kernel.actor import System
from core.projects.errors import ProjectNotFound
from entrypoints.container import Container
from tests.integration.api import PASSWORD, Api
from tests.integration.entrypoints.rest.conftest import AnotherApp

TOKEN = "a token of the operator's"
OPERATIONS = Path(__file__).parents[4] / "docs/operations.md"
Labels = dict[str, str]


class Page:
    """What a scrape found."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples that have these labels; 0 if there are none."""
        wanted = labels.items()
        return sum(each.value for each in self.samples if each.name == name and wanted <= each.labels.items())

    def labels(self, name: str, label: str) -> set[str]:
        return {each.labels[label] for each in self.samples if each.name == name}


async def scrape(api: Api, **headers: str) -> Page:
    answer = await api.client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Page(answer.text)


@asynccontextmanager
async def from_address(api: Api, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at another address of the same application."""
    transport = httpx.ASGITransport(app=api.client._transport.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        yield client


class TestWhoMayRead:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    async def test_without_a_token_whoever_asks_from_this_machine(self, another_app: AnotherApp, address: str) -> None:
        async with another_app() as api, from_address(api, address) as client:
            assert (await client.get("/metrics")).status_code == 200

    @pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "unix", ""])
    async def test_without_a_token_nobody_else_whatever_they_claim(self, another_app: AnotherApp, address: str) -> None:
        async with another_app() as api, from_address(api, address) as client:
            for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": "Bearer "}):
                answer = await client.get("/metrics", headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (404, "route.not_found")

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
    async def test_a_proxy_on_this_machine_is_not_this_machine(self, another_app: AnotherApp, name: str) -> None:
        async with another_app() as api:
            assert (await api.client.get("/metrics", headers={name: "127.0.0.1"})).status_code == 404

    async def test_with_a_token_whoever_holds_it_and_nobody_else(self, another_app: AnotherApp) -> None:
        async with another_app(metrics_token=TOKEN) as api, from_address(api, "203.0.113.9") as client:
            for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
                assert (await client.get("/metrics", headers={"Authorization": given})).status_code == 200
            for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN):
                answer = await client.get("/metrics", headers={"Authorization": wrong})
                assert (answer.status_code, answer.json()["code"]) == (404, "route.not_found"), wrong
            assert (await api.client.get("/metrics")).status_code == 404

    async def test_outsiders_do_not_learn_more_by_asking_otherwise(self, another_app: AnotherApp) -> None:
        async with another_app(metrics_token=TOKEN) as api:
            for path, headers in (("/metrics?x=1", {}), ("/metrics", {"Content-Length": "x"})):
                assert (await api.client.get(path, headers=headers)).status_code == 404


class TestRequests:
    async def test_are_counted_by_route_method_and_status(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            person = await api.register()
            for _ in range(3):
                await person.get("/tasks")
            await person.get(f"/tasks/{uuid4()}")
            await person.get(f"/tasks/{uuid4()}")
            page = await scrape(api)
            name = "flowtrack_http_requests_total"
            assert page.value(name, route="/api/v1/tasks", method="GET", status="200") == 3
            assert page.value(name, route="/api/v1/tasks/{task_id}", method="GET", status="404") == 2
            assert page.value("flowtrack_http_refusals_total", code="task.not_found") == 2
            assert page.value("flowtrack_http_request_seconds_count", route="/api/v1/tasks", method="GET") == 3
            assert 0 < page.value("flowtrack_http_request_seconds_sum", route="/api/v1/tasks") < 10
            assert page.value("flowtrack_http_requests_in_progress") == 0

    async def test_that_are_under_way_are_counted_while_they_are(self, another_app: AnotherApp) -> None:
        class Slow:
            def __init__(self) -> None:
                self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

            async def get(self, *_: object, **__: object) -> None:
                self.asked.set()
                await self.may_answer.wait()
                raise ProjectNotFound

        slow = Slow()
        async with another_app(prepare=lambda container: container.board_use_cases.override(slow)) as api:
            person = await api.register()
            request = asyncio.create_task(person.get("/projects/ANY/board"))
            await slow.asked.wait()
            assert (await scrape(api)).value("flowtrack_http_requests_in_progress") == 1
            slow.may_answer.set()
            assert (await request).status_code == 404
            assert (await scrape(api)).value("flowtrack_http_requests_in_progress") == 0

    async def test_what_strangers_make_up_is_one_label(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            for number in range(5):
                await api.client.get(f"/nothing/{number}")
                await api.client.request(f"METHOD{number}", "/api/v1/tasks")
                await api.client.get("/problems/task.not_found" + "x" * number)
            page = await scrape(api)
            name = "flowtrack_http_requests_total"
            assert page.value(name, route="other", status="404") == 5
            assert page.value(name, method="other") == 5
            assert page.labels(name, "route") <= {"other", "/api/v1/tasks", "/problems/{code}", "/metrics"}
            assert page.labels(name, "method") == {"GET", "other"}

    async def test_a_refusal_that_is_kept_for_its_key_is_counted_once(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            person = await api.register()
            body = {"project_id": str(uuid4()), "title": "Nowhere"}
            answer = await person.post("/tasks", body, headers={"Idempotency-Key": "once"})
            assert answer.status_code == 422
            page = await scrape(api)
            assert page.value("flowtrack_http_refusals_total", code="reference.not_found") == 1

    async def test_a_defect_is_counted_as_one(self, another_app: AnotherApp) -> None:
        class Broken:
            async def get(self, *_: object, **__: object) -> None:
                raise RuntimeError("broken on purpose")

        async with another_app(prepare=lambda container: container.board_use_cases.override(Broken())) as api:
            person = await api.register()
            api.client.event_hooks["response"].clear()
            assert (await person.get("/projects/ANY/board")).status_code == 500
            page = await scrape(api)
            assert page.value("flowtrack_http_refusals_total", code="server.failed") == 1
            assert page.value("flowtrack_http_requests_total", status="500") == 1

    async def test_attempts_to_sign_in_are_counted_by_what_came_of_them(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            person = await api.register()
            await api.login(person.email)
            for password in ("not this one 1", "nor this one 2"):
                await api.client.post("/api/v1/auth/login", json={"email": person.email, "password": password})
            await api.client.post("/api/v1/auth/refresh", json={"refresh_token": "no such token"})
            page = await scrape(api)
            found = {
                (each.labels["way"], each.labels["outcome"]): each.value
                for each in page.samples
                if each.name == "flowtrack_sign_ins_total"
            }
            assert found == {
                ("registration", "succeeded"): 1,
                ("password", "succeeded"): 1,
                ("password", "auth.invalid_credentials"): 2,
                ("refresh", "auth.refresh_invalid"): 1,
            }
            assert PASSWORD not in page.text
            assert person.email not in page.text


class TestDatabase:
    async def test_round_trips_transactions_and_appended_events_are_counted(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            person = await api.register()
            project = await person.project()
            before = await scrape(api)
            await person.task(project)
            after = await scrape(api)
            for name, more in (
                ("flowtrack_database_round_trip_seconds_count", 2),
                ("flowtrack_database_transactions_begun_total", 1),
                ("flowtrack_database_transactions_committed_total", 1),
                ("flowtrack_events_appended_total", 1),
                ("flowtrack_database_wait_seconds_count", 1),
            ):
                assert after.value(name) - before.value(name) == more, name
            await person.get("/tasks")
            read = await scrape(api)
            assert read.value("flowtrack_database_round_trip_seconds_count") == (
                after.value("flowtrack_database_round_trip_seconds_count") + 1
            )
            assert read.value("flowtrack_database_transactions_begun_total") == after.value(
                "flowtrack_database_transactions_begun_total"
            )

    async def test_what_the_database_refused_is_a_failure_and_no_commit(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            person = await api.register()
            given = {"name": "Robot", "kind": "service", "username": "robot"}
            assert (await person.post("/users", given)).status_code == 201
            before = await scrape(api)
            assert (await person.post("/users", given)).status_code == 409
            after = await scrape(api)
            name = "flowtrack_database_transactions_committed_total"
            assert (
                after.value("flowtrack_database_failures_total")
                == before.value("flowtrack_database_failures_total") + 1
            )
            assert after.value(name) == before.value(name)

    async def test_the_pool_is_told(self, another_app: AnotherApp) -> None:
        async with another_app() as api:
            await api.register()
            page = await scrape(api)
            connections = page.value("flowtrack_database_connections")
            assert 1 <= connections <= 20
            assert page.value("flowtrack_database_connections_idle") == connections
            assert page.value("flowtrack_database_connections_awaited") == 0


async def test_the_process_tells_of_itself(another_app: AnotherApp) -> None:
    async with another_app() as api:
        page = await scrape(api)
        assert page.value("process_cpu_seconds_total") > 0
        assert page.value("process_resident_memory_bytes") > 10_000_000
        assert page.value("process_open_fds") > 3
        assert page.value("flowtrack_processes") == 1
        assert page.labels("flowtrack_build_info", "version") == {
            (await api.client.get("/openapi.json")).json()["info"]["version"]
        }
        assert "flowtrack_event_loop_lag_seconds_count" in page.text


async def test_the_operators_page_names_what_is_served_and_nothing_else(another_app: AnotherApp) -> None:
    told = OPERATIONS.read_text()
    rows = "\n".join(line for line in told.splitlines() if line.startswith(("| `flowtrack_", "| `process_")))
    in_tables = set(re.findall(r"`((?:flowtrack|process)_[a-z_]+)", rows))
    in_rules = set(re.findall(r"(?:flowtrack|process)_[a-z_]+", "\n".join(re.findall(r"  expr: (.*)", told))))
    async with another_app() as api:
        page = await scrape(api)
    served = set(re.findall(r"^# TYPE (\S+)", page.text, re.MULTILINE))
    assert in_tables == served
    assert {re.sub(r"_bucket$", "", name) for name in in_rules} <= served


async def test_notifications_and_mails_are_counted_by_what_became_of_them(another_app: AnotherApp) -> None:
    containers: list[Container] = []
    async with another_app(prepare=containers.append) as api:
        (container,) = containers
        ann = await api.register()
        project, bea = await ann.project(), await api.colleague(ann)
        await ann.post(f"/projects/{project['id']}/members/{bea.user_id}")
        before = await scrape(api)
        await container.telling_use_cases().catch_up(System())
        after = await scrape(api)
        assert after.value("flowtrack_notifications_total") > before.value("flowtrack_notifications_total")
        container.metrics().mailed("daily", sent=2, later=0, refused=1)
        page = await scrape(api)
        assert page.value("flowtrack_mails_total", what="daily", outcome="sent") == 2
        assert page.value("flowtrack_mails_total", what="daily", outcome="refused") == 1
        assert page.value("flowtrack_mails_total", what="daily", outcome="later") == 0


async def test_what_nobody_is_to_be_told_of_is_behind_nobody(another_app: AnotherApp) -> None:
    containers: list[Container] = []
    async with another_app(prepare=containers.append) as api:
        (container,) = containers
        ann = await api.register()
        made = (await ann.post("/webhooks", {"url": "http://127.0.0.1:9/"})).json()
        await container.webhook_queue_use_cases().catch_up(System())
        project = await ann.project()

        async def behind() -> set[str]:
            found = await SqlLogs(container.database()).backlogs()
            return {each.reader for each in found if str(each.company_id) == ann.company_id}

        assert "webhooks" in await behind()
        assert (await ann.delete(f"/webhooks/{made['id']}")).status_code == 204
        await ann.task(project)
        assert "webhooks" not in await behind()
