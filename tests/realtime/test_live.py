"""The template functions of live pages, and what is published for them."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, ConfigurationError, Request, Response, render
from lback.database import Base, DatabaseManager
from lback.realtime import publish_fragment, room
from lback.realtime.positions import START
from lback.realtime.rooms import ROOMS
from lback.testing import Client

MIDDLEWARES = [
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.CSRFMiddleware",
]


class LiveNote(Base):
    __tablename__ = "test_live_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture(autouse=True)
def rules() -> Iterator[None]:
    before = dict(ROOMS)
    room("board-{board_id:int}")(lambda board_id: board_id > 0)
    room("inbox-{board_id:int}", per_viewer=True)(lambda board_id: board_id > 0)
    yield
    ROOMS.clear()
    ROOMS.update(before)


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Application]:
    """Build an application whose page `/` is the template `page.html`."""

    def make(*, url: str = "", **templates: str) -> Application:
        for name, text in templates.items():
            (tmp_path / f"{name}.html").write_text(text)
        app = Application(
            REALTIME="database" if url else "memory",
            DATABASE_URL=url,
            TEMPLATE_DIRS=[str(tmp_path)],
            MIDDLEWARES=MIDDLEWARES,
            SESSION_STORE="memory",
        ).develop()

        def page(request: Request) -> Response:
            return render(request, "page.html", name="of the page")

        app.add_route("/", page, requires_auth=False)
        return app

    return make


def published(app: Application, name: str = "board-1") -> list[Any]:
    return [one.data for one in app.dependencies["realtime"].read(name, START).messages]


def test_a_fragment_and_its_script(make_app: Callable[..., Application]) -> None:
    app = make_app(
        page="{{ live('board-1', 'rows.html', rows=['<1>']) }}{{ live('board-2', 'rows.html') }}",
        rows="{% for row in rows %}<p>{{ row }}</p>{% endfor %}",
    )
    client = Client(app)
    page = client.get("/")
    found = re.fullmatch(
        r'<div data-lback-room="board-1" data-lback-fragment="rows.html" '
        r'data-lback-position="[\w-]{6}\.@\d+\.\d{3}"><p>&lt;1&gt;</p></div>'
        r'<script src="(/realtime-live/\w{12}\.js)" nonce="([\w-]+)" '
        r'data-lback-events="/realtime/events" defer></script>'
        r'<div data-lback-room="board-2" data-lback-fragment="rows.html" '
        r'data-lback-position="[\w-]{6}\.@\d+\.\d{3}"></div>',
        page.text,
    )
    assert found, page.text
    assert f"'nonce-{found[2]}'" in page.headers["content-security-policy"]
    script = client.get(found[1])
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/realtime-live/000000000000.js").status_code == 404


def test_the_position_is_that_of_the_beginning(make_app: Callable[..., Application]) -> None:
    app = make_app(page="{{ live('board-1', 'rows.html') }}", rows="")
    engine = app.dependencies["realtime"]
    engine.limits = engine.limits._replace(tolerance=0.0)

    def slow(request: Request) -> Response:
        publish_fragment("board-1", "rows.html")
        return render(request, "page.html")

    app.add_route("/slow", slow, requires_auth=False)
    text = Client(app).get("/slow").text
    position = unescape(re.search('position="([^"]*)"', text)[1])  # type: ignore[index]
    from lback.realtime.positions import decode_positions

    after = decode_positions(position, ["board-1"])["board-1"]
    assert len(engine.read("board-1", after).messages) == 1


def test_only_what_is_given_is_in_a_fragment(make_app: Callable[..., Application]) -> None:
    rows = "[{{ name }}|{{ request }}|{{ csp_nonce }}|{{ given }}|{{ url('home') }}]"
    app = make_app(page="{{ live('board-1', 'rows.html', given=1) }}", rows=rows)
    app.add_route("/home", lambda: "home", name="home", requires_auth=False)
    assert "[|||1|/home]" in Client(app).get("/").text

    def change(request: Request) -> str:
        publish_fragment("board-1", "rows.html", given=2)
        return "changed"

    app = make_app(page="", rows=rows)
    app.add_route("/home", lambda: "home", name="home", requires_auth=False)
    app.add_route("/change", change, requires_auth=False)
    Client(app).get("/change")
    assert published(app) == [
        {"event": "fragment", "fragment": "rows.html", "html": "[|||2|/home]", "after": ""}
    ]


def test_forms_in_fragments(make_app: Callable[..., Application]) -> None:
    app = make_app(page="{{ live('board-1', 'rows.html') }}", rows="<form>{{ csrf_input }}</form>")
    page = Client(app).get("/").text
    field = r'<input type="hidden" name="csrf_token" value="[\w-]{86}">'
    assert re.search(f"<form>{field}</form>", page)
    publish_fragment("board-1", "rows.html")
    assert published(app)[0]["html"] == (
        '<form><input type="hidden" name="csrf_token" value="" data-lback-csrf></form>'
    )


def test_the_token_of_one_visitor_is_not_published(make_app: Callable[..., Application]) -> None:
    make_app(rows="{{ csrf_token }}")
    with pytest.raises(ConfigurationError, match="csrf_input"):
        publish_fragment("board-1", "rows.html")


def test_a_request_is_not_given_to_all(make_app: Callable[..., Application]) -> None:
    make_app(rows="")
    with pytest.raises(ValueError, match="per_viewer=True"):
        publish_fragment("board-1", "rows.html", request=object())


def test_templates_that_are_not_escaped_are_refused(make_app: Callable[..., Application]) -> None:
    make_app()
    with pytest.raises(ValueError, match=r"must end with \.html"):
        publish_fragment("board-1", "rows.txt")


def test_a_fragment_for_each_viewer(make_app: Callable[..., Application]) -> None:
    app = make_app(
        page="{{ live('inbox-1', 'rows.html') }}", rows="{{ request.path }}{{ csrf_token }}"
    )
    assert re.search(r'">/[\w-]{86}</div>', Client(app).get("/").text)
    publish_fragment("inbox-1", "rows.html")
    assert published(app, "inbox-1") == [{"event": "refresh", "fragment": "rows.html"}]


def test_a_long_fragment_is_fetched(make_app: Callable[..., Application]) -> None:
    app = make_app(rows="{{ 'x' * 300000 }}")
    publish_fragment("board-1", "rows.html", key="2")
    assert published(app) == [{"event": "refresh", "fragment": "rows.html#2"}]


def test_a_room_without_a_rule(make_app: Callable[..., Application]) -> None:
    app = make_app(page="{{ live('other', 'rows.html') }}", rows="")
    with pytest.raises(ConfigurationError, match="no rule matches the room 'other'"):
        app.template_renderer.render_to_string("page.html")


def test_more_rooms_than_a_connection_hears(
    make_app: Callable[..., Application], caplog: pytest.LogCaptureFixture
) -> None:
    page = "{% for n in range(1, 23) %}{{ live('board-%d' % n, 'rows.html') }}{% endfor %}"
    app = make_app(page=page, rows="row")
    text = Client(app).get("/").text
    assert text.count("row<") == 22
    assert text.count("data-lback-room") == 20
    assert "more than 20 rooms" in caplog.text


def test_a_page_of_messages_only(make_app: Callable[..., Application]) -> None:
    app = make_app(page="{{ live_script('board-1', 'board-2') }}{{ live_script() }}")
    text = Client(app).get("/").text
    assert text.count("<script") == 1
    assert 'data-lback-rooms="board-1 board-2"' in text


def test_templates_of_the_database_have_no_live(make_app: Callable[..., Application]) -> None:
    app = make_app(rows="")
    renderer = app.template_renderer
    renderer._db_loader_func = lambda name, session: "{{ live('board-1', 'rows.html') }}"
    with pytest.raises(Exception, match="Undefined is not safely callable"):
        renderer.render_from_db_to_string("row")


def test_without_the_setting(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ live('board-1', 'rows.html') }}")
    app = Application(TEMPLATE_DIRS=[str(tmp_path)])
    with pytest.raises(Exception, match="'live' is undefined"):
        app.template_renderer.render_to_string("page.html")
    with pytest.raises(ConfigurationError, match="REALTIME is empty"):
        publish_fragment("board-1", "rows.html")


def test_rows_are_read_again_and_the_position_before(
    make_app: Callable[..., Application], database: DatabaseManager, database_url: str
) -> None:
    app = make_app(url=database_url, rows="{{ note.text }}")
    with app.db_manager.session() as session:
        session.add(LiveNote(id=1, text="one"))
    publish_fragment("board-1", "rows.html", note={"text": "first"})
    with app.db_manager.session() as session:
        note = session.get(LiveNote, 1)
        session.execute(update(LiveNote).values(text="changed"))
        publish_fragment("board-1", "rows.html", note=note)
        publish_fragment("board-1", "rows.html", note=note)
    first, second, third = published(app)
    assert (first["after"], first["html"]) == ("", "first")
    assert second["html"] == "changed"
    assert second["after"] == third["after"]
    assert second["after"].endswith(".1")
    app.db_manager.dispose()


def test_a_rollback_publishes_nothing(
    make_app: Callable[..., Application], database: DatabaseManager, database_url: str
) -> None:
    app = make_app(url=database_url, rows="")

    def fail() -> None:
        with app.db_manager.session():
            publish_fragment("board-1", "rows.html")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert published(app) == []
    app.db_manager.dispose()


def test_the_rules_are_known_before_anything_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers and commands do not prepare an application for requests."""
    (tmp_path / "rooms.py").write_text(
        "from lback.realtime import room\nroom('worker-room', per_viewer=True)(lambda: True)\n"
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "rows.html").write_text("of one viewer")
    monkeypatch.syspath_prepend(tmp_path)
    app = Application(REALTIME="memory", PROJECT_ROOT=str(tmp_path))
    publish_fragment("worker-room", "rows.html")
    assert published(app, "worker-room") == [{"event": "refresh", "fragment": "rows.html"}]


def test_readers_of_several_languages_fetch_their_own_fragment(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ live('board-1', 'part.html') }}")
    (tmp_path / "part.html").write_text("{{ get_language() }} {{ url('home') }}")
    app = Application(
        REALTIME="memory",
        LANGUAGES=["en", "de"],
        LANGUAGE_PREFIX=True,
        TEMPLATE_DIRS=[str(tmp_path)],
        MIDDLEWARES=MIDDLEWARES,
        SESSION_STORE="memory",
    ).develop()

    @app.route("/board", name="home", requires_auth=False)
    def home(request: Request) -> Response:
        publish_fragment("board-1", "part.html")
        return render(request, "page.html")

    assert ">de /de/board<" in Client(app).get("/de/board").text
    found = app.dependencies["realtime"].read("board-1", START).messages
    assert [message.data["event"] for message in found] == ["refresh"]
