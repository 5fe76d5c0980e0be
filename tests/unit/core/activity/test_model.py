import importlib
import pkgutil
from dataclasses import fields
from typing import Any

import core
from core.activity.model import deed_of
from core.kernel.events import Fact


def facts(kind: type[Any] = Fact) -> set[type[Any]]:
    """All kinds of facts that the product tells."""
    for found in pkgutil.walk_packages(core.__path__, "core."):
        importlib.import_module(found.name)
    below = {each for child in kind.__subclasses__() for each in facts_of(child)}
    return {each for each in below if each.__module__.startswith("core.")}


def facts_of(kind: type[Any]) -> set[type[Any]]:
    own = {kind} if isinstance(vars(kind).get("event"), str) else set()
    return own | {each for child in kind.__subclasses__() for each in facts_of(child)}


class TestDeeds:
    def test_every_fact_tells_what_was_done_to_which_thing(self) -> None:
        assert len(facts()) > 30
        for kind in facts():
            names = {field.name for field in fields(kind)} - {"changes"}
            deed = deed_of(kind.event, dict.fromkeys(names, "x"))
            assert deed.action and deed.entity, kind.event
            assert deed.entity_id == "x", f"{kind.event}: core/activity/model.py cannot say which thing that is of"

    def test_a_move_tells_what_differs(self) -> None:
        body = {"task_id": "t", "old_status": "todo", "new_status": "done", "old_column_id": "c", "new_column_id": "c"}
        assert deed_of("task_moved", body) == ("moved", "task", "t", {"status": {"old": "todo", "new": "done"}})

    def test_changes_are_told_as_they_stand_in_the_event(self) -> None:
        changes = {"title": {"old": "a", "new": "b"}}
        assert deed_of("task_updated", {"task_id": "t", "changes": changes}).changes == changes
        assert deed_of("columns_ordered", {"project_id": "p"}) == ("ordered", "board", "p", {})
        assert deed_of("project_member_added", {"project_id": "p"}).action == "member_added"
