"""Live pages: the template functions `live` and `live_script`, and the script of the browser."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import pass_context
from markupsafe import Markup

from lback.core.app_controller import BEGAN_AT
from lback.core.exceptions import ConfigurationError, NotFound
from lback.core.response import Response
from lback.core.routing.route import Route
from lback.realtime.engines import engine_of
from lback.realtime.fragments import (
    fragment_name,
    is_per_viewer,
    open_room,
    render,
    render_shared,
)
from lback.realtime.positions import Position, encode_positions
from lback.realtime.rooms import check_name, find_room
from lback.realtime.task_progress import TEMPLATE, progress_of, room_of_task

if TYPE_CHECKING:
    from jinja2.runtime import Context

    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.router import Router
    from lback.core.templates import TemplateRenderer
    from lback.tasks import TaskHandle

logger = logging.getLogger(__name__)

ROUTE = "lback-live-script"
# The connection of a page hears this many rooms.
MOST_ROOMS = 20
_PAGE = "lback_live_page"
_SCRIPT = Path(__file__).with_name("assets") / "live.js"


class LivePages:
    """Renders the fragments of live pages, and serves the script; made by `add_live_pages`.

    Args:
        services: Returns the services of the application by name.
    """

    def __init__(self, services: Callable[[], Mapping[str, Any]]) -> None:
        self._services = services

    @pass_context
    def live(
        self,
        context: "Context",
        room: str,
        template: str,
        /,
        *,
        key: str = "",
        element: str = "div",
        **values: object,
    ) -> Markup:
        """Render a fragment and keep it up to date; `live` in templates.

        `publish_fragment` with the same room, template and key swaps it later. The fragment is
        rendered with the given variables, the global variables of templates and `csrf_input`; if
        the rule of the room has `per_viewer=True`, also with `request` and what depends on it.

        Args:
            context: The context of the page.
            room: Name of the room.
            template: Name of the template of the fragment.
            key: Distinguishes fragments of one template in one room.
            element: Name of the element around the fragment, such as "tbody".
            **values: Variables for the template.

        Returns:
            The element, followed by the script if it is the first one of the page.

        Raises:
            ConfigurationError: No rule matches the room.
            ValueError: The name of the room or the element is malformed, or `request` is given for
                a room that is rendered for all.
            Exception: Whatever the template raised.
        """
        return self._fragment(context, room, template, values, key=key, element=element)

    def _fragment(
        self,
        context: "Context",
        room: str,
        template: str,
        values: dict[str, object],
        *,
        key: str = "",
        element: str = "div",
    ) -> Markup:
        if not element.isalnum():
            raise ValueError(f"live() takes the name of an element such as 'ul', not {element!r}")
        services = self._services()
        engine = engine_of(services)  # built first, because this imports the rules
        rule = find_room(check_name(room))
        if rule is None:
            raise ConfigurationError(
                f"no rule matches the room {room!r}, so no page may subscribe to it: declare one "
                f"with @room in rooms.py of an app or of the project"
            )
        if rule[0].options.on_demand:
            open_room(engine, room, fragment_name(template, key))
        request: Request | None = context.get("request")
        if is_per_viewer(services, rule[0].options):
            inner = render(services, template, {"request": request, **values})
        else:
            inner = render_shared(services, template, values, request)
        page = _page_of(request)
        attributes = ""
        if page.add(room):
            attributes = _attributes(
                lback_room=room,
                lback_fragment=fragment_name(template, key),
                lback_position=page.position(room),
            )
        script = self._script(context, page)
        return Markup("<{0}{1}>{2}</{0}>{3}").format(element, attributes, inner, script)

    @pass_context
    def task_progress(self, context: "Context", task: "str | TaskHandle") -> Markup:
        """Show the progress of a background task and follow it; `task_progress` in templates.

        Args:
            context: The context of the page.
            task: The task, or its id.

        Raises:
            ConfigurationError: No rule matches the room `task-` and the id, or the setting `TASKS`
                is empty.
        """
        task_id = task if isinstance(task, str) else task.id
        values = progress_of(self._services(), task_id)
        return self._fragment(context, room_of_task(task_id), TEMPLATE, values)

    @pass_context
    def live_events(self, context: "Context", *rooms: str) -> str:
        """Return the URL of the events of rooms, with fragments as HTML; for htmx.

        It begins where the page was read. The events of fragments have the name of the template
        and carry its HTML; all others are as `publish` published them.

        Args:
            context: The context of the page.
            *rooms: Names of rooms.

        Raises:
            ValueError: The name of a room is malformed.
        """
        page = _page_of(context.get("request"))
        position = ",".join(page.position(check_name(room)) for room in rooms)
        names = [("room", room) for room in rooms]
        query = urlencode([*names, ("html", "1"), ("last_event_id", position)])
        return f"{self._services()['config'].REALTIME_PATH}events?{query}"

    @pass_context
    def live_script(self, context: "Context", *rooms: str) -> Markup:
        """Load the script and subscribe the page to rooms; `live_script` in templates.

        For pages that receive messages of an application and show no fragment, or before the first
        fragment. It is rendered once for a page.

        Args:
            context: The context of the page.
            *rooms: Names of rooms whose messages the page wants as `lback:message`.

        Raises:
            ValueError: The name of a room is malformed.
        """
        page = _page_of(context.get("request"))
        wanted = [check_name(room) for room in rooms if page.add(room)]
        if page.has_script and wanted:
            raise ValueError(
                f"live_script({', '.join(map(repr, rooms))}) comes after the script of the page: "
                "put it before the first live(), such as in <head>"
            )
        return self._script(context, page, wanted)

    def _script(
        self, context: "Context", page: "_Page", rooms: "list[str] | None" = None
    ) -> Markup:
        if page.has_script:
            return Markup("")
        page.has_script = True
        router: Router = self._services()["router"]
        prefix = self._services()["config"].REALTIME_PATH.rstrip("/")
        positions = ",".join(page.position(room) for room in rooms or ())
        attributes = _attributes(
            src=router.reverse(ROUTE, version=_script()[1]),
            nonce=context.get("csp_nonce"),
            lback_events=f"{prefix}/events",
            lback_rooms=" ".join(rooms or ()),
            lback_position=positions,
        )
        return Markup("<script{} defer></script>").format(attributes)


class _Page:
    """What has been rendered of the page of a request.

    Attributes:
        rooms: The rooms to which it is subscribed.
        has_script: Whether the script is in it.
    """

    def __init__(self, started: float) -> None:
        self.rooms: dict[str, None] = {}
        self.has_script = False
        self._started = started

    def add(self, room: str) -> bool:
        """Add a room; return False if the page has too many."""
        if room not in self.rooms and len(self.rooms) >= MOST_ROOMS:
            logger.warning("page has more than %d rooms: %r is not live", MOST_ROOMS, room)
            return False
        self.rooms[room] = None
        return True

    def position(self, room: str) -> str:
        # Data that the view read cannot be older than its request.
        return encode_positions({room: Position(at=self._started)})


def _page_of(request: "Request | None") -> _Page:
    if request is None:
        return _Page(time.time())
    page: _Page | None = request.get_context(_PAGE)
    if page is None:
        page = _Page(request.get_context(BEGAN_AT) or time.time())
        request.add_context(_PAGE, page)
    return page


def _attributes(**values: object) -> Markup:
    """Return attributes of an element; names with `lback_` are those of data, empty ones not."""
    return Markup("").join(
        Markup(' {}="{}"').format(
            f"data-{name.replace('_', '-')}" if name.startswith("lback_") else name, str(value)
        )
        for name, value in values.items()
        if value is not None and str(value)
    )


@lru_cache(1)
def _script() -> tuple[bytes, str]:
    """Return the script and its version, which is part of its URL."""
    text = _SCRIPT.read_bytes()
    return text, hashlib.sha256(text).hexdigest()[:12]


def send_script(request: "Request", version: str) -> Response:  # noqa: ARG001  a view
    """Serve the script of live pages with `immutable` caching.

    Args:
        request: The request.
        version: Version in the URL.

    Raises:
        NotFound: This is not its version.
    """
    text, current = _script()
    if version != current:
        raise NotFound
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, 200, headers, "text/javascript; charset=utf-8")


def add_live_pages(
    config: "Config",
    renderer: "TemplateRenderer",
    router: "Router",
    services: Callable[[], Mapping[str, Any]],
) -> None:
    """Add the template functions and the route of the script to an application.

    Args:
        config: The settings.
        renderer: Its templates.
        router: Its routes.
        services: Returns its services by name, once they are there.
    """
    pages = LivePages(services)
    # Templates from a database do not get them: they could render any other template.
    for function in (pages.live, pages.live_events, pages.live_script, pages.task_progress):
        renderer.environment.globals[function.__name__] = function
    # Beside the path of the connections, which a proxy passes to another process.
    path = f"{config.REALTIME_PATH.rstrip('/')}-live/{{version}}.js"
    router.add(Route(path, send_script, ["GET"], ROUTE, False))
