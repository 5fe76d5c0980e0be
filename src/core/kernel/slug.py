"""Short, plain-letter forms of names: company codes, project keys, usernames."""

import re
import unicodedata


def plain_words(text: str) -> list[str]:
    """The words of a text in ASCII letters and digits, accents folded; letters of other scripts are left out."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.findall(r"[A-Za-z0-9]+", folded)
