"""A request: what the client sent, read when asked for, and what the application adds to it."""

from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from lback.core.absolute_uri import absolute_uri, server_host
from lback.core.body import BODY_PARSER, NO_BODY, BodyStream, input_of
from lback.core.cookies import parse_cookies
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.headers import RequestHeaders
from lback.core.hosts import client_address, host_name, is_trusted_proxy
from lback.core.http_method import METHODS, HTTPMethod, is_token
from lback.core.limits import DEFAULT_LIMITS, Limits
from lback.core.multidict import MultiDict, parse_query
from lback.core.request_attributes import context_value, failing, lazy_context_value, load, once
from lback.core.wsgi_text import decoded_path

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.admin import AdminRegistry
    from lback.core.app_session import AppSession
    from lback.core.config import Config
    from lback.core.error_handler import ErrorHandler
    from lback.core.router import Router
    from lback.core.signals import SignalDispatcher
    from lback.core.templates import TemplateRenderer
    from lback.core.uploaded_file import UploadedFile
    from lback.sessions import SessionManager
    from lback.users import AdminUserManager, UserManager

Form: TypeAlias = Mapping[str, Any]
Files: TypeAlias = "dict[str, UploadedFile | list[UploadedFile]]"
BodyParser: TypeAlias = "Callable[[Request], tuple[Form | None, Files]]"

_new = object.__new__
_NOTHING: Mapping[str, Any] = {}
_WITH_DATA = frozenset({HTTPMethod.POST, HTTPMethod.PUT, HTTPMethod.PATCH})
# Context keys that have an attribute of their own; reading these parses and opens nothing.
_DEDICATED = {
    "path_params": "path_params",
    "parsed_body": "_parsed_body",
    "files": "uploads",
    "db_session": "active_session",
}


class Request:
    """One HTTP request, and the place where middlewares and views leave things for each other.

    Nothing of it is parsed before it is read. The same object walks through all middlewares and
    the view; `set_context` and the settable properties keep what they add.

    Args:
        path: Decoded path; text behind a `?` becomes the query string.
        method: Text in any case, or a member of `HTTPMethod`.
        body: The whole body, or `None` to read it from `wsgi.input` when asked.
        headers: Header fields in any spelling.
        environ: The WSGI environ (PEP 3333); its `PATH_INFO` and `QUERY_STRING` win.

    Attributes:
        path: Decoded path, neither normalised nor stripped.
        method: A member of `HTTPMethod`, or upper-case text where it is none of them.
        headers: The header fields; look-ups ignore case.
        cookies: Name to value.
        query_params: The query string; text, or a list where a name came several times.
        route_requires_auth: Whether the route wants a signed-in user; known to views and to
            response hooks, not yet to request hooks.
    """

    path: str
    method: HTTPMethod | str
    uploads: "Files | None"
    # The session in use, and the same once more if it was opened here and is to be closed here.
    active_session: "Session | None"
    opened_session: "Session | None"
    fault: HTTPException | None
    route_requires_auth = False

    # What a request begins with; an instance holds only what differs.
    _given_headers: RequestHeaders | None = None  # of one that was built by hand
    _body: bytes | str | None = None
    _query_string: str = ""
    _limits: Limits = DEFAULT_LIMITS
    _shared: Mapping[str, Any] = _NOTHING
    _loaders: Mapping[str, "Callable[[Request], Any]"] = _NOTHING
    _parsed_body: Form | None = None
    _body_is_parsed = False
    _open_session: "Callable[[], Session | None] | None" = None

    def __init__(
        self,
        path: str,
        method: str | HTTPMethod,
        body: str | bytes | None,
        headers: Mapping[str, str],
        environ: dict[str, Any],
    ) -> None:
        path, _, query = path.partition("?")
        self._environ = environ
        self._context: dict[str, Any] = {}
        self.fault = self.active_session = self.opened_session = self.uploads = None
        sent = environ.get("PATH_INFO")
        self.path = decoded_path(sent) if sent else path or "/"
        # Kept as PEP 3333 has it, UTF-8 read as Latin-1, so that there is one way to read it.
        self._query_string = environ.get("QUERY_STRING") or query.encode().decode("latin-1")
        self._body = body
        self.method = METHODS.get(method.upper()) or method.upper()
        self.headers = self._given_headers = RequestHeaders(headers)

    @classmethod
    def from_environ(cls, environ: dict[str, Any]) -> "Request":
        """Build a request from a WSGI environ.

        Never raises: what is wrong with the path or the method is left in `fault`, to be
        answered where errors are answered, with the response hooks run.
        """
        request = _new(cls)
        request._environ = environ
        request._context = {}
        # Asked of every request; the interpreter is slow where the class has a default as well.
        request.fault = request.active_session = request.opened_session = request.uploads = None
        path = environ.get("PATH_INFO") or "/"
        request.path = path
        if not path.isascii():
            try:
                request.path = decoded_path(path)
            except BadRequest as fault:
                request.fault = fault
        method = environ["REQUEST_METHOD"]
        request.method = METHODS.get(method) or request._unusual_method(method)
        return request

    def _unusual_method(self, method: str) -> HTTPMethod | str:
        if not is_token(method):
            self.fault = BadRequest("the method is no token")
        return METHODS.get(method.upper()) or method.upper()

    # What the client sent.

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environ itself (PEP 3333)."""
        return self._environ

    @once
    def headers(self) -> RequestHeaders:
        """The header fields; look-ups ignore case and take `_` for `-`."""
        return RequestHeaders.from_environ(self._environ)

    @once
    def cookies(self) -> dict[str, str]:
        """Name to value of the `Cookie` field.

        Raises:
            HTTPException: 431, the field is longer than `MAX_COOKIE_SIZE`.
        """
        field = self._environ.get("HTTP_COOKIE") or self.headers.get("COOKIE") or ""
        if len(field) > self._limits.cookie_size:
            limit = self._limits.cookie_size
            raise HTTPException(f"the Cookie field is longer than {limit} bytes", 431)
        return parse_cookies(field) if field else {}

    @once
    def query_params(self) -> MultiDict:
        """The query string; text, or a list where a name came several times.

        Raises:
            BadRequest: It has more than `MAX_QUERY_PARAMS` parameters.
        """
        query = self._query_string or self._environ.get("QUERY_STRING")
        if not query:
            return MultiDict()
        if not query.isascii():
            query = query.encode("latin-1", "replace").decode("utf-8", "replace")
        return parse_query(query, self._limits.query_params)

    @property
    def GET(self) -> MultiDict:  # noqa: N802  the documented name
        """The query parameters."""
        values: MultiDict = self.query_params
        return values

    @property
    def meta(self) -> MappingProxyType[str, Any]:
        """A read-only view of the environ."""
        return MappingProxyType(self._environ)

    META = meta

    def get_body_stream(self) -> BinaryIO | None:
        """Return `wsgi.input`, or `None` where the environ has none.

        What is read from it is gone: `body_bytes` and `body_text` then see the rest only.
        """
        return self._environ.get("wsgi.input")

    @once
    def body_bytes(self) -> bytes:
        """The whole body, read into memory once; see `get_body_stream` for large ones.

        Raises:
            BadRequest: It is shorter than declared, or its length is no number.
            HTTPException: 413, it is over `MAX_REQUEST_BODY_SIZE`.
        """
        if self._body is not None:
            return self._body.encode() if isinstance(self._body, str) else self._body
        stream = input_of(self._environ, self._limits.body_size)
        body = self._body = b"" if stream is None else stream.read()
        return body

    def open_body(self) -> "BodyStream | BinaryIO | None":
        """Return the body as a stream that ends with it, or `None` without one; for body parsers.

        A body that is in memory begins anew; of `wsgi.input` it is what was not read yet.

        Raises:
            BadRequest: Its length is no number.
            HTTPException: 413, as for `body_bytes`.
        """
        held = self._body
        if held is None:
            stream = input_of(self._environ, self._limits.body_size)
            return None if stream is NO_BODY else stream
        return BytesIO(held.encode() if isinstance(held, str) else held) if held else None

    @once
    def body_text(self) -> str | None:
        """The body as UTF-8 text; `None` if it is empty or is not UTF-8."""
        try:
            return self.body_bytes.decode() or None
        except UnicodeDecodeError:
            return None

    # What a body parser makes of it.

    def set_body_parser(self, parse: BodyParser) -> None:
        """Have `parse(request)` called when the parsed body or the files are first asked for.

        It returns the values (or `None`) and the files. What it raises is raised to whoever
        asks, each time: the stream is spent, and what is left of it is no body.
        """
        self._body_is_parsed = False
        self._loaders = {**self._loaders, BODY_PARSER: parse}

    def _parse(self) -> None:
        self._body_is_parsed = True
        parse = self._loaders.get(BODY_PARSER)
        if parse is None:
            return
        try:
            self._parsed_body, self.uploads = parse(self)
        except Exception as error:
            self.set_body_parser(failing(error))
            raise

    @property
    def parsed_body(self) -> Form | None:
        """Values of a form or of a JSON object; `None` without a body or without a parser."""
        if not self._body_is_parsed:
            self._parse()
        return self._parsed_body

    @parsed_body.setter
    def parsed_body(self, value: Form | None) -> None:
        self._body_is_parsed = True
        self._parsed_body = value if isinstance(value, Mapping) else None

    @property
    def files(self) -> Files:
        """Uploaded files by field name; a list where a name came several times."""
        if not self._body_is_parsed:
            self._parse()
        if self.uploads is None:
            self.uploads = {}
        return self.uploads

    @files.setter
    def files(self, value: Files) -> None:
        self._body_is_parsed = True
        self.uploads = value

    @property
    def POST(self) -> Form:  # noqa: N802  the documented name
        """The parsed body of a POST request; empty for other methods and without a body."""
        return (self.parsed_body or {}) if self.method is HTTPMethod.POST else {}

    @property
    def DATA(self) -> Form:  # noqa: N802  the documented name
        """The parsed body of a POST, PUT or PATCH request; empty otherwise."""
        return (self.parsed_body or {}) if self.method in _WITH_DATA else {}

    # Where it was sent to.

    @property
    def is_secure(self) -> bool:
        """Whether the client speaks HTTPS, by the server's word or that of a trusted proxy."""
        if self._environ.get("wsgi.url_scheme") == "https":
            return True
        forwarded = self.headers.get("X-FORWARDED-PROTO")
        return forwarded is not None and forwarded.lower() == "https" and self._proxy_is_trusted

    @property
    def get_host(self) -> str:
        """The host, with its port if one was sent.

        `X-Forwarded-Host` counts only from a trusted proxy and with `USE_X_FORWARDED_HOST`.

        Raises:
            BadRequest: The `Host` field is malformed.
        """
        host: str | None = self.headers.get("HOST")
        config = self.config
        if config is not None and config.USE_X_FORWARDED_HOST and self._proxy_is_trusted:
            host = self.headers.get("X-FORWARDED-HOST") or host
        if host is None:
            return server_host(self._environ)
        if host_name(host) is None:
            raise BadRequest("the Host field is no host name")
        return host

    @once
    def client_address(self) -> str:
        """The address of the client, as trusted proxies tell it; empty where none is known."""
        return client_address(self._environ, self.config.TRUSTED_PROXIES if self.config else ())

    @property
    def _proxy_is_trusted(self) -> bool:
        # A request built by hand has no configuration to ask.
        config, peer = self.config, self._environ.get("REMOTE_ADDR")
        return config is None or is_trusted_proxy(peer, config.TRUSTED_PROXIES)

    def build_absolute_uri(self, location: str | None = None) -> str:
        """Return the absolute URI of a location, or of this request.

        Args:
            location: Relative or absolute path, `//host/path`, or a full URL, which is returned
                as it is; `None` means this request with its query string.

        Raises:
            BadRequest: The `Host` field is malformed.
        """
        scheme = "https" if self.is_secure else "http"
        query = self._query_string or self._environ.get("QUERY_STRING") or ""
        script = self._environ.get("SCRIPT_NAME", "")
        return absolute_uri(location, scheme, lambda: self.get_host, script, self.path, query)

    # What the application adds.

    @once
    def path_params(self) -> dict[str, Any]:
        """The variables of the path, converted; empty before the request is routed."""
        return {}

    user: Any | None = lazy_context_value("user", "The signed-in user, or `None`.")
    session: "AppSession | None" = lazy_context_value("session", "The session of the visitor.")
    config: "Config | None" = context_value("config", "The configuration.")
    router: "Router | None" = context_value("router", "The router.")
    dispatcher: "SignalDispatcher | None" = context_value("dispatcher", "The dispatcher.")
    error_handler: "ErrorHandler | None" = context_value("error_handler", "The error handler.")
    template_renderer: "TemplateRenderer | None" = context_value(
        "template_renderer", "The template renderer."
    )
    session_manager: "SessionManager | None" = context_value(
        "session_manager", "The session manager."
    )
    user_manager: "UserManager | None" = context_value("user_manager", "The user manager.")
    admin_user_manager: "AdminUserManager | None" = context_value(
        "admin_user_manager", "The admin user manager."
    )
    admin_registry: "AdminRegistry | None" = context_value("admin_registry", "The admin registry.")

    @property
    def db_session(self) -> "Session | None":
        """The database session of this request, opened when first asked for."""
        if self.active_session is None and self._open_session is not None:
            self.active_session = self.opened_session = self._open_session()
        return self.active_session

    @db_session.setter
    def db_session(self, value: "Session | None") -> None:
        self.active_session = value

    def adopt(
        self,
        dependencies: Mapping[str, Any],
        limits: Limits,
        open_session: "Callable[[], Any] | None",
        loaders: "Mapping[str, Callable[[Request], Any]]" = _NOTHING,
    ) -> None:
        """Give the request what its application shares with all of them, behind what it carries.

        A loader makes its value of the context when that is read; `BODY_PARSER` parses the body.
        """
        self._shared = dependencies
        self._limits = limits
        self._open_session = open_session
        self._loaders = {**loaders, **self._loaders}

    def set_context(self, **kwargs: Any) -> None:
        """Keep values on the request; a settable property of that name is set.

        Raises:
            ValueError: The name is that of a method or of something that cannot be set.
        """
        for key, value in kwargs.items():
            attribute = getattr(type(self), key, None)
            settable = isinstance(attribute, property) and attribute.fset is not None
            if settable or key == "path_params":
                setattr(self, key, value)
            elif attribute is not None or key in self.__dict__:
                raise ValueError(f"request.{key} cannot be set from the context; use another name")
            else:
                self._context[key] = value

    def add_context(self, key: str, value: Any) -> None:
        """Keep one value on the request; see `set_context`."""
        self.set_context(**{key: value})

    def get_context(self, key: str, default: Any | None = None) -> Any | None:
        """Return what is kept under a key, or the default."""
        if key in self._context:
            return self._context[key]
        if key in self._loaders:
            return load(self, key)
        if key in self._shared:
            return self._shared[key]
        if key in _DEDICATED:
            value = getattr(self, _DEDICATED[key])
            return default if value is None else value
        return default

    @property
    def context_data(self) -> dict[str, Any]:
        """A copy of all that is kept on the request."""
        dedicated = {key: getattr(self, name) for key, name in _DEDICATED.items()}
        held = {key: value for key, value in dedicated.items() if value}
        return {**self._shared, **self._context, **held}

    def close(self) -> None:
        """Close the uploaded files; the controller does so when the request has been answered."""
        for held in (self.uploads or {}).values():
            for file in held if isinstance(held, list) else [held]:
                file.close()

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"
