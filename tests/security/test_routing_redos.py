"""No path, however hostile, makes routing slow: the time grows with its length and no faster."""

from time import perf_counter

import pytest

from lback.core.router import Router
from lback.core.routing.patterns import PathPattern

# Quadratic work over the long paths below would take minutes, linear work takes milliseconds.
SECONDS = 2.0
LONG = 200_000


def view(request: object, **values: object) -> None: ...


def seconds_of(pattern: str, path: str) -> float:
    match = PathPattern(pattern).match
    start = perf_counter()
    match(path)
    return perf_counter() - start


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
    took = {text: seconds_of(pattern, "/x/" + text * (LONG // len(text)) + tail) for text in TEXTS}
    assert max(took.values()) < SECONDS, took


def test_fifteen_hundred_dashes_do_not_stop_the_router() -> None:
    router = Router()
    router.add_route("/x/{a}-{b}-{c}-{d}-{e}", view)
    start = perf_counter()
    assert router.find("/x/" + "-" * 1500 + "/", "GET") is None
    assert router.find("/x/" + "-" * 1500, "GET") is not None
    assert perf_counter() - start < SECONDS


@pytest.mark.parametrize("text", ["/", "a/", "-", "1/", "a-b/", "%/"])
def test_a_path_of_8_kilobytes_is_found_or_refused_at_once(text: str) -> None:
    router = Router()
    for number in range(100):
        router.add_route(f"/x/{{p:path}}/{number}", view, ["POST"])
        router.add_route(f"/x/{{a}}-{{b}}-{number}", view, ["GET"])
        router.add_route(f"/x/{{a}}/{{b}}/{number}", view, ["GET"])
    path = "/x/" + text * (8192 // len(text))
    start = perf_counter()
    assert router.find(path, "GET") is None
    assert router.allowed_methods(path) is None
    assert perf_counter() - start < SECONDS


def test_routes_that_contest_every_segment_do_not_multiply() -> None:
    router = Router()
    for bits in range(1, 2**10):
        parts = [f"/{{v{i}}}" if bits >> i & 1 else "/a" for i in range(10)]
        router.add_route("".join(parts) + "/end", view, ["POST"])
    start = perf_counter()
    for path in ("/a" * 10, "/a" * 10 + "/end", "/a" * 4000):
        router.find(path, "GET")
        router.allowed_methods(path)
    assert perf_counter() - start < SECONDS


def test_a_number_of_a_million_digits_is_not_computed() -> None:
    router = Router()
    router.add_route("/{n:int}", view, name="n")
    start = perf_counter()
    assert router.find("/" + "9" * 1_000_000, "GET") is None
    with pytest.raises(ValueError):
        router.url_for("n", n="9" * 1_000_000)
    assert perf_counter() - start < SECONDS
