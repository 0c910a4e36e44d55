"""One-click unsubscription from emails (RFC 8058): signed addresses, and the view behind them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from lback.core.errors.pages import style
from lback.core.exceptions import ConfigurationError, Forbidden
from lback.core.urls_utils import PathTuple, join_paths, path
from lback.shortcuts import render
from lback.translation import gettext_noop

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.router import Router
    from lback.security import TokenSigner

ROUTE = "unsubscribe"
_PURPOSE = "lback.mail.unsubscribe"
_MAX_AGE = 10 * 365 * 86_400  # seconds; people unsubscribe by old emails
# The address holds a token, which other sites must not get as a referrer.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

_NOT_VALID = gettext_noop("This link is not valid.")

Leave = Callable[["Request", str, str], object]


class _Application(Protocol):
    @property
    def router(self) -> "Router": ...

    @property
    def token_signer(self) -> "TokenSigner": ...


def unsubscribe_url(app: _Application, base: str, address: str, topic: str = "") -> str:
    """Return the URL at which the recipient of an email can unsubscribe, for `Mail.unsubscribe`.

    It is signed for this purpose and valid for ten years, as long as `SECRET_KEY` or
    `SECRET_KEY_FALLBACKS` has its key. It authorizes nothing but unsubscribing this address.

    Args:
        app: The application: `request.app`, or the service `app` of tasks and commands.
        base: URL of the site, such as `"https://shop.example.com"`; with the path below which the
            application is mounted.
        address: Address of the recipient, or any text by which the project finds the subscription.
        topic: What is unsubscribed from, such as `"news"`.

    Raises:
        ConfigurationError: No route is made by `unsubscribe_path`.
    """
    token = app.token_signer.sign(_PURPOSE, [address, topic])
    try:
        found = app.router.url_for(ROUTE, token=token)
    except ValueError as error:
        raise ConfigurationError(
            "the address to unsubscribe leads nowhere: add "
            'unsubscribe_path("/unsubscribe/", leave) to urlpatterns'
        ) from error
    return f"{base.rstrip('/')}{found}"


def unsubscribe_path(prefix: str, leave: Leave) -> PathTuple:
    """Return an entry of `urlpatterns` for the addresses of `unsubscribe_url`.

    GET shows a page with a button and changes nothing, because mail servers and programs open the
    links of emails. POST calls the function. It needs neither a session nor a CSRF token: the
    signed address is what authorizes it.

    Args:
        prefix: First part of the path, such as `"/unsubscribe/"`.
        leave: Called with the request, the address and the topic that were signed. It may be
            called more than once, and must accept an address that is not subscribed any more.

    Example:
        >>> def leave(request, address, topic):
        ...     print(f"{address} leaves {topic}")
        >>> app = Application(SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"])
        >>> app.add_route(*unsubscribe_path("/unsubscribe/", leave))
        >>> url = unsubscribe_url(app, "http://localhost", "ada@example.org", "news")
        >>> Client(app).post(url.removeprefix("http://localhost")).status_code
        ada@example.org leaves news
        200
    """

    def unsubscribe(request: "Request", token: str) -> "Response":
        data = request.app.token_signer.read(_PURPOSE, token, _MAX_AGE)
        if not isinstance(data, list) or len(data) != 2:
            raise Forbidden(_NOT_VALID)
        address, topic = data
        is_done = request.method == "POST"
        if is_done:
            leave(request, address, topic)
        return _page(request, is_done=is_done, address=address, topic=topic)

    # As `lback.middleware.csrf_exempt` does, which is on a higher layer.
    unsubscribe.csrf_exempt = True  # type: ignore[attr-defined]
    pattern = join_paths(prefix, "/{token}")
    return path(pattern, unsubscribe, ["GET", "POST"], ROUTE, requires_auth=False)


def _page(request: "Request", **context: Any) -> "Response":
    return render(request, "unsubscribe/page.html", headers=_HEADERS, page_style=style(), **context)
