"""Renders the error pages of the framework, for visitors and for developers."""

import base64
import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from lback.core.errors.debug_page import (
    failures,
    request_facts,
    route_table,
    suggested_paths,
)
from lback.core.errors.redaction import Redactor
from lback.core.response import STATUS_LINES
from lback.core.templates.messages import add_translation
from lback.translation import (
    SOURCE_LANGUAGE,
    current_translations,
    get_language,
    gettext,
    text_direction,
)
from lback.translation import gettext_noop as _

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.router import Router

_DIRECTORY = Path(__file__).with_name("templates")

# Plain headings in place of the technical phrase of the status.
HEADINGS = {
    400: _("This request cannot be read"),
    401: _("Please sign in"),
    403: _("You may not see this"),
    404: _("There is nothing here"),
    405: _("This cannot be done here"),
    413: _("This is too large"),
    429: _("Too many requests"),
    500: _("Something went wrong"),
    503: _("Back in a moment"),
}
HOME = _("Go to the first page")
# Phrases of other statuses that visitors see.
PHRASES = (
    _("Payment Required"),
    _("Not Acceptable"),
    _("Request Timeout"),
    _("Conflict"),
    _("Gone"),
    _("Length Required"),
    _("Precondition Failed"),
    _("Content Too Large"),
    _("URI Too Long"),
    _("Unsupported Media Type"),
    _("Range Not Satisfiable"),
    _("Unprocessable Content"),
    _("Locked"),
    _("Request Header Fields Too Large"),
    _("Unavailable For Legal Reasons"),
    _("Not Implemented"),
    _("Bad Gateway"),
    _("Service Unavailable"),
    _("Gateway Timeout"),
    _("Insufficient Storage"),
)


@cache
def _environment() -> Environment:
    # A separate environment, so that no template or filter of a project can break an error page.
    environment = Environment(
        loader=FileSystemLoader(_DIRECTORY),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_redacted,
    )
    add_translation(environment)
    environment.globals["style"] = style()
    return environment


@pass_context
def _redacted(context: Context, value: object) -> object:
    """Mask secrets in what a template writes, before it is escaped, which would hide them."""
    redact = context.get("redact")
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return redact(value) if is_text and redact is not None else value


@cache
def style() -> str:
    """Return the style sheet that the pages of the framework share."""
    return (_DIRECTORY / "style.css").read_text(encoding="utf-8").strip()


@cache
def style_hash() -> str:
    """Return the CSP source expression that allows the style sheet of `style`."""
    digest = hashlib.sha256(style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def error_page(status: int, message: str) -> str:
    """Render the error page for visitors, in the current language.

    Args:
        status: Status of the response.
        message: Text for the visitor; translated if there is a translation, and escaped.
    """
    if current_translations() is None:  # often shown, so that this takes few calls
        return _error_page(status, message)
    shown = gettext(message) if message else message
    code = get_language()
    texts = (gettext(_heading(status)), gettext(HOME), code, text_direction(code))
    return _error_page(status, shown, *texts)


@lru_cache(maxsize=256)
def _error_page(
    status: int,
    message: str,
    heading: str = "",
    home: str = "",
    language: str = SOURCE_LANGUAGE,
    direction: str = "ltr",
) -> str:
    page = _environment().get_template("error.html")
    return page.render(
        status=status,
        message=message,
        heading=heading or _heading(status),
        home=home or HOME,
        language=language,
        direction=direction,
    )


def debug_page(
    status: int,
    message: str,
    config: "Config",
    router: "Router | None",
    *,
    request: "Request | None" = None,
    exception: BaseException | None = None,
) -> str:
    """Render the error page for developers, with the values of secret settings masked.

    Args:
        status: Status of the response.
        message: What went wrong.
        config: Settings; values of secret ones are masked wherever they occur.
        router: Its routes are listed.
        request: Shown without its body, and with its credentials masked.
        exception: Shown with its frames and source lines, without values of variables.
    """
    page = _environment().get_template("debug.html")
    path = str(getattr(request, "path", ""))
    return page.render(
        redact=Redactor(config, router, request),
        status=status,
        message=message,
        heading=_heading(status),
        near=suggested_paths(router, path) if status == 404 else [],
        facts=request_facts(request) if request is not None else [],
        failures=failures(exception) if exception is not None else [],
        routes=route_table(router),
    )


def _heading(status: int) -> str:
    return HEADINGS.get(status) or STATUS_LINES.get(status, "500 Error")[4:]
