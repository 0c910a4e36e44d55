"""Static files are served, in development as they lie, in public as they were collected."""

import logging
from pathlib import Path

import pytest

from lback import Application, Request
from lback.static_files import collect
from lback.testing import Client
from tests.static_files.conftest import Build, write


def collected(app: Application) -> Application:
    files = app.static_files
    collect(files.sources, files.root, files.static_url)
    return app


# Development.


def test_files_of_project_and_apps_are_served(build: Build) -> None:
    client = Client(build())
    css = client.get("/static/css/site.css")
    assert (css.status_code, css.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert css.headers["cache-control"] == "no-cache"
    assert css.headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/shelf/book.svg").text == "<svg/>"
    assert client.get("/static/robots.txt").text == "User-agent: *\n", "the project comes first"
    etag = css.headers["etag"]
    again = client.get("/static/css/site.css", headers={"If-None-Match": etag})
    assert again.status_code == 304
    assert client.head("/static/css/site.css").body == b""
    assert client.post("/static/css/site.css").status_code == 405
    assert client.get("/static/css/none.css").status_code == 404
    assert client.get("/static/css").status_code == 404
    assert client.get("/static/").status_code == 404


def test_a_file_is_served_as_it_is_now(build: Build, root: Path) -> None:
    client = Client(build())
    write(root / "static/new.txt", "new")
    assert client.get("/static/new.txt").text == "new"


def test_places_and_addresses_are_settings(build: Build, root: Path) -> None:
    write(root / "assets/a.txt", "a")
    write(root / "more/b.txt", "b")
    dirs = ["assets", root / "more"]
    client = Client(build(STATIC_URL="/files/public/", STATICFILES_DIRS=dirs))
    assert client.get("/files/public/a.txt").text == "a"
    assert client.get("/files/public/b.txt").text == "b"
    assert client.get("/files/public/css/site.css").status_code == 404
    assert client.get("/static/a.txt").status_code == 404


def test_a_route_for_every_path_leaves_them_alone(build: Build) -> None:
    app = build()
    app.add_route("/{rest:path}", lambda request, rest: f"page {rest}", requires_auth=False)
    client = Client(app)
    assert client.get("/static/robots.txt").text == "User-agent: *\n"
    assert client.get("/other").text == "page other"


# Templates.


def page(app: Application, source: str) -> str:
    (Path(app.config.PROJECT_ROOT) / "templates").mkdir(exist_ok=True)
    (Path(app.config.PROJECT_ROOT) / "templates/page.html").write_text(source)
    return app.template_renderer.render_to_string("page.html")


def test_a_template_names_a_file(build: Build, root: Path) -> None:
    assert page(build(), "{{ static('css/site.css') }}") == "/static/css/site.css"
    write(root / "static/my file.txt", "x")
    assert page(build(), "{{ static('my file.txt') }}") == "/static/my%20file.txt"


def test_a_file_that_is_not_there_is_named_with_one_that_is(build: Build) -> None:
    with pytest.raises(ValueError, match=r"no static file 'css/sit\.css'; did you mean 'css/site"):
        page(build(), "{{ static('css/sit.css') }}")
    with pytest.raises(ValueError, match=r"no static file 'x'; looked in .*shelf/static"):
        page(build(), "{{ static('x') }}")


def test_a_view_names_a_file_too(build: Build) -> None:
    app = build()

    def show(request: Request, static_files: object) -> str:
        return app.static_files.url("robots.txt")

    app.add_route("/", show, requires_auth=False)
    assert Client(app).get("/").text == "/static/robots.txt"


def test_another_host_may_serve_them(build: Build) -> None:
    app = build(STATIC_URL="https://cdn.example.com/shop/")
    assert app.static_files.url("css/site.css") == "https://cdn.example.com/shop/css/site.css"
    assert app.static_files.route() is None
    assert Client(app).get("/static/css/site.css").status_code == 404


# In public.


def test_collected_files_are_served_under_names_that_may_be_kept(build: Build) -> None:
    app = collected(build(public=True))
    client = Client(app)
    url = app.static_files.url("css/site.css")
    assert url.startswith("/static/css/site.")
    css = client.get(url)
    assert css.headers["cache-control"] == "max-age=315360000, public, immutable"
    assert css.headers["x-content-type-options"] == "nosniff"
    assert "url(../img/back." in css.text
    plain = client.get("/static/css/site.css")
    assert (plain.body, plain.headers["cache-control"]) == (css.body, "max-age=60, public")
    etag = css.headers["etag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(url, headers={"Range": "bytes=0-0"}).body == b"b"
    assert client.head(url).headers["content-length"] == str(len(css.body))
    assert client.get("/static/staticfiles.json").status_code == 404
    assert client.get("/static/none").status_code == 404


def test_a_compressed_copy_goes_to_who_takes_it(build: Build, root: Path) -> None:
    write(root / "static/long.js", "let x = 1;\n" * 500)
    client = Client(collected(build(public=True)))
    packed = client.get("/static/long.js", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == "text/javascript; charset=utf-8"
    assert len(packed.body) < 500
    plain = client.get("/static/long.js")
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]


def test_without_a_collection_pages_work_and_the_log_says_what_to_do(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(public=True)
    with caplog.at_level(logging.WARNING):
        assert Client(app).get("/static/css/site.css").status_code == 404
    assert page(app, "{{ static('css/site.css') }}") == "/static/css/site.css"
    assert [record.message for record in caplog.records if "collect" in record.message] == [
        f"static files: none served, as none were collected in {app.static_files.root}; "
        "run: lback collectstatic"
    ]


def test_a_page_lives_without_a_file_that_was_not_collected(build: Build, root: Path) -> None:
    app = collected(build(public=True))
    write(root / "static/late.txt", "late")
    assert app.static_files.url("late.txt") == "/static/late.txt"
    assert Client(app).get("/static/late.txt").status_code == 404


def test_a_file_that_is_gone_is_not_found(build: Build) -> None:
    app = collected(build(public=True))
    client = Client(app)
    assert client.get("/static/robots.txt").status_code == 200
    (app.static_files.root / "robots.txt").unlink()
    assert client.get("/static/robots.txt").status_code == 404


def test_a_running_process_follows_a_new_collection(
    build: Build, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a rolling deploy: the files are collected while a process serves."""
    monkeypatch.setattr("lback.static_files.files.SECONDS_BETWEEN_CHECKS", 0)
    app = collected(build(public=True))
    client = Client(app)
    first = app.static_files.url("robots.txt")
    write(root / "static/robots.txt", "Disallow: /\n")
    collect(app.static_files.sources, app.static_files.root, "/static/")

    second = app.static_files.url("robots.txt")
    assert first != second
    assert client.get(second).text == "Disallow: /\n"
    assert client.get(first).text == "User-agent: *\n", "pages that were sent before name it"


def test_a_manifest_that_breaks_while_a_process_serves_changes_nothing(
    build: Build, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lback.static_files.files.SECONDS_BETWEEN_CHECKS", 0)
    app = collected(build(public=True))
    client, url = Client(app), app.static_files.url("robots.txt")
    assert client.get(url).status_code == 200
    (app.static_files.root / "staticfiles.json").write_text("{")

    assert app.static_files.url("robots.txt") == url
    assert client.get(url).status_code == 200
    assert caplog.text.count("previous manifest stays in use") == 1
