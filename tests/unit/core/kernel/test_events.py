import re
import inspect

from core.companies import events as companies
from core.kernel.events import Channel, Fact
from core.projects import events as projects
from core.tasks import events as tasks
from core.users import events as users
from tests.builders import an_id
from tests.unit.architecture.sources import ROOT

FACTS = [
    fact
    for module in (companies, users, projects, tasks)
    for _, fact in inspect.getmembers(module, inspect.isclass)
    if issubclass(fact, Fact) and "event" in vars(fact)
]


class TestFacts:
    def test_each_has_a_name_of_its_own_that_says_what_happened(self) -> None:
        names = [fact.event for fact in FACTS]
        assert sorted(names) == sorted(set(names))
        assert all(re.search(r"_([a-z]+ed|left)$", name) for name in names)

    def test_each_is_in_the_table_of_the_documentation_with_its_channel(self) -> None:
        table = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
        missing = {fact.event for fact in FACTS if f"| `{fact.event}` | `{fact.channel}` |" not in table}
        assert missing == set()

    def test_each_goes_out_on_one_channel(self) -> None:
        assert all(isinstance(fact.channel, Channel) for fact in FACTS)
        assert tasks.TaskMoved.channel is Channel.KANBAN
        assert tasks.TaskCreated.channel is Channel.TASKS
        assert projects.ProjectUpdated.channel is Channel.PROJECTS

    def test_none_is_changed_afterwards(self) -> None:
        assert all(fact.__dataclass_params__.frozen for fact in FACTS)

    def test_a_body_is_its_flat_fields(self) -> None:
        user_id = an_id()
        fact = users.UserCreated(user_id=user_id, name="Ann", username="ann", role="member", version=1)
        assert fact.body() == {"user_id": user_id, "name": "Ann", "username": "ann", "role": "member", "version": 1}

    def test_a_projects_end_names_its_members_and_does_not_list_them(self) -> None:
        members = (an_id(), an_id())
        fact = projects.ProjectDeleted(project_id=an_id(), key="WEB", name="Website", version=2, members=members)
        assert fact.audience().named == members
        assert fact.audience().project_id is None
        assert "members" not in fact.body()
