"""A client for tests: real WSGI requests without a socket, each checked against PEP 3333."""

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes, urlencode, urljoin, urlsplit
from wsgiref.validate import WSGIWarning, validator

import msgspec

from lback.auth.sign_in import begin
from lback.core.config import Config
from lback.core.http.hosts import ANY_PEER, first_member, host_name, is_allowed
from lback.middleware.csrf import CHECKED as CSRF_CHECKED
from lback.testing.cookies import CookieJar, Place

if TYPE_CHECKING:
    from lback.core.http.app_session import AppSession
    from lback.users import Account

WsgiApplication = Callable[..., Iterable[bytes]]
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class ClientResponse:
    """An answer, read to its end.

    Attributes:
        status_code: Status as a number.
        status: Status line without the version, such as `"200 OK"`.
        header_list: The header fields as they were sent, pair by pair.
        body: The body as bytes.
        url: Path and query of the request that was answered.
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
        """The header fields by lower-case name; of a repeated one the last."""
        return {name.lower(): value for name, value in self.header_list}

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body read as JSON."""
        return msgspec.json.decode(self.body)

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status} of {self.url}>"


class Client:
    """Sends requests to an application, and keeps its cookies as a browser does.

    Every request and answer is checked by `wsgiref.validate`. An `Application` that has no
    settings is put into development mode, as `run` does.

    Args:
        application: An `Application`, or any WSGI callable.
        headers: Header fields for every request.
        environ: WSGI variables for every request, such as `REMOTE_ADDR`.
        enforce_csrf: Have unsafe requests checked as those of browsers are; else they pass.
    """

    def __init__(
        self,
        application: WsgiApplication,
        *,
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, Any] | None = None,
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
        self.environ = {CSRF_CHECKED: not enforce_csrf, **(environ or {})}
        self._cookies = CookieJar()

    @property
    def cookies(self) -> CookieJar:
        """The cookies that are kept: a mapping of names to values."""
        return self._cookies

    @cookies.setter
    def cookies(self, values: Mapping[str, str]) -> None:
        self._cookies = CookieJar()
        self._cookies.update(values)

    def sign_in(self, account: "Account") -> None:
        """Go on as somebody who is signed in, without asking for the password.

        Args:
            account: A user of the site or of the admin, who is stored and committed.
        """
        application: Any = self.application
        session = application.session_manager.create()
        begin(session, account)
        application.session_manager.save(session)
        self.cookies[application.config.SESSION_COOKIE_NAME] = session.session_id

    def force_login(self, account: "Account") -> None:
        """Go on as somebody who is signed in; see `sign_in`."""
        self.sign_in(account)

    @contextmanager
    def session(self) -> Iterator["AppSession"]:
        """Read and change what is kept in the session of this client; saved at the end.

        A client without a session gets one.
        """
        application: Any = self.application
        manager, name = application.session_manager, application.config.SESSION_COOKIE_NAME
        held = self.cookies.get(name)
        session = (manager.load(held) if held else None) or manager.create()
        yield session
        manager.save(session)
        self.cookies[name] = session.session_id

    def get(self, url: str, **options: Any) -> ClientResponse:
        """Send a GET request; see `request`."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Any) -> ClientResponse:
        """Send a HEAD request; see `request`."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Any) -> ClientResponse:
        """Send an OPTIONS request; see `request`."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Any) -> ClientResponse:
        """Send a POST request; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> ClientResponse:
        """Send a PUT request; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> ClientResponse:
        """Send a PATCH request; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> ClientResponse:
        """Send a DELETE request; see `request`."""
        return self.request("DELETE", url, **options)

    def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | bytes | str | None = None,
        files: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, Any] | None = None,
        follow_redirects: bool = False,
    ) -> ClientResponse:
        """Send one request.

        Args:
            method: Any method.
            url: Path, with a query string if you like; percent-encoded or not. A whole URL also
                says scheme and host; else it is one of http://localhost.
            query: Parameters to add to the query string.
            data: Form fields, or the body itself.
            files: Field name to content, `(file name, content)` or `(file name, content,
                content type)`, or a list of these; makes the form a multipart one.
            json: Anything that has a JSON form.
            headers: Header fields.
            environ: WSGI variables.
            follow_redirects: Go where the answer sends, at most ten times, on the hosts of the
                application.

        Raises:
            AssertionError: There are more redirects, or one leads to another site.
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

    def _redirected(self, answer: ClientResponse, headers: dict[str, str]) -> str:
        """Return where an answer leads.

        Raises:
            AssertionError: To another host than those of the application.
        """
        target = urljoin(answer.url, answer.headers["location"])
        parts = urlsplit(target)
        if not parts.netloc:
            return target.partition("#")[0]
        asked = next((headers[name] for name in headers if name.lower() == "host"), None)
        own = asked or _split(answer.url)[1]
        config = getattr(self.application, "config", None)
        named = [host for host in getattr(config, "ALLOWED_HOSTS", None) or [] if host != "*"]
        if host_name(parts.netloc) != host_name(own) and not is_allowed(parts.netloc, named):
            raise AssertionError(
                f"the answer leads to {target}, another site that this application cannot answer "
                "for; leave out follow_redirects and look at headers['location']"
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
        variables: Mapping[str, Any],
    ) -> ClientResponse:
        environ = self._environ(method, url, body, headers)
        environ.update(variables)
        place = _place_of(environ)
        cookies = self.cookies.header(place)
        if cookies:
            environ.setdefault("HTTP_COOKIE", cookies)
        begun: list[Any] = []

        def start_response(status: str, fields: list[tuple[str, str]], *_: Any) -> Any:
            begun[:] = [status, list(fields)]
            return begun.append

        with warnings.catch_warnings():
            # It knows eight methods, and to send others is what `request` is for.
            warnings.filterwarnings("ignore", "Unknown REQUEST_METHOD", WSGIWarning)
            chunks = validator(self.application)(environ, start_response)
        try:
            received = b"".join(chunks)
        finally:
            chunks.close()  # type: ignore[attr-defined]  # the validator's iterator has it
        answer = ClientResponse(begun[0], begun[1], received, url)
        for name, value in answer.header_list:
            if name.lower() == "set-cookie":
                self.cookies.keep(value, place)
        return answer

    def _environ(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        scheme, host, local = _split(url)
        path, _, query = local.partition("?")
        environ: dict[str, Any] = {
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


def _unquoted(path: str) -> str:
    """Decode a path into what PEP 3333 calls a native string: UTF-8 bytes as Latin-1."""
    return unquote_to_bytes(path).decode("latin-1")


def _with_query(url: str, query: Mapping[str, Any] | None) -> str:
    url = url.partition("#")[0]
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, doseq=True)}"


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, host and the rest of a URL; a path alone is one of http://localhost."""
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


def _body_of(data: Any, files: Any, json: Any) -> tuple[bytes, str | None]:
    if sum(given is not None for given in (json, data if files is None else files)) > 1:
        raise ValueError("give a request json, or data and files, not both")
    if json is not None:
        return msgspec.json.encode(json), "application/json"
    if files is not None:
        return _multipart(data or {}, files)
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else data or b""), None


def _multipart(data: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary = f"----lback{token_hex(16)}"
    parts = [
        (f'name="{_escaped(name)}"', "", str(item).encode())
        for name, value in data.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    for name, held in files.items():
        for item in held if isinstance(held, list) else [held]:
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
    if isinstance(item, bytes):
        return "upload", item, "application/octet-stream"
    filename, content, *kind = item
    return filename, content, kind[0] if kind else "application/octet-stream"


def _escaped(name: str) -> str:
    # As browsers do (WHATWG HTML, multipart/form-data encoding).
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
