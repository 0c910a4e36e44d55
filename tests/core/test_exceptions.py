"""The errors of the framework: their family, what they carry, and that they travel well."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from lback.core.exceptions import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    FrameworkException,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RouteNotFound,
    ServerError,
    Unauthorized,
    ValidationError,
)

FIXED = [
    (BadRequest, 400, "Bad Request"),
    (Unauthorized, 401, "Unauthorized"),
    (Forbidden, 403, "Forbidden"),
    (NotFound, 404, "Not Found"),
    (ServerError, 500, "Internal Server Error"),
]
OTHERS = [
    (HTTPException, HTTPException, 500, "An unexpected error occurred."),
    (lambda: RouteNotFound("/a", "GET"), RouteNotFound, 404, "Route Not Found"),
    (
        lambda: MethodNotAllowed("/a", "PUT", ["GET"]),
        MethodNotAllowed,
        405,
        "Method Not Allowed",
    ),
    (lambda: ValidationError({"a": ["no"]}), ValidationError, 400, "Validation Error"),
]
ALL = [(kind, kind, status, message) for kind, status, message in FIXED] + OTHERS


@pytest.mark.parametrize(("build", "kind", "status", "message"), ALL)
def test_each_class_has_its_status_and_message(
    build: Callable[[], HTTPException], kind: type[HTTPException], status: int, message: str
) -> None:
    assert (kind.status_code, kind.message, kind.data) == (status, message, None)
    error = build()
    assert (error.status_code, error.message) == (status, message)
    assert error.headers == {}


@pytest.mark.parametrize(("kind", "status", "message"), FIXED)
def test_message_and_data_replace_those_of_the_class(
    kind: Callable[..., HTTPException], status: int, message: str
) -> None:
    error = kind("gone fishing", {"until": "noon"})
    assert (error.status_code, error.message, error.data) == (
        status,
        "gone fishing",
        {"until": "noon"},
    )
    assert str(error) == "gone fishing"
    assert kind(data=[1]).message == message, "data alone keeps the message"
    assert kind(message="").message == "", "an empty message is a message"
    assert (kind().message, kind().data) == (message, None), "the class itself is untouched"


@pytest.mark.parametrize(("kind", "status", "message"), FIXED)
def test_a_class_with_its_own_status_takes_no_other(
    kind: Callable[..., HTTPException], status: int, message: str
) -> None:
    with pytest.raises(TypeError, match="status_code"):
        kind("message", status_code=418)


def test_the_general_error_takes_everything() -> None:
    error = HTTPException("I am a teapot", 418, {"pot": "short"}, headers={"Retry-After": "60"})
    assert (error.message, error.status_code, error.data) == (
        "I am a teapot",
        418,
        {"pot": "short"},
    )
    assert error.headers == {"Retry-After": "60"}


def test_what_is_left_out_keeps_the_class_default() -> None:
    error = HTTPException(status_code=503)
    assert (error.message, error.status_code, error.data) == (HTTPException.message, 503, None)
    assert str(error) == "An unexpected error occurred."


def test_falsy_data_is_data() -> None:
    assert HTTPException(data=[]).data == []
    assert BadRequest(data={}).data == {}


def test_headers_are_a_copy_and_never_shared() -> None:
    given = {"WWW-Authenticate": "Basic"}
    error = Unauthorized(headers=given)
    given["X-Later"] = "1"
    assert error.headers == {"WWW-Authenticate": "Basic"}
    assert Unauthorized().headers == {}
    with pytest.raises(TypeError):
        Unauthorized().headers["X"] = "1"  # type: ignore[index]  # that is what is tested


def test_the_family() -> None:
    assert issubclass(FrameworkException, Exception)
    assert issubclass(HTTPException, FrameworkException)
    assert issubclass(ConfigurationError, FrameworkException)
    assert not issubclass(ConfigurationError, HTTPException)
    assert issubclass(RouteNotFound, NotFound)
    assert issubclass(ValidationError, BadRequest)
    assert all(issubclass(kind, HTTPException) for _, kind, _, _ in ALL)


def test_an_application_may_define_its_own() -> None:
    class PaymentRequired(HTTPException):
        status_code = 402
        message = "Payment Required"

    error = PaymentRequired(data={"price": 5})
    assert (error.status_code, error.message, error.data) == (402, "Payment Required", {"price": 5})
    assert PaymentRequired("please").message == "please"


# those that carry more


@pytest.mark.parametrize("message", [None, "nothing here"])
def test_a_route_that_is_not_found_knows_what_was_asked(message: str | None) -> None:
    error = RouteNotFound("/books/é\n", "GET", message)
    assert (error.path, error.method) == ("/books/é\n", "GET")
    assert error.message == (message or "Route Not Found")
    assert str(error) == f"{error.message} (GET '/books/é\\n')", "one line, for the log"


@pytest.mark.parametrize("message", [None, "not so"])
def test_a_method_that_is_not_allowed_knows_those_that_are(message: str | None) -> None:
    error = MethodNotAllowed("/books", "PUT", ["GET", "POST"], message)
    assert (error.path, error.method, error.allowed_methods) == ("/books", "PUT", ["GET", "POST"])
    assert error.message == (message or "Method Not Allowed")
    assert str(error) == f"{error.message} (PUT '/books')"


@pytest.mark.parametrize("message", [None, "look again"])
def test_a_validation_error_offers_its_errors_as_data(message: str | None) -> None:
    errors = {"title": ["is missing"], "year": ["is no number", "is too long"]}
    error = ValidationError(errors, message)
    assert error.errors == errors
    assert error.data == errors
    assert error.message == (message or "Validation Error")
    assert str(error) == error.message


@pytest.mark.parametrize(
    "build", [build for build, kind, _, _ in ALL if kind not in (RouteNotFound, MethodNotAllowed)]
)
def test_the_text_of_an_error_is_its_message(build: Callable[[], HTTPException]) -> None:
    error = build()
    assert str(error) == error.message
    assert error.args == (error.message,)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(RouteNotFound, ("/a",)), (MethodNotAllowed, ("/a", "GET")), (ValidationError, ())],
)
def test_what_must_be_known_cannot_be_left_out(
    kind: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(TypeError, match="missing"):
        kind(*arguments)


# copies


class OutOfStock(HTTPException):
    """An error of an application, with a required argument of its own."""

    status_code = 409

    def __init__(self, title: str) -> None:
        super().__init__(f"{title} is out of stock", headers={"Retry-After": "3600"})
        self.title = title


ERRORS = [
    FrameworkException("a"),
    ConfigurationError("a"),
    HTTPException("a", 418, {"b": [1]}, headers={"C": "d"}),
    HTTPException(),
    BadRequest("a", {"b": 1}),
    Unauthorized(),
    Forbidden("a"),
    NotFound(data=[1]),
    ServerError(),
    RouteNotFound("/a", "GET"),
    RouteNotFound("/a", "GET", "b"),
    MethodNotAllowed("/a", "PUT", ["GET"], "b"),
    ValidationError({"a": ["b"]}, "c"),
    OutOfStock("Emma"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy]
    + [
        lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ],
    ids=["copy", "deepcopy"] + [f"pickle{n}" for n in range(pickle.HIGHEST_PROTOCOL + 1)],
)
def test_a_copy_is_the_same_error(
    error: FrameworkException, again: Callable[[FrameworkException], FrameworkException]
) -> None:
    second = again(error)
    assert second is not error
    assert type(second) is type(error)
    assert str(second) == str(error)
    assert second.args == error.args
    assert vars(second) == vars(error)


def test_a_copy_keeps_the_notes() -> None:
    error = NotFound("a")
    error.add_note("seen on a Tuesday")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["seen on a Tuesday"]


def test_an_error_without_a_message_of_its_own_follows_its_class_after_a_copy() -> None:
    second = pickle.loads(pickle.dumps(NotFound()))
    assert (second.status_code, second.message, second.data) == (404, "Not Found", None)
    assert second.headers == {}
