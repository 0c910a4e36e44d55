"""A TCP proxy between an application and a server."""

import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer

from sqlalchemy import make_url


class Proxy:
    """Stands between the application and a server, and can go away or stop forwarding."""

    def __init__(self, url: str) -> None:
        made = make_url(url)
        self._target = (made.host or "127.0.0.1", made.port or 0)
        self._server: ThreadingTCPServer | None = None
        self._pairs: list[socket.socket] = []
        self.accepted = 0
        self._forwards = threading.Event()
        self._forwards.set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = made.set(port=self.port, host="127.0.0.1").render_as_string(hide_password=False)

    def start(self) -> None:
        proxy = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                proxy.accepted += 1
                server = socket.create_connection(proxy._target)
                proxy._pairs += [server, self.request]
                back = threading.Thread(
                    target=pump, args=(server, self.request, proxy._forwards), daemon=True
                )
                back.start()
                pump(self.request, server, proxy._forwards)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hang(self) -> None:
        """Forward nothing more; the kernel still accepts connections and acknowledges packets."""
        self._forwards.clear()

    def go_on(self) -> None:
        """Forward again, also what has waited."""
        self._forwards.set()

    def stop(self) -> None:
        self.go_on()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for end in self._pairs:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed by the other side
                continue
            finally:
                end.close()
        self._pairs = []


def pump(source: socket.socket, target: socket.socket, forwards: threading.Event) -> None:
    try:
        while data := source.recv(65536):
            forwards.wait()
            target.sendall(data)
    except OSError:  # one of the two is gone
        return
    finally:
        source.close()
        target.close()
