"""Visitors of a site over HTTP: they keep cookies, follow redirects, and send forms."""

import json
import re
import secrets
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode
from urllib.request import (
    HTTPCookieProcessor,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    Request,
    build_opener,
)

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
Files = dict[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Answer:
    """What came back, after all redirects."""

    status: int
    text: str
    url: str
    headers: HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Redirects(HTTPErrorProcessor):
    """Follows redirects, and takes every other answer as one."""

    def http_response(self, request: Request, response: Any) -> Any:
        if response.status in (302, 303):
            return self.parent.error(
                "http", request, response, response.status, response.reason, response.headers
            )
        return response


class Visitor:
    """A person with a browser or, with headers of its own, a program."""

    def __init__(self, base: str = "", headers: dict[str, str] | None = None) -> None:
        self.base = base
        self.is_program = headers is not None
        self.headers = {"Accept": "text/html"} if headers is None else headers
        self._opener = build_opener(HTTPCookieProcessor(), Redirects(), HTTPRedirectHandler())

    def get(self, path: str) -> Answer:
        return self._open(path, None, {})

    def read_event(self, path: str, name: str) -> str:
        """Open a stream of server-sent events, and return the data of the first one of a name."""
        with self._opener.open(Request(f"{self.base}{path}"), timeout=30) as stream:
            for line in stream:
                if line == f"event: {name}\n".encode():
                    data: bytes = next(stream)
                    return data.decode()
        raise AssertionError(f"no event {name!r} of {path}")

    def post(self, path: str, values: dict[str, str], files: Files | None = None) -> Answer:
        """Send values: as a form or, as a program, as JSON."""
        if self.is_program:
            return self._open(
                path, json.dumps(values).encode(), {"Content-Type": "application/json"}
            )
        if files is None:
            return self._open(path, urlencode(values).encode(), {})
        border = secrets.token_hex(8)
        kind = {"Content-Type": f"multipart/form-data; boundary={border}"}
        return self._open(path, multipart(border, values, files), kind)

    def send(
        self, path: str, files: Files | None = None, on: str | None = None, **values: str
    ) -> Answer:
        """Open a page, fill in its form, and send it."""
        page = self.get(on or path)
        token = TOKEN.search(page.text)
        assert token, page.text
        return self.post(path, {"csrf_token": token[1], **values}, files)

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        request = Request(f"{self.base}{path}", body, {**self.headers, **headers})
        with self._opener.open(request, timeout=30) as response:
            text = response.read().decode()
            return Answer(response.status, text, response.url, response.headers)


def multipart(border: str, values: dict[str, str], files: Files) -> bytes:
    """Return a form with files as browsers send it (RFC 7578)."""
    parts = [(f'name="{name}"', value.encode()) for name, value in values.items()]
    parts += [
        (f'name="{name}"; filename="{filename}"', content)
        for name, (filename, content) in files.items()
    ]
    body = b"".join(
        f"--{border}\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for about, content in parts
    )
    return body + f"--{border}--\r\n".encode()
