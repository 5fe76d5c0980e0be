"""Sending files that become tasks, and carrying their jobs out."""

from typing import Any
from uuid import UUID

import httpx

from core.jobs.model import JobRef
from core.kernel.actor import System
from entrypoints.container import Container
from tests.integration.api import Api, Person

CSV = {"Content-Type": "text/csv"}


class Imports:
    """Sends files, and carries the jobs out."""

    def __init__(self, api: Api, container: Container) -> None:
        self._api, self._container = api, container

    async def send(
        self, person: Person, project: dict[str, Any], content: str | bytes, headers: dict[str, str] = {}, **query: str
    ) -> httpx.Response:
        params = {"project_id": project["id"], **query}
        body = content.encode() if isinstance(content, str) else content
        return await person.post("/tasks/import", content=body, headers={**CSV, **headers}, params=params)

    async def carry_out(self, person: Person, job_id: str) -> dict[str, Any]:
        ref = JobRef(UUID(person.company_id), UUID(job_id))
        job: dict[str, Any] = {"state": "queued"}
        while job["state"] in ("queued", "started"):
            await self._container.job_run_use_cases().run(System(), ref)
            job = (await person.get(f"/jobs/{job_id}")).json()
        return dict(job)

    async def done(self, person: Person, project: dict[str, Any], content: str | bytes, **query: str) -> dict[str, Any]:
        """The job of a file, carried out."""
        answer = await self.send(person, project, content, **query)
        assert answer.status_code == 202, answer.text
        job = await self.carry_out(person, answer.json()["id"])
        assert job["state"] == "finished", job
        assert self._api.count("import_chunks", person.company_id) == 0
        return job

    async def result(self, person: Person, project: dict[str, Any], content: str | bytes, **query: str) -> Any:
        return (await self.done(person, project, content, **query))["result"]


async def tasks_of(person: Person, project: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await person.get(f"/tasks?project_id={project['id']}&sort=number&limit=200")
    return list(answer.json())
