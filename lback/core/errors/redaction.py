"""Masks secrets in settings, requests and statements, also while DEBUG is on."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote_plus

import markupsafe

from lback.core.routing.secret_paths import MASK as MASK
from lback.core.routing.secret_paths import SecretPaths
from lback.core.settings.secret_names import is_credential, is_secret

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.router import Router

_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")
# Masking shorter values would mask unrelated text of the page.
_SHORTEST_SECRET = 6
# A line of a key that is written over several lines.
_SHORTEST_LINE = 16

# The values of statements: of SQLAlchemy, of PostgreSQL and of MariaDB and MySQL.
_PARAMETERS = re.compile(r"(\[(?:cached )?parameters: ).*?\]$", re.MULTILINE | re.DOTALL)
_DETAILS = re.compile(r"(DETAIL: +)\S.*")
_DUPLICATE = re.compile(r"(Duplicate entry )'.*?'(?= for key)", re.DOTALL)


class Redactor:
    """Masks the values of secret settings, of statements, and the credentials in paths.

    Args:
        config: The settings; which of them are secret, their names tell.
        router: Its routes tell which part of a path is a credential. None masks no paths.
        request: A request whose credentials are masked as well: those of its path, query,
            cookies and header fields, and of its form if that was read already.
    """

    def __init__(
        self,
        config: "Config",
        router: "Router | None" = None,
        request: "Request | None" = None,
    ) -> None:
        self._config = config
        self._router = router
        self._of_request = () if request is None else _spellings_of(_credentials(request, router))
        self._known: list[object] = []
        self._of_settings: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        """Return the text with all that is secret masked, however it is quoted or escaped."""
        for secret in (*self._secrets(), *self._of_request):
            if secret in text:
                text = text.replace(secret, MASK)
        if "://" in text:
            text = _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", text)
        text = without_values(text)
        return text if self._router is None else self._router.secret_paths.in_text(text)

    def _secrets(self) -> tuple[str, ...]:
        # Read anew: a key may have been chosen after the start.
        values = [v for k, v in vars(self._config).items() if _may_be_secret(k) and is_secret(k, v)]
        if values != self._known:
            items = [item for v in values for item in (v if isinstance(v, list) else [v])]
            self._known = [list(v) if isinstance(v, list) else v for v in values]
            self._of_settings = _spellings_of(item for item in items if isinstance(item, str))
        return self._of_settings


@lru_cache(maxsize=1024)
def _may_be_secret(name: str) -> bool:
    return name.isupper() and is_secret(name)


def without_values(text: str) -> str:
    """Return the message of an error of a database without the values of its statement."""
    if "parameters: " in text:
        text = _PARAMETERS.sub(rf"\1{MASK}]", text)
    if "DETAIL: " in text:
        text = _DETAILS.sub(rf"\1{MASK}", text)
    if "Duplicate entry " in text:
        text = _DUPLICATE.sub(rf"\1'{MASK}'", text)
    return text


def _spellings_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return what secrets look like in text, in literals, in URLs, in JSON and in HTML."""
    texts: set[str] = set()
    for secret in {s for s in secrets if len(s) >= _SHORTEST_SECRET}:
        lines = secret.split("\n") if "\n" in secret else []
        keys = [s for s in map(str.strip, lines) if len(s) >= _SHORTEST_LINE and s[:5] != "-----"]
        for text in (secret, *keys):
            texts |= {
                text,
                repr(text)[1:-1],
                repr(f"'{text}")[2:-1],
                repr(f'"{text}')[2:-1],
                repr(text.encode("utf-8", "replace"))[2:-1],
                json.dumps(text)[1:-1],
                escape(text),
                str(markupsafe.escape(text)),
                quote(text, safe=""),
                quote(text),
                quote_plus(text),
            }
    return tuple(sorted(texts, key=len, reverse=True))


def _credentials(request: "Request", router: "Router | None") -> Iterator[str]:
    """Yield the values of a request that are credentials; its body is not read."""
    environ = request.environ
    if router is not None:
        yield from router.secret_paths.values(request.path)
    for name, value in parameters(environ.get("QUERY_STRING") or ""):
        if is_credential(name):
            yield value
            yield unquote_plus(value)
        elif router is not None:
            yield from router.secret_paths.values(unquote_plus(value))
    yield from _credentials_of_fields(environ)
    for name, value in (request.get_context("parsed_body") or {}).items():
        if isinstance(value, str) and is_credential(str(name)):
            yield value


def _credentials_of_fields(environ: Mapping[str, object]) -> Iterator[str]:
    for name, value in environ.items():
        if name.startswith("HTTP_") and isinstance(value, str) and is_credential(name[5:]):
            yield value
            yield value.partition(" ")[2]
            yield from (pair.partition("=")[2] for pair in value.split("; "))


def parameters(query: str) -> Iterator[tuple[str, str]]:
    """Yield the first names and values of a query string, as they were sent."""
    for field in query.split("&")[:50] if query else ():
        name, _, value = field.partition("=")
        yield name, value


def redacted_path(request: "Request") -> str:
    """Return the path of a request, the variables masked whose names tell that they are secret.

    It holds for any path and any method, before, after and without routing.
    """
    path, router = request.path, request.router
    if isinstance(getattr(router, "secret_paths", None), SecretPaths):
        return router.secret_paths.in_path(path)
    for name, value in request.path_params.items():
        if is_credential(name):
            path = path.replace(str(value), MASK)
    return path


def redacted_target(target: str, router: "Router | None") -> str:
    """Return the target of a request line with its credentials masked.

    Args:
        target: Path and query as they were sent, percent-encoded.
        router: Routes whose secret variables are masked in the path; None masks the query only.
    """
    path, separator, query = target.partition("?")
    if router is not None:
        decoded = unquote_plus(path.replace("+", "%2B"))
        masked = router.secret_paths.in_path(decoded)
        path = path if masked == decoded else quote(masked, safe="/:@!$&'()*+,;=-._~")
        query = router.secret_paths.in_text(query)
    fields = [f"{name}={value}" if value else name for name, value in _redacted_query(query)]
    return f"{path}{separator}{'&'.join(fields)}"


def _redacted_query(query: str) -> Iterator[tuple[str, str]]:
    for name, value in parameters(query):
        # A name without a value may be a token itself.
        is_bare = not value and len(name) > 2 * _SHORTEST_SECRET
        yield (MASK if is_bare else name), (MASK if value and is_credential(name) else value)


def redactor_of(request: "Request") -> Redactor | None:
    """Return what masks the secrets of a request and of its application in text."""
    config = request.config
    return None if config is None else Redactor(config, request.router, request)


def redacted_text(text: str, request: "Request") -> str:
    """Return text with the secrets of a request and of its application masked.

    Args:
        text: Such as a message or a traceback.
        request: Its credentials, and the secret settings of its application, are masked.
    """
    redact = redactor_of(request)
    return text if redact is None else redact(text)


def redacted_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return header fields, with credentials masked.

    Example:
        >>> redacted_fields({"Accept": "*/*", "Authorization": "Bearer abc"})
        {'Accept': '*/*', 'Authorization': '********'}
    """
    return dict(redacted_pairs(fields.items()))


def redacted_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return names and values, with values of secret names masked."""
    return [(name, MASK if is_credential(name) else value) for name, value in pairs]
