"""The route of server-sent events, as middlewares and rules see it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    ServiceUnavailable,
)
from lback.core.routing.route import Route
from lback.core.routing.websocket_route import HANDSHAKE, Handshake
from lback.realtime.limits import MOST_ROOMS
from lback.realtime.rooms import ADMIN_USER, allows_entry

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.router import Router

NAME = "realtime-events"


def events_path(config: "Config") -> str:
    """Return the path of server-sent events, such as `/realtime/events`."""
    return f"{config.REALTIME_PATH}events"


def events(request: "Request") -> "Response":
    """Answer a request that has not reached the realtime process with 503.

    Args:
        request: The request.

    Raises:
        ServiceUnavailable: Always.
    """
    del request
    raise ServiceUnavailable(
        "Events are sent by the realtime process: see lback serve and lback realtime",
        headers={"Retry-After": "5"},
    )


class EventRoute(Route):
    """The route of server-sent events: a GET with the names of rooms.

    Args:
        config: The settings.
        services: Services of the application, for the rules of rooms.
    """

    def __init__(self, config: "Config", services: Mapping[str, Any]) -> None:
        super().__init__(events_path(config), events, ["GET"], NAME, requires_auth=False)
        self._services = services

    def add_to(self, router: "Router") -> None:
        """Add the route before those of the project, whose patterns may match its path as well.

        Args:
            router: All routes of the application.

        Raises:
            ConfigurationError: A route of the project has the same path.
        """
        for route in router.routes:
            if route.path == self.path:
                raise ConfigurationError(
                    f"{route!r} has the address of the events of rooms, {self!r}: requests for it "
                    "would never reach the view. Give the route another path, or set "
                    'REALTIME_PATH, such as REALTIME_PATH = "/live/"'
                )
        router.add_first(self)

    def build_endpoint(self, _: Mapping[str, object]) -> Callable[..., object]:
        """Return the function that is called for a request."""

        def enter(request: "Request", params: dict[str, Any]) -> "Response":
            handshake: Handshake | None = request.environ.get(HANDSHAKE)
            if handshake is None:
                return events(request)
            rooms = rooms_of(request)
            admin_user = partial(request.get_context, ADMIN_USER)
            for room in rooms:
                if not allows_entry(self._services, request.user, room, admin_user):
                    raise Forbidden(f"the room {room[:60]!r} is not open to this user")
            as_html = request.query_params.get("html") == "1"
            return handshake.accept(request, self, {**params, "rooms": rooms, "html": as_html})

        return enter


def rooms_of(request: "Request") -> list[str]:
    """Return the rooms that a request names, each once.

    Raises:
        BadRequest: There are none, or too many.
    """
    rooms = list(dict.fromkeys(request.query_params.getlist("room")))
    if not 1 <= len(rooms) <= MOST_ROOMS:
        raise BadRequest(f"name 1 to {MOST_ROOMS} rooms: ?room=A&room=B")
    return rooms
