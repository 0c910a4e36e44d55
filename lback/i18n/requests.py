"""The language and the time zone of a request, chosen when the first message needs them."""

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import HTTPException
from lback.core.http.cookies import parse_cookies
from lback.i18n.catalogues import Languages
from lback.i18n.negotiation import preferred_language
from lback.time_zones import CURRENT_ZONE, zone_of
from lback.translation import PREFIX, Translations

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response

REQUEST_LANGUAGE = "request_language"  # key of the request context


class RequestLanguage(Translations):
    """The messages of a request, whose language is chosen when one of them is first read.

    A page that shows no message reads neither cookie nor user for it, and its response does not
    vary with them.

    Args:
        locale: The languages and settings of the application.
        request: The request.
        code: The language of the prefix of the path; None if it has none.
    """

    def __init__(self, locale: "RequestLocale", request: "Request", code: str | None) -> None:
        self.find = locale.languages_in_use.find
        self._locale = locale
        self._request = request
        self.has_prefix = code is not None
        if code is not None:
            self.code = code

    def __getattr__(self, name: str) -> Any:
        """Choose the language, and store its messages as attributes."""
        if name == "code":
            self.code = self._locale.choose(self._request)
            return self.code
        if name in ("messages", "plurals", "escaped", "tags"):
            found = self.find(self.code)
            self.messages, self.plurals = found.messages, found.plurals
            self.escaped, self.tags = found.escaped, found.tags
            return self.__dict__[name]
        raise AttributeError(name)

    @property
    def is_chosen(self) -> bool:
        """Whether something has read the language, so that the response depends on it."""
        return "code" in self.__dict__


class RequestLocale:
    """Sets language and time zone at the beginning of each request, and the fields of its response.

    Args:
        config: Settings: `LANGUAGE…`, `TIME_ZONE_USER_ATTRIBUTE` and `SESSION_COOKIE_NAME`.
        languages: The languages of the application; None if it has English alone.
    """

    def __init__(self, config: "Config", languages: Languages | None) -> None:
        self.languages = languages
        self._config = config
        self._zone_attribute = config.TIME_ZONE_USER_ATTRIBUTE
        self._user_attribute = config.LANGUAGE_USER_ATTRIBUTE
        self._has_prefixes = config.LANGUAGE_PREFIX and languages is not None

    @property
    def languages_in_use(self) -> Languages:
        """The languages; only read where there are some."""
        assert self.languages is not None  # noqa: S101  see `begin`
        return self.languages

    def begin(self, request: "Request") -> Translations | None:
        """Set the zone of a request, and return the messages of its language.

        Args:
            request: The request; the prefix of a language moves from its path to `SCRIPT_NAME`.

        Returns:
            The messages; None if the application has English alone.
        """
        if self._zone_attribute:
            CURRENT_ZONE.set(lambda: self._zone(request))
        if self.languages is None:
            return None
        code = self._take_prefix(request) if self._has_prefixes else None
        chosen = RequestLanguage(self, request, code)
        request.set_context(**{REQUEST_LANGUAGE: chosen})
        return chosen

    def _take_prefix(self, request: "Request") -> str | None:
        code = request.path[1:].partition("/")[0]
        if code not in self.languages_in_use.codes:
            return None
        environ, length = request.environ, len(code) + 1
        request.path = request.path[length:] or "/"
        environ[PREFIX] = f"/{code}"
        environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME') or ''}/{code}"
        environ["PATH_INFO"] = str(environ.get("PATH_INFO") or "")[length:] or "/"
        return code

    def finish(self, request: "Request", response: "Response") -> None:
        """Add `Content-Language` and `Vary` to a response that depends on the language.

        Args:
            request: The request.
            response: Its response, which is changed in place.
        """
        chosen: RequestLanguage | None = request.peek_context(REQUEST_LANGUAGE)
        if chosen is None or not (chosen.is_chosen or _may_depend(response)):
            return
        response.headers.setdefault("Content-Language", chosen.code)
        if not chosen.has_prefix:
            response.headers.add_vary("Accept-Language")
            response.headers.add_vary("Cookie")

    def choose(self, request: "Request") -> str:
        """Return the language of a request without a prefix.

        It is that of the user, of the cookie, of `Accept-Language`, or the default.

        Args:
            request: The request.
        """
        languages = self.languages_in_use
        for given in (self._of_user(request), self._of_cookie(request)):
            code = languages.code_of(given) if given else None
            if code is not None:
                return code
        field = request.get_header("Accept-Language") or ""
        return preferred_language(field, languages.codes) or languages.default

    def _of_user(self, request: "Request") -> str:
        return self._user_value(request, self._user_attribute) if self._user_attribute else ""

    def _of_cookie(self, request: "Request") -> str:
        # Not by `request.cookies`: a page that reads cookies is not kept by `cache_page`, whose key
        # has the language already.
        name, field = self._config.LANGUAGE_COOKIE_NAME, request.get_header("Cookie") or ""
        if name not in field or len(field) > self._config.MAX_COOKIE_SIZE:
            return ""
        return parse_cookies(field).get(name, "")

    def _zone(self, request: "Request") -> tzinfo:
        name = self._user_value(request, self._zone_attribute)
        try:
            return zone_of(name or self._config.TIME_ZONE)
        except ValueError:  # of a release of the data that this machine does not have
            return zone_of(self._config.TIME_ZONE)

    def _user_value(self, request: "Request", attribute: str) -> str:
        # Anonymous visitors cost no look-up: without a session or token there is no user.
        cookie = request.get_header("Cookie") or ""
        is_known = request.peek_context("user") is not None
        may_be = self._config.SESSION_COOKIE_NAME in cookie or request.get_header("Authorization")
        if not (is_known or may_be):
            return ""
        try:
            value = getattr(request.user, attribute, None)
        except HTTPException:  # such as a database that is down: its page is shown in some language
            return ""
        return value if isinstance(value, str) else ""


def _may_depend(response: "Response") -> bool:
    """Return True for a page whose body is made while it is sent."""
    is_whole = response.body is None or isinstance(response.body, (bytes, str))
    return not is_whole and str(response.headers.get("Content-Type", "")).startswith("text/html")
