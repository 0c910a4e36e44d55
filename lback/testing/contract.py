"""Contract tests: Schemathesis calls an API with generated requests, guided by its document."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from threading import Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from lback.core.exceptions import ConfigurationError
from lback.core.routing.endpoint import CHECK_ANSWERS
from lback.database import Base
from lback.users import define_role

if TYPE_CHECKING:
    from lback.api import OpenAPI
    from lback.application import Application
    from lback.core.response import Environ, StartResponse

API_KEY = "apiKey"
# Statuses of invalid calls: those of Schemathesis, and 412 for an `If-Match` of another state.
_REFUSALS = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429, "5xx"]


@dataclass(slots=True)
class ContractReport:
    """What a contract test found.

    Attributes:
        calls: Number of requests that were sent.
        operations: Names of the operations that were called, such as "GET /api/books".
        succeeded: Those that answered at least one call with a status below 400. Others may
            refuse every call, for a reason that the document does not tell.
        failures: For each difference, what differs and a command that repeats the call.
    """

    calls: int = 0
    operations: set[str] = field(default_factory=set)
    succeeded: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)


class ApiContract:
    """Checks that an application answers as its OpenAPI document says, with Schemathesis.

    The application is served on a free port of this machine while it is checked.

    Args:
        app: The application. Its database must be one for tests, whose tables exist: requests
            commit what they write.

    Example:
        >>> from lback.testing import ApiContract
        >>> contract = ApiContract(app)
    """

    def __init__(self, app: "Application") -> None:
        self._app = app

    def check(
        self,
        *,
        permissions: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        max_examples: int = 25,
        skip_checks: Collection[str] = (),
        seed: int = 1,
    ) -> ContractReport:
        """Run all checks of Schemathesis, and sequences of calls that depend on each other.

        If the API takes API keys, a user is created for the calls.

        Args:
            permissions: Permissions of that user.
            headers: Header fields of every call.
            max_examples: Number of calls that are generated for an operation in each phase.
            skip_checks: Names of checks to leave out, such as "unsupported_method".
            seed: Start of the random numbers; the same one generates the same calls.

        Returns:
            The number of calls and the operations.

        Raises:
            AssertionError: Answers differ from the document; the message has all differences.
            ConfigurationError: Schemathesis is not installed.
        """
        settings: dict[str, Any] = {
            "seed": seed,
            "headers": dict(headers or {}),
            "checks": {
                "negative_data_rejection": {"expected-statuses": _REFUSALS},
                **{name: {"enabled": False} for name in skip_checks},
            },
            "generation": {"max-examples": max_examples, "database": "none"},
            "warnings": False,
        }
        document: OpenAPI = self._app.dependencies["openapi"]
        if not document.document()["paths"]:
            raise AssertionError("the OpenAPI document has no operation that could be called")
        schemes = document.document().get("components", {}).get("securitySchemes", {})
        if API_KEY in schemes:
            settings["auth"] = {"openapi": {API_KEY: {"bearer": self._api_key(permissions)}}}
        report = ContractReport()
        with served(self._app) as address, _quiet():
            for event in _events(document, settings, address):
                _add(report, event)
        _raise_failures(report)
        return report

    def delete_rows(self) -> None:
        """Delete all rows of the tables of the models."""
        with self._app.db_manager.session() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))

    def _api_key(self, permissions: Collection[str]) -> str:
        keys, users = self._app.dependencies["api_key_manager"], self._app.user_manager
        name = f"contract{token_urlsafe(6).lower()}"
        with self._app.db_manager.session() as session:
            user = users.register(session, name, token_urlsafe(24))
            if permissions:
                define_role(session, name, permissions)
                users.assign_roles(session, user, name)
            key: str = keys.create(session, user, "contract tests")[0]
        return key


def _events(document: "OpenAPI", settings: dict[str, Any], address: str) -> Iterable[Any]:
    """Yield the events of Schemathesis, which has no types for all of them."""
    try:
        # Takes a second to import, and only contract tests need it.
        from schemathesis import engine, openapi
        from schemathesis.config import SchemathesisConfig
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "contract tests need Schemathesis; run: pip install 'schemathesis>=4.30,<5'"
        ) from error
    config = SchemathesisConfig.from_dict({**settings, "base-url": address})
    schema = openapi.from_dict(document.document(), config=config)
    return engine.from_schema(schema).execute()


def _add(report: ContractReport, event: Any) -> None:
    error = getattr(event, "value", None)
    if isinstance(error, Exception):
        report.failures.append(f"{getattr(event, 'label', '')}: {error!r}")
    recorder = getattr(event, "recorder", None)
    if recorder is None:
        return
    report.calls += len(recorder.interactions)
    for identifier, node in recorder.cases.items():
        label = node.value.operation.label
        report.operations.add(label)
        sent = recorder.interactions.get(identifier)
        if sent is not None and sent.response is not None and sent.response.status_code < 400:
            report.succeeded.add(label)
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info
                report.failures.append(
                    f"{check.name} of {failure.failure.operation}: {failure.failure}\n"
                    f"    {failure.code_sample}"
                )


def _raise_failures(report: ContractReport) -> None:
    if report.failures:
        listed = "\n\n".join(dict.fromkeys(report.failures))
        raise AssertionError(f"the API differs from its OpenAPI document:\n\n{listed}")


@contextmanager
def served(app: "Application") -> Iterator[str]:
    """Serve an application on a free port in threads, and yield its address.

    Answers that do not fit the annotation of their view are errors, as in the test client.

    Args:
        app: The application; the host "localhost" must be allowed.

    Raises:
        ConfigurationError: Its settings are invalid.
    """
    from werkzeug.serving import WSGIRequestHandler, make_server  # most tests open no socket

    class Handler(WSGIRequestHandler):
        # The signature of Werkzeug.
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
            """Log nothing."""

    def checked(environ: "Environ", start_response: "StartResponse") -> Iterable[bytes]:
        environ[CHECK_ANSWERS] = True
        return app(environ, start_response)

    app.config.allow_weak_keys()
    app.develop().prepare()  # a wrong setting is an error here, and not in each answer
    server = make_server("127.0.0.1", 0, checked, threaded=True, request_handler=Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log from reporting requests that are meant to fail; errors stay."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
