"""Delivery of live messages: clients that drop at random, two hubs, a kill, and one publisher.

`python -m benchmarks.realtime_delivery URL [--redis URL] [--drops N] [--cost]`

The database of the URL is the engine unless `--redis` is given; its tables of live pages are
created and emptied. Each hub is a process of its own with a line protocol over TCP, so that what is
measured is the engine and the hub. Clients connect to either hub in turn, with the last id that
they have seen. The second hub is killed in the middle and started again.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

from sqlalchemy import text

from lback import Application
from lback.core.exceptions import FrameworkException
from lback.realtime import Hub, Message, publish
from lback.realtime.positions import decode_positions
from lback.realtime.tables import COUNTERS, MESSAGES

ROOM = "delivery"
CLIENTS = 100
RATE = 50.0
AWAY_SECONDS = 2.0
LAST = -1


def application(url: str, redis: str) -> Application:
    """Return an application with the engine that is measured."""
    settings: dict[str, Any] = {"DATABASE_URL": url, "SECRET_KEY": "of the benchmark, not secret"}
    settings |= {"REALTIME": "redis", "REALTIME_REDIS_URL": redis} if redis else {}
    return Application(**{"REALTIME": "database", "REALTIME_HISTORY_MESSAGES": 5000, **settings})


async def serve(url: str, redis: str, port: int) -> None:
    """Serve the messages of the room to each connection, after the id in its first line."""
    app = application(url, redis)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        given = (await reader.readline()).decode().strip()
        after = decode_positions(given, [ROOM]).get(ROOM)

        def send(message: Message) -> None:
            writer.write(message.text.encode() + b"\n")

        try:
            subscription = await hub.subscribe(ROOM, send, after=after)
        except FrameworkException:
            writer.close()
            return
        try:
            head = {"reset": subscription.reset, "id": subscription.position.text}
            if subscription.missed:
                head["id"] = ""
            writer.write(json.dumps(head).encode() + b"\n")
            for message in subscription.missed:
                send(message)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            hub.unsubscribe(subscription)
            writer.close()

    async with Hub(app.dependencies["realtime"]) as hub:
        server = await asyncio.start_server(connected, "127.0.0.1", port)
        print("ready", flush=True)
        async with server:
            await server.serve_forever()


def publish_all(url: str, redis: str, number: int) -> None:
    """Publish at the rate, each message in a transaction, and then the last one."""
    app = application(url, redis)
    begin = time.monotonic()
    for index in range(number):
        pause = begin + index / RATE - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        with app.db_manager.session():
            publish(ROOM, {"n": index, "t": time.time()})
    publish(ROOM, {"n": LAST, "t": time.time()})


class Client:
    """A client that comes back after each drop with the last id that it has seen."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.last_id = ""
        self.numbers: list[int] = []
        self.delays: list[float] = []
        self.drops = self.resets = self.doubled = 0
        self.is_connected = False
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Read until the last message, over all drops."""
        while not self.numbers or self.numbers[-1] != LAST:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._read()
            self.is_connected = False
            if not self.numbers or self.numbers[-1] != LAST:
                await asyncio.sleep(AWAY_SECONDS)

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", random.choice(self.ports))
        self._writer = writer
        try:
            writer.write(self.last_id.encode() + b"\n")
            head = json.loads(await reader.readuntil())
            self.resets += head["reset"]
            self.last_id = head["id"] or self.last_id
            began, self.is_connected = time.time(), True
            while not self.numbers or self.numbers[-1] != LAST:
                message = json.loads(await reader.readuntil())
                epoch, _, offset = message["id"].partition(".")
                last_epoch, _, last = self.last_id.partition(".")
                if epoch == last_epoch and int(offset) <= int(last):
                    self.doubled += 1
                    continue
                self.last_id = message["id"]
                self.numbers.append(message["data"]["n"])
                if message["data"]["t"] > began:
                    self.delays.append(time.time() - message["data"]["t"])
        finally:
            writer.close()

    def drop(self) -> None:
        """Cut the connection."""
        if self._writer is not None:
            self.drops += 1
            self._writer.transport.abort()


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start this module in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.realtime_delivery", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def measure(url: str, redis: str, drops: int) -> None:
    """Run everything, and print what was found."""
    app = application(url, redis)
    app.db_manager.create_tables(COUNTERS.metadata)
    empty(app)
    ports = [random.randint(20_000, 30_000) for _ in range(2)]
    place = [url, "--redis", redis]
    hubs = [start(*place, "--serve", str(port)) for port in ports]
    publisher: Any = None
    seconds = max(20.0, drops / CLIENTS * 3 * AWAY_SECONDS)
    number = int(seconds * RATE)
    clients = [Client(ports) for _ in range(CLIENTS)]
    try:
        for hub in hubs:
            await asyncio.to_thread(hub.stdout.readline)  # type: ignore[union-attr]
        running = [asyncio.create_task(client.run()) for client in clients]
        while not all(client.is_connected for client in clients):
            await asyncio.sleep(0.1)
        publisher = start(*place, "--publish", str(number))
        await drop_at_random(clients, drops, seconds - 3, lambda: restart(hubs, ports, place))
        await asyncio.wait_for(asyncio.gather(*running), 300)
    finally:
        for process in (*hubs, *([publisher] if publisher else [])):
            process.kill()
            process.wait()
        empty(app)
    report(clients, number)


def empty(app: Application) -> None:
    """Delete all messages."""
    with app.db_manager.session() as session:
        for table in (MESSAGES, COUNTERS):
            session.execute(table.delete())
    client = getattr(app.dependencies["realtime"], "client", None)
    if client is not None:
        client.delete(f"lback:realtime:{ROOM}")


def restart(hubs: "list[subprocess.Popen[str]]", ports: list[int], place: list[str]) -> None:
    """Kill the second hub, and start it again."""
    hubs[1].send_signal(signal.SIGKILL)
    hubs[1].wait()
    hubs[1] = start(*place, "--serve", str(ports[1]))


async def drop_at_random(clients: list[Client], drops: int, seconds: float, kill: Any) -> None:
    """Cut connections of random clients in the time, and call a function in the middle."""
    for index in range(drops):
        if index == drops // 2:
            await asyncio.to_thread(kill)
        await asyncio.sleep(seconds / drops)
        connected = [client for client in clients if client.is_connected]
        if connected:
            random.choice(connected).drop()


def report(clients: list[Client], number: int) -> None:
    """Print what was lost, out of order and doubled, and how long delivery took."""
    expected = set(range(number)) | {LAST}
    lost = sum(len(expected - set(client.numbers)) for client in clients)
    disordered = sum(
        later not in (LAST, earlier + 1)
        for client in clients
        for earlier, later in zip(client.numbers, client.numbers[1:], strict=False)
    )
    delays = sorted(delay for client in clients for delay in client.delays)
    centiles = statistics.quantiles(delays, n=100)
    print(
        f"{number} messages, {len(clients)} clients, {sum(c.drops for c in clients)} drops, "
        f"1 hub killed: {lost} lost, {disordered} out of order, "
        f"{sum(c.resets for c in clients)} told to reload, "
        f"{sum(c.doubled for c in clients)} doubled; "
        f"end to end p50 {centiles[49] * 1000:.1f} ms, p99 {centiles[98] * 1000:.1f} ms"
    )


def measure_cost(url: str, redis: str, rounds: int = 1000) -> None:
    """Print what a publish costs beyond a transaction that writes one row."""
    app = application(url, redis)
    app.db_manager.create_tables(COUNTERS.metadata)
    times: dict[bool, list[float]] = {False: [], True: []}
    with app.db_manager.session() as session:
        session.execute(text("DROP TABLE IF EXISTS bench_rows"))
        session.execute(text("CREATE TABLE bench_rows (n INTEGER)"))
    for index in range(2 * rounds):
        publishes = bool(index % 2)
        began = time.perf_counter()
        with app.db_manager.session() as session:
            session.execute(text("INSERT INTO bench_rows VALUES (1)"))
            if publishes:
                publish(ROOM, {"event": "comment", "id": index, "text": "x" * 100})
        times[publishes].append(time.perf_counter() - began)
    with app.db_manager.session() as session:
        session.execute(text("DROP TABLE bench_rows"))
    empty(app)
    for name, index in (("median", 49), ("quickest tenth", 9)):
        without, with_it = (
            statistics.quantiles(times[which], n=100)[index] * 1000 for which in (False, True)
        )
        print(
            f"a commit {without:.2f} ms, with a message {with_it:.2f} ms: "
            f"{with_it - without:.2f} ms more ({name} of {rounds})"
        )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--redis", default="")
    parser.add_argument("--drops", type=int, default=1000)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--serve", type=int)
    parser.add_argument("--publish", type=int)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.url, given.redis, given.serve))
    elif given.publish:
        publish_all(given.url, given.redis, given.publish)
    elif given.cost:
        measure_cost(given.url, given.redis)
    else:
        asyncio.run(measure(given.url, given.redis, given.drops))


if __name__ == "__main__":
    main()
