"""The chain of middlewares: its order, its signals, and what it does about faults."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NoReturn, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lback import Application
from lback.core import dispatcher_instance
from lback.core.base_middleware import BaseMiddleware, SimpleMiddleware
from lback.core.exceptions import Forbidden
from lback.core.middleware_manager import CHAIN_SIGNALS, Middleware, MiddlewareManager
from lback.core.request import Request
from lback.core.response import Response
from lback.core.signals import SignalDispatcher
from lback.testing import Client

Heard: TypeAlias = list[tuple[str, dict[str, Any]]]

MANAGER_SIGNALS = [
    "middleware_manager_initialized",
    "middleware_added",
    "middleware_add_failed",
    "middleware_removed",
    "middleware_remove_failed",
    "middleware_removed_by_class",
    "middleware_remove_by_class_failed",
]


class Step:
    """A middleware that notes when it is called and then does as it was told."""

    def __init__(
        self,
        name: str = "step",
        notes: list[str] | None = None,
        on_request: Callable[[], Any] = lambda: None,
        on_response: Callable[[Response], Any] = lambda response: response,
    ) -> None:
        self.name = name
        self.notes = [] if notes is None else notes
        self.on_request = on_request
        self.on_response = on_response

    def process_request(self, request: Any) -> Any:
        self.notes.append(f"{self.name} in")
        return self.on_request()

    def process_response(self, request: Any, response: Response) -> Any:
        self.notes.append(f"{self.name} out")
        return self.on_response(response)


class Derived(Step):
    pass


def noted(notes: list[Response], response: Response) -> Response:
    notes.append(response)
    return response


def appended(text: str, response: Response) -> Response:
    return Response(response.body + text)


def fail(*arguments: object) -> Any:
    raise RuntimeError("broken middleware")


def forbid(*arguments: object) -> Any:
    raise Forbidden("not you")


def interrupt(*arguments: object) -> Any:
    raise KeyboardInterrupt


@pytest.fixture
def dispatcher() -> SignalDispatcher:
    return SignalDispatcher()


@pytest.fixture
def heard(dispatcher: SignalDispatcher) -> Heard:
    """All that the chain says, in order."""
    return listen(dispatcher)


def listen(dispatcher: SignalDispatcher) -> Heard:
    heard: Heard = []

    def receiver_of(name: str) -> Callable[..., None]:
        def hear(**arguments: Any) -> None:
            heard.append((name, arguments))

        return hear

    for name in [*MANAGER_SIGNALS, *CHAIN_SIGNALS]:
        dispatcher.connect(name, receiver_of(name))
    return heard


@pytest.fixture
def manager(dispatcher: SignalDispatcher) -> MiddlewareManager:
    return MiddlewareManager(dispatcher=dispatcher)


@pytest.fixture(params=["unheard", "heard"])
def either(request: pytest.FixtureRequest, manager: MiddlewareManager) -> MiddlewareManager:
    """A chain that nobody listens to, and one that somebody does."""
    if request.param == "heard":
        listen(manager.dispatcher)
    return manager


@pytest.fixture
def request_() -> Request:
    return Request("/secret-path", "POST", b"secret-body", {"Authorization": "secret"}, {})


def short(heard: Heard) -> list[str]:
    return [name.removeprefix("middleware_") for name, _ in heard]


# Adding and removing.


def test_a_new_chain_is_empty_and_says_so(dispatcher: SignalDispatcher, heard: Heard) -> None:
    manager = MiddlewareManager(dispatcher=dispatcher)
    assert manager.middlewares == []
    assert heard == [("middleware_manager_initialized", {"sender": manager})]


def test_without_a_dispatcher_the_chain_speaks_on_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, dispatcher: SignalDispatcher, heard: Heard
) -> None:
    monkeypatch.setattr(dispatcher_instance, "dispatcher", dispatcher)
    MiddlewareManager().add_middleware(Step())
    assert short(heard) == ["manager_initialized", "added"]


def test_an_object_with_the_two_hooks_is_added(manager: MiddlewareManager, heard: Heard) -> None:
    step = Step()
    manager.add_middleware(step)
    assert manager.middlewares == [step]
    assert isinstance(step, Middleware)
    assert heard == [
        (
            "middleware_added",
            {"sender": manager, "middleware_instance": step, "middleware_name": "Step"},
        )
    ]


def test_the_list_of_middlewares_is_a_copy(manager: MiddlewareManager) -> None:
    manager.add_middleware(Step())
    manager.middlewares.clear()
    assert len(manager.middlewares) == 1


class WithoutResponse:
    def process_request(self, request: object) -> None: ...


class WithDataAsHook(WithoutResponse):
    process_response = "data"


class Coroutines:
    async def process_request(self, request: object) -> None: ...

    def process_response(self, request: object, response: Response) -> Response:
        return response


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (object(), "object is not a middleware: it has no method process_request"),
        (None, "NoneType is not a middleware: it has no method process_request"),
        (
            WithoutResponse(),
            "WithoutResponse is not a middleware: it has no method process_response",
        ),
        (WithDataAsHook(), "it has no method process_response"),
        (Step, r"add an instance, not the class: add_middleware\(Step\(…\)\)"),
        (BaseMiddleware, "add an instance, not the class"),
        (Coroutines(), "Coroutines.process_request is a coroutine function: use def"),
    ],
)
def test_anything_but_a_middleware_is_refused(
    manager: MiddlewareManager, heard: Heard, wrong: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        manager.add_middleware(wrong)
    assert manager.middlewares == []
    ((name, arguments),) = heard
    assert name == "middleware_add_failed"
    assert arguments == {
        "sender": manager,
        "middleware_instance": wrong,
        "middleware_name": type(wrong).__name__,
        "error_type": "invalid_middleware_type",
    }


def test_one_instance_is_removed(manager: MiddlewareManager, heard: Heard) -> None:
    first, second = Step(), Step()
    manager.add_middleware(first)
    manager.add_middleware(second)
    heard.clear()
    manager.remove_middleware(first)
    assert manager.middlewares == [second]
    about = {"sender": manager, "middleware_instance": first, "middleware_name": "Step"}
    assert heard == [("middleware_removed", about)]
    manager.remove_middleware(first)
    assert heard[1] == ("middleware_remove_failed", {**about, "error_type": "not_found"})


def test_an_equal_middleware_is_not_the_same(manager: MiddlewareManager) -> None:
    class Equal(Step):
        __hash__ = None  # type: ignore[assignment]  # as a dataclass has it

        def __eq__(self, other: object) -> bool:
            return True

    first, second = Equal(), Equal()
    manager.add_middleware(first)
    manager.remove_middleware(second)
    assert manager.middlewares[0] is first


def test_the_same_instance_runs_as_often_as_it_was_added(
    manager: MiddlewareManager, request_: Request
) -> None:
    twice, other = Step("twice"), Step("other")
    for step in (twice, other, twice):
        manager.add_middleware(step)
    manager.process_request(request_)
    assert twice.notes == ["twice in", "twice in"]
    manager.remove_middleware(twice)
    assert manager.middlewares == [other, twice]


def test_all_instances_of_a_class_and_its_subclasses_are_removed(
    manager: MiddlewareManager, heard: Heard
) -> None:
    class Other:
        process_request = Step.process_request
        process_response = Step.process_response

    steps = [Step(), Derived(), Step()]
    other: Any = Other()
    for middleware in (*steps, other):
        manager.add_middleware(middleware)
    heard.clear()
    manager.remove_middleware_by_class(Step)
    manager.remove_middleware_by_class(Step)
    assert manager.middlewares == [other]
    about = {"sender": manager, "middleware_class": Step, "middleware_class_name": "Step"}
    assert heard == [
        ("middleware_removed_by_class", {**about, "removed_count": 3, "removed_instances": steps})
    ]


def test_a_superclass_may_stay(manager: MiddlewareManager) -> None:
    base, derived = Step(), Derived()
    manager.add_middleware(base)
    manager.add_middleware(derived)
    manager.remove_middleware_by_class(Derived)
    assert manager.middlewares == [base]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [(5, "int"), (None, "NoneType"), ("Step", "str"), (int, "int"), (WithDataAsHook, "WithData")],
)
def test_removing_by_anything_but_a_middleware_class_is_refused(
    manager: MiddlewareManager, heard: Heard, wrong: Any, name: str
) -> None:
    manager.add_middleware(Step())
    heard.clear()
    with pytest.raises(TypeError, match="is not a middleware class: it lacks process_request or"):
        manager.remove_middleware_by_class(wrong)
    assert len(manager.middlewares) == 1
    ((signal, arguments),) = heard
    assert signal == "middleware_remove_by_class_failed"
    assert arguments["middleware_class"] is wrong
    assert arguments["middleware_class_name"].startswith(name)
    assert arguments["error_type"] == "invalid_class_type"


def test_removing_by_an_instance_is_refused(manager: MiddlewareManager) -> None:
    step: Any = Step()
    manager.add_middleware(step)
    with pytest.raises(TypeError, match="Step is not a middleware class"):
        manager.remove_middleware_by_class(step)
    assert manager.middlewares == [step]


# The two ways along the chain.


def chain_of(manager: MiddlewareManager, *steps: Step) -> list[str]:
    """Put steps into the chain, and return the list in which they all note their calls."""
    notes: list[str] = []
    for step in steps:
        step.notes = notes
        manager.add_middleware(step)
    return notes


def test_requests_go_first_to_last_and_responses_last_to_first(
    manager: MiddlewareManager, request_: Request
) -> None:
    notes = chain_of(manager, Step("a"), Step("b"), Step("c"))
    response = Response("x")
    assert manager.process_request(request_) is None
    assert manager.process_response(request_, response) is response
    assert notes == ["a in", "b in", "c in", "c out", "b out", "a out"]


def test_a_response_ends_the_way_in_and_all_hooks_see_it_on_the_way_out(
    manager: MiddlewareManager, request_: Request
) -> None:
    answer = Response("early")
    given_: list[Response] = []
    notes = chain_of(
        manager,
        Step("a"),
        Step("b", on_request=lambda: answer),
        Step("c", on_response=lambda response: noted(given_, response)),
    )
    assert manager.process_request(request_) is answer
    assert notes == ["a in", "b in"]
    manager.process_response(request_, answer)
    assert notes[2:] == ["c out", "b out", "a out"]
    assert given_ == [answer]


def test_each_response_hook_gets_what_the_one_before_returned(
    manager: MiddlewareManager, request_: Request
) -> None:
    for name in "abc":
        manager.add_middleware(Step(on_response=partial(appended, name)))
    assert manager.process_response(request_, Response("x")).body == "xcba"


def test_every_hook_gets_the_same_request(manager: MiddlewareManager, request_: Request) -> None:
    class Marking(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            request.set_context(seen=[*(request.get_context("seen") or []), id(request)])

        def process_response(self, request: Request, response: Response) -> Response:
            self.process_request(request)
            return response

    for _ in range(2):
        manager.add_middleware(Marking())
    manager.process_request(request_)
    manager.process_response(request_, Response())
    assert request_.get_context("seen") == [id(request_)] * 4


def test_a_request_hook_that_fails_ends_in_a_plain_500(
    either: MiddlewareManager, request_: Request, caplog: pytest.LogCaptureFixture
) -> None:
    notes = chain_of(either, Step("a", on_request=fail), Step("b"))
    response = either.process_request(request_)
    assert response is not None
    assert (response.status_code, response.body) == (500, "Internal Server Error")
    assert response.get_wsgi_response()[1][0][1].startswith("text/plain")
    assert notes == ["a in"]
    (record,) = caplog.records
    assert record.getMessage() == "Step.process_request failed"
    assert record.exc_info is not None
    assert record.levelno == logging.ERROR


@pytest.mark.parametrize(("hook", "error"), [(forbid, Forbidden), (interrupt, KeyboardInterrupt)])
def test_an_http_error_or_an_interrupt_of_a_request_hook_goes_on(
    either: MiddlewareManager,
    request_: Request,
    caplog: pytest.LogCaptureFixture,
    hook: Any,
    error: type[BaseException],
) -> None:
    notes = chain_of(either, Step("a", on_request=hook), Step("b"))
    with pytest.raises(error):
        either.process_request(request_)
    assert notes == ["a in"]
    assert not caplog.records


@pytest.mark.parametrize("odd", ["text", False, 0, {}, Response])
def test_a_request_hook_that_returns_something_odd_ends_in_a_plain_500(
    either: MiddlewareManager, request_: Request, caplog: pytest.LogCaptureFixture, odd: object
) -> None:
    chain_of(either, Step("a", on_request=lambda: odd))
    response = either.process_request(request_)
    assert response is not None
    assert (response.status_code, response.body) == (500, "Internal Server Error")
    assert f"process_request returned {type(odd).__name__}; expected a" in caplog.text


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (fail, "Step.process_response failed"),
        (forbid, "Step.process_response failed"),
        (lambda response: None, "Step.process_response returned NoneType; expected a Response"),
        (lambda response: "x", "Step.process_response returned str; expected a Response"),
    ],
)
def test_a_response_hook_that_fails_is_passed_over(
    either: MiddlewareManager,
    request_: Request,
    caplog: pytest.LogCaptureFixture,
    hook: Any,
    message: str,
) -> None:
    last = Response("last")
    notes = chain_of(
        either,
        Step("a", on_response=lambda response: last),
        Step("b", on_response=hook),
        Step("c"),
    )
    assert either.process_response(request_, Response("first")) is last
    assert notes == ["c out", "b out", "a out"]
    assert [(r.getMessage(), r.levelno) for r in caplog.records] == [(message, logging.ERROR)]


def test_logs_hold_nothing_of_the_request(
    manager: MiddlewareManager, request_: Request, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lback")
    chain_of(manager, Step(on_request=fail), Step(on_response=fail), Step(on_response=lambda r: 1))
    manager.process_request(request_)
    manager.process_response(request_, Response("secret-response"))
    assert len(caplog.records) == 3
    assert "secret" not in caplog.text


# Signals of the chain.


def test_the_signals_of_a_request_that_goes_on(
    manager: MiddlewareManager, request_: Request, dispatcher: SignalDispatcher
) -> None:
    a, b = Step("a"), Derived("b")
    chain_of(manager, a, b)
    heard = listen(dispatcher)
    manager.process_request(request_)
    path = {"sender": manager, "request": request_, "method": "POST", "path": "/secret-path"}
    about_a, about_b = (
        {"sender": manager, "request": request_, "middleware_instance": m, "middleware_name": name}
        for m, name in ((a, "Step"), (b, "Derived"))
    )
    assert heard == [
        ("middleware_request_processing_started", path),
        ("middleware_process_request_started", about_a),
        ("middleware_process_request_succeeded", about_a),
        ("middleware_process_request_started", about_b),
        ("middleware_process_request_succeeded", about_b),
        ("middleware_request_processing_finished", {**path, "response": None}),
    ]


@pytest.mark.parametrize(
    ("hook", "outcome"),
    [
        (lambda: Response("early"), "request_short_circuited"),
        (fail, "process_request_failed"),
        (lambda: "odd", "process_request_failed"),
    ],
)
def test_the_signals_of_a_request_that_ends_early(
    manager: MiddlewareManager, request_: Request, dispatcher: SignalDispatcher, hook: Any,
    outcome: str,
) -> None:  # fmt: skip
    chain_of(manager, Step("a", on_request=hook), Step("b"))
    heard = listen(dispatcher)
    response = manager.process_request(request_)
    assert short(heard) == [
        "request_processing_started",
        "process_request_started",
        outcome,
        "request_processing_finished",
    ]
    assert heard[3][1]["response"] is response
    if outcome == "request_short_circuited":
        assert heard[2][1]["response"] is response


def test_a_failed_request_hook_says_how(
    manager: MiddlewareManager, request_: Request, dispatcher: SignalDispatcher
) -> None:
    heard = listen(dispatcher)
    for hook in (fail, forbid, lambda: "odd"):
        step = Step(on_request=hook)
        manager.add_middleware(step)
        try:
            manager.process_request(request_)
        except Forbidden as error:
            raised = error
        manager.remove_middleware(step)
    failed = [arguments for name, arguments in heard if name.endswith("process_request_failed")]
    assert [f["error_type"] for f in failed] == ["exception", "exception", "invalid_response_type"]
    assert isinstance(failed[0]["exception"], RuntimeError)
    assert failed[1]["exception"] is raised
    assert failed[2]["returned_type"] is str
    assert short(heard).count("request_processing_finished") == 3


def test_the_signals_of_a_response(
    manager: MiddlewareManager, request_: Request, dispatcher: SignalDispatcher
) -> None:
    first, last = Response("first"), Response("last")
    a, b = Step("a", on_response=lambda response: last), Step("b")
    chain_of(manager, a, b)
    heard = listen(dispatcher)
    manager.process_response(request_, first)
    path = {"sender": manager, "request": request_, "method": "POST", "path": "/secret-path"}
    about_a, about_b = (
        {
            "sender": manager,
            "request": request_,
            "middleware_instance": m,
            "middleware_name": "Step",
        }
        for m in (a, b)
    )
    assert heard == [
        ("middleware_response_processing_started", {**path, "initial_response": first}),
        ("middleware_process_response_started", {**about_b, "current_response": first}),
        ("middleware_process_response_succeeded", {**about_b, "processed_response": first}),
        ("middleware_process_response_started", {**about_a, "current_response": first}),
        ("middleware_process_response_succeeded", {**about_a, "processed_response": last}),
        ("middleware_response_processing_finished", {**path, "final_response": last}),
    ]


@pytest.mark.parametrize(
    ("hook", "kind"), [(fail, "exception"), (lambda response: None, "invalid_response_type")]
)
def test_a_failed_response_hook_says_how(
    manager: MiddlewareManager,
    request_: Request,
    dispatcher: SignalDispatcher,
    hook: Any,
    kind: str,
) -> None:
    chain_of(manager, Step("a"), Step("b", on_response=hook))
    heard = listen(dispatcher)
    response = Response("x")
    manager.process_response(request_, response)
    assert short(heard) == [
        "response_processing_started",
        "process_response_started",
        "process_response_failed",
        "process_response_started",
        "process_response_succeeded",
        "response_processing_finished",
    ]
    failed = heard[2][1]
    assert failed["error_type"] == kind
    assert failed["current_response"] is response
    if kind == "exception":
        assert isinstance(failed["exception"], RuntimeError)
    else:
        assert failed["returned_type"] is type(None)


def test_an_empty_chain_says_that_it_ran(
    manager: MiddlewareManager, request_: Request, heard: Heard
) -> None:
    manager.process_request(request_)
    manager.process_response(request_, Response())
    assert short(heard) == [
        "request_processing_started",
        "request_processing_finished",
        "response_processing_started",
        "response_processing_finished",
    ]


HOOKS_IN = [lambda: None, lambda: Response("early"), fail, forbid, lambda: "odd", lambda: 0]
HOOKS_OUT = [lambda r: r, lambda r: Response(r.body + "!"), fail, forbid, lambda r: None]


def walk(hooks: list[tuple[int, int]], signals: list[str]) -> tuple[list[str], object, object]:
    """Go along the chain and back, with some signals heard, and tell what came of it."""
    dispatcher = SignalDispatcher()
    for name in signals:
        dispatcher.connect(name, lambda **_: None)
    manager = MiddlewareManager(dispatcher=dispatcher)
    notes = chain_of(
        manager, *(Step(str(i), None, HOOKS_IN[a], HOOKS_OUT[b]) for i, (a, b) in enumerate(hooks))
    )
    request = Request("/", "GET", None, {}, {})
    outcome: object
    try:
        response = manager.process_request(request)
        outcome = response and (response.status_code, response.body)
    except Forbidden as error:
        outcome = error.message
    return notes, outcome, manager.process_response(request, Response("x")).body


@given(
    st.lists(
        st.tuples(st.integers(0, len(HOOKS_IN) - 1), st.integers(0, len(HOOKS_OUT) - 1)), max_size=5
    ),
    st.lists(st.sampled_from(sorted(CHAIN_SIGNALS)), min_size=1, unique=True),
)
def test_whether_anybody_listens_changes_nothing(
    hooks: list[tuple[int, int]], signals: list[str]
) -> None:
    unheard = walk(hooks, [])
    assert walk(hooks, signals) == unheard
    assert walk(hooks, ["something_else"]) == unheard


# Changes while requests run.


def test_a_walk_keeps_to_the_middlewares_it_began_with(
    either: MiddlewareManager, request_: Request
) -> None:
    notes: list[str] = []
    late, last = Step("late", notes), Step("last", notes)

    def change() -> None:
        either.remove_middleware(last)
        either.add_middleware(late)

    either.add_middleware(Step("first", notes, on_request=change))
    either.add_middleware(last)
    either.process_request(request_)
    assert notes == ["first in", "last in"]
    assert either.middlewares[1:] == [late]
    notes.clear()
    either.process_response(request_, Response())
    assert notes == ["late out", "first out"]


class OnlyIn(SimpleMiddleware):
    def process_request(self, request: Request) -> Response | None:
        return Response("in")


class OnlyOut(SimpleMiddleware):
    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Out"] = "yes"
        return response


class InheritsIn(OnlyIn):
    """Overrides nothing itself."""


def test_a_hook_that_is_not_overridden_is_left_out_of_the_list() -> None:
    manager = MiddlewareManager()
    nothing, only_in, only_out = SimpleMiddleware(), InheritsIn(), OnlyOut()
    for middleware in (nothing, only_in, only_out):
        manager.add_middleware(middleware)

    assert manager.middlewares == [nothing, only_in, only_out]
    assert [middleware for middleware, _ in manager.request_hooks] == [only_in]
    assert [middleware for middleware, _ in manager.response_hooks] == [only_out]


def test_a_hook_that_an_instance_got_is_called() -> None:
    manager, middleware = MiddlewareManager(), SimpleMiddleware()
    middleware.process_request = lambda request: Response("mine")  # type: ignore[method-assign]
    manager.add_middleware(middleware)

    response = manager.process_request(Request("/", "GET", None, {}, {}))
    assert response is not None
    assert response.body == "mine"


def test_request_loaders_of_an_earlier_release_work_with_a_warning() -> None:
    class Brings(SimpleMiddleware):
        request_loaders: ClassVar[Any] = {"basket": lambda request: ["apples"]}

    manager, request = MiddlewareManager(), Request("/", "GET", None, {}, {})
    with pytest.warns(DeprecationWarning, match=r"Brings.request_loaders is deprecated"):
        manager.add_middleware(Brings())
    manager.process_request(request)

    assert request.get_context("basket") == ["apples"]


IN: dict[str, Callable[[Request], Any]] = {
    "pass": lambda request: None,
    "answer": lambda request: Response("stop", 418),
    "refuse": lambda request: raise_(Forbidden("no")),
    "fail": lambda request: raise_(ValueError("broken")),
    "odd": lambda request: "text",
}
OUT: dict[str, Callable[[Request, Response], Any]] = {
    "keep": lambda request, response: response,
    "replace": lambda request, response: Response(f"{response.status_code} replaced", 201),
    "fail": lambda request, response: raise_(KeyError("broken")),
    "odd": lambda request, response: None,
}


def raise_(error: Exception) -> NoReturn:
    raise error


def hooks_of(in_: str | None, out: str | None) -> type[SimpleMiddleware]:
    """Build a middleware class with the named behaviour; None does not override the hook."""
    body: dict[str, Any] = {}
    if in_ is not None:
        body["process_request"] = lambda self, request: IN[in_](request)
    if out is not None:
        body["process_response"] = lambda self, request, response: OUT[out](request, response)
    return type("Generated", (SimpleMiddleware,), body)


@given(
    chain=st.lists(
        st.tuples(st.sampled_from([None, *IN]), st.sampled_from([None, *OUT])), max_size=6
    ),
    heard=st.sampled_from(sorted(CHAIN_SIGNALS)),
)
@settings(deadline=None)
def test_a_chain_answers_the_same_with_and_without_receivers(
    chain: list[tuple[str | None, str | None]], heard: str
) -> None:
    def answer(dispatcher: SignalDispatcher) -> tuple[int, bytes]:
        app = Application(
            DEBUG=False,
            SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
            ALLOWED_HOSTS=["localhost"],
            MIDDLEWARES=[],
            dispatcher=dispatcher,
        )
        app.add_route("/", lambda request: Response("view"), requires_auth=False)
        for in_, out in chain:
            app.add_middleware(hooks_of(in_, out)())
        response = Client(app).get("/", headers={"Accept": "application/json"})
        return response.status_code, response.body

    observed = SignalDispatcher()
    observed.connect(heard, lambda sender, **kwargs: None)
    assert answer(observed) == answer(SignalDispatcher())
