"""Templates from directories, and templates from a database in a sandbox that denies by default."""

import datetime
import logging
import os
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote
from uuid import UUID

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    Undefined,
    pass_context,
)
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.runtime import Context as RenderContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.router import Router

logger = logging.getLogger(__name__)

DatabaseLoader: TypeAlias = Callable[[str, Any | None], str | None]
RequestValue: TypeAlias = Callable[[Any], Any]

# The framework's own templates, which those of a project and of its apps take the place of.
FRAMEWORK_DIRECTORY = Path(__file__).resolve().parents[1] / "templates"
_ESCAPED_SUFFIXES = (".html", ".htm", ".xhtml", ".xml", ".svg")
_ENGINE_SUFFIXES = (".j2", ".jinja", ".jinja2")
RENDERING_SIGNALS = frozenset(
    {"template_rendering_started", "template_rendered", "template_rendering_failed"}
)

_default_router: "Router | None" = None


def set_default_router(router: "Router | None") -> None:
    """Name the router that `custom_url_tag` asks outside an application: that of the process."""
    global _default_router
    _default_router = router


def custom_uppercase(value: Any) -> Any:
    """Return text in upper case, and any other value unchanged; the filter `uppercase`."""
    return value.upper() if isinstance(value, str) else value


def custom_url_tag(name: str, **params: Any) -> str:
    """Return the path of a named route of the application that this process serves.

    Where there is none, `"/url/"` and the name stand in for it.

    Raises:
        ValueError: No route has the name, or a variable is missing or does not fit.
    """
    return _url(name, **params)


def _url(name: str, /, **params: Any) -> str:
    # By position, so that a route may have a variable called `name`.
    if _default_router is None:
        return f"/url/{quote(name, safe='')}"
    return _default_router.reverse(name, **params)


def default_global_context() -> dict[str, Any]:
    """Return what every template can use without being given it; a new dict at each call."""
    return {"url": _url, "url_for": _url}


class _RowNotFound(TemplateNotFound):
    """The database has no such template, which no look at the directories would explain."""


class TemplateRenderer(SignalSender):
    """Renders Jinja2 templates.

    A file is looked for in `TEMPLATE_DIRS`, or else in `templates/` of the project; then in
    `templates/` of each installed app, then among those of the framework. Templates whose name
    ends in `.html`, `.htm`, `.xhtml`, `.xml` or `.svg` escape what they show, and so do all from
    the database. Those run in a `DatabaseSandbox`, which denies by default: who may edit a row
    must not thereby run code or read secrets.

    Every template can use `url(name, **params)` and the filter `uppercase`; the context of a call
    comes before these. `template_name` and `self` cannot be names in a context.

    Args:
        config: `TEMPLATE_DIRS`, `PROJECT_ROOT`, `INSTALLED_APPS` and `DEBUG`, which has changed
            files read anew, are read here.
        db_session: For templates in a database.
        template_model: A model with the columns `name` and `content`.
        db_loader_func: Asked first; takes the name and the session and returns text or `None`.
        dispatcher: Where signals are sent; `None` means the dispatcher of the process.
        router: What `url` asks; `None` means the router of the process.

    Attributes:
        directories: Where files are looked for, in that order.
    """

    def __init__(
        self,
        config: "Config",
        db_session: Any | None = None,
        template_model: Any | None = None,
        db_loader_func: DatabaseLoader | None = None,
        *,
        dispatcher: SignalDispatcher | None = None,
        router: "Router | None" = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._db_session = db_session
        self._template_model = template_model
        self._db_loader_func = db_loader_func
        self.directories = list(_directories(config))
        options: dict[str, Any] = {
            "loader": FileSystemLoader(self.directories),
            "autoescape": _escapes,
            "auto_reload": config.get("DEBUG") is True,
        }
        self.environment = Environment(**options)  # noqa: S701  `_escapes` decides by the name
        self._sandbox = DatabaseSandbox(**{**options, "autoescape": True})
        for environment in (self.environment, self._sandbox):
            environment.filters["uppercase"] = custom_uppercase
            environment.globals.update(default_global_context())
            if router is not None:
                environment.globals.update(url=router.reverse, url_for=router.reverse)
        self._request_values: dict[str, RequestValue] = {}
        self._compiled: Callable[[str], Template] = lru_cache(256)(self._sandbox.from_string)

    def add_request_value(self, name: str, make: RequestValue) -> None:
        """Let every template that is given `request` use a value that is made from it.

        Args:
            name: What templates call it; the context of a call comes before it.
            make: Called with the request at each rendering, used or not: let it return an
                object whose `__str__` or `__html__` does the work.
        """
        self._request_values[name] = make

    def add_global(self, name: str, value: Any) -> None:
        """Let every template use a value by a name, as it does `url`."""
        for environment in (self.environment, self._sandbox):
            environment.globals[name] = value

    def render_to_string(self, template_name: str, **context: Any) -> str:
        """Render a file.

        Signals: `template_rendering_started`, then `template_rendered` or
        `template_rendering_failed`.

        Raises:
            TemplateNotFound: No directory has it, or one that it includes; names near misses.
            Exception: What the template raised.
        """
        return self._render("file", self._file, template_name, context)

    def render_from_db_to_string(self, template_name: str, **context: Any) -> str:
        """Render a template of the database in the sandbox.

        Args:
            template_name: Name of the row.
            **context: Plain data, and objects whose class names `template_attributes`; see
                `DatabaseSandbox`. `request` is replaced by a `TemplateRequest`.

        Signals: as `render_to_string`, around those of `load_template_from_db`.

        Raises:
            TemplateNotFound: The database has no such template.
            Exception: What the template raised, `jinja2.sandbox.SecurityError` among them.
        """
        return self._render("db", self._row, template_name, context)

    def render_template_from_db(self, template_name: str, **context: Any) -> dict[str, Any]:
        """Render a template of the database into `{"status_code", "body", "headers"}`.

        A failure is logged and becomes status 404 or 500, with a fixed text as the body.

        Signals: as `render_from_db_to_string`.
        """
        try:
            body, status = self.render_from_db_to_string(template_name, **context), 200
        except TemplateNotFound:
            body, status = "Template not found", 404
        except Exception:
            logger.exception("the database template %r failed", template_name)
            body, status = "Internal Server Error", 500
        kind = "text/html" if status == 200 else "text/plain"
        headers = {"Content-Type": f"{kind}; charset=utf-8"}
        return {"status_code": status, "body": body, "headers": headers}

    def load_template_from_db(self, template_name: str) -> str | None:
        """Return the text of a template of the database, or `None`.

        The loader function is asked first, then the model. A lookup that fails is logged, and
        the session rolled back.

        Signals: `db_template_loading_started`, then `db_template_loaded` or
        `db_template_load_failed`.
        """
        send, failure = self.dispatcher.send, None
        send("db_template_loading_started", self, template_name=template_name)
        try:
            content = self._look_up(template_name)
        except Exception as error:
            logger.exception("the lookup of the database template %r failed", template_name)
            content, failure = None, error
            rollback = getattr(self._db_session, "rollback", None)
            if rollback is not None:
                rollback()
        if content is None:
            send("db_template_load_failed", self, template_name=template_name, exception=failure)
        else:
            send("db_template_loaded", self, template_name=template_name, content=content)
        return content

    def _look_up(self, template_name: str) -> str | None:
        content = None
        if self._db_loader_func is not None:
            content = self._db_loader_func(template_name, self._db_session)
        if content is None and self._db_session is not None and self._template_model is not None:
            query = self._db_session.query(self._template_model).filter_by(name=template_name)
            row = query.first()
            content = None if row is None else row.content
        return content

    def _file(self, template_name: str) -> Template:
        return self.environment.get_template(template_name)

    def _row(self, template_name: str) -> Template:
        content = self.load_template_from_db(template_name)
        if content is None:
            raise _RowNotFound(template_name, f"the database has no template {template_name!r}")
        return self._compiled(content)

    def _render(
        self, source: str, find: Callable[[str], Template], name: str, context: dict[str, Any]
    ) -> str:
        dispatcher = self.dispatcher
        heard = bool(dispatcher.receivers) and dispatcher.has_receivers(RENDERING_SIGNALS)
        about = {"template_name": name, "context": context, "source": source}
        if heard:
            dispatcher.send("template_rendering_started", self, **about)
        try:
            values = self._with_request_values(context)
            text = find(name).render(values if source == "file" else admitted(values))
        except Exception as error:
            shown = self._explained(error)
            dispatcher.send(
                "template_rendering_failed", self, exception=shown,
                error_type=type(shown).__name__, **about,
            )  # fmt: skip
            if shown is error:
                raise
            raise shown from error
        if heard:
            dispatcher.send("template_rendered", self, rendered_content=text, **about)
        return text

    def _with_request_values(self, context: dict[str, Any]) -> dict[str, Any]:
        request = context.get("request")
        if request is None or not self._request_values:
            return context
        made = {name: make(request) for name, make in self._request_values.items()}
        return {**made, **context}

    def _explained(self, error: Exception) -> Exception:
        """Return the error itself or, of a file that was not found, one that helps further."""
        if type(error) is not TemplateNotFound:
            return error
        name = str(error.name or "")
        near = get_close_matches(name, self.environment.list_templates(), n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        places = ", ".join(map(str, self.directories))
        return TemplateNotFound(name, f"there is no template {name!r} in {places}{hint}")


# The sandbox of templates from a database.

_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower "
    "isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind "
    "rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
_DATE = "day isocalendar isoformat isoweekday month strftime weekday year"
_TIME = "hour microsecond minute second isoformat strftime tzname utcoffset"
# What a template from the database may read of plain data, by type.
_READABLE: Mapping[type, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        str: _TEXT,
        bytes: "",
        bool: "",
        int: "",
        float: "is_integer",
        types.NoneType: "",
        Decimal: "is_finite is_nan is_signed",
        UUID: "hex",
        datetime.datetime: f"{_DATE} {_TIME} date time timestamp",
        datetime.date: _DATE,
        datetime.time: _TIME,
        datetime.timedelta: "days seconds microseconds total_seconds",
        dict: "get items keys values",
        list: "count index",
        tuple: "count index",
        set: "isdisjoint issubset issuperset",
        frozenset: "isdisjoint issubset issuperset",
        Enum: "name value",
        LoopContext: (
            "changed cycle depth depth0 first index index0 last length nextitem previtem "
            "revindex revindex0"
        ),
        Cycler: "current next reset",
        Namespace: "",
        Macro: "",
        BlockReference: "super",
    }.items()
}
_CONTAINERS = (dict, list, tuple, set, frozenset)
# Filters that show how an object is made, or make much of little.
_REFUSED_FILTERS = ("attr", "center", "format", "pprint")
_REFUSED_GLOBALS = ("lipsum",)
_BOUNDED_FILTERS = ("batch", "indent", "slice", "wordwrap")
_LARGEST_ARGUMENT = 1000
_LARGEST_PRODUCT = 100_000


class TemplateRequest:
    """What a template from the database sees of a request.

    Attributes:
        path: Decoded path.
        method: Method in upper case.
        is_secure: Whether the client uses HTTPS.
        query: Query parameters; the last value of each name.
        user: The signed-in user, or None. Templates read what its class names in
            `template_attributes`.
    """

    template_attributes = ("path", "method", "is_secure", "query", "user")
    __slots__ = ("_request",)

    def __init__(self, request: "Request") -> None:
        self._request = request

    @property
    def path(self) -> str:  # noqa: D102  see the class
        return self._request.path

    @property
    def method(self) -> str:  # noqa: D102
        return str(self._request.method)

    @property
    def is_secure(self) -> bool:  # noqa: D102
        return self._request.is_secure

    @property
    def query(self) -> dict[str, str]:  # noqa: D102
        held = self._request.query_params
        return {name: held.getlist(name)[-1] for name in held}

    @property
    def user(self) -> Any:  # noqa: D102
        return self._request.user

    def __repr__(self) -> str:
        return f"<TemplateRequest {self.method} {self.path!r}>"


class DatabaseSandbox(ImmutableSandboxedEnvironment):
    """Environment of templates from a database: what is not allowed is denied.

    A template reads plain data (text, numbers, dates, lists, dicts and the like, with a list of
    harmless methods), and of other objects the attributes that their class names:

        class Book(Base):
            template_attributes = ("title", "price")

    It calls methods that are named so, macros, and the globals of the environment. Sessions,
    forms, configuration and services name nothing, so that a template gets nothing from them.

    A template can still take a lot of time and memory, by nested loops for instance: let only
    people edit rows whom you trust with that.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, finalize=_checked_output)
        for name in _REFUSED_FILTERS:
            del self.filters[name]
        for name in _REFUSED_GLOBALS:
            del self.globals[name]
        for name in _BOUNDED_FILTERS:
            self.filters[name] = _bounded(self.filters[name])

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
        """Return True if the attribute is named for the class of the object."""
        return not attr.startswith("_") and attr in readable_names(obj)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute, or an item of a plain container, or refuse."""
        if self.is_safe_attribute(obj, attribute, None):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        missing = self.undefined(obj=obj, name=attribute)
        if isinstance(obj, dict) and is_plain(obj):
            return obj.get(attribute, missing)
        if attribute.startswith("_"):
            return self.unsafe_undefined(obj, attribute)
        if isinstance(obj, (Namespace, TemplateModule)):
            return getattr(obj, attribute, missing)
        if isinstance(obj, TemplateReference):
            return _item(obj, attribute, missing)
        return self.unsafe_undefined(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an item of text or of a plain container, or an attribute as `getattr` does."""
        missing = self.undefined(obj=obj, name=argument)
        if isinstance(argument, str) and not isinstance(obj, dict):
            return self.getattr(obj, argument)
        if isinstance(obj, (str, *_CONTAINERS)) and is_plain(obj):
            return _item(obj, argument, missing)
        return missing

    def is_safe_callable(self, obj: Any) -> bool:
        """Return True for macros, globals of the environment, and methods that are named."""
        if isinstance(obj, (Macro, BlockReference, LoopContext, Joiner)) or self._is_global(obj):
            return True
        if "__call__" in getattr(type(obj), "template_attributes", ()):
            return True
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        return owner is not None and self.is_safe_attribute(owner, name, obj)

    def call(self, context: RenderContext, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what may be called; globals of the application get the request itself."""
        if self._is_global(obj):
            args = tuple(a._request if isinstance(a, TemplateRequest) else a for a in args)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: RenderContext, operator: str, left: Any, right: Any) -> Any:
        """Compute `*`, `**` and `%` as long as that makes nothing large."""
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("a template from the database may not format text with %")
        if operator == "**" and not _is_small_power(left, right):
            raise SecurityError("this power is too large for a template from the database")
        if operator == "*" and not _is_small_product(left, right):
            raise SecurityError("this product is too large for a template from the database")
        return super().call_binop(context, operator, left, right)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Return a value that raises, with the way to allow the attribute, when it is used."""
        name = type(obj).__name__
        return StrictUndefined(
            f"templates from the database may not read {attribute!r} of {name}: the class has to "
            f"name it in template_attributes",
            name=attribute,
            obj=obj,
            exc=SecurityError,
        )

    def _is_global(self, obj: Any) -> bool:
        return callable(obj) and any(obj is value for value in self.globals.values())


def readable_names(obj: Any) -> frozenset[str]:
    """Return the attributes that templates from the database may read of an object."""
    names: set[str] = set()
    for kind, readable in _READABLE.items():
        if isinstance(obj, kind) and (kind not in _CONTAINERS or is_plain(obj)):
            names |= readable
    fields: Collection[str] = getattr(type(obj), "_fields", ()) if isinstance(obj, tuple) else ()
    declared: Collection[str] = getattr(type(obj), "template_attributes", ())
    return frozenset(names.union(fields, declared))


def is_plain(value: Any) -> bool:
    """Return True for plain data: containers of the standard library or of a request, and scalars.

    What a container holds is not looked at: its items are checked when they are read.
    """
    if isinstance(value, _CONTAINERS):
        module = type(value).__module__
        return (
            module in ("builtins", "collections")
            or hasattr(value, "_fields")
            or (module == "lback.core.http.multidict")
        )
    return isinstance(value, (*_READABLE, Markup))


def admitted(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a context in which templates from the database find what they may read.

    Args:
        context: Values by name. `request` becomes a `TemplateRequest`; a value that is neither
            plain nor of a class with `template_attributes` raises `SecurityError` when used.
    """
    return {name: _admitted(name, value) for name, value in context.items()}


def _admitted(name: str, value: Any) -> Any:
    if name == "request" and hasattr(value, "build_absolute_uri"):
        return TemplateRequest(value)
    if is_plain(value) or _is_shown(value):
        return value
    return StrictUndefined(
        f"{name!r} is a {type(value).__name__}, which templates from the database may not use: "
        "give plain data, or name template_attributes in the class",
        exc=SecurityError,
    )


def _is_shown(value: Any) -> bool:
    """Return True for objects of a class that says what templates may read of it."""
    return isinstance(value, Undefined) or hasattr(type(value), "template_attributes")


@pass_context  # so that constants are checked as well, which are else folded to text before
def _checked_output(_: RenderContext, value: Any) -> Any:
    if is_plain(value) or _is_shown(value):
        return value
    raise SecurityError(
        f"templates from the database may not write a {type(value).__name__}: give plain data, or "
        "name template_attributes in the class"
    )


def _item(obj: Any, key: Any, missing: Undefined) -> Any:
    try:
        return obj[key]
    except (AttributeError, TypeError, LookupError):
        return missing


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse large numbers as arguments of a filter that makes as much of little."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        numbers = [value for value in (*args, *kwargs.values()) if isinstance(value, int)]
        if any(number > _LARGEST_ARGUMENT for number in numbers):
            raise SecurityError(f"{_LARGEST_ARGUMENT} is the largest argument of this filter")
        return function(*args, **kwargs)

    return call


def _is_small_power(base: Any, exponent: Any) -> bool:
    return isinstance(exponent, (int, float)) and abs(exponent) <= 64 and abs(base) <= 2**64


def _is_small_product(left: Any, right: Any) -> bool:
    for sequence, number in ((left, right), (right, left)):
        if isinstance(sequence, (str, bytes, list, tuple)) and isinstance(number, int):
            return len(sequence) * number <= _LARGEST_PRODUCT
    return True


@lru_cache(1024)  # asked at each rendering
def _escapes(template_name: str | None) -> bool:
    if template_name is None:
        return True
    name = template_name.lower()
    for suffix in _ENGINE_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.endswith(_ESCAPED_SUFFIXES)


def _directories(config: "Config") -> Iterator[Path]:
    given = config.get("TEMPLATE_DIRS", None) or []
    root = Path(config.get("PROJECT_ROOT", "") or os.curdir).resolve()
    yield from [root / directory for directory in given] or [root / "templates"]
    for app in config.get("INSTALLED_APPS", None) or []:
        yield from [place / "templates" for place in places_of(app)]
    yield FRAMEWORK_DIRECTORY


def places_of(app: str) -> list[Path]:
    """Return the directories of an installed app; none for one of a single file.

    Raises:
        ConfigurationError: There is no such app.
    """
    try:
        spec = find_spec(app)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"INSTALLED_APPS names {app!r}: {error}") from error
    if spec is None:
        raise ConfigurationError(
            f"INSTALLED_APPS names {app!r}, and there is no such package; "
            "check the spelling, and that its directory is on the import path"
        )
    return [Path(place) for place in spec.submodule_search_locations or ()]
