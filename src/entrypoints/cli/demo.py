"""`flowtrack demo`: a small company to look at."""

import asyncio
import secrets
from pathlib import Path
from typing import NamedTuple

from core.auth.errors import InvalidCredentials, NoActiveMembership
from core.auth.read_models import SecondFactorAsked, SignedIn
from core.auth.use_cases.credentials import Credentials
from core.auth.use_cases.signing_in import Registration
from core.kernel.actor import Actor, Visitor
from core.kernel.paging import MOST, PageRequest, Sort
from core.projects.errors import ProjectNotFound
from core.tasks.changes import NewTask
from core.tasks.fields import Priority, Status
from core.tasks.ports import TaskFilter
from core.users.errors import EmailTaken
from entrypoints.cli.starting import database
from entrypoints.container import Container, check_database, keep_secret, load_signing_keys, make_container
from entrypoints.settings import Registration as WhoMayRegister
from entrypoints.settings import Settings, load_settings
from entrypoints.telemetry import configure_logging

EMAIL = "demo@example.com"
KEY = "WEB"
_UNFINISHED = "unfinished"
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
        asyncio.run(make_demo(settings, database_url=urls.application))


async def make_demo(settings: Settings, *, database_url: str) -> None:
    """Makes the demo company unless it is there, and prints its login, over connections of its own."""
    container = make_container(settings, database_url=database_url)
    await container.database().open()
    try:
        await load_signing_keys(container)
        await make_demo_once(container, settings)
    finally:
        await container.database().close()


class Login(NamedTuple):
    """How to sign in to the demo company, as `<data>/demo-login` keeps it."""

    password: str
    is_finished: bool

    @classmethod
    def read(cls, path: Path) -> "Login | None":
        if not path.exists():
            return None
        _, password, *rest = path.read_text(encoding="utf-8").split()
        return cls(password, is_finished=_UNFINISHED not in rest)

    def keep(self, path: Path) -> None:
        keep_secret(path, " ".join((EMAIL, self.password, *([] if self.is_finished else [_UNFINISHED]))) + "\n")


async def make_demo_once(container: Container, settings: Settings) -> None:
    """Makes the demo company unless it was made before, and prints its login each time.

    The password is kept before there is an account that has it, so whatever a kill leaves behind the next start
    finishes. Whether newcomers may register does not matter: the demo is the operator's own doing.
    """
    path = settings.data_dir / "demo-login"
    login = Login.read(path)
    if login is None or not login.is_finished:
        login = login or Login(secrets.token_urlsafe(12), is_finished=False)
        login.keep(path)
        own = await _for_the_operator(container, settings)
        actor = await _sign_in(own, login)
        if actor is None:
            path.unlink()
            print(
                f"flowtrack: there is an account {EMAIL} already, with another password; no demo company was made",
                flush=True,
            )
            return
        await _furnish(own, actor)
        login = login._replace(is_finished=True)
        login.keep(path)
    print(f"flowtrack: {settings.public_url}/docs   demo login: {EMAIL}   password: {login.password}", flush=True)


async def _for_the_operator(container: Container, settings: Settings) -> Container:
    """A container over the same connections, for which registration is open."""
    is_open = settings.model_copy(update={"registration": WhoMayRegister.OPEN})
    own = make_container(is_open, database_url="")
    own.database.override(container.database())
    await load_signing_keys(own)
    return own


async def _sign_in(container: Container, login: Login) -> Actor | None:
    """The owner of the demo company; None if the address is taken by an account that this password does not open."""
    auth, visitor = container.auth_use_cases(), Visitor(agent="flowtrack demo")
    newcomer = Registration(
        email=EMAIL, password=login.password, name="Dana Rivers", company_name="Demo company", username="dana"
    )
    try:
        signed_in: SignedIn | SecondFactorAsked = await auth.register(visitor, newcomer)
    except EmailTaken:
        try:
            signed_in = await auth.login(visitor, Credentials(email=EMAIL, password=login.password))
        except (InvalidCredentials, NoActiveMembership):
            return None
    if isinstance(signed_in, SecondFactorAsked):
        return None
    return auth.actor_of(signed_in.access_token)


async def _furnish(container: Container, actor: Actor) -> None:
    """Adds what is missing of the project and its tasks."""
    projects, tasks = container.project_use_cases(), container.task_use_cases()
    try:
        project, _ = await projects.get(actor, KEY)
    except ProjectNotFound:
        project, _ = await projects.open(actor, name="Website", key=KEY, description="The new one")
    found, _ = await tasks.list(
        actor,
        where=TaskFilter(project_id=(project.id,)),
        sort=Sort(field="number"),
        page=PageRequest(limit=MOST),
    )
    present = {task.title for task in found.items}
    for title, priority, status in _TASKS:
        if title not in present:
            given = NewTask(
                project_id=project.id, title=title, priority=priority, status=status, assigned_to=actor.user_id
            )
            await tasks.create(actor, given)
