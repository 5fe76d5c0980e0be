"""Schemathesis against a served application: whatever the document allows, and what it does not, gets an answer that the
document knows. Seeded and bounded, so that a failure is found again; `SCHEMATHESIS_EXAMPLES=100` looks further.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from entrypoints.rest.app import make_app, make_document
from entrypoints.settings import Settings
from tests.integration.api import PASSWORD
from tests.integration.conftest import TestDatabase, quick_container

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
schema = schemathesis.openapi.from_dict(json.loads(json.dumps(make_document())))
load_all_checks()
NOT_PROMISED = {
    "positive_data_acceptance": "a rule may refuse what the schema allows: a key that is taken, a reference that is gone",
    "allow_header_conformance": "for the same reason",
    "unsupported_method": "PUT does as PATCH and is left out of the document on purpose; test_conventions tries 405",
}
# A query value that cannot be written, as null, is not sent at all; test_bad_input tries those that can.
IN_QUERIES = {**NOT_PROMISED, "negative_data_rejection": "what is wrong is often not sent"}


def excluded(case: schemathesis.Case) -> list[Any]:
    names = IN_QUERIES if case.method == "GET" else NOT_PROMISED
    return [check for check in CHECKS.get_all() if check.__name__ in names]


class Ground:
    """A served application, somebody who owns a company in it, and one of everything."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)
        self.email = f"{uuid4().hex}@example.com"
        given = {"email": self.email, "password": PASSWORD, "name": "Ann"}
        self.me = self._post("/auth/register", given)
        self.headers = {"Authorization": f"Bearer {self.me['access_token']}"}
        self.ids = self._ids()

    def _post(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def _ids(self) -> dict[str, str]:
        project = self._post("/projects", {"name": "Website"}, **self.headers)
        task = self._post("/tasks", {"project_id": project["id"], "title": "Draw"}, **self.headers)
        user = self._post("/users", {"name": "Robot", "kind": "service"}, **self.headers)
        invitation = self._post("/invitations", {"email": f"{uuid4().hex}@example.com"}, **self.headers)
        sessions = self.client.get("/auth/sessions", headers=self.headers).json()
        cycle = self._post("/cycles", {"project_id": project["id"], "name": "One"}, **self.headers)
        company = f"/companies/{self.me['company']['id']}"
        provider = {"name": "Own", "issuer": "https://127.0.0.1:1", "client_id": "x"}
        connection = self._post(f"{company}/oidc-connections", provider, **self.headers)
        domain = self._post(f"{company}/email-domains", {"domain": f"{uuid4().hex}.example"}, **self.headers)
        return {
            "project_id": project["id"],
            "task_id": task["id"],
            "column_id": task["column_id"],
            "cycle_id": cycle["id"],
            "user_id": user["id"],
            "invitation_id": invitation["id"],
            "connection_id": connection["id"],
            "domain_id": domain["id"],
            "company_id": self.me["company"]["id"],
            "session_id": sessions[0]["id"],
        }


@pytest.fixture(scope="module")
def served(test_database: TestDatabase, settings: Settings) -> Iterator[str]:
    app = make_app(quick_container(settings, database_url=test_database.application))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on", server_header=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=30)


@pytest.fixture
def ground(served: str) -> Iterator[Ground]:
    ground = Ground(served)
    yield ground
    ground.client.close()
    ground.session.close()


@schema.parametrize()
@BOUNDED
def test_an_operation_alone(case: schemathesis.Case, ground: Ground) -> None:
    # Half of the requests go to things that are there.
    if case.path_parameters and hash(str(case.path_parameters)) % 2:
        case.path_parameters = {name: ground.ids.get(name, value) for name, value in case.path_parameters.items()}
    case.call_and_validate(
        base_url=ground.url, headers=ground.headers, session=ground.session, excluded_checks=excluded(case)
    )


def test_operations_after_each_other(ground: Ground) -> None:
    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": ground.url, "headers": ground.headers, "session": ground.session}

        def validate_response(self, response: Any, case: schemathesis.Case, **more: Any) -> None:
            case.validate_response(response, excluded_checks=excluded(case))

    Walk.run(
        settings=settings(
            max_examples=EXAMPLES * 5,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
    )
