"""Adapters have all that their ports ask for: what the container builds, no type checker compares."""

import inspect
from types import FunctionType

import pytest

from adapters.crypto.access_tokens import JwtAccessTokens
from adapters.crypto.passwords import Argon2Passwords
from adapters.crypto.refresh_tokens import DerivedRefreshTokens
from adapters.mail.addresses import ValidatedEmailAddresses
from adapters.sql.operating import SqlOperatorUnitOfWork
from adapters.sql.purging import SqlRemains
from adapters.sql.readers.companies import SqlCompanyReader
from adapters.sql.readers.events import SqlEventReader
from adapters.sql.readers.projects import SqlProjectReader
from adapters.sql.readers.tasks import SqlTaskReader
from adapters.sql.repositories.companies import SqlCompanyUnitOfWork
from adapters.sql.repositories.projects import SqlProjects, SqlProjectUnitOfWork
from adapters.sql.repositories.tasks import SqlTasks, SqlTaskUnitOfWork
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.system.clock import SystemClock
from adapters.system.ids import UuidV7Ids
from core.auth import ports as auth
from core.companies import ports as companies
from core.kernel import ports as kernel
from core.operations import ports as operations
from core.projects import ports as projects
from core.realtime import ports as realtime
from core.tasks import ports as tasks
from tests.fakes.addresses import PlainEmailAddresses
from tests.fakes.clock import SettableClock
from tests.fakes.companies import InMemoryCompanyReader, InMemoryCompanyUnitOfWork
from tests.fakes.events import InMemoryEventReader
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.ids import CountingIds
from tests.fakes.operations import InMemoryOperatorUnitOfWork, InMemoryRemains
from tests.fakes.passwords import CheapPasswords
from tests.fakes.projects import InMemoryProjectReader, InMemoryProjects, InMemoryProjectUnitOfWork
from tests.fakes.tasks import InMemoryTaskReader, InMemoryTasks, InMemoryTaskUnitOfWork
from tests.fakes.tokens import ReadableRefreshTokens, RememberedAccessTokens

ADAPTERS = [
    (kernel.Clock, SystemClock, SettableClock),
    (kernel.Ids, UuidV7Ids, CountingIds),
    (auth.Passwords, Argon2Passwords, CheapPasswords),
    (auth.EmailAddresses, ValidatedEmailAddresses, PlainEmailAddresses),
    (auth.AccessTokens, JwtAccessTokens, RememberedAccessTokens),
    (auth.RefreshTokens, DerivedRefreshTokens, ReadableRefreshTokens),
    (auth.IdentityUnitOfWork, SqlIdentityUnitOfWork, InMemoryIdentityUnitOfWork),
    (auth.ProfileReader, SqlCompanyReader, InMemoryCompanyReader),
    (companies.ContactAddresses, ValidatedEmailAddresses, PlainEmailAddresses),
    (companies.CompanyReader, SqlCompanyReader, InMemoryCompanyReader),
    (companies.CompanyUnitOfWork, SqlCompanyUnitOfWork, InMemoryCompanyUnitOfWork),
    (projects.Projects, SqlProjects, InMemoryProjects),
    (projects.ProjectUnitOfWork, SqlProjectUnitOfWork, InMemoryProjectUnitOfWork),
    (projects.ProjectReader, SqlProjectReader, InMemoryProjectReader),
    (tasks.Tasks, SqlTasks, InMemoryTasks),
    (tasks.TaskUnitOfWork, SqlTaskUnitOfWork, InMemoryTaskUnitOfWork),
    (tasks.TaskReader, SqlTaskReader, InMemoryTaskReader),
    (operations.OperatorUnitOfWork, SqlOperatorUnitOfWork, InMemoryOperatorUnitOfWork),
    (operations.Remains, SqlRemains, InMemoryRemains),
    (realtime.EventReader, SqlEventReader, InMemoryEventReader),
]
PAIRS = [(port, adapter) for port, *adapters in ADAPTERS for adapter in adapters]


class TestAdapters:
    @pytest.mark.parametrize(("port", "adapter"), PAIRS, ids=lambda each: each.__name__)
    def test_an_adapter_answers_each_call_of_its_port_as_the_port_spells_it(self, port: type, adapter: type) -> None:
        calls = {name: call for name, call in inspect.getmembers(port, inspect.isfunction) if _is_of_a_port(call)}
        missing = {name for name in calls if not hasattr(adapter, name)}
        assert missing == set()
        for name, call in calls.items():
            assert _parameters(getattr(adapter, name)) == _parameters(call), name

    def test_every_port_of_the_core_is_held_against_its_adapters(self) -> None:
        factories = {"OpenCompanyUnitOfWork", "OpenProjectUnitOfWork", "OpenTaskUnitOfWork"}
        abstract = {"UnitOfWork"}
        named = {port.__name__ for port, *_ in ADAPTERS}
        found = {
            name
            for module in (auth, companies, kernel, operations, projects, realtime, tasks)
            for name, port in inspect.getmembers(module, inspect.isclass)
            if getattr(port, "_is_protocol", False) and port.__module__ == module.__name__
        }
        assert found - factories - abstract == named


def _is_of_a_port(call: FunctionType) -> bool:
    return call.__module__.startswith("core.") and call.__name__ != "__init__" and not call.__name__.startswith("_no_")


def _parameters(call: object) -> list[tuple[str, object, object]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(call).parameters.values()]
