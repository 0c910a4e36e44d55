"""Pages kept whole: what a view answered, for everybody who would have got the same."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from lback.core.exceptions import ConfigurationError
from lback.core.response import Response
from lback.core.routing.endpoint import get_request, response_of
from lback.core.settings.cache_validators import DEFAULT_CACHE

if TYPE_CHECKING:
    from lback.cache.caches import AnyCache
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., Any])
Key: TypeAlias = tuple[Any, ...]

# What of a Cache-Control field keeps an answer out of a cache for all, and out of any.
_NOT_FOR_ALL = ("private",)
_NOT_AT_ALL = ("no-store", "no-cache")


def cache_page(
    ttl: int,
    *,
    query: Sequence[str] = (),
    private: bool = False,
    cache: str = DEFAULT_CACHE,
    clock: Callable[[], float] = time.time,
) -> Callable[[V], V]:
    """Keep the answers of the decorated view, and send them again instead of calling it.

    Kept are answers to GET with status 200, each for its host, path and query, and for the
    fields of the request that it names in `Vary`. Never kept is an answer that is meant for one
    visitor: with a cookie, a CSRF token or a nonce, marked `private`, `no-store` or `no-cache`,
    streamed, or made after the session or the user was read; nor one to a request with
    `Authorization`. The answer says `Cache-Control: max-age`, unless it says something itself.

    A middleware that makes the view answer differently must be named in `Vary` by the view.

    Args:
        ttl: Seconds an answer is kept.
        query: Parameters that make another page. A request with others is answered by the view,
            so that nobody fills the cache with pages that do not exist.
        private: Keep answers that were made for a visitor, for that visitor alone, as long as
            the session has this id.
        cache: The name of a cache in CACHES.
        clock: Gives the seconds since the epoch.
    """
    parameters = frozenset(query)

    def decorate(view: V) -> V:
        @wraps(view)
        def answer(*args: Any, **kwargs: Any) -> Any:
            request = get_request(args, view)
            base = _key(request, parameters, private=private)
            if base is None:
                return view(*args, **kwargs)
            pages = _Pages(_cache_of(request, cache), base, request, clock)
            kept = pages.find()
            if kept is not None:
                return kept
            response = response_of(view(*args, **kwargs), view)
            if request.method == "GET" and _may_keep(request, response, private=private):
                pages.keep(response, ttl, private=private)
            return response

        answer.needs_request = True  # type: ignore[attr-defined]  # a mark
        return cast("V", answer)

    return decorate


class _Pages:
    """The pages of one address: the names they vary on, and a page for each of their values."""

    def __init__(
        self, cache: "AnyCache", base: Key, request: "Request", clock: Callable[[], float]
    ) -> None:
        self._cache = cache
        self._base = base
        self._request = request
        self._clock = clock

    def find(self) -> Response | None:
        """Return the page for this request, if it is there."""
        names = self._cache.get(self._base)
        page = None if names is None else self._cache.get(self._key(names))
        if page is None:
            return None
        kept_at, fields, body = page
        response = Response(body, 200)
        for name, value in fields:
            response.headers.append(name, value)
        response.headers.append("Age", str(max(0, int(self._clock() - kept_at))))
        return response

    def keep(self, response: Response, ttl: int, *, private: bool) -> None:
        """Keep a page for requests like this one."""
        response.headers.setdefault(
            "Cache-Control", f"{'private, ' if private else ''}max-age={ttl}"
        )
        if private:
            response.headers.add_vary("Cookie")
        names = sorted(name for name in _varying(response) if name != "cookie")
        _, pairs, chunks = response.get_wsgi_response()
        fields = [[name, value] for name, value in pairs if name.lower() != "content-length"]
        self._cache.set(self._base, names, ttl)
        self._cache.set(self._key(names), [self._clock(), fields, b"".join(chunks)], ttl)

    def _key(self, names: Sequence[str]) -> Key:
        headers = self._request.headers
        return ("answer", *self._base, *((name, headers.get(name) or "") for name in names))


def _key(request: "Request", parameters: frozenset[str], *, private: bool) -> Key | None:
    """Return what tells the address from others, or `None` where no page may be kept for it."""
    environ = request.environ
    if request.method not in ("GET", "HEAD") or "HTTP_AUTHORIZATION" in environ:
        return None
    if not private and _is_touched(request):
        return None
    if environ.get("QUERY_STRING") and not parameters.issuperset(request.query_params):
        return None
    visitor = ""
    if private:
        session = request.session
        if session is None or session.session_id is None:
            return None
        # Its hash, so that nobody signs in with a copy of the cache.
        visitor = hashlib.sha256(session.session_id.encode()).hexdigest()
    return (
        "page",
        visitor,
        "https" if request.is_secure else "http",
        request.get_host.lower(),
        environ.get("SCRIPT_NAME", ""),
        request.path,
        environ.get("QUERY_STRING", ""),
    )


def _may_keep(request: "Request", response: Response, *, private: bool) -> bool:
    if response.status_code != 200 or "Set-Cookie" in response.headers:
        return False
    if type(response).get_wsgi_response is not Response.get_wsgi_response:
        return False  # it is made while it is sent
    if request.get_context("csrf_token_used") or request.peek_context("csp_nonce") is not None:
        return False
    if not private and _is_touched(request):
        return False
    field = response.headers.get("Cache-Control") or ""
    text = (field if isinstance(field, str) else ",".join(field)).lower()
    if any(word in text for word in (*_NOT_AT_ALL, *(() if private else _NOT_FOR_ALL))):
        return False
    varying = _varying(response)
    return "*" not in varying and (private or "cookie" not in varying)


def _is_touched(request: "Request") -> bool:
    """Tell whether the answer may be about the visitor: the session or the user was read."""
    return any(request.peek_context(name) is not None for name in ("session", "user"))


def _varying(response: Response) -> set[str]:
    field = response.headers.get("Vary") or ""
    text = field if isinstance(field, str) else ",".join(field)
    return {name.strip().lower() for name in text.split(",") if name.strip()}


def _cache_of(request: "Request", name: str) -> "AnyCache":
    caches = request.get_context("caches") or {}
    if name not in caches:
        raise ConfigurationError(
            f"cache_page asks for the cache {name!r}; in CACHES are: {', '.join(caches)}"
        )
    return cast("AnyCache", caches[name])
