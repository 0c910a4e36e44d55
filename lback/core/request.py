"""HTTP requests, parsed lazily, with the values that middlewares and the application add."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, ParamSpec, TypeAlias

from lback.core.exceptions import BadRequest, ConfigurationError, HTTPException
from lback.core.http.absolute_uri import absolute_uri, server_host
from lback.core.http.after_answer import Job, after_answer, run_jobs
from lback.core.http.body import NO_BODY, BodyStream, input_of
from lback.core.http.cookies import parse_cookies
from lback.core.http.headers import RequestHeaders
from lback.core.http.hosts import (
    client_address,
    first_member,
    has_trusted_proxy,
    host_name,
    with_forwarded_port,
)
from lback.core.http.limits import DEFAULT_LIMITS, Limits
from lback.core.http.methods import METHODS, HTTPMethod, is_token
from lback.core.http.multidict import FormData, MultiDict, NoFields, parse_query
from lback.core.http.wsgi_text import decoded_path, raw_path

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.admin import AdminRegistry
    from lback.application import Application
    from lback.core.config import Config
    from lback.core.error_handler import ErrorHandler
    from lback.core.http.app_session import AppSession
    from lback.core.router import Router
    from lback.core.signals import SignalDispatcher
    from lback.core.templates import TemplateRenderer
    from lback.sessions import SessionManager
    from lback.users import AdminUserManager, UserManager

P = ParamSpec("P")

Form: TypeAlias = Mapping[str, Any]
# Values are an UploadedFile or a list of them; a union would make every view narrow the type.
Files: TypeAlias = dict[str, Any]
BodyParser: TypeAlias = "Callable[[Request], tuple[Form | None, Files | None]]"

_WITH_DATA = frozenset({HTTPMethod.POST, HTTPMethod.PUT, HTTPMethod.PATCH})
# Context keys that are stored in an attribute. Reading these attributes parses nothing.
_DEDICATED = {
    "path_params": "path_params",
    "parsed_body": "_parsed_body",
    "files": "uploads",
    "db_session": "active_session",
}


class ApplicationBinding(NamedTuple):
    """What an application shares with each of its requests.

    Args:
        services: Services by name, as views take them as parameters.
        limits: Maximum sizes, checked when parts of a request are read.
        open_session: Opens a database session; None if there is no database.
    """

    services: Mapping[str, Any] = MappingProxyType({})
    limits: Limits = DEFAULT_LIMITS
    open_session: "Callable[[], Session | None] | None" = None


_UNBOUND = ApplicationBinding()


def _context_value(name: str, doc: str) -> Any:
    """Build a property that reads and writes one key of the request context."""

    def read(request: "Request") -> object:
        return request.get_context(name)

    def write(request: "Request", value: object) -> None:
        request._context[name] = value

    return property(read, write, doc=doc)


class Request:
    """An HTTP request, with the values that middlewares add to it for views.

    Headers, cookies, query and body are parsed when they are first read. The same object passes
    through all middlewares and the view. `set_context` and the settable properties store values
    on it; `add_lazy_context` registers values that are loaded when first read.

    The constructor never raises. An error in the path or the method is stored in `error` and
    raised when the application handles the request, so that the error response passes the
    response hooks like any other.

    Args:
        path: Decoded path; text after a `?` becomes the query string.
        method: Method name in any case, or a member of `HTTPMethod`.
        body: The whole body, or `None` to read it from `wsgi.input` on demand.
        headers: Header fields; names in any case. `None` reads them from the environ.
        environ: The WSGI environ (PEP 3333). Its `PATH_INFO` and `QUERY_STRING` take precedence
            over `path`.

    Attributes:
        path: Decoded path, neither normalised nor stripped.
        method: A member of `HTTPMethod`, or upper-case text for a non-standard method.
        error: The error in the request line, the host or a size; `None` if there is none.
        route_requires_auth: Whether the matched route requires a signed-in user. Set after
            routing, so request hooks do not see it yet.

    Example:
        >>> request = Request("/books?page=2", "get", None, {"Accept": "text/html"}, {})
        >>> request.path, str(request.method), request.query_params["page"]
        ('/books', 'GET', '2')
    """

    path: str
    method: HTTPMethod | str
    uploads: "Files | None"
    # The session in use, and the same again if it was opened here and must be closed here.
    active_session: "Session | None"
    opened_session: "Session | None"
    error: HTTPException | None
    route_requires_auth = False

    # Defaults of attributes that few requests set.
    _has_given_headers = False  # header fields were given and are not those of the environ
    _body: bytes | str | None = None
    _query_string: str = ""
    _binding: ApplicationBinding = _UNBOUND
    _body_parser: "BodyParser | None" = None
    _parsed_body: Form | None = None
    _body_is_parsed = False
    _after_commit: list[Job] | None = None

    def __init__(
        self,
        path: str,
        method: str | HTTPMethod,
        body: str | bytes | None,
        headers: Mapping[str, str] | None,
        environ: dict[str, Any],
    ) -> None:
        self._environ = environ
        self._context: dict[str, object] = {}
        self._lazy: dict[str, Callable[[Request], object]] = {}
        self.error = self.active_session = self.opened_session = self.uploads = None
        sent = environ.get("PATH_INFO")
        if sent:
            self.path = sent if sent.isascii() else self._decoded(sent)
        else:
            path, _, query = path.partition("?")
            self.path = path or "/"
            # Stored as in PEP 3333, UTF-8 read as Latin-1, so that it is decoded in one place.
            self._query_string = query.encode().decode("latin-1")
        self.method = METHODS.get(method) or self._unusual_method(method)
        if headers is not None:
            self.headers = RequestHeaders(headers)
            self._has_given_headers = True
        if body is not None:
            self._body = body

    @classmethod
    def from_environ(cls, environ: dict[str, Any]) -> "Request":
        """Build a request from a WSGI environ (PEP 3333)."""
        return cls("/", environ["REQUEST_METHOD"], None, None, environ)

    def _decoded(self, path: str) -> str:
        try:
            return decoded_path(path)
        except BadRequest as error:
            self.error = error
            return path

    def _unusual_method(self, method: str) -> HTTPMethod | str:
        if not is_token(method):
            self.error = BadRequest("the method is not a token")
        return METHODS.get(method.upper()) or method.upper()

    # What the client sent.

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environ (PEP 3333), not a copy."""
        return self._environ

    @cached_property
    def headers(self) -> RequestHeaders:
        """The header fields. Lookups ignore case and accept `_` for `-`."""
        return RequestHeaders.from_environ(self._environ)

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The values of the `Cookie` field by name (RFC 6265).

        Raises:
            HTTPException: Status 431: the field is longer than `MAX_COOKIE_SIZE` bytes.
        """
        field = self._environ.get("HTTP_COOKIE") or self.headers.get("COOKIE") or ""
        if len(field) > self._binding.limits.cookie_size:
            limit = self._binding.limits.cookie_size
            raise HTTPException(f"the Cookie field is longer than {limit} bytes", 431)
        return parse_cookies(field) if field else {}

    @cached_property
    def query_params(self) -> MultiDict:
        """The query parameters: text, or a list if a name occurs several times.

        Raises:
            BadRequest: There are more than `MAX_QUERY_PARAMS` parameters.

        Example:
            >>> request = Request("/books?tag=new&tag=used&page=2", "GET", None, None, {})
            >>> request.query_params.getlist("tag"), request.query_params["page"]
            (['new', 'used'], '2')
        """
        query = self._environ.get("QUERY_STRING") or self._query_string
        if not query:
            return MultiDict()
        if not query.isascii():
            query = query.encode("latin-1", "replace").decode("utf-8", "replace")
        return parse_query(query, self._binding.limits.query_params)

    @property
    def GET(self) -> MultiDict:  # noqa: N802  the documented name
        """The query parameters; the same as `query_params`."""
        values: MultiDict = self.query_params
        return values

    @property
    def meta(self) -> MappingProxyType[str, Any]:
        """A read-only view of the WSGI environ."""
        return MappingProxyType(self._environ)

    META = meta

    def get_body_stream(self) -> BinaryIO | None:
        """Return `wsgi.input`, or `None` if the environ has none.

        The stream can be read once: `body_bytes` and `body_text` then return only the rest.
        """
        return self._environ.get("wsgi.input")

    @cached_property
    def body_bytes(self) -> bytes:
        """The whole body, read into memory on first access; see `get_body_stream` for large ones.

        Raises:
            BadRequest: The body is shorter than declared, or `Content-Length` is not a number.
            HTTPException: Status 413: the body is larger than `MAX_REQUEST_BODY_SIZE`.
        """
        if self._body is not None:
            return self._body.encode() if isinstance(self._body, str) else self._body
        stream = input_of(self._environ, self._binding.limits.body_size)
        body = self._body = b"" if stream is None else stream.read()
        return body

    def open_body(self) -> "BodyStream | BinaryIO | None":
        """Return the body as a binary stream for body parsers, or `None` if there is no body.

        A body that was already read into memory starts from its beginning; otherwise the stream
        continues where `wsgi.input` was left.

        Raises:
            BadRequest: `Content-Length` is not a number.
            HTTPException: Status 413: the body is larger than `MAX_REQUEST_BODY_SIZE`.
        """
        body = self._body
        if body is None:
            stream = input_of(self._environ, self._binding.limits.body_size)
            return None if stream is NO_BODY else stream
        return BytesIO(body.encode() if isinstance(body, str) else body) if body else None

    @cached_property
    def body_text(self) -> str | None:
        """The body as UTF-8 text; `None` if it is empty or not valid UTF-8."""
        try:
            return self.body_bytes.decode() or None
        except UnicodeDecodeError:
            return None

    @cached_property
    def raw_path(self) -> str:
        """The path as sent, percent-encoded and without the query: `/a%2Fb` is not `/a/b`."""
        return raw_path(self._environ, self.path)

    # The parsed body.

    def set_body_parser(self, parse: BodyParser) -> None:
        """Set the function that parses the body when `parsed_body` or `files` is first read.

        Args:
            parse: Called with the request; returns the form values, or None, and the files, or
                None. An exception that it raises is raised again at each later read, because the
                stream has been consumed.
        """
        self._body_is_parsed = False
        self._body_parser = parse

    def _parse(self) -> None:
        self._body_is_parsed = True
        if self._body_parser is None:
            return
        try:
            self._parsed_body, self.uploads = self._body_parser(self)
        except Exception as error:
            self.set_body_parser(_raising(error))
            raise

    @property
    def parsed_body(self) -> Form | None:
        """The values of a form or a JSON object; `None` if there is no body or no parser."""
        if not self._body_is_parsed:
            self._parse()
        return self._parsed_body

    @parsed_body.setter
    def parsed_body(self, value: Form | None) -> None:
        self._body_is_parsed = True
        self._parsed_body = value if isinstance(value, Mapping) else None

    @property
    def files(self) -> Files:
        """Uploaded files by field name: one file, or a list if a name occurs several times."""
        if not self._body_is_parsed:
            self._parse()
        if self.uploads is None:
            self.uploads = FormData()
        return self.uploads

    @files.setter
    def files(self, value: Files) -> None:
        self._body_is_parsed = True
        self.uploads = value

    @property
    def POST(self) -> Form:  # noqa: N802  the documented name
        """The parsed body of a POST request; empty for other methods or without a body.

        Reading a field of a body that is neither a form nor a JSON object raises 400 or 415.
        """
        posted = self.method is HTTPMethod.POST
        return (self.parsed_body or self._empty_form()) if posted else FormData()

    @property
    def DATA(self) -> Form:  # noqa: N802  the documented name
        """The parsed body of a POST, PUT or PATCH request; empty otherwise. See `POST`."""
        return (self.parsed_body or self._empty_form()) if self.method in _WITH_DATA else FormData()

    def _empty_form(self) -> Form:
        """Return an empty form, which raises when a field is read if the body is not a form."""
        if self.parsed_body is not None:
            return self.parsed_body
        if self._body_parser is None or not self.body_bytes:
            return FormData()
        kind = self.get_header("Content-Type") or ""
        if "json" in kind.partition(";")[0].lower():
            return NoFields(BadRequest("the body is JSON, but not an object of names and values"))
        return NoFields(
            HTTPException("the body is not a form; send form fields or a JSON object", 415)
        )

    # Scheme, host and client.

    @property
    def is_secure(self) -> bool:
        """Whether the client uses HTTPS, according to the server or a trusted proxy."""
        if self._environ.get("wsgi.url_scheme") == "https":
            return True
        proto = first_member(self.headers.get("X-FORWARDED-PROTO")).lower()
        return proto == "https" and self._proxy_is_trusted

    @property
    def get_host(self) -> str:
        """The host that the request was sent to, with its port if one was sent.

        `X-Forwarded-Host` is used only if it comes from a proxy in `TRUSTED_PROXIES` and
        `USE_X_FORWARDED_HOST` is on; `X-Forwarded-Port` of such a proxy is the port of a host
        that names none.

        Raises:
            BadRequest: The `Host` field is malformed.
        """
        host: str | None = self.headers.get("HOST")
        config = self.config
        if config is not None and config.USE_X_FORWARDED_HOST and self._proxy_is_trusted:
            host = first_member(self.headers.get("X-FORWARDED-HOST")) or host
        if host is None:
            return server_host(self._environ)
        if host_name(host) is None:
            raise BadRequest("the Host field is not a valid host name")
        port = self.headers.get("X-FORWARDED-PORT")
        return with_forwarded_port(host, port) if port and self._proxy_is_trusted else host

    @cached_property
    def client_address(self) -> str:
        """The IP address of the client, according to trusted proxies; empty if it is unknown."""
        return client_address(self._environ, getattr(self.config, "TRUSTED_PROXIES", ()))

    @property
    def _proxy_is_trusted(self) -> bool:
        # A request that was built by hand has no configuration.
        config = self.config
        return config is None or has_trusted_proxy(self._environ, config.TRUSTED_PROXIES)

    def build_absolute_uri(self, location: str | None = None) -> str:
        """Return the absolute URI of a location, or of this request (RFC 3986 section 5).

        Args:
            location: Relative or absolute path, `//host/path`, or a full URL, which is returned
                unchanged. `None` means this request with its query string.

        Raises:
            BadRequest: The `Host` field is malformed.

        Example:
            >>> request = Request("/books?page=2", "GET", None, {"Host": "example.com"}, {})
            >>> request.build_absolute_uri("/cart")
            'http://example.com/cart'
        """
        scheme = "https" if self.is_secure else "http"
        query = self._environ.get("QUERY_STRING") or self._query_string
        script = self._environ.get("SCRIPT_NAME", "")
        return absolute_uri(location, scheme, lambda: self.get_host, script, self.path, query)

    # Values that the application and its middlewares add.

    @cached_property
    def path_params(self) -> dict[str, Any]:
        """The converted variables of the path by name; empty before the request is routed."""
        return {}

    # Typed as in a request that an application handles. They are None in a request that was
    # built by hand, or if the middleware for them is missing.
    user: Any = _context_value("user", "The signed-in user, or `None`.")
    session: "AppSession" = _context_value("session", "The session of the visitor.")
    config: "Config" = _context_value("config", "The configuration.")
    router: "Router" = _context_value("router", "The router.")
    dispatcher: "SignalDispatcher" = _context_value("dispatcher", "The dispatcher.")
    error_handler: "ErrorHandler" = _context_value("error_handler", "The error handler.")
    template_renderer: "TemplateRenderer" = _context_value(
        "template_renderer", "The template renderer."
    )
    session_manager: "SessionManager" = _context_value("session_manager", "The session manager.")
    user_manager: "UserManager" = _context_value("user_manager", "The user manager.")
    admin_user_manager: "AdminUserManager" = _context_value(
        "admin_user_manager", "The admin user manager."
    )
    admin_registry: "AdminRegistry" = _context_value("admin_registry", "The admin registry.")

    @property
    def app(self) -> "Application":
        """The application that handles this request.

        Raises:
            ConfigurationError: The request was built by hand and not sent through an application.
        """
        app: Application = self.get_service("app")
        return app

    def get_service(self, name: str) -> Any:
        """Return a service of the application, such as "router" or "mailer".

        Args:
            name: Name of the service, as views take it as a parameter. A context value of that
                name takes precedence.

        Raises:
            ConfigurationError: The request was built by hand and not sent through an application,
                or the application has no such service.
        """
        service = self.get_context(name)
        if service is None:
            raise ConfigurationError(
                f"{self!r} has no {name!r}: it belongs to no application that has one; send it "
                "through one, as lback.testing.Client does"
            )
        return service

    @property
    def db_session(self) -> "Session":
        """The SQLAlchemy session of this request, opened when first read.

        It is committed if the response has a status below 400, else rolled back, and then closed.
        """
        if self.active_session is None and self._binding.open_session is not None:
            self.active_session = self.opened_session = self._binding.open_session()
            if self._after_commit:
                self._pass_on_jobs()
        return self.active_session  # type: ignore[return-value]  # see above

    @db_session.setter
    def db_session(self, value: "Session | None") -> None:
        self.active_session = value

    def after_commit(
        self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function once the changes of this request have been committed.

        It is not called if they are rolled back: if the view raises, or the response has a status
        of 400 or above. A request that never opens a database session calls it after its response
        has been sent. See `lback.after_commit`, which finds the request by itself.

        Args:
            function: What to call.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.
        """
        job = partial(function, *args, **kwargs)
        add = getattr(self.active_session, "after_commit", None)
        if add is not None:
            add(job)
            return
        if self._after_commit is None:
            jobs: list[Job] = []
            self._after_commit = jobs
            after_answer(self, lambda: run_jobs(jobs))
        self._after_commit.append(job)

    def _pass_on_jobs(self) -> None:
        """Let jobs that were added before the session was opened wait for its commit."""
        add = getattr(self.active_session, "after_commit", None)
        if add is not None and self._after_commit:
            for job in self._after_commit:
                add(job)
            self._after_commit.clear()

    def bind(self, binding: ApplicationBinding) -> None:
        """Set the services and limits of the application that handles the request.

        Values of the request context take precedence over services of the same name.
        """
        self._binding = binding

    def set_context(self, **kwargs: object) -> None:
        """Store values on the request, for later middlewares, the view and templates.

        Args:
            **kwargs: Values by name. A settable property of that name, such as `user`, is set.

        Raises:
            ValueError: The name is that of a method or a read-only attribute.

        Example:
            >>> request.set_context(tenant="north")
            >>> request.get_context("tenant")
            'north'
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

    def add_context(self, key: str, value: object) -> None:
        """Store one value on the request; see `set_context`.

        Args:
            key: Name for `get_context`.
            value: Any value.
        """
        self.set_context(**{key: value})

    def add_lazy_context(self, key: str, load: "Callable[[Request], object]") -> None:
        """Register a value that is loaded when first read, as `session` and `user` are.

        A value that was set with `set_context` takes precedence, whenever it was set.

        Args:
            key: Name for `get_context`; "session" and "user" are also attributes.
            load: Called with the request when the value is first read; its result is stored. If
                it raises, nothing is stored and the next read calls it again.

        Example:
            >>> request.add_lazy_context("basket", lambda request: request.session.get("basket"))
        """
        self._lazy[key] = load

    def peek_context(self, key: str) -> Any | None:
        """Return a value that was already set or loaded, or None, without loading it."""
        return self._context.get(key)

    def get_context(self, key: str, default: object | None = None) -> Any | None:
        """Return a context value, or the default.

        Values set on the request come first, then lazy values, then services of the application.

        Args:
            key: Name of the value or service.
            default: Returned if the value does not exist.
        """
        if key in self._context:
            return self._context[key]
        if key in self._lazy:
            value = self._context[key] = self._lazy[key](self)
            return value
        if key in self._binding.services:
            return self._binding.services[key]
        if key in _DEDICATED:
            value = getattr(self, _DEDICATED[key])
            return default if value is None else value
        return default

    @property
    def context_data(self) -> dict[str, Any]:
        """All services and context values by name; a copy. Loads no lazy value."""
        dedicated = {key: getattr(self, name) for key, name in _DEDICATED.items()}
        present = {key: value for key, value in dedicated.items() if value}
        return {**self._binding.services, **self._context, **present}

    def close(self) -> None:
        """Close the uploaded files. Called by the server after the response has been sent."""
        for files in (self.uploads or {}).values():
            for file in files if isinstance(files, list) else [files]:
                file.close()

    def __repr__(self) -> str:
        router = self._binding.services.get("router")
        path = self.path if router is None else router.secret_paths.in_path(self.path)
        return f"<Request {self.method} {path!r}>"

    def get_header(self, name: str) -> str | None:
        """Return one header field, or None, without parsing the others.

        Args:
            name: Name of the field in any case, such as "Content-Type".
        """
        if self._has_given_headers:
            return self.headers.get(name)
        variable = name.upper().replace("-", "_")
        if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            variable = f"HTTP_{variable}"
        return self._environ.get(variable)


def _raising(error: Exception) -> BodyParser:
    """Return a body parser that raises an error each time."""

    def parse(_: Request) -> tuple[Form | None, Files]:
        raise error

    return parse
