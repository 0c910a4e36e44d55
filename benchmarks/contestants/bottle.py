"""Bottle, with its own request and response objects of the thread."""

import bottle
import jinja2
from bottle import Bottle, request, response
from scenarios import (
    COOKIES,
    FORM,
    GREETING,
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
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from contestants.database import Item, database_file

# Ten thousand routes take it a minute of processor time to register.
LACKS = {"routes-10000"}
PLAIN = "text/plain; charset=utf-8"
bottle.BaseRequest.MEMFILE_MAX = 2 * 1024 * 1024


def plaintext():
    response.content_type = PLAIN
    return GREETING


def json():
    return {"message": GREETING}


def query():
    response.content_type = PLAIN
    return joined(request.query.decode(), QUERY)


def cookies():
    response.content_type = PLAIN
    return joined(request.cookies, COOKIES)


def form():
    response.content_type = PLAIN
    return joined(request.forms.decode(), FORM)


def json_body():
    response.content_type = PLAIN
    return document_answer(request.json)


def upload():
    response.content_type = PLAIN
    file = request.files["file"]
    return upload_answer(request.forms["label"], file.filename, file.file.read())


def params(year, number):
    response.content_type = PLAIN
    return f"{year}:{number}"


def show(item):
    response.content_type = PLAIN
    return str(item)


class SetsHeader:
    """A plugin of Bottle, wrapped around the view when the route is made."""

    api = 2

    def __init__(self, number):
        self.name, self.value = f"X-{number}", str(number)

    def apply(self, callback, route):
        def wrapped(*args, **kwargs):
            result = callback(*args, **kwargs)
            response.set_header(self.name, self.value)
            return result

        return wrapped


def build(app):
    kind, _, number = app.partition("-")
    built = Bottle()
    if kind == "base":
        add_base(built)
    elif kind == "middlewares":
        for n in range(MIDDLEWARES):
            built.install(SetsHeader(n))
        built.route("/plaintext", callback=plaintext)
    elif kind == "params":
        for n in range(ROUTES_BEHIND):
            built.route(f"/section{n}/<year:int>/<number:int>", callback=params)
    elif kind == "routes":
        for n in range(int(number)):
            built.route(f"/resource{n}/<item:int>", callback=show)
    else:
        return None
    return built


def add_base(built):
    engine = create_engine(f"sqlite:///{database_file()}")
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)

    def template():
        response.content_type = "text/html; charset=utf-8"
        return page.render(title="Rows", rows=TABLE)

    def database():
        response.content_type = PLAIN
        with Session(engine) as session:
            return session.get(Item, ITEM).name

    for view in (plaintext, json, query, cookies, template, database):
        built.route(f"/{view.__name__}", callback=view)
    built.route("/form", "POST", form)
    built.route("/json-body", "POST", json_body)
    built.route("/upload", "POST", upload)
