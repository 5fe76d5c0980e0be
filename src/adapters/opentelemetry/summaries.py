"""What a statement is called in a trace: what it does to which tables, never a value."""

import re
from functools import lru_cache

# `on conflict do update set` and `for update of` are no statements of their own.
_DOES = re.compile(
    r"\b(?:(?P<verb>insert)\s+into|(?<!do )(?<!for )(?P<update>update)|(?P<delete>delete)\s+from|from|join)"
    r"\s+(?:only\s+)?(?:\w+\.)?(?P<name>[a-z_][a-z_0-9]*)",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\s*([a-z]+(?: (?:local|isolation))?)", re.IGNORECASE)
_NO_TABLES = frozenset({"set", "select", "lateral", "unnest", "of"})
_MOST = 120


@lru_cache(maxsize=2048)
def summary(text: str) -> str:
    """`SELECT tasks projects`, `INSERT events`, `BEGIN`: made of keywords and names of tables alone."""
    first = _FIRST.match(text)
    verb = first[1].upper() if first else "SQL"
    tables: list[str] = []
    for found in _DOES.finditer(text):
        name = found["name"].lower()
        changes = found["verb"] or found["update"] or found["delete"]
        if name in _NO_TABLES:
            continue
        if changes and verb in ("WITH", "SELECT"):
            # What a CTE is there for is the change, not the reading around it.
            verb, tables = changes.upper(), []
        if name not in tables:
            tables.append(name)
    return " ".join((verb, *tables))[:_MOST]
