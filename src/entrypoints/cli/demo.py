"""`flowtrack demo`: a small company to look at."""

import asyncio
import os
import secrets
from pathlib import Path

from core.auth.errors import EmailTaken
from core.auth.use_cases import Registration
from core.kernel.actor import Visitor
from core.tasks.model import Priority, Status
from core.tasks.use_cases.tasks import NewTask
from entrypoints.cli.starting import database
from entrypoints.container import Container, check_database, load_signing_keys, make_container
from entrypoints.settings import Settings, load_settings
from entrypoints.telemetry import configure_logging

EMAIL = "demo@example.com"
_TASKS = (
    ("Write down what the site is for", Priority.HIGH, Status.DONE),
    ("Draw the landing page", Priority.HIGH, Status.IN_PROGRESS),
    ("Choose a photographer", Priority.MEDIUM, Status.TODO),
    ("Move the old blog's posts", Priority.LOW, Status.TODO),
    ("Renew the certificate before it ends", Priority.URGENT, Status.TODO),
)


def demo() -> None:
    """Makes a demo company with a project and a few tasks, once, and prints how to sign in."""
    configure_logging()
    settings = load_settings()
    with database(settings) as urls:
        check_database(urls.application)
        asyncio.run(_demo(make_container(settings, database_url=urls.application), settings))


async def _demo(container: Container, settings: Settings) -> None:
    await container.database().open()
    try:
        await load_signing_keys(container)
        await make_demo_once(container, settings)
    finally:
        await container.database().close()


async def make_demo_once(container: Container, settings: Settings) -> None:
    """Makes the demo company unless it was made before, and prints its login each time."""
    kept = settings.data_dir / "demo-login"
    if not kept.exists():
        password = secrets.token_urlsafe(12)
        try:
            await _make(container, password=password)
        except EmailTaken:
            print(f"flowtrack: there is an account {EMAIL} already, so no demo company was made", flush=True)
            return
        _keep(kept, f"{EMAIL} {password}\n")
    email, _, password = kept.read_text(encoding="utf-8").strip().partition(" ")
    print(f"flowtrack: {settings.public_url}/docs   demo login: {email}   password: {password}", flush=True)


async def _make(container: Container, *, password: str) -> None:
    auth, projects, tasks = container.auth_use_cases(), container.project_use_cases(), container.task_use_cases()
    registration = Registration(
        email=EMAIL, password=password, name="Dana Rivers", company_name="Demo company", username="dana"
    )
    signed_in = await auth.register(Visitor(agent="flowtrack demo"), registration)
    actor = auth.actor_of(signed_in.access_token)
    project, _ = await projects.open(actor, name="Website", key="WEB", description="The new one")
    for title, priority, status in _TASKS:
        given = NewTask(project_id=project.id, title=title, priority=priority, status=status, assigned_to=actor.user_id)
        await tasks.create(actor, given)


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
