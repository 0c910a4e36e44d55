"""Clients that send requests all the time, and what became of each."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

UPLOAD_SIZE = 20_000
LONGEST = 60.0  # seconds that a client waits for an answer


@dataclass(slots=True)
class Answer:
    """One request: when it was sent, how long it took, and its status; 0 for none."""

    path: str
    began: float
    seconds: float
    status: int


@dataclass
class Load:
    """Clients that request some paths in turn until `stop`.

    Args:
        port: Port of the server.
        paths: Paths; `/write` is posted with a number of its own each time, `/upload` with a file
            named after it.
        clients: Number of clients; each waits for an answer before its next request.
        every: Seconds between two requests of a client.
    """

    port: int
    paths: Sequence[str]
    clients: int = 12
    every: float = 0.1
    answers: list[Answer] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(self.clients):
            thread = threading.Thread(target=self._client, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Send no more requests, and wait for the answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(LONGEST)

    def _client(self, number: int) -> None:
        paths = itertools.islice(itertools.cycle(self.paths), number % len(self.paths), None)
        cookie = ""
        for path in paths:
            if self._stop.wait(self.every):
                return
            began = time.monotonic()
            status, given = self._send(path, cookie)
            cookie = given or cookie
            self.answers.append(Answer(path, began, time.monotonic() - began, status))

    def _send(self, path: str, cookie: str) -> tuple[int, str]:
        headers = {"Accept": "application/json", **({"Cookie": cookie} if cookie else {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        number = next(self._numbers)
        try:
            if path == "/write":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode({"number": number}), headers)
            elif path == "/upload":
                headers["Content-Type"] = 'multipart/form-data; boundary="b"'
                connection.request("POST", path, upload_of(number), headers)
            else:
                connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()
        if path in ("/write", "/upload") and response.status < 300:
            self.written.append(number)
        return response.status, (response.headers.get("Set-Cookie") or "").partition(";")[0]

    def between(self, begin: float, end: float) -> list[Answer]:
        """Return the requests that were under way at some moment from `begin` to `end`."""
        return [a for a in self.answers if a.began + a.seconds >= begin and a.began < end]


def upload_of(number: int) -> bytes:
    """Return a form with one file of `UPLOAD_SIZE` bytes."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{number}"\r\n\r\n'
    return head.encode() + b"x" * UPLOAD_SIZE + b"\r\n--b--\r\n"


def stored_numbers(port: int) -> set[int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
    connection.request("GET", "/numbers", headers={"Accept": "application/json"})
    numbers = set(json.loads(connection.getresponse().read()))
    connection.close()
    return numbers


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)
