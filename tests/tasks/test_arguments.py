"""Arguments are checked when a task is enqueued, and again when it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from lback import Application, Config, ConfigurationError
from lback.tasks import TaskArgumentsError, task
from lback.tasks.arguments import Signature
from lback.tasks.tables import StoredTask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.mail import Mailer


class Colour(Enum):
    RED = "red"


@dataclass
class Line:
    item: str
    number: int


SAMPLES: dict[str, tuple[Any, Any]] = {
    "number": (int, 7),
    "moment": (datetime, datetime(2026, 3, 1, 12, 0, 1, 5, tzinfo=UTC)),
    "day": (date, date(2026, 3, 1)),
    "price": (Decimal, Decimal("1.10")),
    "key": (UUID, UUID(int=7)),
    "colour": (Colour, Colour.RED),
    "lines": (list[Line], [Line("book", 2)]),
    "names": (set[str], {"ada"}),
    "some": (int | None, None),
    "positive": (Annotated[int, msgspec.Meta(gt=0)], 1),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_value_arrives_as_the_type_of_its_parameter(name: str) -> None:
    kind, value = SAMPLES[name]

    def function(value: Any) -> None: ...

    function.__annotations__["value"] = kind
    signature = Signature(function, "tests.typed", ())

    assert signature.decode(signature.encode({"value": value})) == {"value": value}


@given(st.dictionaries(st.text(max_size=20), st.integers(-(2**53), 2**53) | st.text()))
def test_what_is_encoded_is_decoded(value: dict[str, int | str]) -> None:
    def function(value: dict[str, int | str]) -> None: ...

    signature = Signature(function, "tests.round", ())
    assert signature.decode(signature.encode({"value": value})) == {"value": value}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"number": "7"}, r"Expected `int`, got `str` - at `\$.number`"),
        ({}, "needs the argument 'number'"),
        ({"number": 1, "nmber": 2}, "takes no argument 'nmber'; did you mean number?"),
        ({"number": 1, "config": 2}, "'config' of the task 'tests.refusing' is injected"),
        ({"number": object()}, "cannot be stored as JSON.*pass the id of a row"),
        ({"number": 1, "other": float("nan")}, "NaN and infinity are not numbers of JSON"),
        ({"number": 1, "other": [None, {"a": -float("inf")}]}, "NaN and infinity"),
        ({"number": 1, "text": "\udcff"}, "cannot be stored as JSON.*surrogates not allowed"),
        ({"number": 1, "text": "x" * 4_000_001}, "more than 4000000"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    def function(number: int, config: Config, text: str = "", other: Any = None) -> None: ...

    signature = Signature(function, "tests.refusing", ["config"])
    with pytest.raises(TaskArgumentsError, match=message):
        signature.encode(arguments)


def test_a_misspelt_service_is_suggested() -> None:
    def function(mailr: object) -> None: ...

    with pytest.raises(TaskArgumentsError, match="not a service; did you mean mailer"):
        Signature(function, "tests.misspelt", ["mailer"]).encode({})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *numbers: None, r"takes '\*numbers'; arguments are passed by name"),
        (lambda **numbers: None, r"takes '\*\*numbers'"),
    ],
)
def test_functions_that_cannot_be_checked_are_refused(
    function: Callable[..., object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Signature(function, "tests.variable", ())


def test_a_type_that_is_not_known_at_run_time_is_refused() -> None:
    def function(lines: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
        ...

    with pytest.raises(ConfigurationError, match="'Nowhere' is not defined"):
        Signature(function, "tests.nowhere", ())


def test_services_are_filled_by_name(app: Application, work: Callable[..., None]) -> None:
    seen: list[object] = []

    @task(name="tests.services")
    def services(
        number: int, db_session: "Session", mailer: "Mailer", config: Config, app: Application
    ) -> None:
        seen.extend([number, db_session.is_active, mailer, config, app])

    services.enqueue(number=1)
    work()

    assert seen == [1, True, app.mailer, app.config, app]


def test_arguments_that_fit_no_more_after_a_deploy_fail_at_once(
    app: Application, work: Callable[..., None]
) -> None:
    @task(name="tests.changed")
    def changed(number: int) -> None:
        raise AssertionError

    handle = changed.enqueue(number=1)
    with app.db_manager.session() as session:
        session.execute(update(StoredTask).values(arguments='{"number": "one"}'))
    work()

    assert (handle.refresh().state, handle.attempts) == ("failed", 1)
    assert "Expected `int`, got `str`" in handle.error
