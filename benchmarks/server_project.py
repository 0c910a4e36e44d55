"""The project that `server_faults.py` and `server_speed.py` serve, written into a directory."""

from pathlib import Path

SETTINGS = """
DEBUG = False
SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e"
ALLOWED_HOSTS = ["x", "127.0.0.1"]
ROOT_URLCONF = "urls"
TEMPLATE_DIRS = ["templates"]
MIDDLEWARES = []
"""
URLS = """
import os, threading, time
from lback import Response, StreamingResponse, JSONResponse, path, render

ROWS = [{"number": n, "name": f"row {n}", "price": n * 3} for n in range(100)]

BIG = b"x" * 20_000_000

def hello(request):
    return "hello"

def data(request):
    return JSONResponse({"id": 1, "name": "Ann", "tags": ["a", "b"]})

def typed(request, number):
    return str(number)

def row(request, number, db_session):
    from sqlalchemy import text
    found = db_session.execute(text("select name from things where id = :id"), {"id": number})
    return found.scalar_one()

def table(request):
    return render(request, "table.html", rows=ROWS)

def slow(request):
    time.sleep(float(request.GET.get("s", "0.02")))
    return "hello"

def big(request):
    return Response(BIG, content_type="application/octet-stream")

def stream(request):
    return StreamingResponse(b"y" * 65536 for _ in range(400))

def breaks(request):
    def pieces():
        yield b"first" * 1000
        yield b"second" * 1000
        time.sleep(0.2)
        raise RuntimeError("half way")
    return StreamingResponse(pieces())

def write(request):
    with open("written.txt", "ab", buffering=0) as file:
        file.write(request.GET["id"].encode() + b"\\n")
        os.fsync(file.fileno())
    return "hello"

def form(request):
    with open("ran.txt", "ab", buffering=0) as file:
        file.write(b"ran\\n")
    return str(len(request.body_bytes))

def said(request):
    return request.headers.get("X-Forwarded-For", "nothing")

def pid(request):
    return str(os.getpid())

urlpatterns = [
    path("/", hello, requires_auth=False), path("/json", data, requires_auth=False),
    path("/typed/{number:int}", typed, requires_auth=False),
    path("/row/{number:int}", row, requires_auth=False),
    path("/table", table, requires_auth=False),
    path("/slow", slow, requires_auth=False), path("/big", big, requires_auth=False),
    path("/stream", stream, requires_auth=False), path("/breaks", breaks, requires_auth=False),
    path("/write", write, requires_auth=False), path("/form", form, ["POST"], requires_auth=False),
    path("/said", said, requires_auth=False), path("/pid", pid, requires_auth=False),
]
"""
TABLE = """<table>{% for row in rows %}<tr><td>{{ row.number }}</td><td>{{ row.name }}</td>\
<td>{{ row.price }}</td></tr>{% endfor %}</table>"""


def write_project(directory: Path) -> None:
    """Write the project, with a database of 1,000 rows."""
    import sqlite3

    (directory / "settings.py").write_text(SETTINGS)
    (directory / "urls.py").write_text(URLS)
    (directory / "templates").mkdir()
    (directory / "templates" / "table.html").write_text(TABLE)
    with sqlite3.connect(directory / "db.sqlite3") as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table things (id integer primary key, name text)")
        rows = ((number, f"thing {number}") for number in range(1000))
        database.executemany("insert into things values (?, ?)", rows)
