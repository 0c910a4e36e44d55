"""Renders templates from directories, and templates from a database in a sandbox."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from datetime import date, datetime, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, Template, TemplateNotFound, Undefined

from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import ConfigurationError
from lback.core.http.json_encoding import json_encode
from lback.core.signals import SignalDispatcher
from lback.core.templates.links import mounted
from lback.core.templates.message_code import compile_directly
from lback.core.templates.messages import add_checked_translation, add_translation
from lback.core.templates.sandbox import DatabaseSandbox, admitted
from lback.core.templates.writing import limited_time
from lback.time_zones import CURRENT_ZONE, localtime, zone_of
from lback.translation import gettext

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.router import Router

logger = logging.getLogger(__name__)

DatabaseLoader: TypeAlias = Callable[[str, Any | None], str | None]
RequestValue: TypeAlias = Callable[[Any], Any]

# The framework's templates; those of a project and of its apps take precedence.
FRAMEWORK_DIRECTORY = Path(__file__).resolve().parents[2] / "templates"
_ESCAPED_SUFFIXES = (".html", ".htm", ".xhtml", ".xml", ".svg")
_ENGINE_SUFFIXES = (".j2", ".jinja", ".jinja2")
RENDERING_SIGNALS = frozenset(
    {"template_rendering_started", "template_rendered", "template_rendering_failed"}
)

_default_router: "Router | None" = None


def set_default_router(router: "Router | None") -> None:
    """Set the router of the process, which `custom_url_tag` uses outside an application."""
    global _default_router
    _default_router = router


def custom_uppercase(value: object) -> Any:
    """Return text in upper case, and any other value unchanged; the filter `uppercase`."""
    return value.upper() if isinstance(value, str) else value


def _local_text(value: Any, format: str, zone: tzinfo | None) -> Any:  # noqa: A002  as in Django
    """Return a datetime in a time zone, with a format as text; the filter `localtime`."""
    if value is None or isinstance(value, Undefined):
        return ""
    if not isinstance(value, date):
        raise TypeError(f"the filter localtime takes a datetime, not {type(value).__name__}")
    local = localtime(value, zone) if isinstance(value, datetime) else value
    return local.strftime(format) if format else local


def _json(value: object, **options: Any) -> str:
    """Return JSON for the filter `tojson`; dates, decimals and others as in responses."""
    return json.dumps(value, default=lambda part: json.loads(json_encode(part)), **options)


def custom_url_tag(name: str, **params: object) -> str:
    """Return the path of a named route of the application that this process serves.

    Without such an application, the result is `"/url/"` and the name.

    Args:
        name: Name of the route.
        **params: Values of its variables; others become the query string, except `None`.

    Raises:
        ValueError: No route has the name, or a value is missing or refused by its converter.
    """
    return _url(name, **params)


def _url(name: str, /, **params: object) -> str:
    # By position, so that a route may have a variable called `name`.
    if _default_router is None:
        return f"/url/{quote(name, safe='')}"
    return _default_router.reverse(name, **params)


def default_global_context() -> dict[str, Any]:
    """Return the global variables of all templates, as a new dict."""
    return {"url": _url, "url_for": _url}


class _RowNotFound(TemplateNotFound):
    """The database has no such template; suggestions from the directories would not help."""


class TemplateRenderer(SignalSender):
    """Renders Jinja2 templates.

    Files are searched in `TEMPLATE_DIRS`, or else in `templates/` of the project; then in
    `templates/` of each installed app, then in the templates of the framework. Output is escaped
    in templates whose name ends with `.html`, `.htm`, `.xhtml`, `.xml` or `.svg`, and in all
    templates from the database. The latter run in a `DatabaseSandbox`, which denies by default:
    permission to edit a row must not allow running code or reading secrets.

    All templates can use the tag `trans` and the functions `_`, `gettext`, `ngettext`, `pgettext`,
    `get_language` and `text_direction`; files also `npgettext`.
    All templates can use `url(name, **params)`, which begins with `SCRIPT_NAME` in templates that
    are rendered for a request, and the filters `uppercase` and `localtime`, which
    converts a datetime to the time zone of the project and, with a format, to text:
    `{{ at | localtime("%d.%m.%Y %H:%M") }}`. The context of a call takes precedence.
    `template_name` and `self` cannot be names in a context.

    Args:
        config: Settings: `TEMPLATE_DIRS`, `PROJECT_ROOT`, `INSTALLED_APPS`, `TIME_ZONE` and
            `DEBUG`, which reloads changed files.
        db_session: SQLAlchemy session for templates in a database.
        template_model: Model with the columns `name` and `content`.
        db_loader_func: Called before the model is queried, with the name and the session; returns
            text or `None`.
        dispatcher: Where signals are sent; `None` means the dispatcher of the process.
        router: Used by `url`; `None` means the router of the process.

    Attributes:
        directories: The directories that are searched, in order.
    """

    def __init__(
        self,
        config: "Config",
        db_session: Any | None = None,
        template_model: object | None = None,
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
        add_translation(self.environment)
        compile_directly(self.environment, gettext)
        self.environment.policies["json.dumps_function"] = _json
        self._sandbox = DatabaseSandbox(**{**options, "autoescape": True})
        add_checked_translation(self._sandbox)
        for environment in (self.environment, self._sandbox):
            environment.filters["uppercase"] = custom_uppercase
            environment.filters["localtime"] = self._localtime
            environment.globals.update(default_global_context())
            if router is not None:
                url = mounted(router.reverse)
                environment.globals.update(url=url, url_for=url)
        self._time_zone = config.get("TIME_ZONE", "UTC")
        self._request_values: dict[str, RequestValue] = {}
        self._compiled: Callable[[str], Template] = lru_cache(256)(self._sandbox.from_string)

    def _localtime(self, value: Any, format: str = "") -> Any:  # noqa: A002  as in Django
        # Outside a request, the zone of these settings applies.
        zone = None if CURRENT_ZONE.get() is not None else zone_of(self._time_zone)
        return _local_text(value, format, zone)

    def add_request_value(self, name: str, make: RequestValue) -> None:
        """Add a variable that is computed from the request, for templates rendered with `request`.

        Args:
            name: Name of the variable; the context of a call takes precedence.
            make: Called with the request at each rendering, whether the variable is used or not.
                If computing the value is slow, return an object with `__str__` or `__html__`.
        """
        self._request_values[name] = make

    def request_value(self, name: str, request: Any) -> Any:
        """Return a variable that is computed from the request; "" if none has the name.

        Args:
            name: Name given to `add_request_value`.
            request: The request.
        """
        make = self._request_values.get(name)
        return "" if make is None else make(request)

    def is_escaped(self, template_name: str) -> bool:
        """Return True if the output of a template file is escaped, which its name decides.

        Args:
            template_name: Name of the template.
        """
        return _escapes(template_name)

    def add_global(self, name: str, value: object) -> None:
        """Add a global variable for all templates.

        Args:
            name: Name of the variable; the context of a call takes precedence.
            value: Any value, often a function.

        Example:
            >>> app.template_renderer.add_global("site_name", "Shop")
        """
        for environment in (self.environment, self._sandbox):
            environment.globals[name] = value

    def render_to_string(self, template_name: str, **context: object) -> str:
        """Render a template file.

        Signals: `template_rendering_started`, then `template_rendered` or
        `template_rendering_failed`.

        Args:
            template_name: Path relative to a template directory, such as `"books/list.html"`.
            **context: Variables for the template.

        Raises:
            TemplateNotFound: No directory has the template or one that it includes; the message
                suggests similar names.
            Exception: Whatever the template raised.

        Example:
            >>> from pathlib import Path
            >>> Path("templates").mkdir()
            >>> _ = Path("templates/hello.html").write_text("Hello {{ name }}")
            >>> Application(DEBUG=True).template_renderer.render_to_string("hello.html", name="<b>")
            'Hello &lt;b&gt;'
        """
        return self._render("file", self._file, template_name, context)

    def render_from_db_to_string(self, template_name: str, **context: object) -> str:
        """Render a template of the database in the sandbox.

        Args:
            template_name: Name of the row.
            **context: Plain data, and objects whose class names `template_attributes`; see
                `DatabaseSandbox`. `request` is replaced by a `TemplateRequest`.

        Signals: as `render_to_string`, around those of `load_template_from_db`.

        Raises:
            TemplateNotFound: The database has no such template.
            Exception: Whatever the template raised, including `jinja2.sandbox.SecurityError`.
        """
        return self._render("db", self._row, template_name, context)

    def render_template_from_db(self, template_name: str, **context: object) -> dict[str, Any]:
        """Render a template of the database to a dict with `status_code`, `body` and `headers`.

        An error is logged and becomes status 404 or 500, with a fixed text as the body.

        Signals: as `render_from_db_to_string`.

        Args:
            template_name: Name of the row.
            **context: As in `render_from_db_to_string`.
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
        """Return the text of a template of the database, or `None` if there is none.

        The loader function is called first, then the model is queried. If this raises, the error
        is logged and the session is rolled back.

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
        self, source: str, find: Callable[[str], Template], name: str, context: dict[str, object]
    ) -> str:
        dispatcher = self.dispatcher
        observed = bool(dispatcher.receivers) and dispatcher.has_receivers(RENDERING_SIGNALS)
        about = {"template_name": name, "context": context, "source": source}
        if observed:
            dispatcher.send("template_rendering_started", self, **about)
        try:
            values = self._with_request_values(context)
            template = find(name)
            text = template.render(values) if source == "file" else _of_row(template, values)
        except Exception as error:
            shown = self._explained(error)
            dispatcher.send(
                "template_rendering_failed", self, exception=shown,
                error_type=type(shown).__name__, **about,
            )  # fmt: skip
            if shown is error:
                raise
            raise shown from error
        if observed:
            dispatcher.send("template_rendered", self, rendered_content=text, **about)
        return text

    def _with_request_values(self, context: dict[str, object]) -> dict[str, object]:
        request = context.get("request")
        if request is None or not self._request_values:
            return context
        made = {name: make(request) for name, make in self._request_values.items()}
        return {**made, **context}

    def _explained(self, error: Exception) -> Exception:
        """Return the error or, for a missing file, one with suggestions."""
        if type(error) is not TemplateNotFound:
            return error
        name = str(error.name or "")
        near = get_close_matches(name, self.environment.list_templates(), n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        places = ", ".join(map(str, self.directories))
        return TemplateNotFound(name, f"there is no template {name!r} in {places}{hint}")


def _of_row(template: Template, values: dict[str, Any]) -> str:
    with limited_time():
        return template.render(admitted(values))


@lru_cache(1024)  # called at each rendering
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
    """Return the directories of an installed app; an empty list for a single-file module.

    Raises:
        ConfigurationError: The app does not exist.
    """
    try:
        spec = find_spec(app)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"INSTALLED_APPS names {app!r}: {error}") from error
    if spec is None:
        raise ConfigurationError(
            f"INSTALLED_APPS names {app!r}, and that package does not exist; "
            "check the spelling, and that its directory is on the import path"
        )
    return [Path(place) for place in spec.submodule_search_locations or ()]
