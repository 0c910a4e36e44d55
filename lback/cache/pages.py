"""Cache whole responses of a view, and send them again to equal requests."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from lback.core.exceptions import ConfigurationError
from lback.core.response import Response
from lback.core.routing.endpoint import get_request, response_of
from lback.core.settings.cache_validators import DEFAULT_CACHE
from lback.translation import CURRENT, get_language

if TYPE_CHECKING:
    from lback.cache.caches import AnyCache
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])
Key: TypeAlias = tuple[object, ...]

# Cache-Control directives that exclude a response from a shared cache, and from every cache.
_NOT_SHARED = ("private",)
_NOT_STORED = ("no-store", "no-cache")


def cache_page(
    ttl: int,
    *,
    query: Sequence[str] = (),
    private: bool = False,
    cache: str = DEFAULT_CACHE,
    clock: Callable[[], float] = time.time,
) -> Callable[[V], V]:
    """Cache the responses of the decorated view.

    Cached are responses to GET with status 200, by host, path, query, language and the request
    header fields that the response names in `Vary` (RFC 9111 section 4.1). A response that is meant
    for one visitor is never cached: one with a cookie, a CSRF token or a nonce, one marked
    `private`, `no-store` or `no-cache`, a streamed one, one made after the session, the user or a
    cookie was read, and one to a request with `Authorization`. A cached response has the field
    `Age`; unless the view sets `Cache-Control` itself, `max-age` is added.

    If the view's response depends on a header field that a middleware reads, the view must name
    that field in `Vary`.

    Args:
        ttl: Lifetime of a cached response in seconds.
        query: Names of query parameters that select another page. A request with any other
            parameter is not cached, so that clients cannot fill the cache.
        private: Also cache responses that depend on the visitor, separately for each session.
        cache: Name of a cache in CACHES.
        clock: Clock in seconds since the epoch.

    Raises:
        ConfigurationError: On the first request, if CACHES has no such name.

    Example:
        >>> from lback.cache import cache_page
        >>> @cache_page(60, query=["page"])
        ... def books(request):
        ...     return {"books": []}
    """
    parameters = frozenset(query)

    def decorate(view: V) -> V:
        @wraps(view)
        def answer(*args: object, **kwargs: object) -> object:
            request = get_request(args, view)
            base = _key(request, parameters, private=private)
            if base is None:
                return view(*args, **kwargs)
            pages = _Pages(_cache_of(request, cache), base, request, clock)
            stored = pages.find()
            if stored is not None:
                return stored
            response = response_of(view(*args, **kwargs), view)
            if request.method == "GET" and _is_cacheable(request, response, private=private):
                pages.store(response, ttl, private=private)
            return response

        answer.needs_request = True  # type: ignore[attr-defined]  # read when the route is built
        return cast("V", answer)

    return decorate


class _Pages:
    """Cached responses of one URL: the field names in `Vary`, and a response per their values."""

    def __init__(
        self, cache: "AnyCache", base: Key, request: "Request", clock: Callable[[], float]
    ) -> None:
        self._cache = cache
        self._base = base
        self._request = request
        self._clock = clock

    def find(self) -> Response | None:
        """Return the cached response for this request, or None."""
        names = self._cache.get(self._base)
        page = None if names is None else self._cache.get(self._key(names))
        if page is None:
            return None
        stored_at, fields, body = page
        response = Response(body, 200)
        for name, value in fields:
            response.headers.append(name, value)
        response.headers.append("Age", str(max(0, int(self._clock() - stored_at))))
        return response

    def store(self, response: Response, ttl: int, *, private: bool) -> None:
        """Store a response for requests equal to this one."""
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
    """Return the cache key of the requested URL, or None if it must not be cached."""
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
        # A hash, because a session id in the cache would let its readers sign in.
        visitor = hashlib.sha256(session.session_id.encode()).hexdigest()
    return (
        "page",
        visitor,
        "https" if request.is_secure else "http",
        request.get_host.lower(),
        environ.get("SCRIPT_NAME", ""),
        request.path,
        environ.get("QUERY_STRING", ""),
        # Of an application with several: `Vary` is added after this.
        get_language() if CURRENT.get() is not None else "",
    )


def _is_cacheable(request: "Request", response: Response, *, private: bool) -> bool:
    if response.status_code != 200 or "Set-Cookie" in response.headers:
        return False
    if type(response).get_wsgi_response is not Response.get_wsgi_response:
        return False  # a streamed response has no body yet
    if request.get_context("csrf_token_used") or request.peek_context("csp_nonce") is not None:
        return False
    if not private and _is_touched(request):
        return False
    field = response.headers.get("Cache-Control") or ""
    text = (field if isinstance(field, str) else ",".join(field)).lower()
    if any(word in text for word in (*_NOT_STORED, *(() if private else _NOT_SHARED))):
        return False
    varying = _varying(response)
    return "*" not in varying and (private or "cookie" not in varying)


def _is_touched(request: "Request") -> bool:
    """Return True if session, user or cookies were read: the response may depend on them."""
    if "HTTP_COOKIE" in request.environ and "cookies" in vars(request):
        return True
    return any(request.peek_context(name) is not None for name in ("session", "user"))


def _varying(response: Response) -> set[str]:
    field = response.headers.get("Vary") or ""
    text = field if isinstance(field, str) else ",".join(field)
    return {name.strip().lower() for name in text.split(",") if name.strip()}


def _cache_of(request: "Request", name: str) -> "AnyCache":
    caches = request.get_context("caches") or {}
    if name not in caches:
        raise ConfigurationError(
            f"cache_page(cache={name!r}) is not in CACHES; known caches: {', '.join(caches)}"
        )
    return cast("AnyCache", caches[name])
