"""What a request costs, counted and not timed, so that no busy machine hides a step that was added.

Three counts of what happens in the files of the package for one warm request: functions entered,
functions in C called, and steps of the interpreter; of the steps, those that make an object. A
count that went down is a reason to lower its bound here; a count that went up needs one.
"""

import dis
import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

import lback
from lback import Application, BaseMiddleware, Request, Response
from lback.core import SignalDispatcher

PACKAGE = str(Path(lback.__file__).parent)
PLAIN = "text/plain; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
MAKERS = frozenset(
    number
    for name, number in dis.opmap.items()
    if name.startswith("BUILD_") or name in ("MAKE_FUNCTION", "BINARY_SLICE", "FORMAT_VALUE")
)


class Cost(NamedTuple):
    """How often each happened."""

    calls: int
    calls_in_c: int
    steps: int
    objects: int


# Today's counts with Python 3.11, whose later versions take fewer steps, and a little room: a call,
# three percent of the steps, an object.
BOUNDS = {
    "plaintext": Cost(12, 16, 435, 9),
    "json": Cost(14, 19, 480, 10),
    "params": Cost(14, 26, 660, 12),
    "not found": Cost(38, 30, 900, 14),
    "not allowed": Cost(43, 35, 1060, 12),
    "query": Cost(16, 42, 730, 9),
    "cookies": Cost(15, 31, 690, 15),
    "form": Cost(34, 58, 1110, 11),
    "json body": Cost(33, 40, 900, 11),
    "eight middlewares": Cost(32, 21, 905, 9),
    "default middlewares": Cost(28, 26, 750, 10),
}


class SetsHeader(BaseMiddleware):
    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Name"] = "value"
        return response


def plaintext(request: Request) -> Response:
    return Response("hello", content_type=PLAIN)


def as_json(request: Request) -> dict[str, str]:
    return {"message": "hello"}


def params(request: Request, year: int, number: int) -> Response:
    return Response(f"{year}:{number}", content_type=PLAIN)


def query(request: Request) -> Response:
    return Response(request.query_params["a0"], content_type=PLAIN)


def cookies(request: Request) -> Response:
    return Response(request.cookies["a0"], content_type=PLAIN)


def form(request: Request) -> Response:
    return Response(request.POST["a0"], content_type=PLAIN)


def build(**settings: Any) -> Application:
    app = Application(
        **{"MIDDLEWARES": ["lback.middleware.BodyParsingMiddleware"], **settings},
        SECRET_KEY="k" * 40, ALLOWED_HOSTS=["localhost"], dispatcher=SignalDispatcher(),
    )  # fmt: skip
    for view in (plaintext, as_json, query, cookies):
        app.add_route(f"/{view.__name__}", view, requires_auth=False)
    app.add_route("/form", form, ["POST"], requires_auth=False)
    for number in range(200):
        app.add_route(f"/section{number}/{{year:int}}/{{number:int}}", params, requires_auth=False)
    return app


def build_with_middlewares() -> Application:
    app = build()
    for _ in range(8):
        app.add_middleware(SetsHeader())
    return app


def build_with_defaults() -> Application:
    return build(MIDDLEWARES=Application(DEBUG=True).config.MIDDLEWARES)


EIGHT = {f"a{number}": f"größe {number}" for number in range(8)}
DOCUMENT = json.dumps({"a0": "1", "items": [{"id": number} for number in range(50)]}).encode()
REQUESTS: dict[str, tuple[Callable[[], Application], dict[str, str], bytes]] = {
    "plaintext": (build, {"PATH_INFO": "/plaintext"}, b""),
    "json": (build, {"PATH_INFO": "/as_json"}, b""),
    "params": (build, {"PATH_INFO": "/section199/2026/42"}, b""),
    "not found": (build, {"PATH_INFO": "/nowhere"}, b""),
    "not allowed": (build, {"PATH_INFO": "/plaintext", "REQUEST_METHOD": "DELETE"}, b""),
    "query": (build, {"PATH_INFO": "/query", "QUERY_STRING": urlencode(EIGHT)}, b""),
    "cookies": (
        build,
        {"PATH_INFO": "/cookies", "HTTP_COOKIE": "; ".join(f"a{n}={n}" for n in range(5))},
        b"",
    ),
    "form": (
        build,
        {"PATH_INFO": "/form", "REQUEST_METHOD": "POST", "CONTENT_TYPE": FORM},
        urlencode(EIGHT).encode(),
    ),
    "json body": (
        build,
        {"PATH_INFO": "/form", "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"},
        DOCUMENT,
    ),
    "eight middlewares": (build_with_middlewares, {"PATH_INFO": "/plaintext"}, b""),
    "default middlewares": (build_with_defaults, {"PATH_INFO": "/plaintext"}, b""),
}


@pytest.fixture(autouse=True)
def room_in_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests may have filled what the process remembers of headers and cookies."""
    monkeypatch.setattr(lback.core.headers, "_KNOWN_NAMES", {})
    monkeypatch.setattr(lback.core.headers, "_CHECKED_PAIRS", {})
    monkeypatch.setattr(lback.core.cookies, "_KNOWN_NAMES", set())


def is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(PACKAGE)


class Counter:
    """Counts what one call does."""

    def __init__(self) -> None:
        self.calls = self.calls_in_c = self.steps = self.objects = 0
        self._codes: dict[CodeType, bytes] = {}

    def watch(self, work: Callable[[], None]) -> None:
        sys.setprofile(self._profile)
        try:
            work()
        finally:
            sys.setprofile(None)
        if sys.version_info >= (3, 12):
            self._monitor(work)
        else:
            self._trace_steps(work)

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if is_ours(frame.f_code):
            self.calls += event == "call"
            self.calls_in_c += event == "c_call"

    def _step(self, code: CodeType, offset: int) -> None:
        if is_ours(code):
            self.steps += 1
            octets = self._codes.get(code) or self._codes.setdefault(code, code.co_code)
            self.objects += octets[offset] in MAKERS

    def _trace_steps(self, work: Callable[[], None]) -> None:
        before = sys.gettrace()  # that of a measurement of coverage
        sys.settrace(self._trace)
        try:
            work()
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = is_ours(frame.f_code), False
        elif event == "opcode":
            self._step(frame.f_code, frame.f_lasti)
        return self._trace

    if sys.version_info >= (3, 12):

        def _monitor(self, work: Callable[[], None]) -> None:
            monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
            instruction = monitoring.events.INSTRUCTION
            monitoring.use_tool_id(tool, "the cost guard")
            monitoring.register_callback(tool, instruction, self._step)
            try:
                monitoring.set_events(tool, instruction)
                work()
            finally:
                monitoring.set_events(tool, 0)
                monitoring.register_callback(tool, instruction, None)
                monitoring.free_tool_id(tool)


def cost_of(name: str) -> Cost:
    build_app, sent, body = REQUESTS[name]
    app, counter = build_app(), Counter()

    def request() -> None:
        environ = {
            "REQUEST_METHOD": "GET", "QUERY_STRING": "", "HTTP_HOST": "localhost",
            "CONTENT_LENGTH": str(len(body)) if body else "", **sent, "wsgi.input": BytesIO(body),
        }  # fmt: skip
        assert b"".join(app(environ, lambda status, headers: None))

    for _ in range(3):
        request()
    counter.watch(request)
    return Cost(counter.calls, counter.calls_in_c, counter.steps, counter.objects)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_costs_no_more_than_it_did(name: str) -> None:
    found, bound = cost_of(name), BOUNDS[name]
    over = [
        f"{what}: {count}, the bound is {most}"
        for what, count, most in zip(Cost._fields, found, bound, strict=True)
        if count > most
    ]
    assert not over, f"{name} costs more than it did; see tests/test_cost_guard.py"


def test_the_counts_are_the_same_each_time() -> None:
    assert cost_of("form") == cost_of("form")


def test_the_counter_sees_a_step_that_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cost_of("plaintext")
    examine = lback.core.admission.Admission.examine

    def slower(self: Any, request: Request, environ: dict[str, Any]) -> None:
        examine(self, request, environ)
        examine(self, request, environ)

    monkeypatch.setattr(lback.core.admission.Admission, "examine", slower)

    after = cost_of("plaintext")
    assert after.calls > before.calls
    assert after.steps > before.steps
