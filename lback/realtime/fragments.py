"""Fragments of pages: rendered once for a room, and published to the pages that show them."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from lback.core.exceptions import ConfigurationError
from lback.core.unit_of_work import current
from lback.realtime.engines import engine_of
from lback.realtime.messages import encode_data
from lback.realtime.positions import Position
from lback.realtime.publishing import publish_event, services_here
from lback.realtime.rooms import check_name, options_of
from lback.time_zones import use_zone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.core.request import Request
    from lback.core.templates import TemplateRenderer
    from lback.realtime.engines import Engine
    from lback.realtime.rooms import RoomOptions

logger = logging.getLogger(__name__)

# Names of the events of fragments, which messages of an application cannot have.
FRAGMENT, REFRESH = "fragment", "refresh"
# Bytes of a message beside the text of the fragment.
_ENVELOPE = 2000

# A published fragment has no token of a visitor: the script puts that of the page in.
_NO_TOKEN = Markup('<input type="hidden" name="csrf_token" value="" data-lback-csrf>')


class _NoToken:
    """`csrf_token` in a fragment: the token of one visitor must not reach the others."""

    def __init__(self, template: str) -> None:
        self._template = template

    def __html__(self) -> str:
        raise ConfigurationError(
            f"the fragment {self._template!r} uses csrf_token, which others would receive: use "
            "{{ csrf_input }}, which each page fills in, or declare the room with per_viewer=True"
        )

    __str__ = __html__


def publish_fragment(room: str, template: str, /, *, key: str = "", **context: object) -> None:
    """Render a fragment and swap it in the pages that show it by `live`, after the commit.

    It is published in the current transaction, as by `publish`. The template is rendered once, at
    once, with the context that is given, with the global variables of templates, and with
    `csrf_input`: there is no `request` and no user, because others see the result. Rows of the
    context are read again from the database before, so that changes of others that were committed
    meanwhile are shown.

    Where the rule of the room has `per_viewer=True`, or the application has several languages,
    nothing is rendered: the pages fetch their
    fragment again, each with the rights of its own visitor. The same is done for a fragment that
    is longer than `REALTIME_MESSAGE_BYTES` allows.

    Args:
        room: Name of the room.
        template: Name of the template, the same as in `live`.
        key: Distinguishes fragments of one template in one room; the same as in `live`.
        **context: Variables for the template.

    Raises:
        ConfigurationError: The setting `REALTIME` is empty, or the template uses `csrf_token`.
        ValueError: The name of the room is malformed, or the context has `request`.
        TemplateNotFound: The template does not exist.
        Exception: Whatever the template raised.

    Example:
        >>> from lback.realtime import publish_fragment
        >>> def add_comment(request, ticket):
        ...     publish_fragment("ticket-42", "tickets/_comments.html", ticket=ticket)
    """
    services = services_here()
    engine = engine_of(services)
    name = fragment_name(template, key)
    if is_per_viewer(services, options_of(check_name(room))):
        publish_event(room, {"event": REFRESH, "fragment": name})
        return
    after = _prepare(engine, room, context)
    html = str(render_shared(services, template, context))
    publish_event(room, _event_of(engine, name, html, after))


def publish_now(
    services: Mapping[str, Any], room: str, template: str, context: Mapping[str, object]
) -> None:
    """Render a fragment and publish it in a transaction of its own; see `publish_fragment`.

    Args:
        services: Services of the application, by name.
        room: Name of the room.
        template: Name of the template.
        context: Variables for the template.
    """
    engine = engine_of(services)
    name = fragment_name(template, "")
    data: dict[str, object] = {"event": REFRESH, "fragment": name}
    if not is_per_viewer(services, options_of(room)):
        after = _text_of(engine.position(room))
        data = _event_of(engine, name, str(render_shared(services, template, context)), after)
    engine.append(None, {room: [encode_data(data, engine.limits.message_bytes)]})


def open_room(engine: "Engine", room: str, name: str) -> None:
    """Begin a room of which nothing is published before a page shows it.

    The page is told to fetch the fragment once: what changed before the room began was not
    published, and may be missing in what the page shows.

    Args:
        engine: The engine.
        room: Name of the room.
        name: Name of the fragment that a page is about to show.
    """
    try:
        if not engine.position(room).epoch:
            data = {"event": REFRESH, "fragment": name}
            engine.append(None, {room: [encode_data(data, engine.limits.message_bytes)]})
    except engine.errors as error:
        # The page shows what it is given, and does not follow.
        logger.warning("room %r not opened: %s", room, error)


def is_per_viewer(services: Mapping[str, Any], options: "RoomOptions") -> bool:
    """Return True if each viewer of a room gets a fragment of their own.

    So it is as well if readers of the application have different languages.

    Args:
        services: Services of the application, by name.
        options: Options of the room.
    """
    return options.per_viewer or services.get("languages") is not None


def _event_of(engine: "Engine", name: str, html: str, after: str) -> dict[str, object]:
    if len(html.encode()) + _ENVELOPE > engine.limits.message_bytes:
        return {"event": REFRESH, "fragment": name}
    return {"event": FRAGMENT, "fragment": name, "html": html, "after": after}


def fragment_name(template: str, key: str) -> str:
    """Return the name of a fragment, by which pages find it.

    Args:
        template: Name of the template.
        key: What distinguishes it from others of the template; may be empty.

    Raises:
        ValueError: The key has control characters or line breaks, which would end the event.
    """
    if not key.isprintable():
        raise ValueError(f"the key {key[:60]!r} of the fragment {template!r} is not printable")
    return f"{template}#{key}" if key else template


def render_shared(
    services: Mapping[str, Any],
    template: str,
    context: Mapping[str, object],
    request: "Request | None" = None,
) -> Markup:
    """Render a fragment that all visitors of a room see, in the time zone of the project.

    Args:
        services: Services of the application, by name.
        template: Name of the template.
        context: Variables for the template.
        request: The request of the page that shows it, whose token `csrf_input` renders; None for
            a fragment that is published.

    Raises:
        ValueError: The context has `request`.
        Exception: Whatever the template raised.
    """
    if "request" in context:
        raise ValueError(
            f"the fragment {template!r} gets 'request', and all visitors of its room see the "
            "result: give what it shows, or declare the room with per_viewer=True"
        )
    renderer: TemplateRenderer = services["template_renderer"]
    values: dict[str, object] = {"csrf_token": _NoToken(template), "csrf_input": _NO_TOKEN}
    if request is not None:
        values["csrf_input"] = renderer.request_value("csrf_input", request)
    with use_zone(services["config"].TIME_ZONE):
        return render(services, template, {**values, **context})


def render(services: Mapping[str, Any], template: str, context: Mapping[str, Any]) -> Markup:
    """Render a fragment with exactly the given context.

    Args:
        services: Services of the application, by name.
        template: Name of the template.
        context: Variables for the template.

    Raises:
        ValueError: Output is not escaped in templates of this name.
        Exception: Whatever the template raised.
    """
    renderer: TemplateRenderer = services["template_renderer"]
    if not renderer.is_escaped(template):
        raise ValueError(
            f"the fragment {template!r} is part of a page: its name must end with .html, so that "
            "output is escaped"
        )
    return Markup(renderer.render_to_string(template, **context))  # noqa: S704  escaped


def _prepare(engine: "Engine", room: str, context: Mapping[str, object]) -> str:
    """Read the rows of the context again, and return the position of the room before that.

    A page that has seen a later message of the fragment fetches it again, instead of showing one
    that was rendered without it. The position is read in the same transaction as the rows, so that
    it is never later than what they show.
    """
    transaction: Any = current.get()
    # A database that nothing has used so far is opened only by an engine that writes to it.
    name = "db_session" if engine.in_transaction else "active_session"
    session: Session | None = getattr(transaction, name, transaction)
    if session is None:
        return _text_of(engine.position(room))
    # Imported here: an engine in memory needs no database.
    from sqlalchemy import inspect, select
    from sqlalchemy.orm import InstanceState

    from lback.realtime.tables import COUNTERS

    session.flush()
    if engine.in_transaction:
        query = select(COUNTERS.c.epoch, COUNTERS.c.number).where(COUNTERS.c.room == room)
        found = session.execute(query).first()
        after = _text_of(Position(*found)) if found else ""
    else:
        after = _text_of(engine.position(room))
    for value in context.values():
        state = inspect(value, raiseerr=False)
        if isinstance(state, InstanceState) and state.session is session and state.persistent:
            session.refresh(value)
    return after


def _text_of(position: Position) -> str:
    # A room without messages has no epoch yet.
    return position.text if position.epoch else ""
