"""Links of templates lead to where the server has mounted the application."""

from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import SecurityError

from lback import Application, Request, Response, render
from lback.core.templates import TemplateRenderer
from lback.core.templates.links import script_path
from lback.testing import Client

TEMPLATE = (
    "{{ url('book', number=3) }} {{ url_for('book', number=3, q='ä') }} {{ static('a.css') }}"
)


def build(root: Path, **settings: Any) -> Application:
    (root / "links.html").write_text(TEMPLATE)
    (root / "static").mkdir(exist_ok=True)
    (root / "static" / "a.css").write_text("p {}")
    app = Application(DEBUG=True, TEMPLATE_DIRS=[str(root)], PROJECT_ROOT=str(root), **settings)

    @app.route("/books/{number:int}", requires_auth=False, name="book")
    def book(request: Request, number: int) -> Response:
        return render(request, "links.html")

    @app.route("/row", requires_auth=False)
    def row(request: Request) -> str:
        def load(name: str, session: Any) -> str:
            return TEMPLATE

        renderer = TemplateRenderer(app.config, db_loader_func=load, router=app.router)
        renderer.add_global("static", app.template_renderer.environment.globals["static"])
        return renderer.render_from_db_to_string("row.html", request=request)

    return app


def links(app: Application, script: str, path: str = "/books/1") -> list[str]:
    answer = Client(app, environ={"SCRIPT_NAME": script}).get(path)
    assert answer.status_code == 200
    return answer.text.split()


@pytest.mark.parametrize(
    ("script", "prefix"), [("", ""), ("/shop", "/shop"), ("/l\xc3\xa4den", "/l%C3%A4den")]
)
@pytest.mark.parametrize("path", ["/books/1", "/row"])
def test_links_begin_with_the_mount_point(
    tmp_path: Path, script: str, prefix: str, path: str
) -> None:
    assert links(build(tmp_path), script, path) == [
        f"{prefix}/books/3",
        f"{prefix}/books/3?q=%C3%A4",
        f"{prefix}/static/a.css",
    ]


@pytest.mark.parametrize("url", ["/shop/static/", "https://cdn.example/static/"])
def test_a_static_url_that_leads_there_already_stays(tmp_path: Path, url: str) -> None:
    assert links(build(tmp_path, STATIC_URL=url), "/shop")[2] == f"{url}a.css"


def test_the_language_of_a_page_is_in_links_to_pages_alone(tmp_path: Path) -> None:
    app = build(tmp_path, LANGUAGES=["en", "de"], LANGUAGE_PREFIX=True)
    assert links(app, "/shop", "/de/books/1") == [
        "/shop/de/books/3",
        "/shop/de/books/3?q=%C3%A4",
        "/shop/static/a.css",
    ]
    assert links(app, "", "/de/books/1")[0] == "/de/books/3"


def test_without_a_request_links_are_paths_of_the_application(tmp_path: Path) -> None:
    rendered = build(tmp_path).template_renderer.render_to_string("links.html")
    assert rendered.split()[0] == "/books/3"


def test_a_template_from_the_database_does_not_read_the_environ(tmp_path: Path) -> None:
    def load(name: str, session: Any) -> str:
        return "{{ url('book', number=3) }} {{ request.environ }}"

    app = build(tmp_path)
    renderer = TemplateRenderer(app.config, db_loader_func=load, router=app.router)
    request = Request("/", "GET", None, None, {"SCRIPT_NAME": "/shop"})
    with pytest.raises(SecurityError, match="environ"):
        renderer.render_from_db_to_string("row.html", request=request)


def test_an_environ_without_a_mount_point_has_none() -> None:
    assert script_path({}) == script_path({"SCRIPT_NAME": ""}) == ""
    assert script_path({"SCRIPT_NAME": "/a b"}) == "/a%20b"
