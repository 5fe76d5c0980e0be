"""The composition root builds everything that it promises, without connecting to anything."""

import inspect

import pytest
from dependency_injector import providers

import entrypoints
from core.kernel.actor import Actor
from entrypoints.container import Container, make_container
from entrypoints.jobs_container import JobsContainer
from entrypoints.mail_container import MailContainer
from entrypoints.notifications_container import NotificationsContainer
from entrypoints.oidc_container import OidcContainer
from entrypoints.webhooks_container import WebhooksContainer
from entrypoints.people_container import PeopleContainer
from entrypoints.reports_container import ReportsContainer
from entrypoints.settings import Settings
from entrypoints.work_container import WorkContainer
from tests.builders import an_actor
from tests.unit.architecture.sources import SRC

BUILT = {
    name: provider
    for name, provider in Container.providers.items()
    if isinstance(provider, providers.Factory | providers.BaseSingleton)
}
PARTS = {
    "jobs": JobsContainer,
    "mail": MailContainer,
    "notifications": NotificationsContainer,
    "oidc": OidcContainer,
    "people": PeopleContainer,
    "reports": ReportsContainer,
    "webhooks": WebhooksContainer,
    "work": WorkContainer,
}


@pytest.fixture(scope="module")
def container() -> Container:
    settings = Settings(_env_file=None, secret_key="s" * 40, redis_url="redis://127.0.0.1:1")
    return make_container(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")


class TestContainer:
    @pytest.mark.parametrize("name", sorted(BUILT))
    async def test_a_provider_builds(self, container: Container, name: str) -> None:
        provider = getattr(container, name)
        needs_actor = "actor" in _parameters(BUILT[name].provides)
        assert provider(an_actor()) if needs_actor else provider()

    def test_everything_is_a_factory_or_a_singleton(self) -> None:
        kinds = (providers.Factory, providers.BaseSingleton, providers.Dependency, providers.Callable)
        parts = {name for name, provider in Container.providers.items() if isinstance(provider, providers.Container)}
        assert parts == set(PARTS)
        whole = {**Container.providers}
        for part in PARTS.values():
            whole |= part.providers
        assert {name for name, provider in whole.items() if not isinstance(provider, kinds)} == parts

    async def test_use_cases_open_a_unit_of_work_for_each_caller(self, container: Container) -> None:
        actor: Actor = an_actor()
        first, second = container.work.task_unit_of_work(actor), container.work.task_unit_of_work(actor)
        assert first is not second

    def test_our_entrypoints_are_the_ones_that_are_imported(self) -> None:
        """A package on the index ships a module of the same name."""
        assert entrypoints.__file__ == str(SRC / "entrypoints" / "__init__.py")


def _parameters(provided: object) -> set[str]:
    return set(inspect.signature(provided).parameters)
