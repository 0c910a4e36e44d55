"""A test client: sends WSGI requests without a socket and validates them against PEP 3333."""

import io
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes, urlencode, urljoin, urlsplit
from wsgiref.validate import WSGIWarning, validator

import msgspec

from lback.auth.sign_in import begin
from lback.core.config import Config
from lback.core.http.hosts import ANY_PEER, first_member, host_name, is_allowed
from lback.core.routing.endpoint import CHECK_ANSWERS
from lback.middleware.csrf import CHECKED as CSRF_CHECKED
from lback.testing.cookies import CookieJar, Place
from lback.time_zones import CURRENT_ZONE
from lback.translation import CURRENT as CURRENT_LANGUAGE

if TYPE_CHECKING:
    from lback.core.http.app_session import AppSession
    from lback.testing.sockets import EventClient, TestSocket
    from lback.users import Account

WsgiApplication = Callable[..., Iterable[bytes]]
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ClientResponse:
    """A complete response.

    Attributes:
        status_code: Status as a number.
        status: Status line without the version, such as `"200 OK"`.
        header_list: Header fields as (name, value) pairs in the order in which they were sent.
        body: Body as bytes.
        url: Path and query of the request, or its whole URL if it was sent to another host.

    Example:
        >>> answer = ClientResponse("200 OK", [("Content-Type", "text/plain")], b"Hello", "/")
        >>> answer.status_code, answer.headers["content-type"], answer.text
        (200, 'text/plain', 'Hello')
    """

    def __init__(
        self, status: str, header_list: list[tuple[str, str]], body: bytes, url: str
    ) -> None:
        self.status = status
        self.status_code = int(status[:3])
        self.header_list = header_list
        self.body = body
        self.url = url

    @property
    def headers(self) -> dict[str, str]:
        """The header fields by lower-case name; the last value of a repeated field."""
        return {name.lower(): value for name, value in self.header_list}

    @property
    def text(self) -> str:
        """The body decoded as UTF-8.

        Raises:
            UnicodeDecodeError: The body is not UTF-8.
        """
        return self.body.decode()

    def json(self) -> Any:
        """Return the body decoded as JSON (RFC 8259).

        Raises:
            msgspec.DecodeError: The body is not JSON.

        Example:
            >>> ClientResponse("200 OK", [], b'{"id": 1}', "/").json()
            {'id': 1}
        """
        return msgspec.json.decode(self.body)

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status} of {self.url}>"


class Client:
    """Sends requests to an application and keeps cookies as a browser does.

    `wsgiref.validate` checks every request and response. An `Application` without settings is
    put into development mode, as `run` does. What typed views return is checked against their
    annotations.

    Args:
        application: An `Application`, or any WSGI callable.
        headers: Header fields for every request.
        environ: WSGI variables for every request, such as `REMOTE_ADDR`.
        enforce_csrf: Apply CSRF protection to requests of this client. By default it is skipped.

    Example:
        >>> app = Application()
        >>> @app.route("/hello", requires_auth=False)
        ... def hello(request: Request) -> str:
        ...     return "Hello"
        >>> Client(app).get("/hello").text
        'Hello'
    """

    def __init__(
        self,
        application: WsgiApplication,
        *,
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, object] | None = None,
        enforce_csrf: bool = False,
    ) -> None:
        develop = getattr(application, "develop", None)
        if develop is not None:
            develop()
        config = getattr(application, "config", None)
        if isinstance(config, Config):
            config.allow_weak_keys()
        self.application = application
        self.headers = dict(headers or {})
        self.environ = {
            CSRF_CHECKED: not enforce_csrf,
            CHECK_ANSWERS: True,
            **(environ or {}),
        }
        self._cookies = CookieJar()

    @property
    def cookies(self) -> CookieJar:
        """The cookies of the client: a mapping of names to values.

        Assigning a mapping replaces all cookies.
        """
        return self._cookies

    @cookies.setter
    def cookies(self, values: Mapping[str, str]) -> None:
        self._cookies = CookieJar()
        self._cookies.update(values)

    def sign_in(self, account: "Account") -> None:
        """Sign in as a user without a password, in a new session.

        Args:
            account: A user of the site or of the admin; must be committed to the database.
        """
        application: Any = self.application
        session = application.session_manager.create()
        begin(session, account)
        application.session_manager.save(session)
        self.cookies[application.config.SESSION_COOKIE_NAME] = session.session_id

    def force_login(self, account: "Account") -> None:
        """Sign in as a user without a password; same as `sign_in`, under the name Django uses.

        Args:
            account: A user of the site or of the admin; must be committed to the database.
        """
        self.sign_in(account)

    @contextmanager
    def session(self) -> Iterator["AppSession"]:
        """Open the session of this client in a `with` block, and save it at the end.

        A client without a session gets a new one.

        Yields:
            The session, which is read and changed like a dict.
        """
        application: Any = self.application
        manager, name = application.session_manager, application.config.SESSION_COOKIE_NAME
        session_id = self.cookies.get(name)
        session = (manager.load(session_id) if session_id else None) or manager.create()
        yield session
        manager.save(session)
        self.cookies[name] = session.session_id

    def get(self, url: str, **options: Any) -> ClientResponse:
        """Send a GET request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.

        Example:
            >>> app = Application()
            >>> @app.route("/search", requires_auth=False)
            ... def search(request: Request) -> str:
            ...     return request.GET["q"]
            >>> Client(app).get("/search", query={"q": "wsgi"}).text
            'wsgi'
        """
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Any) -> ClientResponse:
        """Send a HEAD request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.
        """
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Any) -> ClientResponse:
        """Send an OPTIONS request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.
        """
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Any) -> ClientResponse:
        """Send a POST request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.

        Example:
            >>> app = Application()
            >>> @app.route("/add", ["POST"], requires_auth=False)
            ... def add(request: Request) -> tuple[str, int]:
            ...     return request.POST["title"], 201
            >>> answer = Client(app).post("/add", data={"title": "Milk"})
            >>> answer.status_code, answer.text
            (201, 'Milk')
        """
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> ClientResponse:
        """Send a PUT request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.
        """
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> ClientResponse:
        """Send a PATCH request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.
        """
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> ClientResponse:
        """Send a DELETE request and return the response.

        Args:
            url: Path, optionally with a query string, or a URL with scheme and host.
            **options: Keyword arguments of `request`, such as `query` or `headers`.
        """
        return self.request("DELETE", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, object] | str | None = None,
        data: Mapping[str, object] | bytes | str | None = None,
        files: Mapping[str, object] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, object] | None = None,
        follow_redirects: bool = False,
    ) -> ClientResponse:
        """Send a request and return the response.

        Args:
            method: HTTP method, such as `"GET"`.
            url: Path, optionally with a query string, percent-encoded or not. A URL with scheme
                and host is accepted as well; the default is `http://localhost`.
            query: Parameters to add to the query string, or encoded text. A list or tuple
                repeats a parameter.
            data: Form fields, sent URL-encoded, or the body as bytes or text. A list or tuple
                repeats a field.
            files: Files by field name, each as content, `(file name, content)`, `(file name,
                content, content type)`, or a list of these. Content is bytes, text or an open
                file, which is read and whose name is the default. The form is sent as multipart.
            json: Value to send as JSON.
            headers: Header fields, in addition to those of the client.
            environ: WSGI variables, in addition to those of the client.
            follow_redirects: Follow up to ten redirects to hosts of the application.

        Raises:
            AssertionError: A response has more than ten redirects or redirects to another site,
                or the application violates PEP 3333.
            TypeError: A field or parameter is None.
            ValueError: Both `json` and `data` or `files` are given.

        Example:
            >>> app = Application()
            >>> @app.route("/echo", ["POST"], requires_auth=False)
            ... def echo(request: Request) -> dict[str, str]:
            ...     return {"name": request.POST["name"]}
            >>> Client(app).request("POST", "/echo", data={"name": "Ada"}).json()
            {'name': 'Ada'}
        """
        body, content_type = _body_of(data, files, json)
        fields = {**self.headers, **({"Content-Type": content_type} if content_type else {})}
        fields.update(headers or {})
        variables = {**self.environ, **(environ or {})}
        answer = self._send(method, _with_query(url, query), body, fields, variables)
        for _ in range(10):
            if not follow_redirects or answer.status_code not in REDIRECTS:
                return answer
            if answer.status_code not in (307, 308):
                method, body = "HEAD" if method == "HEAD" else "GET", b""
                fields.pop("Content-Type", None)
            url = self._redirected(answer, fields)
            answer = self._send(method, url, body, fields, variables)
        raise AssertionError(f"more than ten redirects, the last to {answer.url}")

    def websocket(
        self, path: str, *, headers: Mapping[str, str] | None = None, origin: str | None = None
    ) -> "AbstractContextManager[TestSocket]":
        """Connect a WebSocket with the cookies of this client, during a `with` block.

        The realtime server of the application runs in a thread meanwhile; it does not see what is
        not committed.

        Args:
            path: Path and query.
            headers: Header fields, in addition to those of the client.
            origin: Origin of the page that connects; None for a client that is not a browser.

        Raises:
            SocketRefused: The handshake was answered with an error.
            SocketClosed: Raised by the methods of the socket when the server has closed it.

        Example:
            >>> app = Application()
            >>> @app.websocket("/hello", requires_auth=False)
            ... async def hello(connection):
            ...     await connection.send({"hello": await connection.receive()})
            >>> with Client(app).websocket("/hello") as socket:
            ...     socket.send("Ada")
            ...     socket.receive_json()
            {'hello': 'Ada'}
        """
        # Imported here, because it loads asyncio and the library.
        from lback.testing.sockets import open_socket

        return open_socket(self.application, path, self._fields_for(path, headers), origin)

    def events(
        self, *rooms: str, last_id: str = "", headers: Mapping[str, str] | None = None
    ) -> "AbstractContextManager[EventClient]":
        """Connect to the server-sent events of rooms, during a `with` block.

        Args:
            *rooms: Names of the rooms.
            last_id: Position that the client has seen; empty if it begins now.
            headers: Header fields, in addition to those of the client.

        Raises:
            SocketRefused: The request was answered with an error.

        Example:
            >>> from lback.realtime import publish, room
            >>> app = Application(REALTIME="memory")
            >>> @room("weather")
            ... def everybody(user):
            ...     return True
            >>> with Client(app).events("weather") as events:
            ...     publish("weather", {"event": "rain"})
            ...     events.receive().data["data"]
            {'event': 'rain'}
        """
        # Imported here, as above.
        from lback.testing.sockets import open_events

        return open_events(self.application, rooms, self._fields_for("/", headers), last_id)

    def _fields_for(self, path: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        fields = {**self.headers, **(headers or {})}
        place = Place("localhost", path.partition("?")[0], False)
        cookies = self._cookies.header(place)
        if cookies and "cookie" not in {name.lower() for name in fields}:
            fields["Cookie"] = cookies
        return fields

    def _redirected(self, answer: ClientResponse, headers: dict[str, str]) -> str:
        """Return the URL of a redirect.

        Raises:
            AssertionError: The URL is not on a host of the application.
        """
        target = urljoin(answer.url, answer.headers["location"])
        parts = urlsplit(target)
        if not parts.netloc:
            return target.partition("#")[0]
        requested = next((headers[name] for name in headers if name.lower() == "host"), None)
        own = requested or _split(answer.url)[1]
        config = getattr(self.application, "config", None)
        named = [host for host in getattr(config, "ALLOWED_HOSTS", None) or [] if host != "*"]
        if host_name(parts.netloc) != host_name(own) and not is_allowed(parts.netloc, named):
            raise AssertionError(
                f"the response redirects to {target}, which is not on a host of this application; "
                "remove follow_redirects and check headers['location']"
            )
        for name in [name for name in headers if name.lower() == "host"]:
            headers[name] = parts.netloc
        return target.partition("#")[0]

    def _send(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        variables: Mapping[str, object],
    ) -> ClientResponse:
        environ = self._environ(method, url, body, headers)
        environ.update(variables)
        place = _place_of(environ)
        cookies = self.cookies.header(place)
        if cookies:
            environ.setdefault("HTTP_COOKIE", cookies)
        begun: list[Any] = []

        def start_response(
            status: str, fields: list[tuple[str, str]], *_: object
        ) -> Callable[[bytes], object]:
            begun[:] = [status, list(fields)]
            return begun.append

        with _own_time_zone():
            received = self._received(environ, start_response)
        answer = ClientResponse(begun[0], begun[1], received, url)
        for name, value in answer.header_list:
            if name.lower() == "set-cookie":
                self.cookies.keep(value, place)
        return answer

    def _received(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> bytes:
        with warnings.catch_warnings():
            # The validator knows eight methods, but `request` accepts any.
            warnings.filterwarnings("ignore", "Unknown REQUEST_METHOD", WSGIWarning)
            chunks = validator(self.application)(environ, start_response)
        try:
            return b"".join(chunks)
        finally:
            chunks.close()  # type: ignore[attr-defined]  # the validator's iterator has it

    def _environ(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, object]:
        scheme, host, local = _split(url)
        path, _, query = local.partition("?")
        environ: dict[str, object] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": _unquoted(path),
            "QUERY_STRING": quote(query, safe="%/:?&=+,;@!$'()*~[]"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443" if scheme == "https" else "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": host,
            ANY_PEER: True,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if body:
            environ["CONTENT_LENGTH"] = str(len(body))
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            prefix = "" if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_"
            environ[prefix + key] = value
        return environ


@contextmanager
def _own_time_zone() -> Iterator[None]:
    """Keep the time zone and the language of a request from applying to the test."""
    token, language = CURRENT_ZONE.set(None), CURRENT_LANGUAGE.set(None)
    try:
        yield
    finally:
        CURRENT_ZONE.reset(token)
        CURRENT_LANGUAGE.reset(language)


def _unquoted(path: str) -> str:
    """Decode a path into a native string of PEP 3333: UTF-8 bytes as Latin-1."""
    return unquote_to_bytes(path).decode("latin-1")


def _with_query(url: str, query: Mapping[str, object] | str | None) -> str:
    url = url.partition("#")[0]
    if not query:
        return url
    text = query if isinstance(query, str) else urlencode(_pairs(query))
    return f"{url}{'&' if '?' in url else '?'}{text}"


def _pairs(fields: Mapping[str, object]) -> list[tuple[str, str | bytes]]:
    """Return names and values, with one pair for each value of a list or tuple.

    Raises:
        TypeError: A value is None, which has no form in a query or a form.
    """
    pairs: list[tuple[str, str | bytes]] = []
    # Pairs as in `urlencode` are accepted too.
    for name, value in fields.items() if isinstance(fields, Mapping) else fields:
        for item in value if isinstance(value, (list, tuple, set, frozenset)) else [value]:
            if item is None:
                raise TypeError(f"{name!r} is None; leave it out, or send an empty text")
            pairs.append((name, item if isinstance(item, bytes) else str(item)))
    return pairs


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, host and the rest of a URL; a path is on http://localhost."""
    if not url.lower().startswith(("http://", "https://")):
        return "http", "localhost", url
    parts = urlsplit(url)
    rest = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return parts.scheme.lower(), parts.netloc, rest


def _place_of(environ: Mapping[str, Any]) -> Place:
    host = host_name(environ.get("HTTP_HOST", "localhost")) or "localhost"
    forwarded = first_member(environ.get("HTTP_X_FORWARDED_PROTO")).lower()
    secure = "https" in (environ["wsgi.url_scheme"], forwarded)
    path = quote(environ["SCRIPT_NAME"] + environ["PATH_INFO"], "/:@!$&'()*+,;=~", "latin-1")
    return Place(host, path, secure)


def _body_of(data: Any, files: Any, json: object) -> tuple[bytes, str | None]:
    if sum(given is not None for given in (json, data if files is None else files)) > 1:
        raise ValueError("give json or data and files, not both")
    if json is not None:
        return msgspec.json.encode(json), "application/json"
    if files is not None:
        return _multipart(data or {}, files)
    if isinstance(data, Mapping):
        return urlencode(_pairs(data)).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else data or b""), None


def _multipart(data: Mapping[str, object], files: Mapping[str, object]) -> tuple[bytes, str]:
    boundary = f"----lback{token_hex(16)}"
    parts = [
        (f'name="{_escaped(name)}"', "", item if isinstance(item, bytes) else item.encode())
        for name, item in _pairs(data)
    ]
    for name, value in files.items():
        for item in value if isinstance(value, list) else [value]:
            filename, content, kind = _file(item)
            disposition = f'name="{_escaped(name)}"; filename="{_escaped(filename)}"'
            parts.append((disposition, f"\r\nContent-Type: {kind}", content))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}{kind}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, kind, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _file(item: Any) -> tuple[str, bytes, str]:
    """Return name, content and content type of a file."""
    if not isinstance(item, tuple):
        name = getattr(item, "name", None)  # a number if the file has no name on the disk
        item = (os.path.basename(name) if isinstance(name, str) else "upload", item)  # noqa: PTH119
    filename, content, *kind = item
    if hasattr(content, "read"):
        content = content.read()
    content = content.encode() if isinstance(content, str) else bytes(content)
    return filename, content, kind[0] if kind else "application/octet-stream"


def _escaped(name: str) -> str:
    # As browsers do (WHATWG HTML, multipart/form-data encoding).
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
