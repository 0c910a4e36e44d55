"""Starlette, in its own protocol: ASGI, with coroutine views on a running loop."""

from pathlib import Path
from tempfile import mkdtemp

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
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from contestants.database import Item, database_file

PROTOCOL = "asgi"


async def plaintext(request):
    return PlainTextResponse(GREETING)


async def json(request):
    return JSONResponse({"message": GREETING})


async def query(request):
    return PlainTextResponse(joined(request.query_params, QUERY))


async def cookies(request):
    return PlainTextResponse(joined(request.cookies, COOKIES))


async def form(request):
    async with request.form() as values:
        return PlainTextResponse(joined(values, FORM))


async def json_body(request):
    return PlainTextResponse(document_answer(await request.json()))


async def upload(request):
    async with request.form() as values:
        file = values["file"]
        text = upload_answer(values["label"], file.filename, await file.read())
        return PlainTextResponse(text)


async def params(request):
    values = request.path_params
    return PlainTextResponse(f"{values['year']}:{values['number']}")


async def show(request):
    return PlainTextResponse(str(request.path_params["item"]))


class SetsHeader:
    """Plain ASGI, the kind of middleware that costs least."""

    def __init__(self, app, number):
        self.app = app
        self.pair = (f"x-{number}".encode(), str(number).encode())

    async def __call__(self, scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                message["headers"].append(self.pair)
            await send(message)

        await self.app(scope, receive, sending)


def build(app):
    kind, _, number = app.partition("-")
    if kind == "base":
        return base()
    if kind == "middlewares":
        return Starlette(
            routes=[Route("/plaintext", plaintext)],
            middleware=[Middleware(SetsHeader, number=n) for n in range(MIDDLEWARES)],
        )
    if kind == "params":
        return Starlette(routes=[
            Route(f"/section{n}/{{year:int}}/{{number:int}}", params) for n in range(ROUTES_BEHIND)
        ])  # fmt: skip
    if kind == "routes":
        return Starlette(
            routes=[Route(f"/resource{n}/{{item:int}}", show) for n in range(int(number))]
        )
    return None


def base():
    engine = create_engine(f"sqlite:///{database_file()}")
    directory = Path(mkdtemp())
    (directory / "table.html").write_text(TEMPLATE)
    templates = Jinja2Templates(directory=directory)

    async def template(request):
        return templates.TemplateResponse(request, "table.html", {"title": "Rows", "rows": TABLE})

    async def database(request):
        with Session(engine) as session:
            return PlainTextResponse(session.get(Item, ITEM).name)

    gets = (plaintext, json, query, cookies, template, database)
    return Starlette(
        routes=[
            *[Route(f"/{view.__name__}", view) for view in gets],
            Route("/form", form, methods=["POST"]),
            Route("/json-body", json_body, methods=["POST"]),
            Route("/upload", upload, methods=["POST"]),
        ]
    )
