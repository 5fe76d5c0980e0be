"""Who may do what with a company's connections to providers and its domains, and where a sign-in may lead."""

from urllib.parse import urlsplit
from uuid import UUID

from core.companies.errors import CompanyNotFound
from core.kernel.actor import Actor, Role
from core.kernel.errors import Forbidden
from core.oidc.errors import OwnersAlone

# What browsers and libraries read in different ways.
_AMBIGUOUS = frozenset(" \\\"'<>^`{|}#")


def ensure_here(actor: Actor, company_id: UUID) -> None:
    """Of no company but the one that the caller acts in anything is told. Raises CompanyNotFound."""
    if company_id != actor.company_id:
        raise CompanyNotFound


def authorise_administration(actor: Actor) -> None:
    """Owners and admins see and change them."""
    if not actor.administers:
        raise Forbidden


def authorise_entrance(actor: Actor) -> None:
    """Owners alone decide who else gets in: an admin must not shut them out."""
    if actor.role is not Role.OWNER:
        raise OwnersAlone


def may_return_to(address: str, allowed: tuple[str, ...]) -> bool:
    """Whether a browser may be sent there after signing in: to one of the allowed addresses, or below one of them that
    ends with a slash. The query is the caller's own.
    """
    if not address.isascii() or not address.isprintable() or set(address) & _AMBIGUOUS or len(address) > 2000:
        return False
    try:
        given = urlsplit(address)
        if given.scheme not in ("http", "https") or not given.hostname or "@" in given.netloc or given.port == 0:
            return False
    except ValueError:
        return False
    # Servers may take `%2e%2e` for a step up too.
    path = given.path or "/"
    if any(part in ("..", ".") for part in path.lower().replace("%2e", ".").replace("%2f", "/").split("/")):
        return False
    for each in allowed:
        one = urlsplit(each)
        same_place = (one.scheme, one.netloc.lower()) == (given.scheme, given.netloc.lower())
        one_path = one.path or "/"
        if same_place and (path == one_path or (one_path.endswith("/") and path.startswith(one_path))):
            return True
    return False
