"""The access log: one line for each answer, the same on every server, without secrets."""

import logging
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from lback.core.exceptions import BadRequest
from lback.core.http.hosts import client_address
from lback.core.http.wsgi_text import decoded_path
from lback.translation import PREFIX

if TYPE_CHECKING:
    from lback.core.response import Environ, StartResponse
    from lback.core.routing.secret_paths import SecretPaths

logger = logging.getLogger("lback.access")

# Set where a line was written already.
LOGGED = "lback.access_logged"
# Level of the line, if it is not INFO.
LEVEL = "lback.access_level"
# What a path (RFC 3986 section 3.3) and a method hold unquoted; the star is that of a mask.
_SAFE = "/:@!$&'()*+,;=~-._"


def log_answer(
    address: str,
    method: str,
    path: str,
    status: str,
    seconds: float,
    request_id: str,
    level: int = logging.INFO,
) -> None:
    """Write the line of one answer.

    Args:
        address: Address of the client; empty where none is known.
        method: As it was sent.
        path: Decoded, without the query string, its credentials masked.
        status: Three digits.
        seconds: From the request to the first byte of the answer.
        request_id: Or "-".
        level: Level of the line.
    """
    logger.log(
        level,
        "%s %s %s %s %.1fms %s",
        address or "-", quote(method, safe=_SAFE), quote(path, safe=_SAFE), status,
        seconds * 1000, quote(request_id, safe=_SAFE),
    )  # fmt: skip


class AccessLog:
    """Logs each answer of a WSGI application, in place of the log of the server.

    Args:
        application: The WSGI application.
        secret_paths: Returns what masks the credentials in paths.
        proxies: As in `TRUSTED_PROXIES`.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        secret_paths: "Callable[[], SecretPaths]",
        proxies: Sequence[str],
    ) -> None:
        self._application = application
        self._secret_paths = secret_paths
        self._proxies = tuple(proxies)

    def __call__(self, environ: "Environ", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request and write its line."""
        started = perf_counter()
        answer: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            answer.append((status, headers))
            return start_response(status, headers, *rest)

        body = self._application(environ, start)
        level = environ.get(LEVEL, logging.INFO)
        if answer and LOGGED not in environ and logger.isEnabledFor(level):
            status, headers = answer[-1]
            ids = (value for name, value in headers if name.lower() == "x-request-id")
            log_answer(
                client_address(environ, self._proxies),
                environ["REQUEST_METHOD"],
                # Of the language, which was taken from the path.
                environ.get(PREFIX, "")
                + self._secret_paths().in_path(_decoded(environ.get("PATH_INFO") or "/")),
                status[:3],
                perf_counter() - started,
                next(ids, "-"),
                level,
            )
        return body


def _decoded(path: str) -> str:
    try:
        return decoded_path(path)
    except BadRequest:
        return path
