"""Mistakes in annotations, which stop the start."""

from typing import Annotated, Any

import msgspec
import pytest

from lback import ConfigurationError, Request
from lback.api import Body, File, Form, Path, Query
from tests.api.books import (
    BookIn,
    BookOut,
    Point,
    build,
)


class Nested(msgspec.Struct):
    book: BookIn


def test_unannotated_views_say_what_they_said() -> None:
    with pytest.raises(ConfigurationError, match="nothing fills the parameter 'b'"):
        build(lambda a, b: "")


def test_two_bodies() -> None:
    def create(book: BookIn, point: Point) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="'book' and 'point' are both the body"):
        build(create)


def test_a_body_of_a_get() -> None:
    def show(book: BookIn) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"'book' is the body.* GET has none"):
        build(show, methods=["GET"])


def test_a_marker_on_a_path_variable() -> None:
    def show(number: Annotated[int, Query()]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="'number' is a variable of the path"):
        build(show, "/{number:int}", methods=["GET"])


def test_a_path_marker_without_its_variable() -> None:
    def show(request: Request, numbr: Annotated[int, Path()]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="did you mean number"):
        build(show, "/{number:int}", methods=["GET"])


def test_a_default_that_does_not_fit() -> None:
    def show(page: int = "one") -> str:  # type: ignore[assignment]  # the mistake
        return ""

    with pytest.raises(ConfigurationError, match="the default 'one' of 'page'"):
        build(show, methods=["GET"])


def test_body_and_form() -> None:
    def create(book: BookIn, note: Annotated[str, Form()]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="a request has one body"):
        build(create)


def test_a_list_without_a_marker() -> None:
    def show(tags: list[str] = []) -> str:  # noqa: B006
        return ""

    with pytest.raises(ConfigurationError, match=r"mark it with Annotated\[…, Query"):
        build(show, methods=["GET"])


def test_all_mistakes_of_a_view_are_named() -> None:
    def create(book: BookIn, point: Point, page: int = "x") -> str:  # type: ignore[assignment]
        return ""

    with pytest.raises(ConfigurationError) as caught:
        build(create)
    assert "both the body" in str(caught.value)
    assert "the default 'x'" in str(caught.value)


def test_an_annotation_that_is_imported_for_the_type_checker_alone() -> None:
    def view(request: Request, book: "Missing") -> str:  # type: ignore[name-defined]  # noqa: F821
        return ""

    with pytest.raises(ConfigurationError, match="outside of TYPE_CHECKING"):
        build(view)


def test_a_name_close_to_a_path_variable() -> None:
    def show(bookid: int) -> BookOut:
        return BookOut(1, "")

    with pytest.raises(
        ConfigurationError, match="not a variable of the path; did you mean book_id"
    ):
        build(show, "/{book_id:int}", methods=["GET"])


def test_a_path_variable_with_another_type() -> None:
    def show(book_id: int) -> BookOut:
        return BookOut(1, "")

    with pytest.raises(ConfigurationError, match=r"annotated with int.*write '\{book_id:int\}'"):
        build(show, "/{book_id}", methods=["GET"])


def test_a_required_body_of_a_view_for_get_and_post() -> None:
    def both(book: BookIn) -> BookOut:
        return BookOut(1, "")

    with pytest.raises(ConfigurationError, match="give it a default"):
        build(both, methods=["GET", "POST"])


def test_two_markers() -> None:
    def show(page: Annotated[int, Query(), Form()]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match="marked with Query and Form"):
        build(show)


def test_two_parameters_of_one_name() -> None:
    def show(a: Annotated[int, Query(alias="x")], b: Annotated[int, Query(alias="x")]) -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"'a' and 'b' are both read from .* 'x'"):
        build(show, methods=["GET"])


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Annotated[dict[str, int], Query()], "cannot be read from a query parameter"),
        (Annotated[complex, Query()], "cannot be read from a query parameter"),
        (Annotated[complex, Body()], "complex has no JSON form"),
        (Annotated[int, msgspec.Meta(min_length=1)], "not supported"),
        (Annotated[BookIn, Form()], ""),
        (Annotated[Nested, Form()], "the fields book of 'value' cannot be read from text"),
        (Annotated[int, File()], "write UploadedFile or list"),
    ],
)
def test_types_that_a_place_cannot_have(annotation: Any, message: str) -> None:
    def view(request: Request, value: Any) -> str:
        return ""

    view.__annotations__["value"] = annotation
    if not message:
        build(view)
        return
    with pytest.raises(ConfigurationError, match=message):
        build(view)


def test_an_answer_without_a_json_form() -> None:
    def show() -> list[BookOut | complex]:
        return []

    with pytest.raises(ConfigurationError, match="return annotation that is not supported"):
        build(show, methods=["GET"])


def test_a_return_annotation_for_the_type_checker_alone() -> None:
    def show(page: int = 1) -> "Missing":  # type: ignore[name-defined]  # noqa: F821
        return None

    with pytest.raises(ConfigurationError, match="return annotation 'Missing'"):
        build(show, methods=["GET"])
