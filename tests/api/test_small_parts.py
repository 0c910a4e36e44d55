"""Markers, messages, types of JSON and of converters: what other modules build on."""

from string import Formatter
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
import pytest

from lback.api import Body, Event, Query, Status
from lback.api.conversion import conformer, converted
from lback.api.converted import converted_type
from lback.api.json_types import has_decimals, problem_of_type
from lback.api.messages import MESSAGES, message
from lback.core.routing.converters import CONVERTERS, TypeConverter


class Node(msgspec.Struct):
    name: str
    children: list["Node"] = []


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_the_status_of_an_answer(status: int) -> None:
    with pytest.raises(ValueError, match="from 200 to 599"):
        Status(status)


def test_markers_are_values_of_annotations() -> None:
    annotation = Annotated[int, Query(alias="n", description="A number.")]
    assert get_args(annotation)[1] == Query(alias="n", description="A number.")
    assert Body() == Body()
    assert Event(1) == Event(1)


@pytest.mark.parametrize("code", MESSAGES)
def test_every_message_is_a_sentence(code: str) -> None:
    facts = {name: "5" for _, name, _, _ in Formatter().parse(MESSAGES[code]) if name}
    assert message(code, **facts).endswith(".")


def test_types_that_refer_to_themselves() -> None:
    assert problem_of_type(Node) is None
    assert has_decimals(Node) is False


@pytest.mark.parametrize("annotation", [complex, list[complex], dict[str, type]])
def test_types_without_a_json_form(annotation: Any) -> None:
    assert problem_of_type(annotation)


def test_types_of_converters() -> None:
    class Year(TypeConverter):
        def to_python(self, value: str) -> int:
            return int(value)

    assert converted_type(Year()) is int
    assert converted_type(CONVERTERS["uuid"]) is UUID
    assert converted_type(TypeConverter()) is str


def test_instances_are_used_as_they_are() -> None:
    node = Node("a")
    assert conformer(Node)(node, None) is node
    nodes = [node]
    assert conformer(list[Node])(nodes, None) is nodes
    assert converted({"name": "b", "secret": 1}, Node) == Node("b")
