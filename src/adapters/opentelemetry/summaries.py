"""What a statement is called in a trace: what it does to which tables, never a value."""

import re
from functools import lru_cache

_NAME = r"(?:\s+(?:lateral|only)\b)*\s+(?:\w+\.)?(?!(?:lateral|only)\b)([a-z_][a-z_0-9]*)"
# `on conflict do update set`, `for update of` and `for no key update of` change nothing by themselves.
_CHANGES = re.compile(
    rf"\b(insert(?=\s+into)|(?<!do )(?<!for )(?<!no key )update|delete(?=\s+from))(?:\s+into|\s+from)?{_NAME}",
    re.IGNORECASE,
)
_READS = re.compile(rf"\b(?:from|join){_NAME}", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_VERB = re.compile(r"\s*([a-z]+)", re.IGNORECASE)
_MOST = 120


@lru_cache(maxsize=2048)
def summary(text: str) -> str:
    """`SELECT tasks projects`, `UPDATE event_sequences, INSERT events`, `BEGIN`: keywords and names of tables alone."""
    text = _LITERAL.sub("''", text)
    changes = [f"{verb.upper()} {table}" for verb, table in _CHANGES.findall(text)]
    if changes:
        return ", ".join(dict.fromkeys(changes))[:_MOST]
    verb = _VERB.match(text)
    said = verb[1].upper() if verb else "SQL"
    tables = dict.fromkeys(table for table in _READS.findall(text) if table.lower() not in ("select", "unnest"))
    return " ".join(("SELECT" if said == "WITH" else said, *tables))[:_MOST]
