"""Measures what a publish costs a request, and how long a message takes to a client.

`python -m benchmarks.realtime_goals [--postgresql URL] [--redis URL] [--rounds N]`

A database is created on the PostgreSQL server and dropped in the end; SQLite is a file in a
temporary folder. The cost is taken in pairs, of a request that writes a row and one that also
publishes, so
that other work on the machine meets both. The latency is from before the transaction until a
WebSocket has the message; the server is a process of its own.
"""

import argparse
import asyncio
import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from websockets.sync.client import connect

from lback import Application, Request
from lback.database import DatabaseManager
from lback.realtime import Connection, publish, room
from lback.testing import Client

KEY = "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e"
ROOM = "goals"
# Milliseconds.
MOST_COST, MOST_SERVER, MOST_SQLITE = 0.3, 20.0, 150.0
PAUSE_SECONDS = 0.01


def application(url: str, redis: str = "") -> Application:
    """Return an application with the engine that is measured."""
    app = Application(
        REALTIME="redis" if redis else "database",
        REALTIME_REDIS_URL=redis,
        DATABASE_URL=url,
        SESSION_STORE="memory",
        SECRET_KEY=KEY,
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=[],
    )

    @room(ROOM)
    def everybody(user: Any) -> bool:
        return True

    @app.websocket("/follow", requires_auth=False)
    async def follow(connection: Connection) -> None:
        await connection.subscribe(ROOM)
        await connection.send("ready")
        await connection.receive()

    return app


def serve(url: str, redis: str) -> None:
    """Serve WebSockets on a free port, which is printed."""
    from lback.realtime.server import RealtimeServer

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with RealtimeServer(application(url, redis)).running([listener]):
                print(listener.getsockname()[1], flush=True)
                await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def served(url: str, redis: str) -> Iterator[int]:
    """Serve in a process of its own during a `with` block, and return the port."""
    command = [sys.executable, "-m", "benchmarks.realtime_goals", "--serve", url, "--redis", redis]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def centiles(times: list[float], goal: float) -> dict[str, float | bool]:
    """Return p50 and p99 in milliseconds, and whether the goal for p50 is reached."""
    found = statistics.quantiles(times, n=100)
    p50, p99 = round(found[49] * 1000, 2), round(found[98] * 1000, 2)
    return {"p50_ms": p50, "p99_ms": p99, "goal_p50_ms": goal, "reached": p50 <= goal}


def measure_latency(url: str, redis: str, rounds: int, goal: float) -> dict[str, float | bool]:
    """Return how long messages take from before their transaction to a client."""
    app = application(url, redis)
    app.db_manager.create_tables()
    times = []
    with (
        served(url, redis) as port,
        socket.create_connection(("127.0.0.1", port)) as stream,
        connect("ws://localhost/follow", sock=stream, proxy=None) as client,
    ):
        client.recv(30)
        for number in range(rounds):
            time.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            with app.db_manager.session():
                publish(ROOM, {"number": number})
            while json.loads(client.recv(30)).get("data", {}).get("number") != number:
                pass
            times.append(time.perf_counter() - began)
    if redis:
        app.dependencies["realtime"].client.delete(f"lback:realtime:{ROOM}")
    app.db_manager.dispose()
    return centiles(times, goal)


def measure_cost(url: str, rounds: int) -> dict[str, float | bool]:
    """Return what a publish adds to a request that writes a row, by pairs of requests."""
    app = application(url)
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS bench_rows (n INTEGER)"))

    @app.route("/write", ["POST"], requires_auth=False)
    def write(request: Request, db_session: Any) -> str:
        db_session.execute(text("INSERT INTO bench_rows VALUES (1)"))
        db_session.commit()
        return "written"

    @app.route("/publish", ["POST"], requires_auth=False)
    def write_and_publish(request: Request, db_session: Any) -> str:
        db_session.execute(text("INSERT INTO bench_rows VALUES (1)"))
        publish(ROOM, {"event": "comment", "text": "x" * 100})
        db_session.commit()
        return "published"

    client = Client(app)

    def timed(path: str) -> float:
        began = time.perf_counter()
        assert client.post(path).status_code == 200
        return time.perf_counter() - began

    pairs = []
    for number in range(rounds + 50):
        first, second = ("/write", "/publish") if number % 2 else ("/publish", "/write")
        found = {first: timed(first), second: timed(second)}
        pairs.append((found["/write"], found["/publish"]))
    app.db_manager.dispose()
    pairs = pairs[50:]  # the first ones prepare statements
    more = statistics.median(1000 * (with_it - without) for without, with_it in pairs)
    return {
        "commit_ms": round(1000 * statistics.median(pair[0] for pair in pairs), 2),
        "more_ms": round(more, 2),
        "ratio": round(statistics.median(with_it / without for without, with_it in pairs), 3),
        "goal_more_ms": MOST_COST,
        "reached": more <= MOST_COST,
    }


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Create a database on a PostgreSQL server for a `with` block, and return its URL."""
    name = f"lback_bench_{secrets.token_hex(4)}"
    server = DatabaseManager.from_url(url)
    engine = server.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


def main() -> None:
    """Measure everything, and print a line of JSON for each result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0")
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--serve")
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.redis)
        return
    with new_database(given.postgresql) as url, tempfile.TemporaryDirectory() as folder:
        lite = f"sqlite:///{Path(folder) / 'goals.sqlite3'}"
        print(json.dumps({"what": "cost", **measure_cost(url, given.rounds)}), flush=True)
        for what, place, redis, goal in (
            ("latency, PostgreSQL", url, "", MOST_SERVER),
            ("latency, Redis", url, given.redis, MOST_SERVER),
            ("latency, SQLite", lite, "", MOST_SQLITE),
        ):
            found = measure_latency(place, redis, given.rounds, goal)
            print(json.dumps({"what": what, **found}), flush=True)


if __name__ == "__main__":
    main()
