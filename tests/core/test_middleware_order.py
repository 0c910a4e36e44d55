"""The order of middlewares: mistakes are told at the start, all at once, with the way out."""

from typing import Any

import pytest

from lback import Application, BaseMiddleware, ConfigurationError, Request, Response
from lback.core.middleware_loader import check_order


class Plain(BaseMiddleware):
    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        return response


class Session(Plain):
    pass


class OtherSession(Plain):
    stands_for = ("shop.middleware.Session",)


class ChildSession(Session):
    pass


class User(Plain):
    needs = ("shop.middleware.Session",)


class Form(Plain):
    needs = "shop.middleware.Session"
    runs_after = ("Body",)


class Body(Plain):
    runs_before = ("User",)


class First(Plain):
    runs_before = ("Second",)


class Second(Plain):
    runs_before = ("First",)


def faults(*chain: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        check_order([kind() for kind in chain])
    return str(raised.value).split("\n- ")[1:]


@pytest.mark.parametrize(
    "chain",
    [
        [],
        [Plain, Plain],
        [Session, User],
        [OtherSession, User],
        [ChildSession, User],
        [Body, Session, User, Form],
        [Session, Form],
        [Body],
    ],
)
def test_an_order_that_works_passes(chain: list[Any]) -> None:
    check_order([kind() for kind in chain])


def test_what_is_needed_must_be_there() -> None:
    assert faults(Plain, User) == [
        "User needs Session, which is not there: add 'shop.middleware.Session' before it"
    ]


def test_everything_wrong_is_told_at_once_with_an_order_that_works() -> None:
    assert faults(Form, User, Plain, Body, Session) == [
        "Form comes before Body, and must come after it",
        "Form comes before Session, and must come after it",
        "User comes before Body, and must come after it",
        "User comes before Session, and must come after it",
        "an order that works: Plain, Body, Session, Form, User",
    ]


def test_missing_and_misplaced_are_told_together() -> None:
    assert faults(User, Body) == [
        "User needs Session, which is not there: add 'shop.middleware.Session' before it",
        "User comes before Body, and must come after it",
        "an order that works: Body, User",
    ]


def test_rules_that_contradict_each_other_are_told() -> None:
    assert faults(First, Second)[-1] == (
        "no order can work: the rules of First, Second contradict each other"
    )


def test_an_application_refuses_to_start() -> None:
    app = Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=[User, Session],
    )
    with pytest.raises(ConfigurationError, match="User comes before Session"):
        app.prepare()
    with pytest.raises(ConfigurationError, match="an order that works: Session, User"):
        app({"REQUEST_METHOD": "GET"}, lambda status, headers: None)
