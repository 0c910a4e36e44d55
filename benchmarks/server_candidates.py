"""Arrangements of servers beside `lback serve`, for `server_faults.py` and `server_speed.py`.

    python benchmarks/server_candidates.py KIND PORT WORKERS THREADS

Each kind runs under the supervisor of Lback, so that the servers alone differ: `granian-wsgi` with
Granian's own WSGI threads, `waitress`, and `uvicorn` with a2wsgi.
"""

import asyncio
import signal
import socket
import sys
import threading
from pathlib import Path

from lback.cli.listeners import Listeners
from lback.cli.probe import Serving
from lback.cli.supervisor import Supervisor

READY = b"R"


def granian_wsgi(app, listener, channel, threads):
    from granian._granian import SocketHolder, WorkerSignal, WSGIWorker
    from granian.http import HTTP1Settings
    from granian.server.mp import _new_cbscheduler
    from granian.wsgi import _callback_wrapper

    ended, done = WorkerSignal(), threading.Event()
    ended.add_cb(done.set)
    server = WSGIWorker(
        1, (None, SocketHolder(listener.detach(), False, 2048)), None, 1, 16, threads, 30, 16384,
        "1", HTTP1Settings(), None, None, False, None, None, None, "1.3", None, [], False,
        (None, None),
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    callback = _callback_wrapper(app, {}, None)
    server.serve_mtr(_new_cbscheduler(loop, callback, impl_asyncio=True), loop, ended)
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    channel.send(READY)
    done.wait()


def waitress(app, listener, channel, threads):
    from waitress.server import create_server

    server = create_server(
        app, sockets=[listener], threads=threads, channel_timeout=30, connection_limit=15000,
        asyncore_use_poll=True, clear_untrusted_proxy_headers=False,
    )  # fmt: skip

    def stop(*_) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    channel.send(READY)
    server.run()


def uvicorn(app, listener, channel, threads):
    import uvicorn as library
    from a2wsgi import WSGIMiddleware

    settings = library.Config(
        WSGIMiddleware(app, workers=threads), log_level="warning", access_log=False, backlog=2048,
        lifespan="off", timeout_graceful_shutdown=10,
    )  # fmt: skip
    channel.send(READY)
    library.Server(settings).run(sockets=[listener])


KINDS = {"granian-wsgi": granian_wsgi, "waitress": waitress, "uvicorn": uvicorn}


def main() -> None:
    kind, port, workers, threads = sys.argv[1], *map(int, sys.argv[2:5])
    sys.path.insert(0, str(Path.cwd()))
    nothing = Serving(False, "", "127.0.0.1", port, kind, workers, threads, 10, 0, 30, 10**7, 0, 0)
    listeners = Listeners.open(nothing)

    def work(sockets: list[socket.socket], channel: socket.socket) -> int:
        from lback.core.wsgi_entry import create_served_app

        try:
            app = create_served_app()
        except Exception as error:  # noqa: BLE001
            print(error, file=sys.stderr)
            return 1
        KINDS[kind](app, sockets[0], channel, threads)
        return 0

    sys.exit(Supervisor(listeners, work, workers, 10).run())


if __name__ == "__main__":
    main()
