"""What templates use of languages: filters for dates and numbers, links and the choice of one."""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from lback.core.exceptions import ConfigurationError
from lback.core.templates.links import script_path
from lback.translation import PREFIX, get_language, text_direction

if TYPE_CHECKING:
    from jinja2 import Environment

    from lback.core.request import Request
    from lback.core.router import Router
    from lback.i18n.catalogues import Languages

FILTERS = (
    "format_currency",
    "format_date",
    "format_datetime",
    "format_list",
    "format_number",
    "format_percent",
    "format_relative",
    "format_time",
    "language_name",
)


class LanguageChoice(NamedTuple):
    """A language that a visitor can choose.

    Attributes:
        code: Its tag.
        name: Its name in itself, such as "Deutsch".
        direction: "ltr" or "rtl".
        url: This page in it, with `LANGUAGE_PREFIX`; else empty.
        is_current: Whether the page is in it.
    """

    code: str
    name: str
    direction: str
    url: str
    is_current: bool


def _formatted(name: str, value: Any, *args: Any, **options: Any) -> str:
    """Call a function of `lback.i18n`, which needs Babel, on first use; nothing for no value."""
    if value is None or isinstance(value, Undefined):
        return ""
    function = getattr(import_module("lback.i18n"), name)
    text: str = function(value, *args, **options)
    return text


def add_formats(environment: "Environment") -> None:
    """Add the filters for dates and numbers to an environment.

    Args:
        environment: Of Jinja2.
    """
    for name in FILTERS:
        environment.filters[name] = partial(_formatted, name)


def add_languages(environment: "Environment", languages: "Languages", router: "Router") -> None:
    """Add the functions of an application with languages to an environment.

    Args:
        environment: Of Jinja2.
        languages: The languages.
        router: Makes paths, which get the mount point and the language of the current page.
    """
    url = pass_context(partial(_prefixed, router))
    environment.globals.update(
        url=url,
        url_for=url,
        language_choices=pass_context(partial(_choices, languages)),
        language_links=pass_context(partial(_links, languages)),
        localized_url=pass_context(_localized),
        page_url=pass_context(_page_url),
    )


def _prefixed(router: "Router", context: Context, name: str, /, **params: object) -> str:
    request = context.get("request")
    # The prefix of a language is the end of SCRIPT_NAME.
    script = "" if request is None else script_path(request.environ)
    return script + router.reverse(name, **params)


def language_prefix(request: "Request") -> str:
    """Return the part of the path of a request that was its language, such as "/de"; or "".

    Args:
        request: The request.
    """
    return str(request.environ.get(PREFIX, ""))


def localized_url(request: "Request", code: str) -> str:
    """Return the path of this page in another language, with `LANGUAGE_PREFIX`.

    Args:
        request: The request.
        code: Tag of the language; empty for the page whose language is negotiated.

    Example:
        >>> request = Request("/books?page=2", "GET", None, None, {})
        >>> from lback.i18n.template_functions import localized_url
        >>> localized_url(request, "de")
        '/de/books?page=2'
    """
    script = str(request.environ.get("SCRIPT_NAME") or "")
    outer = script.removesuffix(language_prefix(request))
    query = request.environ.get("QUERY_STRING") or request._query_string
    path = quote(request.path, safe="/:@!$&'()*+,;=~-._")
    return f"{outer}{f'/{code}' if code else ''}{path}{f'?{query}' if query else ''}"


def _request_of(context: Context, function: str) -> "Request":
    request: Request | None = context.get("request")
    if request is None:
        raise ConfigurationError(
            f"{function} needs the request: render the template with lback.render, or hand it "
            "over as request=request"
        )
    return request


def _localized(context: Context, code: str) -> str:
    return localized_url(_request_of(context, "localized_url"), code)


def _page_url(context: Context) -> str:
    """Return the path of this page with its query string, in the language that it has."""
    request = _request_of(context, "page_url")
    return localized_url(request, language_prefix(request)[1:])


def _choices(languages: "Languages", context: Context) -> list[LanguageChoice]:
    from lback.i18n.formatting import language_name  # it needs the extra

    request, current = _request_of(context, "language_choices"), get_language()
    has_prefixes = request.config.LANGUAGE_PREFIX
    return [
        LanguageChoice(
            code,
            language_name(code),
            text_direction(code),
            localized_url(request, code) if has_prefixes else "",
            code == current,
        )
        for code in languages.codes
    ]


def _links(languages: "Languages", context: Context) -> Markup:
    """Return the elements `link` to this page in all languages, for its head."""
    request = _request_of(context, "language_links")
    if not request.config.LANGUAGE_PREFIX:
        return Markup()

    def absolute(code: str) -> str:
        return request.build_absolute_uri(localized_url(request, code))

    lines = [Markup('<link rel="canonical" href="{}">').format(absolute(get_language()))]
    for code in (*languages.codes, ""):
        line = Markup('<link rel="alternate" hreflang="{}" href="{}">')
        lines.append(line.format(code or "x-default", absolute(code)))
    return Markup("\n").join(lines)
