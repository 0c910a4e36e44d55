"""Deprecated routes: the `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) header fields."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, TypeVar

from lback.core.exceptions import ConfigurationError, HTTPException
from lback.core.response import Response
from lback.core.routing.endpoint import Endpoint, add_surround, response_of

if TYPE_CHECKING:
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])

# The mark of a deprecated view, which the description of the API reads.
MARK = "api_deprecated"


def deprecated(
    since: datetime, *, sunset: datetime | None = None, link: str = "", successor: str = ""
) -> Callable[[V], V]:
    """Decorate a view whose responses say that it is deprecated, and until when it will answer.

    The view answers as before, also after the sunset. Errors have the fields as well.

    Args:
        since: Aware datetime from which the route is, or will be, deprecated.
        sunset: Aware datetime after which the route will not answer any more.
        link: URL of a page about the change, for people.
        successor: URL of the route to use in its place.

    Raises:
        ConfigurationError: A datetime is naive, or the sunset is before the deprecation.

    Example:
        >>> from datetime import UTC, datetime
        >>> from lback.api import deprecated
        >>> @deprecated(datetime(2026, 1, 1, tzinfo=UTC), link="/news/version-2")
        ... def books(request):
        ...     return []
        >>> app.add_route("/v1/books", books, requires_auth=False)
        >>> Client(app).get("/v1/books").headers["deprecation"]
        '@1767225600'
    """
    fields = deprecation_fields(since, sunset=sunset, link=link, successor=successor)

    def surround(endpoint: Endpoint, view: Callable[..., object]) -> Endpoint:
        def with_notice(request: "Request", params: dict[str, object]) -> Response:
            try:
                response = response_of(endpoint(request, params), view)
            except HTTPException as error:
                error.headers = {**fields, **error.headers}
                raise
            return with_fields(response, fields)

        return with_notice

    def decorate(view: V) -> V:
        setattr(view, MARK, True)
        return add_surround(view, surround)

    return decorate


def deprecation_fields(
    since: datetime, *, sunset: datetime | None = None, link: str = "", successor: str = ""
) -> dict[str, str]:
    """Return the header fields of a deprecated route; see `deprecated`.

    Args:
        since: When it is deprecated.
        sunset: When it ends.
        link: URL of a page about the change.
        successor: URL of the route to use.

    Raises:
        ConfigurationError: A datetime is naive, or the sunset is before the deprecation.
    """
    for moment in (since, sunset):
        if moment is not None and moment.tzinfo is None:
            raise ConfigurationError(
                f"{moment!r} has no time zone; write datetime(2026, 1, 31, tzinfo=UTC)"
            )
    fields = {"Deprecation": f"@{int(since.timestamp())}"}
    if sunset is not None:
        if sunset < since:
            # RFC 9745 section 4: it must not be earlier.
            raise ConfigurationError(f"the sunset {sunset} is before the deprecation {since}")
        fields["Sunset"] = format_datetime(sunset.astimezone(UTC), usegmt=True)
    links = [
        (link, "deprecation"),
        (link if sunset else "", "sunset"),
        (successor, "successor-version"),
    ]
    text = ", ".join(f'<{url}>; rel="{rel}"' for url, rel in links if url)
    if text:
        fields["Link"] = text
    return fields


def with_fields(response: Response, fields: dict[str, str]) -> Response:
    """Return a response with the fields of a deprecated route; `Link` is extended.

    Args:
        response: The response; changed in place.
        fields: What `deprecation_fields` returned.
    """
    for name, value in fields.items():
        present = response.headers.get(name) if name == "Link" else None
        response.headers[name] = f"{present}, {value}" if present else value
    return response
