"""The fixtures, as the tests of a project use them."""

import os

import pytest
from sqlalchemy import make_url

from lback.database import DatabaseManager
from tests.conftest import execute

PROJECT = {
    "settings.py": """
        DEBUG = False
        SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc"
        ALLOWED_HOSTS = ["shop.example"]
        ROOT_URLCONF = "urls"
        INSTALLED_APPS = ["shop"]
        MIDDLEWARES = [
            "lback.middleware.SessionMiddleware",
            "lback.middleware.AuthenticationMiddleware",
            "lback.middleware.BodyParsingMiddleware",
        ]
    """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from sqlalchemy.orm import Mapped, mapped_column
        from lback.database import Base

        class Item(Base):
            __tablename__ = "items"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]
    """,
    "urls.py": """
        from lback import BadRequest, path
        from shop.models import Item
        from sqlalchemy import select

        def show(request, db_session):
            return [item.name for item in db_session.scalars(select(Item))]

        def add(request, db_session):
            db_session.add(Item(name=request.POST["name"]))
            if request.POST["name"] == "bad":
                raise BadRequest("bad")
            request.dispatcher.send("item_added", None, name=request.POST["name"])
            return "added"

        def me(request):
            return request.user.username

        def visits(request):
            request.session["visits"] = request.session.get("visits", 0) + 1
            return str(request.session["visits"])

        urlpatterns = [
            path("/", show, ["GET"], requires_auth=False),
            path("/add", add, ["POST"], requires_auth=False),
            path("/visits", visits, ["GET"], requires_auth=False),
            path("/me", me, ["GET"]),
        ]
    """,
}
OWN_TESTS = """
    import pytest
    from shop.models import Item
    from sqlalchemy import func, select

    from lback.users import UserManager

    @pytest.mark.parametrize("turn", [1, 2])
    def test_each_test_finds_the_database_empty(client, db_session, turn):
        assert client.get("/").json() == []
        db_session.add(Item(name="of the test"))
        db_session.commit()
        assert client.post("/add", data={"name": "of the client"}).status_code == 200
        assert client.get("/").json() == ["of the test", "of the client"]
        assert db_session.scalar(select(func.count()).select_from(Item)) == 2

    @pytest.mark.parametrize("turn", [1, 2])
    def test_a_client_alone_leaves_nothing_either(client, turn):
        client.post("/add", data={"name": "x"})
        assert client.get("/").json() == ["x"]

    def test_a_request_that_fails_takes_back_only_its_own(client, db_session):
        db_session.add(Item(name="kept"))
        db_session.flush()
        assert client.post("/add", data={"name": "bad"}).status_code == 400
        assert client.get("/").json() == ["kept"]

    def test_a_user_is_signed_in(client, app, db_session):
        assert client.get("/me").status_code in (302, 401)
        ada = app.user_manager.register(db_session, "ada", "correct horse battery")
        db_session.commit()
        client.force_login(ada)
        assert client.get("/me").text == "ada"

    def test_a_session_is_read_and_written(client):
        with client.session() as session:
            session["visits"] = 41
        assert client.get("/visits").text == "42"
        with client.session() as session:
            assert session["visits"] == 42

    def test_signals_are_heard(client, signals):
        client.post("/add", data={"name": "lamp"})
        signals.assert_sent("item_added", name="lamp", times=1)
        signals.assert_sent("db_session_committed")
        signals.assert_not_sent("exception_caught")
        signals.assert_order("request_started", "item_added", "request_finished")

    def test_queries_are_counted(client, queries, db_session):
        with queries.at_most(1):
            client.get("/")
        with queries.exactly(0):
            client.get("/nowhere")
        client.post("/add", data={"name": "lamp"})
        assert any("INSERT INTO items" in text for text in queries.statements)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("LBACK_PROJECT_ROOT", raising=False)
    for name, text in PROJECT.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line[8:] for line in text.splitlines()))
    pytester.makeini("[pytest]\npythonpath = .\nfilterwarnings = error\n")
    return pytester


def run_own_tests(project: pytest.Pytester) -> None:
    project.makepyfile(OWN_TESTS)
    project.runpytest_subprocess("-q").assert_outcomes(passed=9)


def test_tests_of_a_project_use_the_fixtures(project: pytest.Pytester) -> None:
    run_own_tests(project)
    assert not (project.path / "db.sqlite3").exists(), "the database of the project is not touched"


# The addresses of servers are asked for by name, and so before `pytester`, which makes Python
# forget all that is imported after it, such as a driver.


@pytest.mark.postgresql
def test_tests_of_a_project_run_on_postgresql(
    postgresql_url: str, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LBACK_TEST_DATABASE_URL", postgresql_url)
    run_own_tests(project)


@pytest.mark.mariadb
def test_tests_of_a_project_run_on_mariadb(
    mariadb_url: str, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LBACK_TEST_DATABASE_URL", mariadb_url)
    run_own_tests(project)


@pytest.mark.postgresql
def test_a_server_has_a_database_for_tests(
    project: pytest.Pytester, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgresql_url)
    project.makepyfile(
        """
        from sqlalchemy import text
        from shop.models import Item

        def test_one(app, db_session):
            assert app.db_manager.url.database.startswith("test_lback_test_")
            db_session.add(Item(name="x"))
            db_session.commit()

        def test_what_is_written_beside_the_fixtures_is_gone_in_the_next_run(app, client):
            assert client.get("/").json() == []
            with app.db_manager.engine.begin() as connection:
                connection.execute(text("INSERT INTO items (name) VALUES ('left')"))
        """
    )
    try:
        project.runpytest_subprocess("-q").assert_outcomes(passed=2)
        project.runpytest_subprocess("-q").assert_outcomes(passed=2)
    finally:
        server = DatabaseManager.from_url(postgresql_url)
        name = f"test_{make_url(postgresql_url).database}"
        execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.dispose()


def test_a_project_of_one_file_brings_its_application(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from lback import Application

        @pytest.fixture
        def app():
            app = Application(DATABASE_URL="sqlite://")
            app.add_route("/", lambda request: "home", requires_auth=False)
            return app

        def test_home(client, signals, queries):
            assert client.get("/").text == "home"
            signals.assert_sent("request_finished")
            assert queries.count == 0
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_settings_may_differ_and_failures_tell_what_was_there_instead(
    project: pytest.Pytester,
) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture
        def lback_settings():
            return {"SHOP_NAME": "Corner", "DEBUG": True}
        """
    )
    project.makepyfile(
        """
        def test_settings(app):
            assert (app.config.SHOP_NAME, app.config.DEBUG) == ("Corner", True)
            assert app.config.ALLOWED_HOSTS == ["shop.example", "localhost"]

        def test_never(client, signals):
            client.post("/add", data={"name": "lamp"})
            signals.assert_sent("item_aded")

        def test_other(client, signals):
            client.post("/add", data={"name": "lamp"})
            signals.assert_sent("item_added", name="sofa")

        def test_too_many(client, queries):
            with queries.at_most(1):
                client.get("/")
                client.get("/")
        """
    )
    outcome = project.runpytest_subprocess("-q")
    outcome.assert_outcomes(failed=3, passed=1)
    outcome.stdout.fnmatch_lines(
        [
            "*the signal item_aded() was not sent; sent instead: *; did you mean item_added?",
            "*item_added(name='sofa') was not sent; sent instead: item_added(name='lamp')",
            "*AssertionError: 2 queries, expected at most 1:",
            "*- SELECT items.id, items.name FROM items  (2 times)",
        ]
    )


def test_without_a_project_one_is_told_where_it_was_looked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LBACK_PROJECT_ROOT", raising=False)
    pytester.makepyfile("def test_it(client): pass")
    outcome = pytester.runpytest_subprocess("-q")
    outcome.assert_outcomes(errors=1)
    outcome.stdout.fnmatch_lines(["*found no settings.py that you own in *"])


def test_a_project_without_lback_waits_for_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            loaded = [name for name in sys.modules if name.startswith(("lback.core", "sqlalchemy"))]
            assert loaded == []
        """
    )
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
