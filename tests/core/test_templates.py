"""Templates: where they are found, what they may do, and what is told of each rendering."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError, TemplateAssertionError
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lback import path
from lback.core import (
    Config,
    ConfigurationError,
    Router,
    SignalDispatcher,
    TemplateRenderer,
    custom_uppercase,
    custom_url_tag,
    default_global_context,
)
from lback.core.templates import set_default_router
from lback.database import DatabaseManager


class Models(DeclarativeBase):
    """Models of this file, apart from those of the framework."""


class Page(Models):
    __tablename__ = "pages"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    content: Mapped[str]


class Recorder:
    """Keeps the names and arguments of all signals that templates send."""

    NAMES = (
        "template_rendering_started", "template_rendered", "template_rendering_failed",
        "db_template_loading_started", "db_template_loaded", "db_template_load_failed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.dispatcher = SignalDispatcher()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        for name in self.NAMES:
            self.dispatcher.connect(name, self.hear(name))

    def hear(self, name: str) -> Any:
        return lambda sender, **kwargs: self.heard.append((name, kwargs))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "hello.html").write_text("<p>Hello {{ name }}</p>")
    (templates / "hello.txt").write_text("Hello {{ name }}")
    (templates / "broken.html").write_text("{% if %}")
    (templates / "outer.html").write_text('{% include "inner.html" %}')
    return tmp_path


def renderer(project: Path, **options: Any) -> TemplateRenderer:
    settings = options.pop("settings", {})
    return TemplateRenderer(
        Config(None, settings={"PROJECT_ROOT": str(project), **settings}), **options
    )


def test_a_template_of_the_project_is_rendered(project: Path) -> None:
    assert renderer(project).render_to_string("hello.html", name="Ann") == "<p>Hello Ann</p>"


def test_pages_escape_what_they_show_and_plain_text_does_not(project: Path) -> None:
    templates = renderer(project)
    assert templates.render_to_string("hello.html", name="<b>") == "<p>Hello &lt;b&gt;</p>"
    assert templates.render_to_string("hello.txt", name="<b>") == "Hello <b>"


@pytest.mark.parametrize(
    "name", ["a.html", "a.htm", "a.xhtml", "a.xml", "a.svg", "a.HTML", "a.html.j2", "a.svg.jinja"]
)
def test_every_kind_of_markup_is_escaped(project: Path, name: str) -> None:
    (project / "templates" / name).write_text("{{ text }}")
    assert renderer(project).render_to_string(name, text="<script>") == "&lt;script&gt;"


def test_a_template_in_a_string_is_escaped(project: Path) -> None:
    template = renderer(project).environment.from_string("{{ text }}")
    assert template.render(text="<b>") == "&lt;b&gt;"


def test_a_name_that_no_one_gave_is_empty(project: Path) -> None:
    assert renderer(project).render_to_string("hello.html") == "<p>Hello </p>"


def test_a_misspelt_name_is_told_with_places_and_near_misses(project: Path) -> None:
    with pytest.raises(TemplateNotFound) as missing:
        renderer(project).render_to_string("helo.html")
    assert missing.value.name == "helo.html"
    text = str(missing.value)
    assert "there is no template 'helo.html'" in text
    assert str(project / "templates") in text
    assert "did you mean 'hello.html'" in text


def test_an_included_template_that_is_missing_is_named_itself(project: Path) -> None:
    with pytest.raises(TemplateNotFound, match=r"there is no template 'inner\.html'"):
        renderer(project).render_to_string("outer.html")


def test_a_template_that_cannot_be_read_says_where(project: Path) -> None:
    with pytest.raises(TemplateSyntaxError) as broken:
        renderer(project).render_to_string("broken.html")
    assert broken.value.lineno == 1


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "templates/../../secret.txt"])
def test_no_name_leads_out_of_the_directories(project: Path, name: str) -> None:
    (project / "secret.txt").write_text("secret")
    with pytest.raises(TemplateNotFound):
        renderer(project).render_to_string(name)


def test_template_dirs_take_the_place_of_the_default_one(project: Path, tmp_path: Path) -> None:
    (project / "pages").mkdir()
    (project / "pages" / "a.html").write_text("a")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.html").write_text("b")
    templates = renderer(project, settings={"TEMPLATE_DIRS": ["pages", elsewhere]})
    assert templates.render_to_string("a.html") == "a"
    assert templates.render_to_string("b.html") == "b"
    with pytest.raises(TemplateNotFound):
        templates.render_to_string("hello.html")


def test_an_app_brings_templates_and_the_project_comes_before_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = project / "template_shop" / "templates"
    app.mkdir(parents=True)
    (project / "template_shop" / "__init__.py").touch()
    (app / "shop.html").write_text("of the app")
    (app / "hello.html").write_text("of the app")
    monkeypatch.syspath_prepend(str(project))
    templates = renderer(project, settings={"INSTALLED_APPS": ["template_shop"]})
    assert templates.render_to_string("shop.html") == "of the app"
    assert templates.render_to_string("hello.html", name="Ann") == "<p>Hello Ann</p>"


@pytest.mark.parametrize("app", ["no_such_app", "no_such_package.app"])
def test_an_app_that_does_not_exist_stops_the_start(project: Path, app: str) -> None:
    with pytest.raises(ConfigurationError, match=f"INSTALLED_APPS names '{app}'"):
        renderer(project, settings={"INSTALLED_APPS": [app]})


def test_an_edit_is_seen_at_once_while_debugging(project: Path) -> None:
    templates = renderer(project, settings={"DEBUG": True})
    assert templates.render_to_string("hello.txt", name="Ann") == "Hello Ann"
    (project / "templates" / "hello.txt").write_text("Good morning, {{ name }}")
    import os

    os.utime(project / "templates" / "hello.txt", (1, 1))
    assert templates.render_to_string("hello.txt", name="Ann") == "Good morning, Ann"


def test_signals_tell_of_a_rendering(project: Path) -> None:
    recorder = Recorder()
    templates = renderer(project, dispatcher=recorder.dispatcher)
    templates.render_to_string("hello.txt", name="Ann")
    assert recorder.names == ["template_rendering_started", "template_rendered"]
    assert recorder.heard[1][1] == {
        "template_name": "hello.txt",
        "context": {"name": "Ann"},
        "source": "file",
        "rendered_content": "Hello Ann",
    }


def test_signals_tell_of_a_failure(project: Path) -> None:
    recorder = Recorder()
    templates = renderer(project, dispatcher=recorder.dispatcher)
    with pytest.raises(TemplateNotFound) as missing:
        templates.render_to_string("nope.html")
    assert recorder.names == ["template_rendering_started", "template_rendering_failed"]
    about = recorder.heard[1][1]
    assert about["exception"] is missing.value
    assert about["error_type"] == "TemplateNotFound"


# URLs and the other things that every template can use.


def home() -> None:
    """Stand for a view."""


@pytest.fixture
def router() -> Router:
    router = Router()
    router.add_route(*path("/books/{book_id:int}", home, name="book"))
    return router


def test_a_template_reverses_urls_with_the_router_of_its_application(
    project: Path, router: Router
) -> None:
    (project / "templates" / "link.html").write_text(
        "{{ url('book', book_id=7) }} {{ url_for('book', book_id=8, page='a b') }}"
    )
    text = renderer(project, router=router).render_to_string("link.html")
    assert text == "/books/7 /books/8?page=a+b"


def test_a_variable_of_a_route_may_be_called_name(project: Path, router: Router) -> None:
    router.add_route("/hello/{name}", home, name="hello")
    (project / "templates" / "link.html").write_text("{{ url('hello', name='Ann') }}")
    assert renderer(project, router=router).render_to_string("link.html") == "/hello/Ann"


def test_a_misspelt_route_name_is_told_with_near_misses(project: Path, router: Router) -> None:
    (project / "templates" / "link.html").write_text("{{ url('bok', book_id=7) }}")
    with pytest.raises(ValueError, match=r"no route is named 'bok'; did you mean 'book'\?"):
        renderer(project, router=router).render_to_string("link.html")


@pytest.fixture
def default_router(router: Router) -> Iterator[Router]:
    set_default_router(router)
    yield router
    set_default_router(None)


@pytest.mark.usefixtures("default_router")
def test_the_url_tag_asks_the_router_of_the_process() -> None:
    assert custom_url_tag("book", book_id=7) == "/books/7"
    with pytest.raises(ValueError, match="needs a value for 'book_id'"):
        custom_url_tag("book")


def test_without_a_router_the_url_tag_keeps_to_a_place_for_the_name() -> None:
    assert custom_url_tag("a/b") == "/url/a%2Fb"


def test_the_filter_raises_text_and_leaves_other_values(project: Path) -> None:
    assert custom_uppercase("a") == "A"
    assert custom_uppercase(3) == 3
    (project / "templates" / "loud.txt").write_text("{{ name | uppercase }}{{ 3 | uppercase }}")
    assert renderer(project).render_to_string("loud.txt", name="ann") == "ANN3"


def test_the_context_of_a_call_comes_before_the_default_one(project: Path) -> None:
    assert default_global_context() is not default_global_context()
    (project / "templates" / "url.txt").write_text("{{ url }}")
    assert renderer(project).render_to_string("url.txt", url="mine") == "mine"


def test_two_renderers_do_not_share_what_is_added_to_one(project: Path) -> None:
    one, other = renderer(project), renderer(project)
    one.environment.globals["shop"] = "Corner"
    assert "shop" not in other.environment.globals


# Templates in a database.


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'pages.sqlite3'}")
    database.create_tables(Models.metadata)
    with database.create_session() as session:
        session.add(Page(name="greeting", content="Hello {{ name }}"))
        session.commit()
        yield session
    database.dispose()


def test_a_row_is_rendered_and_escapes_what_it_shows(project: Path, session: Session) -> None:
    templates = renderer(project, db_session=session, template_model=Page)
    assert templates.render_from_db_to_string("greeting", name="<b>") == "Hello &lt;b&gt;"


def test_signals_tell_of_a_row(project: Path, session: Session) -> None:
    recorder = Recorder()
    templates = renderer(
        project, db_session=session, template_model=Page, dispatcher=recorder.dispatcher
    )
    templates.render_from_db_to_string("greeting", name="Ann")
    assert recorder.names == [
        "template_rendering_started",
        "db_template_loading_started",
        "db_template_loaded",
        "template_rendered",
    ]
    assert recorder.heard[3][1]["source"] == "db"


def test_a_row_that_is_edited_is_rendered_again(project: Path, session: Session) -> None:
    templates = renderer(project, db_session=session, template_model=Page)
    assert templates.render_from_db_to_string("greeting", name="Ann") == "Hello Ann"
    page = session.scalars(select(Page)).one()
    page.content = "Bye {{ name }}"
    session.commit()
    assert templates.render_from_db_to_string("greeting", name="Ann") == "Bye Ann"


def test_a_loader_of_your_own_is_asked_first_and_the_model_after_it(
    project: Path, session: Session
) -> None:
    asked: list[tuple[str, Any]] = []

    def load(name: str, given: Any) -> str | None:
        asked.append((name, given))
        return "mine" if name == "own" else None

    templates = renderer(project, db_session=session, template_model=Page, db_loader_func=load)
    assert templates.render_from_db_to_string("own") == "mine"
    assert templates.load_template_from_db("greeting") == "Hello {{ name }}"
    assert asked == [("own", session), ("greeting", session)]


def test_a_row_that_is_not_there_is_an_error(project: Path, session: Session) -> None:
    recorder = Recorder()
    templates = renderer(
        project, db_session=session, template_model=Page, dispatcher=recorder.dispatcher
    )
    with pytest.raises(TemplateNotFound, match="the database has no template 'nope'"):
        templates.render_from_db_to_string("nope")
    assert recorder.names[-2:] == ["db_template_load_failed", "template_rendering_failed"]
    assert templates.load_template_from_db("nope") is None


def test_without_a_database_there_are_no_rows(project: Path) -> None:
    assert renderer(project).load_template_from_db("greeting") is None


def test_a_lookup_that_fails_gives_nothing_and_leaves_the_session_usable(
    project: Path, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()

    class Missing(Models):
        __tablename__ = "missing_pages"
        name: Mapped[str] = mapped_column(primary_key=True)

    templates = renderer(
        project, db_session=session, template_model=Missing, dispatcher=recorder.dispatcher
    )
    assert templates.load_template_from_db("greeting") is None
    name, about = recorder.heard[-1]
    assert name == "db_template_load_failed"
    assert "missing_pages" in str(about["exception"])
    assert "lookup of the database template 'greeting' failed" in caplog.text
    assert session.scalars(select(Page)).one().name == "greeting"


def test_a_failing_loader_without_a_session_gives_nothing(project: Path) -> None:
    def load(name: str, session: Any) -> str | None:
        raise OSError("away")

    assert renderer(project, db_loader_func=load).load_template_from_db("x") is None


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ url.__globals__ }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ 'a' | attr('__class__') }}",
        "{{ '{0.__class__}'.format('a') }}",
        "{{ request._environ }}",
        "{% for x in items %}{{ items.append(1) }}{% endfor %}",
    ],
)
def test_a_row_is_kept_in_a_sandbox(project: Path, attack: str) -> None:
    templates = renderer(project, db_loader_func=lambda name, session: attack)
    try:
        text = templates.render_from_db_to_string("attack", request=Page(), items=[1])
    except (SecurityError, TemplateAssertionError):
        return
    assert "class" not in text
    assert "function" not in text


def test_no_template_has_getattr(project: Path) -> None:
    templates = renderer(project, db_loader_func=lambda name, session: "{{ attribute }}")
    assert templates.render_from_db_to_string("row") == ""
    assert "attribute" not in templates.environment.globals


def test_a_row_becomes_a_dict_in_the_form_of_a_response(project: Path) -> None:
    rows = {"page": "<p>{{ name }}</p>", "broken": "{{ 1 / 0 }}"}
    templates = renderer(project, db_loader_func=lambda name, session: rows.get(name))
    assert templates.render_template_from_db("page", name="Ann") == {
        "status_code": 200,
        "body": "<p>Ann</p>",
        "headers": {"Content-Type": "text/html; charset=utf-8"},
    }
    missing, failed = (templates.render_template_from_db(name) for name in ("nope", "broken"))
    assert (missing["status_code"], missing["body"]) == (404, "Template not found")
    assert (failed["status_code"], failed["body"]) == (500, "Internal Server Error")
    assert failed["headers"] == {"Content-Type": "text/plain; charset=utf-8"}


def test_a_template_that_is_given_the_request_can_use_what_is_made_from_it(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{{ path }}{{ other }}")
    renderer = TemplateRenderer(Config(None, settings={"TEMPLATE_DIRS": [tmp_path]}))
    renderer.add_request_value("path", lambda request: f"[{request}]")
    assert renderer.render_to_string("page.html", request="r", other="o") == "[r]o"
    assert renderer.render_to_string("page.html", request="r", path="mine") == "mine"
    assert renderer.render_to_string("page.html", other="o") == "o"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.50"), '"1.50"'),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), '"2026-01-02T03:04:00Z"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ({"b": {1}, "a": ["</script>"]}, r'{"a": ["\u003c/script\u003e"], "b": [1]}'),
    ],
)
def test_values_as_json_are_those_of_responses(value: object, text: str) -> None:
    renderer = TemplateRenderer(Config(None, settings={}))
    assert renderer.environment.from_string("{{ v | tojson }}").render(v=value) == text
