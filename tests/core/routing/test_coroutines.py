"""`async def` views, exception handlers and what they leave behind in the thread."""

import asyncio
import gc
import logging
import os
import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lback import Application, BaseMiddleware, JSONResponse, Request, Response, ValidationError
from lback.auth import login_required
from lback.cache import cache_page, cached
from lback.core import SignalDispatcher
from lback.core.cache import Cache
from lback.core.router import Route
from lback.core.routing.coroutines import run_coroutine
from lback.middleware import rate_limit
from lback.testing import Client, ClientResponse

language: ContextVar[str] = ContextVar("language", default="en")


def build(**settings: Any) -> Application:
    return Application(
        dispatcher=SignalDispatcher(), SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"], **settings,
    )  # fmt: skip


def visit(view: Any, path: str = "/", pattern: str = "/", **settings: Any) -> ClientResponse:
    app = build(**settings)
    app.add_route(pattern, view, requires_auth=False)
    return Client(app).get(path)


# What a plain view can do, an async one can.


def test_path_variables_and_services_are_passed_by_name() -> None:
    async def show(request: Request, item_id: int, config: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"id": item_id, "shop": config.SHOP, "path": request.path}

    response = visit(show, "/items/7", "/items/{item_id:int}", SHOP="Corner")

    assert response.json() == {"id": 7, "shop": "Corner", "path": "/items/7"}


def test_a_view_without_a_request_is_passed_its_variables() -> None:
    async def show(item_id: int) -> tuple[str, int]:
        return f"item {item_id}", 201

    response = visit(show, "/7", "/{item_id:int}")

    assert (response.status_code, response.text) == (201, "item 7")


def test_handlers_of_a_class() -> None:
    class Books:
        async def get(self, request: Request) -> str:
            await asyncio.sleep(0)
            return "books"

        def post(self, request: Request) -> str:
            return "made"

    app = build()
    app.add_route("/", Books, requires_auth=False)
    client = Client(app)

    assert client.get("/").text == "books"
    assert client.head("/").status_code == 200
    assert client.post("/").text == "made"


def test_a_dispatch_that_is_a_coroutine_function() -> None:
    class Books:
        async def dispatch(self, request: Request) -> str:
            return f"{request.method}"

    assert visit(Books).text == "GET"


def test_what_it_writes_is_committed_and_rolled_back_with_an_error(tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE notes (body VARCHAR(9))"))

    async def write(db_session: Any, body: str) -> str:
        db_session.execute(text("INSERT INTO notes VALUES (:body)"), {"body": body})
        await asyncio.sleep(0)
        if body == "bad":
            raise ValidationError({"body": ["not this one"]})
        return "written"

    app.add_route("/{body}", write, requires_auth=False)
    client = Client(app)

    assert client.get("/good").status_code == 200
    assert client.get("/bad").status_code == 400
    with app.db_manager.session() as session:
        assert session.execute(text("SELECT body FROM notes")).scalars().all() == ["good"]
    app.db_manager.dispose()


def test_exceptions_reach_their_handlers_which_may_be_async_too() -> None:
    app = build()

    async def fail(request: Request) -> str:
        await asyncio.sleep(0)
        raise LookupError("gone")

    @app.exception_handler(LookupError)
    async def missing(request: Request, error: LookupError) -> tuple[str, int]:
        await asyncio.sleep(0)
        return f"sorry: {error}", 404

    app.add_route("/", fail, requires_auth=False)
    response = Client(app).get("/")

    assert (response.status_code, response.text) == (404, "sorry: gone")


def test_context_variables_pass_in_both_directions() -> None:
    seen = []

    class Language(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            language.set("de")

        def process_response(self, request: Request, response: Response) -> Response:
            seen.append(language.get())
            return response

    async def show(request: Request) -> str:
        found = language.get()
        language.set("fr")
        return found

    app = build()
    app.add_middleware(Language())
    app.add_route("/", show, requires_auth=False)

    assert Client(app).get("/").text == "de"
    assert seen == ["fr"]


def test_decorators_work_on_it() -> None:
    calls = []

    @cache_page(60)
    @rate_limit("100 per minute")
    async def show(request: Request) -> str:
        calls.append(request.path)
        await asyncio.sleep(0)
        return "page"

    app = build(MIDDLEWARES=["lback.middleware.RateLimitMiddleware"])
    app.add_route("/", show, ["GET"], requires_auth=False)
    client = Client(app)

    assert [client.get("/").text, client.get("/").text] == ["page", "page"]
    assert calls == ["/"]


def test_a_guard_is_asked_before_it_begins() -> None:
    begun = []

    @login_required
    async def show(request: Request) -> str:
        begun.append(True)
        return "secret"

    assert visit(show).status_code in (302, 303, 401)
    assert begun == []


# What it is for.


def test_several_calls_within_one_view_run_at_once() -> None:
    async def show(request: Request) -> Response:
        first, second = asyncio.Event(), asyncio.Event()

        async def one() -> str:
            first.set()
            await second.wait()  # waits for ever unless the other one runs meanwhile
            return "one"

        async def two() -> str:
            await first.wait()
            second.set()
            return "two"

        return JSONResponse(await asyncio.gather(one(), two()))

    assert visit(show).json()["data"] == ["one", "two"]


def test_a_time_limit_ends_a_call() -> None:
    async def show(request: Request) -> tuple[str, int]:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "too slow", 504
        return "done", 200

    assert visit(show).status_code == 504


def test_threads_have_loops_of_their_own() -> None:
    meeting = threading.Barrier(2, timeout=30)

    async def show(request: Request) -> str:
        await asyncio.to_thread(meeting.wait)  # both requests have to be under way
        return "met"

    app = build()
    app.add_route("/", show, requires_auth=False)
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(Client(app).get("/").text)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()  # an event loop that was left open is a ResourceWarning, which fails the test

    assert answers == ["met", "met"]


# What it leaves behind.


def test_tasks_that_were_not_awaited_end_with_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = []

    async def forgotten() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def show(request: Request) -> str:
        task = asyncio.create_task(forgotten())
        await asyncio.sleep(0)
        return "done" if not task.done() else "ended too early"

    with caplog.at_level(logging.WARNING):
        assert visit(show).text == "done"
    assert ended == [True]
    assert "show started and did not await were cancelled: 1" in caplog.text


def test_a_view_that_is_cancelled_is_an_error_and_not_the_end_of_the_worker() -> None:
    async def show(request: Request) -> str:
        raise asyncio.CancelledError

    assert visit(show).status_code == 500

    async def fine(request: Request) -> str:
        return "fine"

    assert visit(fine).text == "fine"


def test_a_thread_that_runs_a_loop_already_is_told_what_to_do() -> None:
    async def show(request: Request) -> str:
        return "fine"

    app = build()
    app.add_route("/", show, requires_auth=False)

    async def main() -> tuple[int, int]:
        client = Client(app)
        direct = client.get("/").status_code
        return direct, (await asyncio.to_thread(client.get, "/")).status_code

    assert asyncio.run(main()) == (500, 200)

    async def nested() -> None:
        run_coroutine(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match=r"await asyncio\.to_thread\(client\.get, …\)"):
        asyncio.run(nested())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads
def test_a_forked_process_has_a_loop_of_its_own() -> None:
    async def loop_id() -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    before = run_coroutine(loop_id())
    child = os.fork()
    if child == 0:
        os._exit(0 if run_coroutine(loop_id()) != before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert run_coroutine(loop_id()) == before


# Mistakes.


async def parts(request: Request) -> AsyncIterator[str]:
    yield "part"


def test_an_asynchronous_generator_is_refused() -> None:
    with pytest.raises(TypeError, match=r"parts of '/x' is an asynchronous generator; return a"):
        Route("/x", parts)


def test_a_coroutine_function_cannot_be_cached_by_its_result() -> None:
    with pytest.raises(TypeError, match="show is a coroutine function"):

        @cached(60, cache=Cache())
        async def show() -> str:
            return "never"
