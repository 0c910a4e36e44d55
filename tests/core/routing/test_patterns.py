"""Path patterns: which paths they match, what they make of them, and the paths they build."""

from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.routing.converters import CONVERTERS, StringConverter, TypeConverter
from lback.core.routing.patterns import PathPattern, Variable

CANONICAL = "0b1b7a3e-8f64-4c55-9d42-6f2c1e8a7b90"
# Few letters and many separators, so that texts and patterns often meet.
texts = st.text(alphabet="ab1-./ é\n%?", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/about", "/about", {}),
        ("/a.b", "/a.b", {}),
        ("/users/{user_id}", "/users/ann", {"user_id": "ann"}),
        ("/users/{user_id:str}", "/users/ann", {"user_id": "ann"}),
        ("/users/{user_id:int}", "/users/42", {"user_id": 42}),
        ("/items/{key:uuid}", f"/items/{CANONICAL}", {"key": UUID(CANONICAL)}),
        ("/files/{name:path}", "/files/a/b.txt", {"name": "a/b.txt"}),
        ("/{year:int}-{slug}", "/2024-a-b", {"year": 2024, "slug": "a-b"}),
        ("/v{major:int}.{minor:int}/x", "/v1.2/x", {"major": 1, "minor": 2}),
        ("/{a}/{b}/", "/1/2/", {"a": "1", "b": "2"}),
        ("/{name}", "/straße 7", {"name": "straße 7"}),
        ("/{name}", "/two\nlines", {"name": "two\nlines"}),
    ],
)
def test_a_path_that_fits_gives_its_variables(
    pattern: str, path: str, params: dict[str, Any]
) -> None:
    assert PathPattern(pattern).match(path) == params


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/about", "/about/"),
        ("/about/", "/about"),
        ("/about", "/about\n"),
        ("/about", "/About"),
        ("/about", "x/about"),
        ("/about", "about"),
        ("/about", ""),
        ("/a.b", "/axb"),
        ("/{name}", "/"),
        ("/{name}", "/a/b"),
        ("/{name}", "/a/"),
        ("/{number:int}", "/abc"),
        ("/{number:int}", "/-1"),
        ("/{number:int}", "/1\n"),
        ("/{number:int}", "/٣"),
        ("/{number:int}", f"/{'9' * 5000}"),
        ("/{key:uuid}", "/" + CANONICAL.replace("-", "")),
        ("/files/{name:path}", "/files/"),
        ("/{year:int}-{slug}", "/x-2024-y"),
        ("/{a}-{b}", "/a-"),
        ("/{a}-{b}", "/-b"),
        ("/{a}-{b}", "/a/b-c"),
    ],
)
def test_a_path_that_does_not_fit_gives_nothing(pattern: str, path: str) -> None:
    assert PathPattern(pattern).match(path) is None


def test_a_variable_ends_where_the_text_behind_it_first_occurs() -> None:
    match = PathPattern("/{a}--{b}-{c}").match
    assert match("/1--2-3") == {"a": "1", "b": "2", "c": "3"}
    assert match("/1-1--2--3-4") == {"a": "1-1", "b": "2", "c": "-3-4"}


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/{folder:path}/{name}", "/a/b/c", {"folder": "a/b", "name": "c"}),
        ("/{folder:path}/{name}", "/a/b", {"folder": "a", "name": "b"}),
        ("/{folder:path}/{name}", "/a", None),
        ("/{p:path}/edit", "/a/edit/edit", {"p": "a/edit"}),
        ("/{p:path}/edit/{n:int}", "/a/edit/1/edit/2", {"p": "a/edit/1", "n": 2}),
        ("/{p:path}/at/{q:path}", "/a/at/b/at/c", {"p": "a", "q": "b/at/c"}),
        ("/{p:path}/at/{q:path}/{n}", "/a/at/b/at/c/d", {"p": "a", "q": "b/at/c", "n": "d"}),
        ("/{p:path}-{n}", "/a/b-c", {"p": "a/b", "n": "c"}),
        ("/{p:path}-{n}", "/a-b/c-d", None),
        ("/{p:path}", "/a/two\nlines", {"p": "a/two\nlines"}),
        ("/{user}/{p:path}", "/ann/a/b", {"user": "ann", "p": "a/b"}),
        ("/{p:path}/{y}-{m}", "/a/b-c/d-e-f", {"p": "a/b-c", "y": "d", "m": "e-f"}),
    ],
)
def test_a_variable_over_segments_leaves_room_for_what_follows(
    pattern: str, path: str, params: dict[str, Any] | None
) -> None:
    assert PathPattern(pattern).match(path) == params


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("users", "must begin with a slash, not 'users'; write '/users'"),
        ("", "must begin with a slash, not ''; write '/'"),
        (None, "must begin with a slash, not None"),
        (7, "must begin with a slash, not 7"),
        ("/{a}{b}", "two variables of '/{a}{b}' touch: put text between them"),
        ("/{a}/{a}", "the variable 'a' occurs twice"),
        ("/{a", "unbalanced brace"),
        ("/a}", "unbalanced brace"),
        ("/{{a}}", "unbalanced brace"),
        ("/{a}}/{b}", "unbalanced brace"),
        ("/{}", "'' in '/{}' is not a variable name: letters, digits and _ only"),
        ("/{a-b}", "'a-b' in '/{a-b}' is not a variable name"),
        ("/{1a}", "'1a' in '/{1a}' is not a variable name"),
        ("/{a/b}", "is not a variable name"),
        ("/{ a}", "is not a variable name"),
        ("/{_a}", "begins with an underscore: rename it"),
        ("/{_method_mismatch}", "begins with an underscore: rename it"),
        ("/{a:}", "unknown converter ''"),
        ("/{a:integer}", "unknown converter 'integer' in '/{a:integer}'; known: int, path"),
        ("/{a:itn}", "did you mean 'int'?"),
        ("/{a:int:int}", "unknown converter 'int:int'"),
        ("/{int:a}", "unknown converter 'a'"),
    ],
)
def test_a_malformed_pattern_is_refused_with_a_hint(pattern: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        PathPattern(pattern)
    assert message in str(refused.value)


def test_a_pattern_knows_its_parts_and_segments() -> None:
    pattern = PathPattern("/a/{b:int}/{c}-{d}/{e:path}")
    assert [v.name for v in pattern.variables] == ["b", "c", "d", "e"]
    assert pattern.segments == ["a", Variable("b", CONVERTERS["int"]), None, None]
    assert not pattern.is_plain
    assert PathPattern("/a/{b:int}/").segments == ["a", Variable("b", CONVERTERS["int"]), ""]
    assert PathPattern("/a/{b:int}/").is_plain
    assert PathPattern("/").segments == [""]


@given(
    st.lists(
        st.sampled_from(["a", "b", "{x}", "{y:int}", ""]), min_size=1, max_size=4, unique=True
    ),
    st.lists(texts.map(lambda text: text.replace("/", "")), min_size=1, max_size=4),
)
def test_a_plain_pattern_compares_segment_by_segment(wanted: list[str], given: list[str]) -> None:
    expected: dict[str, Any] | None = {} if len(wanted) == len(given) else None
    for want, have in zip(wanted, given, strict=False):
        if expected is None:
            break
        if want == "{x}" and have:
            expected["x"] = have
        elif want == "{y:int}" and have.isdigit():
            expected["y"] = int(have)
        elif want != have:
            expected = None
    pattern, path = PathPattern("/" + "/".join(wanted)), "/" + "/".join(given)
    assert pattern.match(path) == expected


@given(texts, st.sampled_from(["-", "--", ".", "1-"]))
def test_a_shared_segment_is_parted_at_the_first_separator(text: str, separator: str) -> None:
    place = text.find(separator, 1)
    first, second = text[:place], text[place + len(separator) :]
    fits = place > 0 and second and "/" not in text
    expected = {"a": first, "b": second} if fits else None
    assert PathPattern(f"/{{a}}{separator}{{b}}").match(f"/{text}") == expected


@pytest.mark.parametrize(
    ("pattern", "values", "path"),
    [
        ("/", {}, "/"),
        ("/über uns", {}, "/%C3%BCber%20uns"),
        ("/{name}", {"name": "a b?c#d;e&f"}, "/a%20b%3Fc%23d%3Be%26f"),
        ("/{name}", {"name": "50%"}, "/50%25"),
        ("/{name}", {"name": "straße"}, "/stra%C3%9Fe"),
        ("/{name}", {"name": 7}, "/7"),
        ("/{n:int}", {"n": 42}, "/42"),
        ("/{n:int}", {"n": "42"}, "/42"),
        ("/{key:uuid}", {"key": UUID(CANONICAL)}, f"/{CANONICAL}"),
        ("/f/{p:path}", {"p": "a b/c"}, "/f/a%20b/c"),
        ("/{y:int}-{slug}", {"y": 1, "slug": "a-b"}, "/1-a-b"),
        ("/{p:path}/{name}", {"p": "a/b", "name": "c"}, "/a/b/c"),
        ("/{name}", {"name": "...", "other": 1}, "/..."),
    ],
)
def test_values_are_converted_and_percent_encoded(
    pattern: str, values: dict[str, Any], path: str
) -> None:
    assert PathPattern(pattern).fill(values) == path


@pytest.mark.parametrize(
    ("pattern", "values", "message"),
    [
        ("/{name}", {}, "'/{name}' needs a value for 'name'"),
        ("/{name}", {"name": ""}, "'' is not a path segment"),
        ("/{name}", {"name": "."}, "'.' is not a path segment"),
        ("/{name}", {"name": ".."}, "'..' is not a path segment"),
        ("/{name}", {"name": "a/b"}, "contains a slash; use the converter path"),
        ("/{n:int}", {"n": "x"}, "'n' of '/{n:int}': 'x' is not a non-negative whole number"),
        ("/{n:int}", {"n": -1}, "is not a non-negative whole number"),
        ("/f/{p:path}", {"p": "a/../b"}, "is not a path segment"),
        ("/{a}-{b}", {"a": "1-2", "b": "3"}, "'/1-2-3' would match others"),
        ("/{p:path}/at/{q:path}", {"p": "a/at/b", "q": "c"}, "would match others"),
        ("/{name}", {"name": "\udc80"}, "surrogates not allowed"),
    ],
)
def test_values_that_would_not_come_back_are_refused(
    pattern: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as refused:
        PathPattern(pattern).fill(values)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("/{p:path}", {"p": "/evil.example"}),
        ("/{p:path}", {"p": "//evil.example/x"}),
        ("/.{p:path}", {"p": "/secret"}),
        ("/a/..{p:path}", {"p": "/secret"}),
    ],
)
def test_values_never_lead_to_another_host_or_folder(pattern: str, values: dict[str, str]) -> None:
    assert PathPattern(pattern).match(pattern.partition("{")[0] + values["p"]) == values
    with pytest.raises(ValueError, match="no path begins with // or has a segment"):
        PathPattern(pattern).fill(values)


def test_a_converter_that_writes_what_does_not_fit_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Date(TypeConverter):
        def to_python(self, value: str) -> str:
            return value

        def to_url(self, value: Any) -> str:
            return str(value).replace(".", "/")

    monkeypatch.setitem(CONVERTERS, "date", Date())
    with pytest.raises(ValueError, match="'/2024/1' would match others"):
        PathPattern("/{day:date}").fill({"day": "2024.1"})


def test_a_converter_derived_from_text_still_converts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lower(StringConverter):
        def to_python(self, value: str) -> str:
            if value.isdigit():
                raise ValueError("no digits")
            return value.lower()

    monkeypatch.setitem(CONVERTERS, "lower", Lower())
    pattern = PathPattern("/{name:lower}")
    assert pattern.match("/ANN") == {"name": "ann"}
    with pytest.raises(ValueError, match=r"'name' of '/\{name:lower\}': no digits"):
        pattern.fill({"name": 7})
    assert pattern.match("/7") is None


@pytest.mark.parametrize(
    "text", ["/{a}", "/x/{a}-{b}", "/{a:path}", "/{a:path}/{b}", "/{a:int}.{b:path}", "/{a}b/{b}"]
)
@given(a=texts, b=texts)
def test_a_path_that_is_built_is_read_with_the_same_values(text: str, a: str, b: str) -> None:
    pattern = PathPattern(text)
    values = {v.name: {"a": a, "b": b}[v.name] for v in pattern.variables}
    try:
        path = pattern.fill(values)
    except ValueError:
        return
    assert path.isascii()
    assert path.startswith("/") and not path.startswith("//")
    read = pattern.match(unquote(path))
    assert read is not None
    assert {name: str(value) for name, value in read.items()} == {
        v.name: str(v.converter.to_python(values[v.name])) for v in pattern.variables
    }


@given(texts)
def test_a_segment_that_matches_can_be_written_again(text: str) -> None:
    pattern = PathPattern("/x/{a}-{b}")
    values = pattern.match(f"/x/{text}")
    if values is not None and not {".", ".."} & set(values.values()):
        assert unquote(pattern.fill(values)) == f"/x/{text}"
