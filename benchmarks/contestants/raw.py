"""No framework: the least that a WSGI callable can do and still give the answer."""

import json
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

import jinja2
from scenarios import (
    COOKIES,
    FORM,
    GREETING,
    ITEM,
    MIDDLEWARES,
    QUERY,
    TABLE,
    TEMPLATE,
    document_answer,
    joined,
)  # fmt: skip

from contestants.database import Item, database_file

LACKS = {"upload"}
PLAIN = "text/plain; charset=utf-8"


def answer(start_response, body, status="200 OK", kind=PLAIN, further=()):
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *further])
    return [body]


def plaintext(environ, start_response):
    return answer(start_response, GREETING.encode())


def json_(environ, start_response):
    body = json.dumps({"message": GREETING}).encode()
    return answer(start_response, body, kind="application/json")


def query(environ, start_response):
    values = {name: value[0] for name, value in parse_qs(environ["QUERY_STRING"]).items()}
    return answer(start_response, joined(values, QUERY).encode())


def cookies(environ, start_response):
    values = {name: morsel.value for name, morsel in SimpleCookie(environ["HTTP_COOKIE"]).items()}
    return answer(start_response, joined(values, COOKIES).encode())


def form(environ, start_response):
    sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    values = {name: value[0] for name, value in parse_qs(sent).items()}
    return answer(start_response, joined(values, FORM).encode())


def json_body(environ, start_response):
    document = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    return answer(start_response, document_answer(document).encode())


def build(app):
    if app == "middlewares":
        further = [(f"X-{n}", str(n)) for n in range(MIDDLEWARES)]
        return lambda environ, start: answer(start, GREETING.encode(), further=further)
    if app == "params":
        return params
    return base() if app == "base" else None


def params(environ, start_response):
    _, _, year, number = environ["PATH_INFO"].split("/")
    return answer(start_response, f"{int(year)}:{int(number)}".encode())


def base():
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(f"sqlite:///{database_file()}")
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)

    def template(environ, start_response):
        body = page.render(title="Rows", rows=TABLE).encode()
        return answer(start_response, body, kind="text/html; charset=utf-8")

    def database(environ, start_response):
        with Session(engine) as session:
            return answer(start_response, session.get(Item, ITEM).name.encode())

    views = {
        "/plaintext": plaintext, "/json": json_, "/query": query, "/cookies": cookies,
        "/form": form, "/json-body": json_body, "/template": template, "/database": database,
    }  # fmt: skip

    def application(environ, start_response):
        view = views.get(environ["PATH_INFO"])
        if view is None:
            return answer(start_response, b"Not Found", "404 Not Found")
        if environ["REQUEST_METHOD"] == "DELETE":
            return answer(
                start_response, b"Method Not Allowed", "405 Method Not Allowed",
                further=[("Allow", "GET")],
            )  # fmt: skip
        return view(environ, start_response)

    return application
