"""Lback: with the middleware that gives the answers of the others, or with all of its defaults.

Host check, limits and the closed list of routes are on in both. The defaults add sessions, users
and seven security headers to every answer, and the check of where forms come from.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from scenarios import (
    COOKIES,
    FORM,
    GREETING,
    HOST,
    ITEM,
    MIDDLEWARES,
    QUERY,
    ROUTES_BEHIND,
    TABLE,
    TEMPLATE,
    document_answer,
    joined,
    upload_answer,
)  # fmt: skip

from contestants.database import Item, database_file
from lback import Application, BaseMiddleware, Request, Response, render
from lback.core import SignalDispatcher
from lback.database import Base
from lback.middleware import csrf_exempt

DEFAULTS = os.environ.get("LBACK_DEFAULTS") == "1"
PLAIN = "text/plain; charset=utf-8"


def plaintext(request: Request):
    return Response(GREETING, content_type=PLAIN)


def json(request: Request):
    return {"message": GREETING}


def query(request: Request):
    return Response(joined(request.query_params, QUERY), content_type=PLAIN)


def cookies(request: Request):
    return Response(joined(request.cookies, COOKIES), content_type=PLAIN)


@csrf_exempt  # the requests of the benchmark come from no page
def form(request: Request):
    return Response(joined(request.POST, FORM), content_type=PLAIN)


@csrf_exempt  # the requests of the benchmark come from no page
def json_body(request: Request):
    return Response(document_answer(request.parsed_body), content_type=PLAIN)


@csrf_exempt  # the requests of the benchmark come from no page
def upload(request: Request):
    file = request.files["file"]
    content = file.read()
    text = upload_answer(request.POST["label"], file.filename, content)
    return Response(text, content_type=PLAIN)


def template(request: Request):
    return render(request, "table.html", title="Rows", rows=TABLE)


def database(request: Request, db_session):
    return Response(db_session.get(Item, ITEM).name, content_type=PLAIN)


def session(request: Request):
    kept = request.session_manager.load(request.cookies["session"])
    return Response(kept["user"], content_type=PLAIN)


def params(request: Request, year: int, number: int):
    return Response(f"{year}:{number}", content_type=PLAIN)


def show(request: Request, item: int):
    return Response(str(item), content_type=PLAIN)


class SetsHeader(BaseMiddleware):
    def __init__(self, number: int) -> None:
        self.name, self.value = f"X-{number}", str(number)

    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers[self.name] = self.value
        return response


def build(app):
    kind, _, number = app.partition("-")
    directory = Path(tempfile.gettempdir()) / f"lback-benchmark-{os.getpid()}"
    directory.mkdir(exist_ok=True)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    (directory / "table.html").write_text(TEMPLATE)
    built = Application(
        **({} if DEFAULTS else {"MIDDLEWARES": ["lback.middleware.BodyParsingMiddleware"]}),
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=[HOST],
        TEMPLATE_DIRS=[str(directory)],
        DATABASE_URL=f"sqlite:///{database_file()}",
        dispatcher=SignalDispatcher(),
    )
    ADD[kind](built, int(number or 0))
    return built


def add_base(built, number):
    built.db_manager.create_tables(Base.metadata)
    for view in (plaintext, json, query, cookies, template, session, database):
        built.add_route(f"/{view.__name__}", view, requires_auth=False)
    built.add_route("/form", form, ["POST"], requires_auth=False)
    built.add_route("/json-body", json_body, ["POST"], requires_auth=False)
    built.add_route("/upload", upload, ["POST"], requires_auth=False)


def add_params(built, number):
    for n in range(ROUTES_BEHIND):
        built.add_route(f"/section{n}/{{year:int}}/{{number:int}}", params, requires_auth=False)


def add_routes(built, number):
    for n in range(number):
        built.add_route(f"/resource{n}/{{item:int}}", show, requires_auth=False)


def add_middlewares(built, number):
    add_base(built, number)
    for n in range(MIDDLEWARES):
        built.add_middleware(SetsHeader(n))


def add_signals(built, number):
    add_base(built, number)
    for n in range(number):
        built.dispatcher.connect("request_finished", lambda sender, n=n, **_: None)


ADD = {
    "base": add_base, "session": add_base, "params": add_params, "routes": add_routes,
    "middlewares": add_middlewares, "signals": add_signals,
}  # fmt: skip


def session_cookie(built):
    session = built.session_manager.create()
    session["user"] = "ada"
    built.session_manager.save(session)
    return f"session={session.session_id}"
