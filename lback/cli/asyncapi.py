"""`lback asyncapi`: prints the AsyncAPI document of WebSockets, events and rooms."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lback.api.asyncapi import Channel, Message, asyncapi_document
from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.openapi import document_text, format_option, output_option
from lback.cli.project import open_project
from lback.core.routing.websocket_route import WebSocketRoute
from lback.realtime.described import described_handler, summary_of
from lback.realtime.event_route import EventRoute
from lback.realtime.rooms import ROOMS

if TYPE_CHECKING:
    from lback.api.schema_components import JSONObject
    from lback.application import Application

_TEXT: "JSONObject" = {"type": "string"}
_NAMES: "JSONObject" = {"type": "array", "items": _TEXT}


def _object(**properties: "JSONObject") -> "JSONObject":
    return {"type": "object", "properties": properties, "required": list(properties)}


PUBLISHED = Message(
    "published",
    schema=_object(room=_TEXT, id=_TEXT, data={}),
    summary="A message of a room, with the id after which a client that comes back goes on.",
)
STATE = Message(
    "state",
    schema=_object(state={"type": "string", "enum": ["live", "away"]}),
    summary="Whether the engine of the rooms answers.",
)
RELOAD = Message(
    "reload",
    schema=_object(rooms=_NAMES),
    summary="Messages are lost to the client, or it may no longer listen: load the page again.",
)
_EVENTS_QUERY: "JSONObject" = {
    "type": "object",
    "properties": {"room": _NAMES, "last_event_id": _TEXT},
    "required": ["room"],
}


@click.command(
    cls=Command,
    examples=(
        "lback asyncapi",
        "lback asyncapi --format yaml --output asyncapi.yaml",
    ),
)
@output_option
@format_option
@json_option
def asyncapi(output: str | None, form: str, as_json: bool) -> None:
    """Print the AsyncAPI document of WebSockets, events and rooms."""
    document = document_of(open_project())
    text = document_text(document, form)
    if output is None:
        click.echo(text, nl=False)
        return
    Path(output).write_text(text, encoding="utf-8")
    if as_json:
        count = {name: len(document[name]) for name in ("channels", "operations")}
        print_json({"file": output, **count})
    else:
        click.echo(f"Wrote {output}", err=True)


def document_of(app: "Application") -> "JSONObject":
    """Return the AsyncAPI document of an application.

    Args:
        app: The application, prepared.

    Raises:
        ConfigurationError: A type of a message cannot be described.
    """
    info = app.dependencies["openapi"].document()["info"]
    return asyncapi_document(info["title"], info["version"], _channels(app))


def _channels(app: "Application") -> Iterator[Channel]:
    for route in app.router.routes:
        if isinstance(route, WebSocketRoute):
            yield _websocket(route)
        elif isinstance(route, EventRoute):
            yield _events(route)
    for rule in ROOMS.values() if app.config.REALTIME else ():
        yield Channel(
            f"room-{rule.pattern}", rule.pattern, (PUBLISHED,), summary=summary_of(rule.rule)
        )


def _websocket(route: WebSocketRoute) -> Channel:
    described = described_handler(route)
    binding = {"ws": {"method": "GET", "bindingVersion": "0.1.0"}}
    return Channel(
        route.name or route.path,
        route.path,
        tuple(_message("sent", described.sends)),
        tuple(_message("received", described.receives)),
        described.summary,
        {"bindings": binding, "x-requires-auth": route.requires_auth},
    )


def _events(route: EventRoute) -> Channel:
    return Channel(
        route.name or route.path,
        route.path,
        (PUBLISHED, STATE, RELOAD),
        summary="Server-sent events of rooms.",
        facts={"bindings": {"ws": {"method": "GET", "query": _EVENTS_QUERY}}},
    )


def _message(name: str, annotation: Any) -> Iterator[Message]:
    if annotation is inspect.Parameter.empty:  # whatever the handler reads and writes
        yield Message(name, schema={})
    elif annotation not in (None, type(None)):
        yield Message(name, str if annotation == str | bytes else annotation)
