"""Webhooks: the requests that an application sends to the addresses of its clients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import ConfigurationError
from lback.core.middleware_loader import import_object

if TYPE_CHECKING:
    from lback.api.schema_components import JSONObject, SchemaCollector


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that the application sends when something happens, for the OpenAPI document.

    It is documented if the setting `API_WEBHOOKS` names it. Nothing is sent by it: a task may send
    the payload after the commit.

    Attributes:
        name: Name of the webhook, unique in the application, such as "order-paid".
        payload: Type of the JSON body: a Struct, a dataclass, or any type that views may return.
        summary: What has happened, in one line.
        description: More about it, as Markdown.
        tags: Groups of the documentation that it belongs to.
        example: Example of the body.

    Example:
        >>> import msgspec
        >>> class OrderPaid(msgspec.Struct):
        ...     order_id: int
        >>> order_paid = Webhook("order-paid", OrderPaid, "An order was paid")
    """

    name: str
    payload: Any
    summary: str = ""
    description: str = ""
    tags: Sequence[str] = ("webhooks",)
    example: object = None


def import_webhooks(paths: Iterable[str]) -> dict[str, Webhook]:
    """Return the webhooks that `API_WEBHOOKS` names, by name.

    Args:
        paths: Dotted paths of webhooks, or of lists of them.

    Raises:
        ConfigurationError: A path leads to something else, or two webhooks have one name.
    """
    found: dict[str, Webhook] = {}
    places: dict[str, str] = {}
    for dotted in paths:
        for webhook in _imported(dotted):
            if webhook.name in found and found[webhook.name] is not webhook:
                raise ConfigurationError(
                    f"API_WEBHOOKS: {places[webhook.name]} and {dotted} both have a webhook with "
                    f"the name {webhook.name!r}; give one of them another name"
                )
            found[webhook.name], places[webhook.name] = webhook, dotted
    return found


def _imported(dotted: str) -> Sequence[Webhook]:
    try:
        value = import_object(dotted)
    except ImportError as error:
        raise ConfigurationError(f"API_WEBHOOKS: {error}") from error
    listed = value if isinstance(value, (list, tuple)) else [value]
    wrong = next((one for one in listed if not isinstance(one, Webhook)), None)
    if wrong is not None:
        raise ConfigurationError(
            f"API_WEBHOOKS: {dotted} is or holds {wrong!r}, not a Webhook; write "
            "order_paid = Webhook('order-paid', OrderPaid)"
        )
    return listed


def webhook_objects(
    webhooks: Mapping[str, Webhook], schemas: "SchemaCollector"
) -> dict[str, "JSONObject"]:
    """Return the `webhooks` of the document (OpenAPI 3.1.1, section 4.8.1).

    Args:
        webhooks: The webhooks by name.
        schemas: Collects the types of their bodies.
    """
    return {name: {"post": _operation(webhook, schemas)} for name, webhook in webhooks.items()}


def _operation(webhook: Webhook, schemas: "SchemaCollector") -> "JSONObject":
    content: JSONObject = {"schema": schemas.add(webhook.payload, is_answer=True)}
    if webhook.example is not None:
        content["example"] = webhook.example
    built: JSONObject = {
        "tags": list(webhook.tags),
        "summary": webhook.summary or webhook.name,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"2XX": {"description": "The receiver has taken it."}},
        "security": [],
    }
    if webhook.description:
        built["description"] = webhook.description
    return built
