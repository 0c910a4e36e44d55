"""Who may do what: by role, by the thing itself, at the door of a function or of a class."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lback import Application, Request
from lback.auth import (
    LoginRequiredMixin,
    PermissionRequired,
    PermissionRequiredMixin,
    check_permission,
    has_permission,
    login_required,
)
from lback.testing import Client
from lback.users import User, define_role

pytestmark = pytest.mark.usefixtures("quick_passwords")


class Text:
    """Something that knows who may do what to it."""

    def __init__(self, author: str, closed: bool = False) -> None:
        self.author = author
        self.closed = closed

    def allows(self, user: User, permission: str) -> bool:
        if self.closed:
            return False
        return user.username == self.author or user.has_permission(permission)


TEXTS = {"own": Text("ada"), "foreign": Text("grace"), "closed": Text("ada", closed=True)}


@login_required
def members(request: Request) -> str:
    return "members"


@PermissionRequired("blog.publish")
def publish(request: Request, number: int, config: Any) -> str:
    """A view with a path variable and a dependency keeps both."""
    return f"published {number} {config.DEBUG}"


@PermissionRequired(["blog.edit", "blog.publish"])
def both(request: Request) -> str:
    return "both"


@PermissionRequired(lambda request: request.GET.get("key") == "open")
def riddle(request: Request) -> str:
    return "open"


@PermissionRequired("blog.edit", obj=lambda request: TEXTS[str(request.path_params["name"])])
def edit(request: Request, name: str) -> str:
    return f"edited {name}"


def edit_inside(request: Request, name: str) -> str:
    check_permission(request, "blog.edit", TEXTS[name])
    return f"edited {name}"


@login_required
class Decorated:
    def get(self, request: Request, config: Any) -> str:
        return f"got {config.DEBUG}"


class Mixed(PermissionRequiredMixin):
    permission_required = "blog.edit"

    def get(self, request: Request, name: str, config: Any) -> str:
        return f"got {name} {config.DEBUG}"

    def get_permission_object(self, request: Request) -> Any:
        return TEXTS[str(request.path_params["name"])]


class Inherited(Mixed):
    def post(self, request: Request, name: str) -> str:
        return f"posted {name}"


class Dispatching(LoginRequiredMixin):
    def dispatch(self, request: Request) -> str:
        return "dispatched"


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL="sqlite://")
    app.db_manager.create_tables()
    for path, view in (
        ("/members", members),
        ("/publish/{number:int}", publish),
        ("/both", both),
        ("/riddle", riddle),
        ("/edit/{name}", edit),
        ("/edit-inside/{name}", edit_inside),
        ("/decorated", Decorated),
        ("/mixed/{name}", Mixed),
        ("/inherited/{name}", Inherited),
        ("/dispatching", Dispatching),
    ):
        app.add_route(path, view, requires_auth=False)
    with app.db_manager.session() as session:
        define_role(session, "editor", ["blog.edit"])
        define_role(session, "chief", ["blog.edit", "blog.publish"])
    yield app
    app.db_manager.dispose()


def client_with(app: Application, *roles: str) -> Client:
    """A browser of Ada, who has these roles."""
    with app.db_manager.session() as session:
        ada = app.user_manager.register(session, "ada", "correct horse")
        app.user_manager.assign_roles(session, ada, *roles)
    client = Client(app)
    client.sign_in(ada)
    return client


PATHS = ["/members", "/publish/1", "/both", "/riddle?key=open", "/edit/own", "/edit-inside/own",
         "/decorated", "/mixed/own", "/inherited/own", "/dispatching"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_who_is_not_signed_in_is_asked_to(app: Application, path: str) -> None:
    assert Client(app).get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_who_has_the_roles_enters(app: Application, path: str) -> None:
    assert client_with(app, "chief").get(path).status_code == 200


def test_who_lacks_a_permission_is_refused(app: Application) -> None:
    client = client_with(app, "editor")
    assert client.get("/publish/1").status_code == 403
    assert client.get("/both").status_code == 403
    assert client.get("/riddle").status_code == 403
    assert client.get("/riddle?key=open").text == "open"
    assert client.get("/members").text == "members"


def test_a_guarded_view_keeps_its_parameters(app: Application) -> None:
    client = client_with(app, "chief")
    assert client.get("/publish/7").text == "published 7 True"
    assert client.get("/decorated").text == "got True"
    assert client.get("/mixed/own").text == "got own True"
    assert client.post("/inherited/own").text == "posted own"
    assert client.get("/inherited/own").text == "got own True"


@pytest.mark.parametrize("door", ["/edit", "/edit-inside", "/mixed", "/inherited"])
def test_the_thing_itself_has_the_last_word(app: Application, door: str) -> None:
    ada = client_with(app)
    assert ada.get(f"{door}/own").status_code == 200
    assert ada.get(f"{door}/foreign").status_code == 403
    assert ada.get(f"{door}/closed").status_code == 403
    assert ada.post("/inherited/foreign").status_code == 403


def test_a_role_opens_what_belongs_to_others(app: Application) -> None:
    client = client_with(app, "editor")
    assert client.get("/edit/foreign").text == "edited foreign"
    assert client.get("/edit/closed").status_code == 403


def test_a_superuser_may_everything_and_who_is_not_active_nothing() -> None:
    root = SimpleNamespace(is_superuser=True)
    assert has_permission(root, "blog.edit", TEXTS["closed"])
    assert not has_permission(SimpleNamespace(is_superuser=True, is_active=False), "blog.edit")
    assert not has_permission(
        SimpleNamespace(is_superuser=True, is_authenticated=False), "blog.edit"
    )
    assert not has_permission(None, "blog.edit", TEXTS["own"])


@pytest.mark.parametrize("wanted", ["", [], [""], [1], ["a.b", None]])
def test_a_guard_that_names_no_permission_is_refused_at_once(wanted: Any) -> None:
    with pytest.raises(TypeError, match=r"names no permission; write PermissionRequired\("):
        PermissionRequired(wanted)


def test_a_mixin_without_a_permission_lets_no_one_in(app: Application) -> None:
    class Forgotten(PermissionRequiredMixin):
        def get(self, request: Request) -> str:
            return "secret"

    app.add_route("/forgotten", Forgotten, requires_auth=False)
    assert client_with(app, "chief").get("/forgotten").status_code == 500


def test_an_empty_list_lets_no_one_in(app: Application) -> None:
    def nobody(request: Request) -> str:
        check_permission(request, [])
        return "secret"

    app.add_route("/nobody", nobody)
    assert client_with(app, "chief").get("/nobody").status_code == 403


def test_what_cannot_be_guarded_is_refused_at_once() -> None:
    class Empty:
        pass

    class Static:
        @staticmethod
        def get(request: Request) -> str:
            return "secret"

    with pytest.raises(TypeError, match="has no handler to guard"):
        login_required(Empty)
    with pytest.raises(TypeError, match=r"Static\.get is not an instance method"):
        login_required(Static)


def test_a_guard_keeps_the_marks_of_a_view() -> None:
    def view(request: Request) -> str:
        return "marked"

    view.methods = ["POST"]  # type: ignore[attr-defined]  # what the router reads
    guarded: Any = login_required(view)
    assert (guarded.methods, guarded.__name__) == (["POST"], "view")


def test_names_of_version_0_1_warn_and_take_their_old_parameters(app: Application) -> None:
    import lback.auth

    with pytest.warns(DeprecationWarning, match=r"use lback\.auth\.has_permission"):
        may = lback.auth.may
    assert not may(None, "blog.edit", thing=TEXTS["own"])
    with pytest.warns(DeprecationWarning, match=r"use lback\.auth\.permissions\.check_permission"):
        from lback.auth.permissions import require

    def old(request: Request, name: str) -> str:
        require(request, "blog.edit", thing=TEXTS[name])
        return f"edited {name}"

    with pytest.warns(DeprecationWarning, match=r"write obj="):
        guard = PermissionRequired(
            "blog.edit", thing=lambda request: TEXTS[str(request.path_params["name"])]
        )
    app.add_route("/old/{name}", old)
    app.add_route("/old-guard/{name}", guard(edit_inside))
    ada = client_with(app)
    assert ada.get("/old/own").status_code == 200
    assert ada.get("/old/foreign").status_code == 403
    assert ada.get("/old-guard/own").status_code == 200
    assert ada.get("/old-guard/foreign").status_code == 403


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import lback.auth

    for module in (lback.auth, lback.auth.permissions):
        with pytest.raises(AttributeError, match="has no attribute 'mya'"):
            module.mya  # noqa: B018  looking it up is the test
