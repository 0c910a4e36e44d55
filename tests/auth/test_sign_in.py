"""Somebody signs in and out, here and everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from lback import Application, ConfigurationError, Request, Unauthorized
from lback.auth import keep_signed_in, login, logout, logout_everywhere
from lback.core.dispatcher_instance import dispatcher
from lback.database import DatabaseManager
from lback.testing import Client
from lback.users import AdminUser, User

pytestmark = pytest.mark.usefixtures("quick_passwords")

SETTINGS: dict[str, Any] = {"DEBUG": True, "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"}


@pytest.fixture
def site(database: DatabaseManager, database_url: str) -> Iterator[Application]:
    app = Application(**SETTINGS, DATABASE_URL=database_url)
    add_views(app)
    yield app
    app.db_manager.dispose()


def add_views(app: Application) -> None:
    app.add_route("/private", private)
    for view in (plain, who, enter, enter_admin, leave, leave_everywhere, fill):
        app.add_route(f"/{view.__name__}", view, requires_auth=False)


def add_user(app: Application, username: str = "ada", password: str = "correct horse") -> int:
    with app.db_manager.session() as session:
        user: User = app.user_manager.register(session, username, password, f"{username}@a.org")
        return user.id


def client_of(app: Application, user_id: int) -> Client:
    """A browser in which somebody is signed in."""
    client = Client(app)
    assert client.get("/enter", query={"id": user_id}).status_code == 200
    return client


def plain(request: Request) -> str:
    return "plain"


def private(request: Request) -> str:
    return f"private of {name_of(request.user)}"


def who(request: Request) -> dict[str, Any]:
    admin = request.get_context("admin_user")
    kept = [] if request.session is None else sorted(request.session)
    return {"user": name_of(request.user), "admin": name_of(admin), "session": kept}


def name_of(account: Any) -> str | None:
    return account.username if account is not None else None


def enter(request: Request, user_manager: Any) -> str:
    """Sign in by id; how somebody proves to be that one is told elsewhere."""
    user = user_manager.get(request.db_session, int(str(request.GET["id"])))
    if user is None:
        raise Unauthorized
    login(request, user)
    return "in"


def enter_admin(request: Request) -> str:
    assert request.db_session is not None
    admin = request.db_session.get(AdminUser, int(str(request.GET["id"])))
    assert admin is not None
    login(request, admin)
    return "in"


def leave(request: Request) -> str:
    logout(request)
    return "out"


def leave_everywhere(request: Request) -> str:
    logout_everywhere(request, request.user)
    return "out"


def fill(request: Request) -> str:
    assert request.session is not None
    request.session.update(cart=[1], _csrf="secret")
    return "filled"


def test_who_signed_in_is_the_user_until_signing_out(site: Application) -> None:
    client = Client(site)
    assert client.get("/who").json()["user"] is None
    client.get("/enter", query={"id": add_user(site)})
    assert client.get("/who").json()["user"] == "ada"
    assert client.get("/private").text == "private of ada"
    client.get("/leave")
    assert client.cookies == {}
    assert client.get("/who").json()["user"] is None
    assert client.get("/private").status_code == 401


def test_signing_in_gives_another_id_and_ends_the_old_one(site: Application) -> None:
    client = Client(site)
    client.get("/fill")
    before = dict(client.cookies)
    client.get("/enter", query={"id": add_user(site)})
    assert client.cookies != before
    client.cookies = before
    assert client.get("/who").json() == {"user": None, "admin": None, "session": []}


def test_a_cart_survives_signing_in_and_the_csrf_secret_does_not(site: Application) -> None:
    client = Client(site)
    client.get("/fill")
    client.get("/enter", query={"id": add_user(site)})
    assert client.get("/who").json()["session"] == ["_user", "cart"]


def test_another_user_of_the_same_browser_finds_nothing_of_the_first(site: Application) -> None:
    client = client_of(site, add_user(site))
    client.get("/fill")
    client.get("/enter", query={"id": add_user(site, "grace")})
    assert client.get("/who").json() == {"user": "grace", "admin": None, "session": ["_user"]}


def test_signing_out_leaves_nothing_behind(site: Application) -> None:
    client = client_of(site, add_user(site))
    client.get("/fill")
    signed_in = dict(client.cookies)
    client.get("/leave")
    client.cookies = signed_in
    assert client.get("/who").json() == {"user": None, "admin": None, "session": []}


def test_signing_out_without_being_in_is_fine(site: Application) -> None:
    assert Client(site).get("/leave").text == "out"


def test_signing_out_everywhere_ends_the_session_on_another_machine(site: Application) -> None:
    user_id = add_user(site)
    here, there = client_of(site, user_id), client_of(site, user_id)
    other = client_of(site, add_user(site, "grace"))
    here.get("/leave_everywhere")
    for client in (here, there):
        assert client.get("/who").json()["user"] is None
    assert there.cookies == {}
    assert other.get("/who").json()["user"] == "grace"
    assert client_of(site, user_id).get("/who").json()["user"] == "ada"


def test_who_is_deactivated_is_out_at_once(site: Application) -> None:
    user_id = add_user(site)
    client = client_of(site, user_id)
    with site.db_manager.session() as session:
        site.user_manager.deactivate(session, session.get_one(User, user_id))
    assert client.get("/private").status_code == 401


def test_who_is_deleted_is_out_at_once(site: Application) -> None:
    user_id = add_user(site)
    client = client_of(site, user_id)
    with site.db_manager.session() as session:
        session.delete(session.get_one(User, user_id))
    assert client.get("/who").json()["user"] is None


def test_a_user_of_the_admin_is_not_a_user_of_the_site(site: Application) -> None:
    with site.db_manager.session() as session:
        root = site.admin_user_manager.register(session, "root", "battery staple")
    client = Client(site)
    client.get("/enter_admin", query={"id": root.id})
    assert client.get("/who").json() == {"user": None, "admin": "root", "session": ["_admin_user"]}
    assert client.get("/private").status_code == 401
    client.get("/enter", query={"id": add_user(site)})
    assert client.get("/who").json()["admin"] == "root"
    client.get("/leave")
    assert client.get("/who").json()["admin"] is None


def test_a_user_who_is_not_stored_or_not_active_cannot_sign_in(site: Application) -> None:
    errors: list[str] = []

    def try_to_enter(request: Request) -> str:
        for user in (User(username="nobody"), User(id=1, username="gone", is_active=False)):
            with pytest.raises(ValueError, match="cannot sign in: it is not") as raised:
                login(request, user)
            errors.append(str(raised.value))
        return "tried"

    site.add_route("/try", try_to_enter, requires_auth=False)
    assert Client(site).get("/try").text == "tried"
    assert errors == [
        "<User None> cannot sign in: it is not stored: flush it first",
        "<User 1> cannot sign in: it is not active",
    ]


def test_a_session_goes_on_under_another_id_after_a_new_password(site: Application) -> None:
    def change(request: Request) -> str:
        user: Any = request.user
        user.session_version += 1
        keep_signed_in(request, user)
        return "changed"

    site.add_route("/change", change)
    user_id = add_user(site)
    here, there = client_of(site, user_id), client_of(site, user_id)
    before = dict(here.cookies)
    here.get("/change")
    assert here.cookies != before
    assert here.get("/who").json()["user"] == "ada"
    assert there.get("/who").json()["user"] is None


def test_receivers_hear_who_came_and_went(site: Application) -> None:
    heard: list[tuple[str, str]] = []

    def came(sender: object, user: User, **_: Any) -> None:
        heard.append(("in", user.username))

    def went(sender: object, user: User, **_: Any) -> None:
        heard.append(("out", user.username))

    dispatcher.connect("user_logged_in", came)
    dispatcher.connect("user_logged_out", went)
    try:
        client = client_of(site, add_user(site))
        client.get("/leave")
        client.get("/leave")
    finally:
        dispatcher.disconnect("user_logged_in", came)
        dispatcher.disconnect("user_logged_out", went)
    assert heard == [("in", "ada"), ("out", "ada")]


def test_a_site_without_sessions_says_what_is_missing() -> None:
    app = Application(DEBUG=True, MIDDLEWARES=[])

    def leave(request: Request) -> str:
        logout(request)
        return "out"

    app.add_route("/leave", leave, requires_auth=False)
    assert "put lback.middleware.SessionMiddleware" in Client(app).get("/leave").text
    alone = Application(DEBUG=True, MIDDLEWARES=["lback.middleware.AuthenticationMiddleware"])
    with pytest.raises(ConfigurationError, match="AuthenticationMiddleware needs Session"):
        Client(alone).get("/leave")


def test_no_one_asks_the_database_where_no_one_asks_for_the_user(site: Application) -> None:
    client = client_of(site, add_user(site))
    told: list[str] = []

    def tell(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement.split(None, 1)[0])

    event.listen(site.db_manager.engine, "before_cursor_execute", tell)
    assert client.get("/plain").text == "plain"
    assert client.get("/nowhere").status_code == 404
    assert told == []
    assert client.get("/private").text == "private of ada"
    # One for the session, one for the user, however often a view asks.
    assert told == ["SELECT", "SELECT"]
    told.clear()
    assert Client(site).get("/private").status_code == 401
    assert told == []


def test_the_test_client_signs_in_without_a_password(site: Application) -> None:
    user_id = add_user(site)
    with site.db_manager.session() as session:
        ada = session.get_one(User, user_id)
        root = site.admin_user_manager.register(session, "root", "battery staple")
    client = Client(site)
    client.sign_in(ada)
    assert client.get("/private").text == "private of ada"
    client.sign_in(root)
    assert client.get("/who").json()["admin"] == "root"
