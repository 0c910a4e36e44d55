"""Answers `/health/live` and `/health/ready`, before any middleware and the check of the host."""

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lback.core.http.access_log import LEVEL
from lback.core.http.hosts import is_trusted_peer
from lback.core.http.stopping import StopFlag, stop_flag
from lback.core.response import Environ, Response, WsgiResponse
from lback.core.router import Route, Router

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.database import DatabaseManager
    from lback.monitoring.readiness import Readiness

Answer = Callable[[Environ], WsgiResponse]

OK, UNAVAILABLE = "200 OK", "503 Service Unavailable"
_FIELDS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]


class HealthChecks:
    """The health checks of an application, below `HEALTH_PATH`.

    `…/live` answers 200 as long as the process handles requests. `…/ready` answers 503 while the
    server stops, the database cannot be reached or migrations of the project are not applied.
    Both answer GET and HEAD. Only this machine and trusted proxies learn which check failed.

    Args:
        config: Settings; `HEALTH_PATH`, `PROJECT_ROOT` and `TRUSTED_PROXIES` are read.
        db_manager: Returns the database manager; called by the first check for readiness.
        stopping: The flag of the server.
    """

    def __init__(
        self,
        config: "Config",
        db_manager: "Callable[[], DatabaseManager]",
        *,
        stopping: StopFlag = stop_flag,
    ) -> None:
        self._config = config
        self._db_manager = db_manager
        self._stopping = stopping
        self._readiness: Readiness | None = None

    def register(self, router: Router) -> dict[str, Answer]:
        """Add the routes of the checks to a router, and return their answers by path.

        A path that a route of the project has is left to that route.

        Args:
            router: All routes of the application.
        """
        prefix = self._config.HEALTH_PATH
        if not prefix:
            return {}
        taken = {route.path for route in router.routes}
        answers: dict[str, Answer] = {}
        for path, view, answer in (
            (f"{prefix}/live", self.live, self._answer_live),
            (f"{prefix}/ready", self.ready, self._answer_ready),
        ):
            if path not in taken:
                router.add(Route(path, view, ["GET"], None, False))
                answers[path] = answer
        return answers

    # The views of the routes, for `lback routes`. Requests are answered before routing.

    def live(self, request: "Request") -> Response:
        """Return 200: the process handles requests."""
        return _response(self._answer_live(request.environ))

    def ready(self, request: "Request") -> Response:
        """Return 200 if the application can handle requests, else 503."""
        return _response(self._answer_ready(request.environ))

    def _answer_live(self, environ: Environ) -> WsgiResponse:
        return _answer(environ, {"status": "ok"})

    def _answer_ready(self, environ: Environ) -> WsgiResponse:
        problems = self._problems() if _is_read(environ) else {}
        facts: dict[str, Any] = {"status": "unavailable" if problems else "ok"}
        if problems and is_trusted_peer(environ, self._config.TRUSTED_PROXIES):
            facts["problems"] = problems
        return _answer(environ, facts, UNAVAILABLE if problems else OK)

    def _problems(self) -> dict[str, str]:
        if self._stopping.is_set():
            return {"server": "stopping"}
        if self._readiness is None:
            self._readiness = self._build_readiness()
        return self._readiness.problems()

    def _build_readiness(self) -> "Readiness":
        # Imported here because it loads SQLAlchemy, which an application may not need.
        from lback.monitoring.readiness import Readiness

        return Readiness(self._db_manager, self._config.PROJECT_ROOT)


def _is_read(environ: Environ) -> bool:
    return environ["REQUEST_METHOD"] in ("GET", "HEAD")


def _answer(environ: Environ, facts: dict[str, Any], status: str = OK) -> WsgiResponse:
    environ[LEVEL] = logging.DEBUG
    body, fields = json.dumps(facts).encode(), _FIELDS
    if not _is_read(environ):
        status, fields = "405 Method Not Allowed", [*_FIELDS, ("Allow", "GET, HEAD")]
        body = json.dumps({"status": "method not allowed"}).encode()
    fields = [*fields, ("Content-Length", str(len(body)))]
    return status, fields, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _response(answer: WsgiResponse) -> Response:
    status, fields, body = answer
    return Response(b"".join(body), int(status[:3]), dict(fields))
