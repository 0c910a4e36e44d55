"""A process with one contestant: answers the coordinator's orders, a line of JSON each.

`check` answers a scenario once and tells what came back; `time` answers it many times and tells
the processor time of its thread, which other processes on the machine do not lengthen.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from io import BytesIO
from typing import Any

from scenarios import BY_NAME, Scenario


def answer_nothing(status: str, headers: Any, exc_info: Any = None) -> None:
    """The `start_response` while the clock runs."""


class Wsgi:
    """Drives a WSGI application as a server does, without the socket."""

    def requests(self, scenario: Scenario, count: int) -> list[dict[str, Any]]:
        blank = scenario.environ()
        return [{**blank, "wsgi.input": BytesIO(scenario.body)} for _ in range(count)]

    def run(self, app: Any, environs: list[dict[str, Any]]) -> float:
        started = time.thread_time_ns()
        for environ in environs:
            body = app(environ, answer_nothing)
            for _ in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()
        return (time.thread_time_ns() - started) / 1e9

    def answer(self, app: Any, scenario: Scenario) -> tuple[int, list[tuple[str, str]], bytes]:
        told: list[Any] = []
        [environ] = self.requests(scenario, 1)
        body = app(environ, lambda status, headers, exc_info=None: told.append((status, headers)))
        content = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        status, headers = told[-1]
        return int(status[:3]), headers, content


class Asgi:
    """Drives an ASGI application: all requests of a batch on one loop, one after another."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def requests(self, scenario: Scenario, count: int) -> list[tuple[dict[str, Any], bytes]]:
        return [(scenario.scope(), scenario.body) for _ in range(count)]

    def run(self, app: Any, requests: list[tuple[dict[str, Any], bytes]]) -> float:
        return self.loop.run_until_complete(self._run(app, requests))

    async def _run(self, app: Any, requests: list[tuple[dict[str, Any], bytes]]) -> float:
        body = b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            pass

        started = time.thread_time_ns()
        for scope, body in requests:  # noqa: B007  receive reads it
            await app(scope, receive, send)
        return (time.thread_time_ns() - started) / 1e9

    def answer(self, app: Any, scenario: Scenario) -> tuple[int, list[tuple[str, str]], bytes]:
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": scenario.body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        self.loop.run_until_complete(app(scenario.scope(), receive, send))
        start = messages[0]
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return start["status"], headers, b"".join(m.get("body", b"") for m in messages[1:])


class Worker:
    def __init__(self, name: str) -> None:
        self.contestant = importlib.import_module(f"contestants.{name.partition('-')[0]}")
        self.driver = Asgi() if getattr(self.contestant, "PROTOCOL", "") == "asgi" else Wsgi()
        self.apps: dict[str, Any] = {}
        self.built_in: dict[str, float] = {}

    def app(self, scenario: Scenario) -> Any:
        if scenario.name in getattr(self.contestant, "LACKS", ()):
            return None
        if scenario.app not in self.apps:
            started = time.thread_time()
            app = self.apps[scenario.app] = self.contestant.build(scenario.app)
            self.built_in[scenario.app] = time.thread_time() - started
            if scenario.name == "session" and app is not None:
                scenario.fields["Cookie"] = self.contestant.session_cookie(app)
        app = self.apps[scenario.app]
        if app is not None and hasattr(self.contestant, "activate"):
            self.contestant.activate(app)
        return app

    def check(self, scenario: Scenario) -> dict[str, Any]:
        app = self.app(scenario)
        if app is None:
            return {"offered": False}
        status, headers, body = self.driver.answer(app, scenario)
        return {
            "offered": True, "status": status, "headers": headers, "body": body.decode(),
            "built_in": self.built_in[scenario.app],
        }  # fmt: skip

    def time(self, scenario: Scenario, count: int) -> dict[str, Any]:
        app = self.app(scenario)
        requests = self.driver.requests(scenario, count)
        gc.collect()
        gc.freeze()  # what is there now is not looked through while the clock runs
        seconds = self.driver.run(app, requests)
        gc.unfreeze()
        return {"seconds": seconds / count}


def main() -> None:
    worker = Worker(sys.argv[1])
    orders, answers = sys.stdin, sys.stdout
    sys.stdout = sys.stderr  # what a contestant prints is no answer
    for line in orders:
        order = json.loads(line)
        do = getattr(worker, order.pop("do"))
        scenario = BY_NAME[order.pop("scenario")]
        answers.write(json.dumps(do(scenario, **order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
