"""Schemathesis against a served application: whatever the document allows, and what it does not, gets an answer that the
document knows. Seeded and bounded, so that a failure is found again; `SCHEMATHESIS_EXAMPLES=100` looks further.
"""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zlib import crc32

import httpx
import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky, Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.engine.errors import is_inconsistent_replay

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
# Hypothesis may give up after any number of walks: the next seed goes on, until enough was called.
SEEDS = 20
ENOUGH_CALLS = EXAMPLES * 100
ENOUGH_OPERATIONS = 30
ENOUGH_ANSWERS = 75
ENOUGH_SUCCESSES = 14
WALKS = settings(
    max_examples=EXAMPLES * 5,
    phases=[Phase.generate],
    stateful_step_count=10,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# What can be asked of a project that was just opened, beyond what Schemathesis finds out by itself.
WITH_A_PROJECT: dict[str, dict[str, Any]] = {
    "createTask": {"requestBody": {"project_id": "$response.body#/id"}},
    "listTasks": {"parameters": {"query.project_id": "$response.body#/id"}},
    "createCycle": {"requestBody": {"project_id": "$response.body#/id"}},
    "getBoard": {"parameters": {"path.project_id": "$response.body#/id"}},
    "addColumn": {"parameters": {"path.project_id": "$response.body#/id"}},
}


def linked() -> dict[str, Any]:
    """The document, with links from opening a project."""
    document: dict[str, Any] = json.loads(json.dumps(make_document()))
    opened = document["paths"]["/api/v1/projects"]["post"]["responses"]["201"]
    opened["links"] = {name: {"operationId": name, **link} for name, link in WITH_A_PROJECT.items()}
    return document


# 413 refuses what is wrong and beyond 1 MiB besides; the others are what Schemathesis knows by itself.
REFUSED = schemathesis.Config.from_dict(
    {
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]
            }
        }
    }
)
schema = schemathesis.openapi.from_dict(linked(), config=REFUSED)
load_all_checks()
NOT_PROMISED = {
    "positive_data_acceptance": "a rule may refuse what the schema allows: a key that is taken, a reference that is gone",
    "allow_header_conformance": "for the same reason",
    "use_after_free": "what was deleted can be restored, and who was deactivated is still shown",
    "unsupported_method": "PUT does as PATCH and is left out of the document on purpose; test_conventions tries 405",
}
# A query value that cannot be written, as null, is not sent at all; test_bad_input tries those that can.
IN_QUERIES = {**NOT_PROMISED, "negative_data_rejection": "what is wrong is often not sent"}


IN_PARTS = {
    **NOT_PROMISED,
    "negative_data_rejection": "a part that is wrong is refused by itself, and the rest is done",
}
OF_PARTS = {"/api/v1/tasks/bulk"}


def excluded(case: schemathesis.Case) -> list[Any]:
    names = IN_QUERIES if case.method == "GET" else IN_PARTS if case.path in OF_PARTS else NOT_PROMISED
    return [check for check in CHECKS.get_all() if check.__name__ in names]


class Ground:
    """A served application, somebody who owns a company in it, and one of everything."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)
        self.headers: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.prepare()

    def prepare(self) -> None:
        """Begins again with somebody new, unless all is still there: operations sign people out, and delete things."""
        if self.ids and self.client.get(f"/tasks/{self.ids['task_id']}", headers=self.headers).is_success:
            return
        given = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ann"}
        self.me = self._post("/auth/register", given)
        self.headers = {"Authorization": f"Bearer {self.me['access_token']}"}
        self.ids = self._ids()

    def _post(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def placed(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a path, with the ids of what is there."""
        return {name: self.ids.get(name, value) for name, value in parameters.items()}

    def _ids(self) -> dict[str, str]:
        project = self._post("/projects", {"name": "Website"}, **self.headers)
        task = self._post("/tasks", {"project_id": project["id"], "title": "Draw"}, **self.headers)
        user = self._post("/users", {"name": "Robot", "kind": "service"}, **self.headers)
        invitation = self._post("/invitations", {"email": f"{uuid4().hex}@example.com"}, **self.headers)
        sessions = self.client.get("/auth/sessions", headers=self.headers).json()
        cycle = self._post("/cycles", {"project_id": project["id"], "name": "One"}, **self.headers)
        label = self._post("/labels", {"name": uuid4().hex}, **self.headers)
        comment = self._post(f"/tasks/{task['id']}/comments", {"body": "Which one?"}, **self.headers)
        job = self.client.post(
            "/tasks/import",
            params={"project_id": project["id"]},
            content=b"title\nx\n",
            headers={**self.headers, "Content-Type": "text/csv"},
        ).json()
        company = f"/companies/{self.me['company']['id']}"
        provider = {"name": "Own", "issuer": "https://127.0.0.1:1", "client_id": "x"}
        connection = self._post(f"{company}/oidc-connections", provider, **self.headers)
        domain = self._post(f"{company}/email-domains", {"domain": f"{uuid4().hex}.example"}, **self.headers)
        webhook = self._post("/webhooks", {"url": "https://127.0.0.1:1/"}, **self.headers)
        return {
            "webhook_id": webhook["id"],
            "project_id": project["id"],
            "task_id": task["id"],
            "column_id": task["column_id"],
            "cycle_id": cycle["id"],
            "label_id": label["id"],
            "comment_id": comment["id"],
            # A company has only so many at once.
            "job_id": job.get("id", str(uuid4())),
            # Nobody is told of what they did themselves.
            "notification_id": str(uuid4()),
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


# What streams has no end; test_stream listens to it.
@schema.exclude(operation_id="streamEvents").parametrize()
@BOUNDED
def test_an_operation_alone(case: schemathesis.Case, ground: Ground) -> None:
    ground.prepare()
    # Half of the requests go to things that are there. By a hash that is the same in every process.
    if case.path_parameters and crc32(str(case.path_parameters).encode()) % 2:
        case.path_parameters = ground.placed(case.path_parameters)
    case.call_and_validate(
        base_url=ground.url, headers=ground.headers, session=ground.session, excluded_checks=excluded(case)
    )


def gave_up(error: BaseException) -> bool:
    """Whether Hypothesis ended its search, and nothing that was called broke.

    What can be called next depends on what the server answered, which is not the same twice: where Hypothesis comes
    back to a walk and finds it going on otherwise, it gives all others up. Schemathesis's own runner starts again, too.
    """
    return isinstance(error, Flaky | Unsatisfiable) or is_inconsistent_replay(error)


@pytest.mark.timeout(max(300, EXAMPLES * 60))
def test_operations_after_each_other(ground: Ground) -> None:
    answered: Counter[tuple[str, int]] = Counter()
    broken: list[tuple[BaseException, list[str]]] = []

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            ground.prepare()
            self.steps: list[str] = []

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": ground.url, "headers": ground.headers, "session": ground.session}

        def step(self, step: Any) -> Any:
            if step.transition is None and step.case.path_parameters:
                step.case.path_parameters = ground.placed(step.case.path_parameters)
            try:
                return super().step(step)
            except (Exception, FailureGroup) as failure:
                # Kept, since Hypothesis may not get there again, and then has other things to say. A group of failed
                # checks is no Exception.
                broken.append((failure, self.steps))
                raise

        def validate_response(self, response: Any, case: schemathesis.Case, **more: Any) -> None:
            answered[case.operation.label, response.status_code] += 1
            self.steps.append(f"{case.as_curl_command(base_url=ground.url)} -> {response.status_code}")
            case.validate_response(response, excluded_checks=excluded(case), recorder=self.recorder)

    for each in range(SEEDS):
        Walk.rule_order_seed = each
        try:
            seed(each)(Walk).run(settings=WALKS)
        except (Exception, FailureGroup) as error:
            if broken:
                first, steps = broken[0]
                print("The walk up to there:", *steps, sep="\n")
                raise first from None
            if not gave_up(error):
                raise
        if answered.total() >= ENOUGH_CALLS:
            break
    assert answered.total() >= ENOUGH_CALLS
    assert len({label for label, _ in answered}) >= ENOUGH_OPERATIONS
    assert len(answered) >= ENOUGH_ANSWERS
    assert len({label for label, status in answered if status < 300}) >= ENOUGH_SUCCESSES
