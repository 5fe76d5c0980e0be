"""Checks of `flowtrack doctor`: the database, its roles, and what is sealed in it."""

from collections.abc import Iterator

from core.operations.read_models import Finding
from entrypoints.cli.examination import Examination, failed, ok, warning
from entrypoints.container import CONNECTIONS, ISOLATION, newest_revision

_CLOCKS_MAY_DIFFER = 2.0  # seconds
_CLOCKS_MUST_NOT_DIFFER = 30.0  # seconds


def database(given: Examination) -> Iterator[Finding]:
    facts = given.facts
    if facts is None:
        if given.away:
            yield failed(
                f"the database cannot be asked: {given.away}",
                "start it, or mend FLOWTRACK_DATABASE_URL: postgresql://role:password@host:5432/database",
            )
        else:
            yield ok("not asked, since it does not run")
        return
    if facts.is_old:
        yield failed(f"PostgreSQL {facts.major} is too old", "upgrade to PostgreSQL 15 to 18")
    elif not facts.is_known_major:
        yield warning(f"PostgreSQL {facts.major} is newer than this release knows", "use PostgreSQL 15 to 18")
    else:
        yield ok(f"PostgreSQL {facts.major} answers")


def role(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    if facts.refused_role:
        said, _, fix = facts.refused_role.partition(": ")
        yield failed(said, fix)
    else:
        yield ok(f"{facts.role} is bound by the tenant wall")


def revision(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    needed = newest_revision()
    if facts.revision is None or facts.revision < needed:
        yield failed(
            f"the database is at revision {facts.revision or 'none'}, and {needed} is needed", "flowtrack migrate"
        )
    elif facts.revision > needed:
        yield warning(
            f"the database is at revision {facts.revision}, newer than this release's {needed}", "upgrade this process"
        )
    else:
        yield ok(f"the database is at revision {needed}")


def connections(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    count = given.settings.workers
    needed = count * CONNECTIONS
    if needed > facts.most_connections:
        yield warning(
            f"{count} server processes take up to {CONNECTIONS} connections each, {needed} in all, and {facts.role} "
            f"may have {facts.most_connections}",
            "raise max_connections of PostgreSQL (or the limit of the role or database), lower FLOWTRACK_WORKERS, or "
            "put PgBouncer in front",
        )
    else:
        yield ok(f"{needed} connections at most, of {facts.most_connections} that {facts.role} may have")


def isolation(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    if facts.isolation != ISOLATION:
        yield failed(f"{facts.role} starts with {facts.isolation}, and reads need {ISOLATION}", "flowtrack migrate")
    else:
        yield ok(f"transactions begin as {ISOLATION}")


def letters(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    if facts.knows_letters:
        yield ok("the database knows the letters of all alphabets")
    else:
        yield warning(
            "the database knows no letters but A to Z: words of other alphabets are found only as they were written",
            "back it up, and restore it into a database that was made with: template template0 encoding 'UTF8'"
            " locale 'C.UTF-8'",
        )


def clock(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    ahead = facts.seconds_ahead
    said = f"the database's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    fix = "keep the time by NTP on both: timedatectl set-ntp true"
    if abs(ahead) > _CLOCKS_MUST_NOT_DIFFER:
        yield failed(said, fix)
    elif abs(ahead) > _CLOCKS_MAY_DIFFER:
        yield warning(said, fix)
    else:
        yield ok("the database's clock and this machine's agree")


def migration_role(given: Examination) -> Iterator[Finding]:
    owner = given.owner
    if owner is None:
        if given.owner_away:
            yield failed(f"the migrating role cannot ask: {given.owner_away}", "mend FLOWTRACK_MIGRATION_DATABASE_URL")
        elif not given.settings.is_embedded:
            yield ok("FLOWTRACK_MIGRATION_DATABASE_URL is not set: migrate, backup and restore elsewhere")
        return
    found = []
    if not owner.makes_roles:
        found.append(
            failed(f"{owner.role} may not make roles", f'as a superuser: alter role "{owner.role}" createrole')
        )
    if not owner.owns_tables:
        found.append(
            failed(f"{owner.role} does not own the tables", "name their owner in FLOWTRACK_MIGRATION_DATABASE_URL")
        )
    if given.facts is not None and given.facts.place != owner.place:
        found.append(
            failed(
                "FLOWTRACK_DATABASE_URL and FLOWTRACK_MIGRATION_DATABASE_URL name two databases",
                "name the same host and database in both",
            )
        )
    if owner.hidden_from_backups:
        found.append(warning("a backup would not see all tables", "flowtrack migrate"))
    yield from found or [ok(f"{owner.role} migrates and makes backups")]


def sealed_secrets(given: Examination) -> Iterator[Finding]:
    if (facts := given.facts) is None:
        return
    opened = facts.opening
    if opened is None:
        yield ok("nothing is sealed yet, or there is no secret key yet")
        return
    for column, count in opened.closed.items():
        yield failed(
            f"{count} of {column} cannot be opened with FLOWTRACK_SECRET_KEY",
            "set FLOWTRACK_SECRET_KEY, or FLOWTRACK_SECRET_KEY_PREVIOUS, to the key that this database was made with; "
            "where it is lost, `flowtrack rekey --rotate-signing-key` makes a new signing key",
        )
    if opened.previous:
        yield warning(f"{opened.previous} stored secrets are sealed with the previous key", "flowtrack rekey")
    elif not opened.closed:
        yield ok(f"all {opened.present} stored secrets open with the present key")
