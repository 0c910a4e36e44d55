"""HTTP responses: status, header fields and body, and their conversion for WSGI servers."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from lback.core.http.cookies import cookie_header
from lback.core.http.headers import Headers, HeaderValue, field_value
from lback.core.http.hosts import ascii_name
from lback.core.http.json_encoding import json_encode as json_encode
from lback.core.http.response_body import (
    TEXT_TYPE,
    assigned_body,
    checked_body,
    close,
    encoded_text,
)

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
HeaderPairs: TypeAlias = list[tuple[str, str]]
WsgiResponse: TypeAlias = tuple[str, HeaderPairs, Iterable[bytes]]

HTML_TYPE = "text/html; charset=utf-8"
JSON_TYPE = "application/json; charset=utf-8"
BYTES_TYPE = "application/octet-stream"
UTF8_TYPES = frozenset({TEXT_TYPE, HTML_TYPE, JSON_TYPE})
WEB_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
BODILESS_STATUSES = frozenset({*range(100, 200), 204, 304})

# The phrases of RFC 9110, which Python has from 3.13 on.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_PHRASES = {**{status.value: status.phrase for status in HTTPStatus}, **_RENAMED}
STATUS_LINES: Mapping[int, str] = {
    code: f"{code} {_PHRASES.get(code, 'Unknown')}" for code in range(100, 600)
}
_LINES_WITH_BODY = {
    code: line for code, line in STATUS_LINES.items() if code not in BODILESS_STATUSES
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)\s*:")
_HOST_OF_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#@:\[\]]+)")
# Reserved by RFC 3986, and the percent sign, so that an encoded URL is not encoded again.
_URL_RESERVED = "%/:=&?~#+!$,;'@()*[]"


class Response:
    """An HTTP response whose body is held in memory.

    Args:
        body: `None`, `bytes`, `str`, or an iterable of `bytes` and `str`, which is read to its
            end and closed at once. Use `JSONResponse` for a dict or list.
        status_code: Status from 100 to 599. 1xx, 204 and 304 are sent without a body (RFC 9110
            section 6.4.1).
        headers: Header fields; copied. A list as value is sent as several fields.
        content_type: Media type, used unless `headers` has one. By default text is sent as UTF-8
            plain text and bytes as `application/octet-stream`.

    Raises:
        TypeError: The body has another type.
        ValueError: The status is out of range, or a header field contains a line break.

    Example:
        >>> response = Response("hello", 201, {"X-Shop": "north"})
        >>> response.status_code, response.headers["x-shop"]
        (201, 'north')
    """

    status_code: int
    body: Any

    _headers: Headers | None
    _content_type: str | None

    def __init__(
        self,
        body: object = None,
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        content_type: str | None = None,
    ) -> None:
        if body.__class__ is not str and body.__class__ is not bytes:
            body = checked_body(body)
        if status_code.__class__ is not int or not 100 <= status_code <= 599:
            status_code = _status_of(status_code)
        self.body = body
        self.status_code = status_code
        if content_type is not None and content_type not in UTF8_TYPES:
            field_value("Content-Type", content_type)
        self._content_type = content_type
        # Most responses never need a mapping: it is built when `headers` is first read.
        self._headers = self._with_content_type(Headers(headers)) if headers else None

    @property
    def headers(self) -> Headers:
        """The header fields: a mutable mapping that ignores case.

        Example:
            >>> response.headers["Cache-Control"] = "no-store"
            >>> response.headers["cache-control"]
            'no-store'
        """
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.of_type(self._content_type)
        return headers

    @property
    def content_type(self) -> str | None:
        """The media type as it is in the header fields, or `None`."""
        return self._content_type if self._headers is None else self._headers.media_type()

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value

    def _with_content_type(self, headers: Headers) -> Headers:
        if self._content_type is not None:
            headers.default_type(self._content_type)
        return headers

    def set_cookie(self, name: str, value: str = "", **attributes: Any) -> None:
        """Set a cookie on the client (RFC 6265), in addition to cookies set before.

        Args:
            name: Cookie name; an RFC 9110 token.
            value: Cookie value; characters outside the cookie alphabet are quoted.
            **attributes: `max_age` (seconds or timedelta), `expires` (aware datetime, seconds
                since the epoch or HTTP date), `path` ("/"), `domain` (None: this host only),
                `secure` (False), `httponly` (True), `samesite` ("Lax", "Strict" or "None", which
                needs `secure`), `partitioned` (False; needs `secure`).

        Raises:
            TypeError: An attribute is unknown.
            ValueError: The name is not a token, or browsers would reject the attributes.

        Example:
            >>> response.set_cookie("theme", "dark", max_age=3600)
            >>> response.headers["Set-Cookie"]
            'theme=dark; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'
        """
        self.headers.append("Set-Cookie", cookie_header(name, value, **attributes))

    def delete_cookie(
        self,
        name: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        **attributes: Any,
    ) -> None:
        """Delete a cookie on the client.

        Pass the attributes that the cookie was set with: browsers identify it by name, path and
        domain, and in a frame of another site accept the deletion only with `secure` and
        `samesite="None"`.

        Args:
            name: Cookie name.
            path: Path that the cookie was set with.
            domain: Domain that the cookie was set with.
            secure: Whether it was set as secure; always true for names that begin with `__Host-`
                or `__Secure-`.
            **attributes: `httponly`, `samesite` and `partitioned`, as in `set_cookie`.

        Raises:
            TypeError, ValueError: As in `set_cookie`.

        Example:
            >>> response.delete_cookie("theme")
            >>> response.headers["Set-Cookie"]
            'theme=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; ...'
        """
        secure = secure or name.lower().startswith(("__host-", "__secure-"))
        attributes |= {"path": path, "domain": domain, "secure": secure}
        self.set_cookie(name, max_age=0, expires=0, **attributes)

    def get_wsgi_response(self) -> WsgiResponse:
        """Return status line, header pairs and body for a WSGI server (PEP 3333).

        It changes nothing and may be called again. `Content-Length` is computed from the body and
        replaces any other value.

        Raises:
            TypeError: The body was replaced by something that is neither text nor bytes.
            ValueError: The status was replaced by one out of range.

        Example:
            >>> Response("hello").get_wsgi_response()
            ('200 OK', [('Content-Type', 'text/plain; charset=utf-8'), ('Content-Length', '5')],
             [b'hello'])
        """
        line = _LINES_WITH_BODY.get(self.status_code)
        if line is None:
            return _bodiless(self)
        body, headers = self.body, self._headers
        media_type = self._content_type if headers is None else headers.media_type()
        if body.__class__ is str:
            if media_type in UTF8_TYPES:
                body = body.encode()
            else:
                body, media_type = encoded_text(body, media_type)
        elif body.__class__ is not bytes:
            body, media_type = assigned_body(body, media_type)
        if media_type is None:
            media_type = BYTES_TYPE if body else TEXT_TYPE
        if headers is None:
            pairs = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        else:
            pairs = headers.complete_pairs(media_type, str(len(body)))
        return line, pairs, [body]

    def answer(self, environ: Environ) -> WsgiResponse:
        """Return status line, header pairs and body for one request: no body for HEAD."""
        if self._headers is not None:
            self._headers.keep_cookies_private()
        if environ["REQUEST_METHOD"] != "HEAD":
            return self.get_wsgi_response()
        status, headers, body = self.get_wsgi_response()
        close(body)
        return status, headers, []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Send this response, as a WSGI application does (PEP 3333)."""
        status, headers, body = self.answer(environ)
        start_response(status, headers)
        return body

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code} {self.content_type or '-'}>"

    @staticmethod
    def json(
        data: object = None,
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        message: str | None = None,
    ) -> "JSONResponse":
        """Build a `JSONResponse`.

        Args:
            data: Any value with a JSON form; see `JSONResponse`.
            status_code: Status of the response.
            headers: Header fields.
            message: Text for `"message"` in the envelope; `None` leaves it out.

        Example:
            >>> Response.json({"id": 1}, message="Created").body
            b'{"data":{"id":1},"message":"Created"}'
        """
        return JSONResponse(data, status_code, headers, message)

    @staticmethod
    def html(
        content: str, status_code: int = 200, headers: Mapping[str, HeaderValue] | None = None
    ) -> "HTMLResponse":
        """Build an `HTMLResponse`.

        Args:
            content: The page; it is not escaped.
            status_code: Status of the response.
            headers: Header fields.
        """
        return HTMLResponse(content, status_code, headers)

    @staticmethod
    def redirect(
        redirect_url: str, status_code: int = 302, headers: Mapping[str, HeaderValue] | None = None
    ) -> "RedirectResponse":
        """Build a `RedirectResponse`.

        Args:
            redirect_url: Absolute URL or path; check one that came from a client with
                `lback.core.urls_utils.is_local_url`.
            status_code: 301, 302, 303, 307 or 308.
            headers: Header fields.

        Raises:
            ValueError: As in `RedirectResponse`.
        """
        return RedirectResponse(redirect_url, status_code, headers)

    @staticmethod
    def error(message: str = "Internal Server Error", status_code: int = 500) -> "JSONResponse":
        """Build a JSON error: `{"data": {"error": message}}`.

        Args:
            message: What went wrong, for the client.
            status_code: Status of the response.
        """
        return JSONResponse({"error": message}, status_code)

    @staticmethod
    def bad_request(message: str = "Bad Request") -> "JSONResponse":
        """Build a JSON error with status 400."""
        return Response.error(message, 400)

    @staticmethod
    def unauthorized(message: str = "Unauthorized") -> "JSONResponse":
        """Build a JSON error with status 401."""
        return Response.error(message, 401)

    @staticmethod
    def forbidden(message: str = "Forbidden") -> "JSONResponse":
        """Build a JSON error with status 403."""
        return Response.error(message, 403)

    @staticmethod
    def not_found(message: str = "Not Found") -> "JSONResponse":
        """Build a JSON error with status 404."""
        return Response.error(message, 404)

    @staticmethod
    def conflict(message: str = "Conflict") -> "JSONResponse":
        """Build a JSON error with status 409."""
        return Response.error(message, 409)


class HTMLResponse(Response):
    """A page, sent as UTF-8 HTML.

    Args:
        content: The page; it is not escaped.
        status_code: Status of the response.
        headers: Header fields; copied.
    """

    def __init__(
        self,
        content: str,
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, HTML_TYPE)


class JSONResponse(Response):
    """Data as JSON in an envelope: `{"data": …}`, with `"message"` if one is given.

    Dates become ISO 8601 text, decimals, UUIDs, paths and IP addresses text, enumerations their
    value, sets, tuples and other sequences lists, dataclasses objects; NaN and infinity become
    null. Subclasses are written as the class that they derive from.

    Args:
        data: Any value with a JSON form.
        status_code: Status of the response.
        headers: Header fields; copied.
        message: Text for `"message"`; `None` leaves it out.

    Raises:
        TypeError: The data contains an object without a JSON form; the message names its type.
        ValueError: A text in the data is not valid Unicode.

    Example:
        >>> from lback import JSONResponse
        >>> JSONResponse([1, 2]).body
        b'{"data":[1,2]}'
    """

    def __init__(
        self,
        data: object = None,
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        message: str | None = None,
    ) -> None:
        envelope = {"data": data} if message is None else {"data": data, "message": message}
        try:
            body = json_encode(envelope)
        except UnicodeEncodeError:
            raise ValueError(
                "a text in the data has half a surrogate pair, which UTF-8 cannot encode; "
                'clean it with text.encode("utf-8", "replace").decode()'
            ) from None
        super().__init__(body, status_code, headers, JSON_TYPE)
        self.data = data
        self.message = message


class RedirectResponse(Response):
    """Redirects the client to another URL (RFC 9110 section 15.4).

    The URL is trusted: check one that came from a client with
    `lback.core.urls_utils.is_local_url` first.

    Args:
        redirect_url: Absolute URL or path; non-ASCII characters and spaces are percent-encoded.
        status_code: 301, 302, 303, 307 or 308.
        headers: Header fields; copied.

    Attributes:
        schemes: Allowed schemes of an absolute URL. A subclass that redirects to a mobile app adds
            the scheme of that app.

    Raises:
        ValueError: The status is not a redirect, the scheme is not allowed, or the URL contains a
            control character.

    Example:
        >>> from lback import RedirectResponse
        >>> RedirectResponse("/books/Émile", 303).headers["Location"]
        '/books/%C3%89mile'
    """

    schemes: Collection[str] = WEB_SCHEMES

    def __init__(
        self,
        redirect_url: str,
        status_code: int = 302,
        headers: Mapping[str, HeaderValue] | None = None,
    ) -> None:
        if status_code not in REDIRECT_STATUSES:
            raise ValueError(
                f"{status_code!r} is not a redirect status; use 301, 302, 303, 307 or 308"
            )
        super().__init__(None, int(status_code), headers)
        self.redirect_url = redirect_url
        self.headers["Location"] = location_of(redirect_url, self.schemes)


def location_of(url: str, schemes: Collection[str] = WEB_SCHEMES) -> str:
    """Return a URL for a `Location` field: ASCII, percent-encoded where needed.

    Args:
        url: Absolute URL or path.
        schemes: Allowed schemes of an absolute URL.

    Raises:
        ValueError: The URL contains a control character, or its scheme is not allowed.

    Example:
        >>> location_of("/search?q=two words"), location_of("https://bücher.example/")
        ('/search?q=two%20words', 'https://xn--bcher-kva.example/')
    """
    if _CONTROL.search(url):
        raise ValueError("a redirect URL must not contain a control character")
    found = _SCHEME.match(url)
    if found and found[1].lower() not in schemes:
        raise ValueError(
            f"a redirect to {found[1]}: would run script or leave the web; allowed are "
            f"{', '.join(sorted(schemes))}, and a path may begin with ./"
        )
    return quote(_with_ascii_host(url.strip()), safe=_URL_RESERVED)


def _with_ascii_host(url: str) -> str:
    """Return a URL with the `xn--` form of its host, which programs other than browsers need."""
    if url.isascii():
        return url
    host = _HOST_OF_URL.match(url)
    encoded = ascii_name(host[1]) if host else None
    if host is None or encoded is None:
        return url
    return url[: host.start(1)] + encoded + url[host.end(1) :]


def _status_of(status: object) -> int:
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return int(status)
    raise ValueError(f"{status!r} is not an HTTP status: an integer from 100 to 599")


def status_line(status: object) -> str:
    """Return a status with its phrase (RFC 9110 section 15).

    Raises:
        ValueError: The status is not an integer from 100 to 599.

    Example:
        >>> status_line(404)
        '404 Not Found'
    """
    return STATUS_LINES[_status_of(status)]


def _bodiless(response: Response) -> tuple[str, HeaderPairs, list[bytes]]:
    line = status_line(response.status_code)
    headers = Headers(response.headers)
    headers.pop("Content-Length", None)
    if response.status_code in (204, 304):
        headers.pop("Content-Type", None)
    elif "Content-Type" not in headers:
        headers["Content-Type"] = TEXT_TYPE
    return line, headers.pairs(), []
