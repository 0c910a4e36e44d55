"""Falcon from its wheel; see requirements-compiled.txt for the one compiled with Cython."""

import falcon
import jinja2
from falcon.media.multipart import MultipartFormHandler
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

PLAIN = "text/plain; charset=utf-8"


class Plaintext:
    def on_get(self, req, resp):
        resp.content_type = PLAIN
        resp.text = GREETING


class Json:
    def on_get(self, req, resp):
        resp.media = {"message": GREETING}


class Query:
    def on_get(self, req, resp):
        resp.content_type = PLAIN
        resp.text = joined(req.params, QUERY)


class Cookies:
    def on_get(self, req, resp):
        resp.content_type = PLAIN
        resp.text = joined(req.cookies, COOKIES)


class Form:
    def on_post(self, req, resp):
        resp.content_type = PLAIN
        resp.text = joined(req.get_media(), FORM)


class JsonBody:
    def on_post(self, req, resp):
        resp.content_type = PLAIN
        resp.text = document_answer(req.get_media())


class Upload:
    def on_post(self, req, resp):
        for part in req.get_media():
            if part.name == "label":
                label = part.text
            else:
                filename, content = part.filename, part.stream.read()
        resp.content_type = PLAIN
        resp.text = upload_answer(label, filename, content)


class Template:
    def __init__(self):
        self.page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)

    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self.page.render(title="Rows", rows=TABLE)


class Database:
    def __init__(self):
        self.engine = create_engine(f"sqlite:///{database_file()}")

    def on_get(self, req, resp):
        resp.content_type = PLAIN
        with Session(self.engine) as session:
            resp.text = session.get(Item, ITEM).name


class Params:
    def on_get(self, req, resp, year, number):
        resp.content_type = PLAIN
        resp.text = f"{year}:{number}"


class Show:
    def on_get(self, req, resp, item):
        resp.content_type = PLAIN
        resp.text = str(item)


class SetsHeader:
    def __init__(self, number):
        self.name, self.value = f"X-{number}", str(number)

    def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header(self.name, self.value)


def build(app):
    kind, _, number = app.partition("-")
    if kind == "base":
        return base()
    built = falcon.App(middleware=[SetsHeader(n) for n in range(MIDDLEWARES)]
                       if kind == "middlewares" else None)  # fmt: skip
    if kind == "middlewares":
        built.add_route("/plaintext", Plaintext())
    elif kind == "params":
        for n in range(ROUTES_BEHIND):
            built.add_route(f"/section{n}/{{year:int}}/{{number:int}}", Params())
    elif kind == "routes":
        for n in range(int(number)):
            built.add_route(f"/resource{n}/{{item:int}}", Show())
    else:
        return None
    return built


def base():
    built = falcon.App()
    limits = MultipartFormHandler()
    limits.parse_options.max_body_part_buffer_size = 2 * 1024 * 1024
    built.req_options.media_handlers["multipart/form-data"] = limits
    for path, resource in (
        ("/plaintext", Plaintext()), ("/json", Json()), ("/query", Query()),
        ("/cookies", Cookies()), ("/form", Form()), ("/json-body", JsonBody()),
        ("/upload", Upload()), ("/template", Template()), ("/database", Database()),
    ):  # fmt: skip
        built.add_route(path, resource)
    return built
