"""Changes that break clients are found, and additions are none."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.api import breaking_changes

BOOK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "title": {"type": "string", "maxLength": 200},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Book"}},
    },
    "required": ["id", "title"],
}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/books": {
            "get": {
                "operationId": "list_books",
                "parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer", "maximum": 9}},
                    {
                        "name": "genre",
                        "in": "query",
                        "schema": {"$ref": "#/components/schemas/Genre"},
                    },
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "array",
                                    "items": {"$ref": "#/components/schemas/Book"},
                                }
                            }
                        }
                    },
                    "404": {"description": "Not Found"},
                },
                "security": [],
            },
            "post": {
                "operationId": "add_book",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/BookIn"}}
                    },
                },
                "responses": {"201": {"description": "Created"}},
                "security": [{"apiKey": ["books.add"]}, {"session": ["books.add"]}],
            },
        }
    },
    "components": {
        "schemas": {
            "Book": BOOK,
            "BookIn": {
                **BOOK,
                "properties": {n: s for n, s in BOOK["properties"].items() if n != "parts"},
                "required": list(BOOK["required"]),
            },
            "Genre": {"enum": ["novel", "poetry"]},
        }
    },
}
GET = DOCUMENT["paths"]["/books"]["get"]


def at(document: Any, *places: Any) -> Any:
    for place in places:
        document = document[place]
    return document


def setting(value: Any, *places: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        at(document, *places[:-1])[places[-1]] = value

    return change


def deleting(*places: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        del at(document, *places[:-1])[places[-1]]

    return change


G, P = ("paths", "/books", "get"), ("paths", "/books", "post")
BOOK_OUT = ("components", "schemas", "Book")
BOOK_IN = ("components", "schemas", "BookIn")
NEW = {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}
BREAKING = {
    "GET /books was removed": deleting(*G),
    "GET /books has the operationId 'books', before 'list_books'": setting(
        "books", *G, "operationId"
    ),
    "GET /books no longer takes the query parameter 'genre'": deleting(*G, "parameters", 1),
    "GET /books requires the query parameter 'page'": setting(
        True, *G, "parameters", 0, "required"
    ),
    "GET /books requires the new query parameter 'q'": lambda d: at(d, *G, "parameters").append(
        NEW
    ),
    "GET /books has string for the query parameter 'page', before integer": setting(
        {"type": "string"}, *G, "parameters", 0, "schema"
    ),
    "GET /books has maximum 5 for the query parameter 'page', before 9": setting(
        5, *G, "parameters", 0, "schema", "maximum"
    ),
    "GET /books has minimum 2 for the query parameter 'page', before none": setting(
        2, *G, "parameters", 0, "schema", "minimum"
    ),
    "GET /books no longer accepts 'poetry' for the query parameter 'genre'": setting(
        ["novel"], "components", "schemas", "Genre", "enum"
    ),
    "GET /books no longer answers 200": deleting(*G, "responses", "200"),
    "GET /books no longer answers 200 as application/json": deleting(
        *G, "responses", "200", "content", "application/json"
    ),
    "GET /books no longer admits clients without credentials": setting(
        [{"apiKey": []}], *G, "security"
    ),
    "GET /books no longer has the field 'note' of items of the answer 200": deleting(
        *BOOK_OUT, "properties", "note"
    ),
    "GET /books may leave out the field 'title' of items of the answer 200": setting(
        ["id"], *BOOK_OUT, "required"
    ),
    "GET /books may have null in the field 'id' of items of the answer 200": setting(
        {"anyOf": [{"type": "integer"}, {"type": "null"}]}, *BOOK_OUT, "properties", "id"
    ),
    "GET /books has string for the field 'id' of items of the answer 200, before integer": setting(
        {"type": "string"}, *BOOK_OUT, "properties", "id"
    ),
    "POST /books no longer admits session with books.add": setting(
        [{"apiKey": ["books.add"]}], *P, "security"
    ),
    "POST /books no longer admits apiKey with books.add": setting(
        [{"apiKey": ["books.add", "books.sell"]}, {"session": ["books.add"]}], *P, "security"
    ),
    "POST /books no longer takes application/json": setting(
        {"application/xml": {}}, *P, "requestBody", "content"
    ),
    "POST /books no longer takes a body": deleting(*P, "requestBody"),
    "POST /books requires a body": setting(True, *P, "requestBody", "required"),
    "POST /books requires the field 'note' of the body": setting(
        ["id", "title", "note"], *BOOK_IN, "required"
    ),
    "POST /books requires the new field 'isbn' of the body": lambda d: (
        at(d, *BOOK_IN, "properties").update(isbn={"type": "string"}),
        at(d, *BOOK_IN, "required").append("isbn"),
    ),
    "POST /books no longer accepts null for the field 'note' of the body": setting(
        {"type": "string"}, *BOOK_IN, "properties", "note"
    ),
    "POST /books has maxLength 100 for the field 'title' of the body, before 200": setting(
        100, *BOOK_IN, "properties", "title", "maxLength"
    ),
    "POST /books has pattern '^A' for the field 'title' of the body, before none": setting(
        "^A", *BOOK_IN, "properties", "title", "pattern"
    ),
    "POST /books accepts only 'Emma' for the field 'title' of the body": setting(
        ["Emma"], *BOOK_IN, "properties", "title", "enum"
    ),
}
HARMLESS: dict[str, Callable[[Any], Any]] = {
    "a new path": setting({"get": GET}, "paths", "/authors"),
    "a new method": setting(GET, "paths", "/books", "patch"),
    "an optional parameter": lambda d: at(d, *G, "parameters").append({**NEW, "required": False}),
    "an optional field": setting({"type": "string"}, *BOOK_IN, "properties", "isbn"),
    "a field of answers": setting({"type": "string"}, *BOOK_OUT, "properties", "isbn"),
    "a field that is always sent": setting(["id", "title", "parts"], *BOOK_OUT, "required"),
    "a value of requests": setting(
        ["novel", "poetry", "science"], "components", "schemas", "Genre", "enum"
    ),
    "a longer text": setting(300, *BOOK_IN, "properties", "title", "maxLength"),
    "a number where an integer was": setting({"type": "number"}, *G, "parameters", 0, "schema"),
    "an error fewer": deleting(*G, "responses", "404"),
    "an error more": setting({"description": "Gone"}, *G, "responses", "410"),
    "another way to authenticate": lambda d: at(d, *P, "security").append({"accessToken": []}),
    "no credentials needed": setting([], *P, "security"),
    "a text": setting("All books.", *G, "summary"),
}


@pytest.mark.parametrize("line", BREAKING)
def test_a_change_that_breaks_clients_is_named(line: str) -> None:
    now = copy.deepcopy(DOCUMENT)
    BREAKING[line](now)
    assert breaking_changes(DOCUMENT, now) == [line]


@pytest.mark.parametrize("name", HARMLESS)
def test_additions_break_nothing(name: str) -> None:
    now = copy.deepcopy(DOCUMENT)
    HARMLESS[name](now)
    assert breaking_changes(DOCUMENT, now) == []


plain = st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(
    lambda name: {"type": name}
)
schemas = st.recursive(
    plain | st.sampled_from([{"enum": ["a", "b"]}, {"$ref": "#/components/schemas/Book"}, {}]),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.lists(inner, min_size=2, max_size=3).map(lambda many: {"anyOf": many})
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda fields: {"type": "object", "properties": fields, "required": list(fields)}
        )
    ),
    max_leaves=8,
)


@given(schemas)
def test_a_document_does_not_differ_from_itself(schema: dict[str, Any]) -> None:
    document = copy.deepcopy(DOCUMENT)
    at(document, *P)["requestBody"]["content"]["application/json"]["schema"] = schema
    at(document, *G)["responses"]["200"]["content"]["application/json"]["schema"] = schema
    assert breaking_changes(document, copy.deepcopy(document)) == []


@given(schemas, schemas)
def test_the_comparison_of_any_two_documents_ends(one: Any, other: Any) -> None:
    documents = [copy.deepcopy(DOCUMENT), copy.deepcopy(DOCUMENT)]
    for document, schema in zip(documents, (one, other), strict=True):
        document["components"]["schemas"]["Book"] = {
            "type": "object",
            "properties": {"own": schema, "self": {"$ref": "#/components/schemas/Book"}},
        }
    assert all(isinstance(line, str) for line in breaking_changes(*documents))
