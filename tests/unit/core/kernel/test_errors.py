import pytest

from core.kernel.errors import (
    Conflict,
    Fault,
    FieldReadOnly,
    Forbidden,
    Invalid,
    NotFound,
    ReferenceNotFound,
    Stale,
    answers,
    refusals_of,
)


class TestRefusal:
    def test_it_says_its_title_unless_there_is_more_to_say(self) -> None:
        assert Conflict().detail == Conflict.title
        assert str(Conflict("The cycle is closed.")) == "The cycle is closed."

    def test_it_points_at_what_is_wrong(self) -> None:
        fault = Fault("too long", pointer="/name")
        assert Invalid(faults=(fault,)).faults == (fault,)
        assert ReferenceNotFound(pointer="/assigned_to").faults[0].pointer == "/assigned_to"
        assert FieldReadOnly(pointer="/key").faults[0].pointer == "/key"

    def test_a_stale_version_says_the_present_tag(self) -> None:
        assert Stale(current="4.abc").current == "4.abc"


class TestAnswers:
    def test_a_verb_says_which_refusals_it_raises(self) -> None:
        @answers(NotFound, Forbidden)
        def verb() -> None: ...

        assert refusals_of(verb) == (NotFound, Forbidden)

    def test_a_function_that_declares_nothing_has_none(self) -> None:
        assert refusals_of(pytest.fail) == ()
