"""The scenarios: what is asked, and what every contestant must answer before it is timed."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

HOST = "localhost"
GREETING = "Hello, World!"
ROUTES_BEHIND = 200
ROUTE_COUNTS = (20, 200, 2000, 10000)
MIDDLEWARES = 8
RECEIVERS = (0, 1, 10)
ROWS = 100
ITEMS = 1000
ITEM = 500

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "keep-alive",
}
QUERY = {
    "q": "plain frameworks", "page": "7", "size": "50", "sort": "-created", "lang": "de",
    "from": "2026-01-01", "to": "2026-12-31", "tag": "größe & maß",
}  # fmt: skip
COOKIES = {
    "session": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
    "csrftoken": "0123456789abcdef0123456789abcdef",
    "theme": "dark", "lang": "en", "_ga": "GA1.1.1234567890.1700000000",
}  # fmt: skip
FORM = {
    "name": "Ada Lovelace", "email": "ada@example.org", "age": "36", "city": "London",
    "note": "a+b & c=d", "agree": "on", "plan": "basic", "ref": "größe",
}  # fmt: skip
DOCUMENT = {
    "name": "order 4711",
    "items": [
        {"id": n, "title": f"article number {n}", "price": n * 1.25, "tags": ["new", "sale"]}
        for n in range(26)
    ],
}
UPLOAD = bytes(range(256)) * 4096
TABLE = [{"id": n, "name": f"row <{n}>", "price": n * 3} for n in range(ROWS)]
TEMPLATE = """<!doctype html>
<title>{{ title }}</title>
<table>
{% for row in rows %}<tr><td>{{ row.id }}</td><td>{{ row.name }}</td><td>{{ row.price }}</td></tr>
{% endfor %}</table>
"""
BOUNDARY = "----lback-benchmark-0123456789"


def joined(values: Any, names: Any) -> str:
    """What the views answer that read several values: all of them, so that none is skipped."""
    return "|".join([values[name] for name in names])


def document_answer(document: Any) -> str:
    return f"{document['name']}: {len(document['items'])}"


def upload_answer(label: str, filename: str, content: bytes) -> str:
    return f"{label}/{filename}/{len(content)}/{zlib.crc32(content)}"


def _multipart() -> bytes:
    return b"".join(
        [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="label"\r\n\r\n'
            "holiday\r\n".encode(),
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; '
            'filename="photo.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode(),
            UPLOAD,
            f"\r\n--{BOUNDARY}--\r\n".encode(),
        ]
    )


@dataclass
class Scenario:
    """One request, which application it goes to, and what must come back.

    `app` names the application that the contestant builds; `text` is the body to be expected,
    or `None` where each contestant has a body of its own (the error pages).
    """

    name: str
    title: str
    path: str
    text: str | None
    app: str = "base"
    method: str = "GET"
    query: str = ""
    status: int = 200
    media_type: str | None = "text/plain"
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    normal: Callable[[bytes], str] = bytes.decode
    answered: dict[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, Any]:
        """A WSGI environ as a server builds it (PEP 3333)."""
        environ: dict[str, Any] = {
            "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "benchmark",
            "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_NAME": HOST, "SERVER_PORT": "8000",
            "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "", "REQUEST_METHOD": self.method,
            "PATH_INFO": self.path, "QUERY_STRING": self.query, "HTTP_HOST": HOST,
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.multithread": True,
            "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.errors": None,
            "wsgi.input": BytesIO(self.body),
        }  # fmt: skip
        for name, value in {**BROWSER, **self.fields}.items():
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        if self.body:
            environ["CONTENT_LENGTH"] = str(len(self.body))
            environ["CONTENT_TYPE"] = self.content_type
        return environ

    def scope(self) -> dict[str, Any]:
        """The same as an ASGI scope."""
        headers = {"Host": HOST, **BROWSER, **self.fields}
        if self.body:
            headers |= {"Content-Length": str(len(self.body)), "Content-Type": self.content_type}
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1", "method": self.method, "scheme": "http", "path": self.path,
            "raw_path": self.path.encode(), "root_path": "", "query_string": self.query.encode(),
            "headers": [(n.lower().encode(), v.encode()) for n, v in headers.items()],
            "client": ("127.0.0.1", 50000), "server": (HOST, 8000),
        }  # fmt: skip


def _sorted_json(body: bytes) -> str:
    return json.dumps(json.loads(body), sort_keys=True)


def _squeezed(body: bytes) -> str:
    return "".join(body.decode().split())


def _table() -> str:
    rows = "".join(
        f"<tr><td>{r['id']}</td><td>{r['name'].replace('<', '&lt;').replace('>', '&gt;')}</td>"
        f"<td>{r['price']}</td></tr>"
        for r in TABLE
    )
    return f"<!doctypehtml><title>Rows</title><table>{rows}</table>".replace(" ", "")


def _routes(count: int) -> Scenario:
    path = f"/resource{count - 1}/4711"
    return Scenario(f"routes-{count}", f"the last of {count:,} routes", path, "4711",
                    app=f"routes-{count}")  # fmt: skip


SCENARIOS = [
    Scenario("plaintext", "plaintext", "/plaintext", GREETING),
    Scenario("json", "JSON", "/json", json.dumps({"message": GREETING}),
             media_type="application/json", normal=_sorted_json),
    Scenario("params", "two typed parameters behind 200 routes",
             f"/section{ROUTES_BEHIND - 1}/2026/42", "2026:42", app="params"),
    *map(_routes, ROUTE_COUNTS),
    Scenario("not-found", "404", "/nowhere/at/all", None, status=404, media_type=None),
    Scenario("not-allowed", "405", "/plaintext", None, method="DELETE", status=405,
             media_type=None),
    Scenario("query", "eight query parameters", "/query", joined(QUERY, QUERY),
             query=urlencode(QUERY)),
    Scenario("cookies", "five cookies", "/cookies", joined(COOKIES, COOKIES),
             fields={"Cookie": "; ".join(f"{n}={v}" for n, v in COOKIES.items())}),
    Scenario("form", "urlencoded form", "/form", joined(FORM, FORM), method="POST",
             body=urlencode(FORM).encode(), content_type="application/x-www-form-urlencoded"),
    Scenario("json-body", "2 KiB JSON body", "/json-body", document_answer(DOCUMENT),
             method="POST", body=json.dumps(DOCUMENT).encode(), content_type="application/json"),
    Scenario("upload", "1 MiB upload", "/upload",
             upload_answer("holiday", "photo.bin", UPLOAD), method="POST", body=_multipart(),
             content_type=f"multipart/form-data; boundary={BOUNDARY}"),
    Scenario("middlewares", "eight middlewares, a header each", "/plaintext", GREETING,
             app="middlewares", answered={f"x-{n}": str(n) for n in range(MIDDLEWARES)}),
    Scenario("template", "100-row Jinja2 table", "/template", _table(), media_type="text/html",
             normal=_squeezed),
    Scenario("session", "session read", "/session", "ada", app="session"),
    Scenario("database", "one indexed database read", "/database", f"item {ITEM}"),
    *[Scenario(f"signals-{n}", f"signal with {n} receivers", "/plaintext", GREETING,
               app=f"signals-{n}") for n in RECEIVERS],
]  # fmt: skip
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
