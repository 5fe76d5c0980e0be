"""Routes whose path reads like an id of the route beside it: `/tasks/import` is no task."""

from starlette.routing import Match
from starlette.types import Scope

from entrypoints.rest.caller import SignedInRoute


class SoleRoute(SignedInRoute):
    """A path that is this route's alone, whatever the method: another one is 405, and not asked of a route with an id
    in that place. It stands before those.
    """

    is_sole = True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route, but that the path is enough."""
        match, found = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), found
