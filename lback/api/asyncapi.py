"""The AsyncAPI document of an application: WebSockets, events and rooms, with their messages."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from lback.api.schema_components import JSONObject, SchemaCollector
from lback.core.exceptions import ConfigurationError

VERSION = "3.0.0"
_PLAIN = {str: "text/plain", bytes: "application/octet-stream"}
_VARIABLE = re.compile(r"\{(\w+)(?::[^}]*)?\}")


class Message(NamedTuple):
    """A kind of message of a channel.

    Attributes:
        name: Its name within the channel.
        kind: Type of the data as JSON; str for text, bytes for bytes.
        schema: Schema of the data, in place of a type.
        summary: What it means.
    """

    name: str
    kind: Any = str
    schema: JSONObject | None = None
    summary: str = ""


class Channel(NamedTuple):
    """Where messages go: a WebSocket, the events, or a room.

    Attributes:
        name: Name in the document; another number is added if it is taken.
        address: Pattern of the path or of the name of the room.
        sends: What the application sends.
        receives: What the application receives.
        summary: What the channel is for.
        facts: Further fields, such as bindings.
    """

    name: str
    address: str
    sends: tuple[Message, ...] = ()
    receives: tuple[Message, ...] = ()
    summary: str = ""
    facts: JSONObject = {}  # noqa: RUF012  never changed


def asyncapi_document(title: str, version: str, channels: Iterable[Channel]) -> JSONObject:
    """Return an AsyncAPI 3.0 document.

    Args:
        title: Name of the application.
        version: Its version.
        channels: Its channels.

    Raises:
        ConfigurationError: A type of a message cannot be described.
    """
    schemas = SchemaCollector()
    described: JSONObject = {}
    operations: JSONObject = {}
    for channel in channels:
        name = _free_name(channel.name, described)
        messages = {**_messages(channel.sends, schemas), **_messages(channel.receives, schemas)}
        described[name] = _channel_object(channel, messages)
        for action, kinds in (("send", channel.sends), ("receive", channel.receives)):
            if kinds:
                operations[f"{name}.{action}"] = _operation(name, action, kinds)
    try:
        components = schemas.build()
    except TypeError as error:
        raise ConfigurationError(f"the AsyncAPI document cannot be built: {error}") from error
    return {
        "asyncapi": VERSION,
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": described,
        "operations": operations,
        "components": {"schemas": components},
    }


def _free_name(pattern: str, taken: JSONObject) -> str:
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", _VARIABLE.sub(r"\1", pattern))
    name = words.strip("-") or "root"
    wanted, number = name, 2
    while wanted in taken:
        wanted, number = f"{name}-{number}", number + 1
    return wanted


def _channel_object(channel: Channel, messages: JSONObject) -> JSONObject:
    found: JSONObject = {"address": _VARIABLE.sub(r"{\1}", channel.address)}
    if channel.summary:
        found["summary"] = channel.summary
    variables = _VARIABLE.findall(channel.address)
    if variables:
        found["parameters"] = {name: {} for name in variables}
    return {**found, "messages": messages, **channel.facts}


def _messages(messages: Iterable[Message], schemas: SchemaCollector) -> JSONObject:
    return {message.name: _message_object(message, schemas) for message in messages}


def _message_object(message: Message, schemas: SchemaCollector) -> JSONObject:
    found: JSONObject = {"name": message.name}
    if message.summary:
        found["summary"] = message.summary
    if message.schema is not None:
        found["payload"] = message.schema
    elif message.kind in (str, bytes):
        found |= {"contentType": _PLAIN[message.kind], "payload": {"type": "string"}}
    else:
        found["payload"] = schemas.add(message.kind)
    return found


def _operation(name: str, action: str, messages: Iterable[Message]) -> JSONObject:
    channel = f"#/channels/{name}"
    references = [{"$ref": f"{channel}/messages/{message.name}"} for message in messages]
    return {"action": action, "channel": {"$ref": channel}, "messages": references}
