"""No path, however hostile, makes routing slow: the time grows with its length and no faster."""

import pytest

from lback.core.router import Router
from lback.core.routing.patterns import PathPattern
from tests.growth import assert_linear

LONG = 100_000


def view(request: object, **values: object) -> None: ...


PATTERNS = [
    "/x/{a}-{b}-{c}-{d}-{e}",
    "/x/{a}-{b}-{c}-{d}-{e}/end",
    "/x/{a:int}-{b:int}-{c:int}-{d:int}-{e:int}",
    "/x/{a}--{b}--{c}",
    "/x/{a}-{b}-{c}/{d}-{e}-{f}/{g}-{h}-{i}",
    "/x/{p:path}",
    "/x/{p:path}/end",
    "/x/{p:path}/{name}",
    "/x/{p:path}/{a}-{b}-{c}",
    "/x/{p:path}/-{a}/-{b}",
    "/x/{p:path}/{a}/{b}/{c}/{d}/end",
    "/x/{p:path}-{a}-{b}",
    "/x/{p:path}-/{a}-/{b}",
    "/x/{p:path}/{q:path}/{r:path}/{s:path}",
    "/x/{p:path}-{q:path}-{r:path}-{s:path}/end",
    "/x/{p:path}/-/{q:path}/-/{name:int}",
    "/x/{n:int}",
    "/x/{key:uuid}",
]
TEXTS = ["-", "--/", "/", "-/", "a", "a-", "/-", "1", "1-", "//--", "-a/", "\n", "é-"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("tail", ["", "\n", "/", "!"])
def test_a_long_path_is_read_in_one_pass(pattern: str, tail: str) -> None:
    match = PathPattern(pattern).match
    for text in TEXTS:
        assert_linear(match, "/x/" + text * (LONG // len(text)) + tail)


def test_fifteen_hundred_dashes_do_not_stop_the_router() -> None:
    router = Router()
    router.add_route("/x/{a}-{b}-{c}-{d}-{e}", view)

    def find(dashes: str) -> None:
        assert router.find(f"/x/{dashes}/", "GET") is None
        assert router.find(f"/x/{dashes}", "GET") is not None

    assert_linear(find, "-" * 1500)


@pytest.mark.parametrize("text", ["/", "a/", "-", "1/", "a-b/", "%/"])
def test_a_path_of_8_kilobytes_is_refused_in_linear_time(text: str) -> None:
    router = Router()
    for number in range(100):
        router.add_route(f"/x/{{p:path}}/{number}", view, ["POST"])
        router.add_route(f"/x/{{a}}-{{b}}-{number}", view, ["GET"])
        router.add_route(f"/x/{{a}}/{{b}}/{number}", view, ["GET"])

    def refuse(path: str) -> None:
        assert router.find(path, "GET") is None
        assert router.allowed_methods(path) is None

    assert_linear(refuse, "/x/" + text * (8192 // len(text)))


def test_routes_that_contest_every_segment_do_not_multiply() -> None:
    router = Router()
    for bits in range(1, 2**10):
        parts = [f"/{{v{i}}}" if bits >> i & 1 else "/a" for i in range(10)]
        router.add_route("".join(parts) + "/end", view, ["POST"])

    def find(path: str) -> None:
        router.find(path, "GET")
        router.allowed_methods(path)

    for path in ("/a" * 10, "/a" * 10 + "/end", "/a" * 4000):
        assert_linear(find, path)


def test_a_number_of_a_million_digits_is_not_computed() -> None:
    router = Router()
    router.add_route("/{n:int}", view, name="n")

    def refuse(digits: str) -> None:
        assert router.find(f"/{digits}", "GET") is None
        with pytest.raises(ValueError):
            router.url_for("n", n=digits)

    assert_linear(refuse, "9" * 1_000_000)
