"""The choice of a language by a visitor: a form that keeps the page."""

from typing import TYPE_CHECKING, Any

from lback.core.exceptions import BadRequest, known_names
from lback.core.response import RedirectResponse
from lback.core.urls_utils import is_local_url
from lback.i18n.template_functions import language_prefix

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.i18n.catalogues import Languages

A_YEAR = 31_536_000  # seconds


def choose_language(request: "Request", languages: "Languages") -> RedirectResponse:
    """Store the language that a visitor chose, and redirect back to the page.

    It is stored in the cookie `LANGUAGE_COOKIE_NAME`, and in the attribute
    `LANGUAGE_USER_ATTRIBUTE` of a signed-in user. The form sends `language`, and in `next` the path
    of the page; a prefix of a language in it is replaced. A `next` on another host is not used.

    Args:
        request: A POST request, protected by `CSRFMiddleware` like any form.
        languages: The languages of the application.

    Raises:
        BadRequest: The application does not have the language.
    """
    given = str(request.POST.get("language") or "")
    code = languages.code_of(given)
    if code is None or code not in languages.codes:
        raise BadRequest(f"the language {given[:20]!r} {known_names(given[:20], languages.codes)}")
    config = request.config
    attribute, user = config.LANGUAGE_USER_ATTRIBUTE, request.user
    if attribute and hasattr(user, attribute):
        setattr(user, attribute, code)
    response = RedirectResponse(_page(request, languages, code), 303)
    response.set_cookie(config.LANGUAGE_COOKIE_NAME, code, max_age=A_YEAR, secure=request.is_secure)
    return response


def _page(request: "Request", languages: "Languages", code: str) -> str:
    """Return the path to go back to, with the prefix of the chosen language if it had one."""
    outer = str(request.environ.get("SCRIPT_NAME") or "").removesuffix(language_prefix(request))
    page: Any = request.POST.get("next")
    if not isinstance(page, str) or not is_local_url(page):
        page = f"{outer}/"
    if not request.config.LANGUAGE_PREFIX:
        return str(page)
    head, slash, rest = page.removeprefix(f"{outer}/").partition("/")
    name = head.partition("?")[0]
    if name not in languages.codes:
        return str(page)
    return f"{outer}/{code}{head.removeprefix(name)}{slash}{rest}"
