"""Each verb of a use case says what it refuses, and its docstring is the endpoint's description."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.kernel.actor import Actor, System, Visitor
from core.kernel.errors import Refusal, refusals_of
from tests.unit.architecture.sources import modules


def use_cases() -> Iterator[type]:
    for module in modules():
        if module.is_in("core") and "use_cases" in module.name:
            for name, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if name.endswith("UseCases") and found.__module__ == module.name:
                    yield found


def verbs() -> list[Callable[..., Any]]:
    return [
        verb
        for each in use_cases()
        for name, verb in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    ]


class TestUseCases:
    def test_there_are_some(self) -> None:
        assert {each.__name__ for each in use_cases()} >= {"AuthUseCases", "ProjectUseCases", "TaskUseCases"}

    @pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.__qualname__)
    def test_a_verb_declares_what_it_refuses_and_describes_itself(self, verb: Callable[..., Any]) -> None:
        assert hasattr(verb, "refusals"), "@answers is missing"
        assert all(issubclass(refusal, Refusal) for refusal in refusals_of(verb))
        assert len(set(refusals_of(verb))) == len(refusals_of(verb))
        documentation = inspect.getdoc(verb) or ""
        assert documentation[:1].isupper() and documentation.endswith(".")

    @pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.__qualname__)
    def test_a_verb_takes_its_caller_first(self, verb: Callable[..., Any]) -> None:
        # A token is who calls, where nobody is signed in yet.
        callers = (Actor, Actor | None, System, Visitor, str, str | None)
        first = list(inspect.signature(verb).parameters.values())[1]
        assert first.annotation in callers

    def test_a_verb_that_only_reads_is_asked_again_when_the_role_is_outdated(self) -> None:
        reads = {"list", "get", "me", "after", "progress", "tag"}
        outside = {
            "EmailDomainUseCases.get",  # asks `list`, which does
            "OidcConnectionUseCases.get",  # and so does this
        }
        plain = {verb.__qualname__ for verb in verbs() if verb.__name__ in reads and not hasattr(verb, "__wrapped__")}
        assert plain == outside
