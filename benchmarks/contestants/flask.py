"""Flask, with its signed cookie as the session."""

from pathlib import Path
from tempfile import mkdtemp

from flask import Flask, Response, render_template, request, request_finished, session
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

_RECEIVERS = []  # the signals hold them weakly


def plain(text):
    return Response(text, mimetype="text/plain")


def plaintext():
    return plain(GREETING)


def json():
    return {"message": GREETING}


def query():
    return plain(joined(request.args, QUERY))


def cookies():
    return plain(joined(request.cookies, COOKIES))


def form():
    return plain(joined(request.form, FORM))


def json_body():
    return plain(document_answer(request.get_json()))


def upload():
    file = request.files["file"]
    return plain(upload_answer(request.form["label"], file.filename, file.stream.read()))


def session_():
    return plain(session["user"])


def params(year, number):
    return plain(f"{year}:{number}")


def show(item):
    return plain(str(item))


def sets_header(number):
    name, value = f"X-{number}", str(number)

    def after(response):
        response.headers[name] = value
        return response

    return after


def build(app):
    kind, _, number = app.partition("-")
    directory = Path(mkdtemp())
    (directory / "table.html").write_text(TEMPLATE)
    built = Flask(__name__, template_folder=str(directory))
    built.secret_key = "kT4-q9ZpW2_xR7mL8vNc"
    ADD[kind](built, int(number or 0))
    return built


def add_base(built, number):
    engine = create_engine(f"sqlite:///{database_file()}")

    def template():
        return render_template("table.html", title="Rows", rows=TABLE)

    def database():
        with Session(engine) as db_session:
            return plain(db_session.get(Item, ITEM).name)

    for view in (plaintext, json, query, cookies, template, database):
        built.add_url_rule(f"/{view.__name__}", view.__name__, view)
    built.add_url_rule("/session", "session", session_)
    built.add_url_rule("/form", "form", form, methods=["POST"])
    built.add_url_rule("/json-body", "json-body", json_body, methods=["POST"])
    built.add_url_rule("/upload", "upload", upload, methods=["POST"])


def add_params(built, number):
    for n in range(ROUTES_BEHIND):
        built.add_url_rule(f"/section{n}/<int:year>/<int:number>", f"section{n}", params)


def add_routes(built, number):
    for n in range(number):
        built.add_url_rule(f"/resource{n}/<int:item>", f"resource{n}", show)


def add_middlewares(built, number):
    add_base(built, number)
    for n in range(MIDDLEWARES):
        built.after_request(sets_header(n))


def add_signals(built, number):
    add_base(built, number)
    for n in range(number):
        _RECEIVERS.append(lambda sender, n=n, **_: None)
        request_finished.connect(_RECEIVERS[-1], built)


ADD = {
    "base": add_base, "session": add_base, "params": add_params, "routes": add_routes,
    "middlewares": add_middlewares, "signals": add_signals,
}  # fmt: skip


def session_cookie(built):
    signer = built.session_interface.get_signing_serializer(built)
    return f"session={signer.dumps({'user': 'ada'})}"
