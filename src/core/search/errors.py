from core.kernel.errors import Fault, Invalid


class TooManyWords(Invalid):
    code = "search.too_many_words"
    title = "A search has 10 words at most"

    def __init__(self) -> None:
        super().__init__(faults=(Fault("has more than 10 words", parameter="q"),))
