"""Pages of lists, by cursor or by number, with their `Link` header field (RFC 8288)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

if TYPE_CHECKING:
    from lback.core.request import Request

T = TypeVar("T")

CURSOR, PAGE, LIMIT, TOTAL = "cursor", "page", "limit", "total"
# Servers in front limit the header fields of a response, often to 8 kB in total.
_MAX_LINK = 4000


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list that is walked by cursors.

    Rows that are inserted meanwhile are neither shown twice nor do they hide others.

    Attributes:
        items: The items of this page, in order.
        next: Cursor of the next page; None on the last one.
        previous: Cursor of the previous page; None on the first one.
        total: Number of items on all pages. None if the client did not ask for it, or if there are
            more than 10,000.
    """

    items: list[T]
    next: str | None = None
    previous: str | None = None
    total: int | None = None

    def response_fields(self, request: "Request") -> Mapping[str, str]:
        """Return the `Link` field: `first`, `prev` and `next`, as far as there are such pages."""
        places = {"prev": self.previous, "next": self.next}
        links = {rel: page_url(request, cursor=cursor) for rel, cursor in places.items() if cursor}
        return link_field({"first": page_url(request), **links})


class NumberedPage(msgspec.Struct, Generic[T], kw_only=True):
    """One page of a list with numbered pages, for lists of at most 10,000 items.

    Attributes:
        items: The items of this page, in order.
        page: Number of this page, from 1.
        pages: Number of pages; at least 1.
        total: Number of items on all pages; None if there are more than 10,000, of which the
            numbered pages show the first.
    """

    items: list[T]
    page: int
    pages: int
    total: int | None = None

    def response_fields(self, request: "Request") -> Mapping[str, str]:
        """Return the `Link` field: `first`, `prev`, `next` and `last`."""
        numbers = {"first": 1, "prev": self.page - 1, "next": self.page + 1, "last": self.pages}
        return link_field(
            {
                rel: page_url(request, page=str(number))
                for rel, number in numbers.items()
                if 1 <= number <= self.pages
            }
        )


def page_url(request: "Request", **changes: str) -> str:
    """Return the path and query of another page of the list that a request asks for.

    Args:
        request: The request.
        **changes: Parameters of the page: `cursor` or `page`; without one, of the first page.
    """
    query = [
        (name, value)
        for name in request.query_params
        if name not in (CURSOR, PAGE)
        for value in request.query_params.getlist(name)
    ]
    text = urlencode([*query, *changes.items()])
    path = quote(
        str(request.environ.get("SCRIPT_NAME") or "") + request.path, safe="/:@!$&'()*+,;=~"
    )
    return f"{path}?{text}" if text else path


def link_field(links: Mapping[str, str]) -> dict[str, str]:
    """Return the `Link` header field of some URLs by relation; empty if it would be too long.

    Example:
        >>> link_field({"next": "/books?page=2"})
        {'Link': '</books?page=2>; rel="next"'}
    """
    text = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items())
    return {"Link": text} if 0 < len(text) <= _MAX_LINK else {}
