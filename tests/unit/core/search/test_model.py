import pytest

from core.kernel.errors import Invalid
from core.search.errors import TooManyWords
from core.search.model import EXCERPTED, Question, excerpt, words_of


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Draw the Front-page!", ("draw", "the", "front", "page")),
            ("snake_case and C3PO", ("snake", "case", "and", "c3po")),
            ("Größe, ÉTÉ; Ёлка", ("grosse", "ete", "елка")),
            (
                "STRAẞE Łódź Søren Æble cœur Đurđa Þór ısı",
                ("strasse", "lodz", "soren", "aeble", "coeur", "durda", "thor", "isi"),
            ),
            ("e\u0301te\u0301", ("ete",)),
            ("ΟΔΟΣ οδός", ("οδοσ", "οδοσ")),
            ("ﬁne ２０２６ x²", ("fine", "2026", "x2")),
            ("東京 での", ("東", "京", "で", "の")),
            ("한국어 검색", ("한국어", "검색")),
            ("a🎉b", ("a", "b")),
            ("& | ! :* '", ()),
            ("", ()),
            ("x" * 100, ("x" * 64,)),
        ],
    )
    def test_they_are_runs_of_letters_and_digits_folded(self, text: str, words: tuple[str, ...]) -> None:
        assert words_of(text) == words


class TestQuestions:
    @pytest.mark.parametrize("text", ["", "   ", "x" * 201])
    def test_its_text_has_1_to_200_characters(self, text: str) -> None:
        with pytest.raises(Invalid) as refused:
            Question.of(text)
        assert [fault.parameter for fault in refused.value.faults] == ["q"]

    def test_it_has_ten_words_at_most(self) -> None:
        assert len(Question.of("a b c d e f g h i j").words) == 10
        assert len(Question.of("プロジェクト管理システム").words) == 12
        with pytest.raises(TooManyWords) as refused:
            Question.of("a-b-c-d-e f g h i j k")
        assert [fault.parameter for fault in refused.value.faults] == ["q"]

    @pytest.mark.parametrize(
        ("text", "key"),
        [(" web-12 ", "web-12"), ("WEB-012", None), ("WEB-12 x", None), ("W-1", None), ("WEB-", None), ("web", None)],
    )
    def test_a_task_is_named_by_a_key_that_stands_alone(self, text: str, key: str | None) -> None:
        assert Question.of(text).task_key == key

    def test_the_last_word_may_be_only_begun(self) -> None:
        question = Question.of("front pa")
        assert question.fits("A page in FRONT")
        assert not question.fits("A pa in fronts")
        assert not question.fits("front")

    def test_without_a_word_it_fits_nothing(self) -> None:
        assert not Question.of("!").fits("! anything")
        assert Question.of("!").marked("! <x>") == "! &lt;x&gt;"
        assert not Question.of("!").finds("x")


class TestMarking:
    @pytest.mark.parametrize(
        ("text", "asked", "marked"),
        [
            ("Draw the front page", "front", "Draw the <mark>front</mark> page"),
            ("FRONT, fronts", "front", "<mark>FRONT</mark>, <mark>fronts</mark>"),
            ("fronts of pages", "front pages", "fronts of <mark>pages</mark>"),
            ("<b>Café</b> & 'tea'", "cafe", "&lt;b&gt;<mark>Café</mark>&lt;/b&gt; &amp; &#x27;tea&#x27;"),
            ("Cafe\u0301", "café", "<mark>Cafe\u0301</mark>"),
            ("<mark>x</mark>", "mark", "&lt;<mark>mark</mark>&gt;x&lt;/<mark>mark</mark>&gt;"),
            ("on\ntwo  \t lines", "lines", "on two <mark>lines</mark>"),
            ("東京都", "京", "東<mark>京</mark>都"),
            ("nothing", "else", "nothing"),
            ("", "else", ""),
        ],
    )
    def test_words_that_are_looked_for_are_marked_and_all_else_is_escaped(
        self, text: str, asked: str, marked: str
    ) -> None:
        assert Question.of(asked).marked(text) == marked


class TestExcerpts:
    def test_a_short_text_is_shown_whole(self) -> None:
        assert excerpt("Draw the front page", Question.of("front")) == "Draw the front page"

    def test_of_a_long_one_the_part_around_the_first_word_is(self) -> None:
        text = f"{'a' * 100} front {'b' * 400}"
        found = excerpt(text, Question.of("front"))
        assert found == "…" + text[41:281] + "…"

    def test_of_one_that_holds_no_word_nothing_is(self) -> None:
        assert excerpt("Draw", Question.of("front")) is None
        assert excerpt(f"{'a' * (EXCERPTED - 6)} front", Question.of("front")) is not None
        assert excerpt(f"{'a' * (EXCERPTED - 4)} front", Question.of("front")) is None

    def test_without_a_word_in_it_the_title_is_shown(self) -> None:
        question = Question.of("front")
        assert question.shown("The front", "of the front") == "of the <mark>front</mark>"
        assert question.shown("The front", "of it") == question.shown("The front", None) == "The <mark>front</mark>"
        assert question.shown("<mark>", "<mark>") == "&lt;mark&gt;"
