"""Users, roles and what they permit are looked after in the admin, and nobody climbs by it."""

from typing import Any

import pytest

from lback import Application, ConfigurationError
from lback.admin import ModelAdmin
from lback.testing import Client
from lback.users import AdminUser, Permission, Role, User

NEW = "a rather long new password"


def add(client: Client, form_of: Any, section: str, **changes: Any) -> Any:
    data = form_of(client.get(f"/admin/{section}/add").text)
    return client.post(f"/admin/{section}/add", data={**data, **changes})


def enter(app: Application, name: str, password: str) -> Client:
    client = Client(app)
    client.post("/admin/sign-in", data={"username": name, "password": password})
    return client


def test_a_user_is_made_and_can_sign_in(
    ada: Client, gallery: Application, session: Any, form_of: Any
) -> None:
    answer = add(ada, form_of, "user", username="Bob", email="BOB@Example.org", new_password=NEW,
                 is_active="on")  # fmt: skip
    assert answer.status_code == 303, answer.text
    bob = gallery.user_manager.authenticate(session, "bob", NEW)
    assert bob is not None
    assert bob.email == "bob@example.org"
    assert NEW not in ada.get("/admin/history").text
    assert "password_hash" not in ada.get(f"/admin/user/row/{bob.id}").text
    assert bob.password_hash not in ada.get(f"/admin/user/row/{bob.id}").text
    assert bob.password_hash not in ada.get("/admin/user/export.json").text


def test_the_rules_of_accounts_hold(ada: Client, session: Any, form_of: Any) -> None:
    fine = {"username": "Bob", "email": "bob@example.org", "new_password": NEW}
    assert add(ada, form_of, "user", **fine).status_code == 303
    for changes, words in (
        ({"username": "BOB", "email": ""}, "This username is taken"),
        ({"username": "Rob", "email": "BOB@example.org"}, "This email address already has"),
        ({"username": "Rob", "email": "nobody"}, "such as ada@example.org"),
        ({"username": "Rob", "email": "", "new_password": ""}, "Please fill this in."),
        ({"username": "Rob", "email": "", "new_password": "short"}, "password"),
        ({"username": "a@b.org", "email": "c@b.org"}, "A username with an @"),
    ):
        answer = add(ada, form_of, "user", **{**fine, **changes})
        assert answer.status_code == 422, changes
        assert words in answer.text
        assert NEW not in answer.text
    assert session.query(User).count() == 1


def test_a_new_password_ends_the_sessions_of_others_and_not_your_own(
    ada: Client, gallery: Application, session: Any, form_of: Any, helper: Client, password: str
) -> None:
    hal = gallery.admin_user_manager.get_by_username(session, "hal")
    me = gallery.admin_user_manager.get_by_username(session, "ada")
    assert hal is not None
    assert me is not None
    assert helper.get("/admin/").status_code == 200
    url = f"/admin/admin-user/row/{hal.id}"
    data = form_of(ada.get(url).text) | {"new_password": NEW}
    assert ada.post(url, data=data).status_code == 303
    assert helper.get("/admin/").status_code == 302
    assert enter(gallery, "hal", NEW).get("/admin/").status_code == 200
    url = f"/admin/admin-user/row/{me.id}"
    data = form_of(ada.get(url).text) | {"new_password": NEW + "!", "current_password": password}
    assert ada.post(url, data=data).status_code == 303
    assert ada.get("/admin/").status_code == 200


def test_deactivating_someone_ends_their_sessions(
    ada: Client, gallery: Application, session: Any, form_of: Any, helper: Client
) -> None:
    hal = gallery.admin_user_manager.get_by_username(session, "hal")
    assert hal is not None
    url = f"/admin/admin-user/row/{hal.id}"
    data = form_of(ada.get(url).text)
    assert data.pop("is_active") == "on"
    assert ada.post(url, data=data).status_code == 303
    assert helper.get("/admin/").status_code == 302


def test_a_role_is_made_and_given(
    ada: Client, gallery: Application, works: Any, session: Any, helper: Client, form_of: Any
) -> None:
    assert helper.get("/admin/painter").status_code == 404
    answer = add(ada, form_of, "role", name="keeper", allowed=["painter.view", "painter.add"])
    assert answer.status_code == 303, answer.text
    role = session.query(Role).filter_by(name="keeper").one()
    assert sorted(p.name for p in role.permissions) == ["painter.add", "painter.view"]
    hal = gallery.admin_user_manager.get_by_username(session, "hal")
    assert hal is not None
    url = f"/admin/admin-user/row/{hal.id}"
    data = form_of(ada.get(url).text)
    ada.post(url, data=data | {"roles": [*data["roles"], str(role.id)]})
    assert helper.get("/admin/painter").status_code == 200
    assert helper.get("/admin/painter/add").status_code == 200
    assert "Roles" in ada.get("/admin/history").text
    url = f"/admin/role/row/{role.id}"
    data = form_of(ada.get(url).text)
    assert ada.post(url, data=data | {"allowed": ["painter.view", "root"]}).status_code == 422
    assert ada.post(url, data=data | {"allowed": ["painter.view"]}).status_code == 303
    assert helper.get("/admin/painter/add").status_code == 403


def test_two_editors_of_a_role(ada: Client, session: Any, form_of: Any, helper: Client) -> None:
    role = session.query(Role).filter_by(name="helper").one()
    url = f"/admin/role/row/{role.id}"
    data = form_of(ada.get(url).text)
    role.permissions = [*role.permissions, Permission(name="more")]
    session.commit()
    assert ada.post(url, data=data).status_code == 409


def test_no_one_climbs(
    gallery: Application, session: Any, helper: Client, form_of: Any, ada: Client
) -> None:
    manager = gallery.admin_user_manager
    hal, me = manager.get_by_username(session, "hal"), manager.get_by_username(session, "ada")
    assert hal is not None
    assert me is not None
    role = hal.roles[0]
    everything = ("view", "add", "change", "delete")
    role.permissions = [
        Permission(name=f"{slug}.{action}")
        for slug in ("admin-user", "user", "role")
        for action in everything
    ]
    other = Role(name="other")
    session.add(other)
    session.commit()
    assert helper.get("/admin/role").status_code == 404
    mine = f"/admin/admin-user/row/{hal.id}"
    data = form_of(helper.get(mine).text)
    data |= {"is_superuser": "on", "roles": [str(role.id), str(other.id)]}
    assert helper.post(mine, data=data).status_code == 303
    session.expire_all()
    assert not hal.is_superuser
    assert hal.roles == [role]
    hers = f"/admin/admin-user/row/{me.id}"
    assert helper.post(hers, data={"new_password": NEW}).status_code == 403
    assert helper.post(f"{hers}/delete", data={"confirmed": "yes"}).status_code == 403
    assert ada.post(f"{hers}/delete", data={"confirmed": "yes"}).status_code == 403
    chosen = {"action": "delete", "key": [str(hal.id), str(me.id)], "confirmed": "yes"}
    assert helper.post("/admin/admin-user", data=chosen).status_code == 403
    made = add(helper, form_of, "admin-user", username="mallory", new_password=NEW,
               is_superuser="on", is_active="on")  # fmt: skip
    assert made.status_code == 303
    session.expire_all()
    mallory = manager.get_by_username(session, "mallory")
    assert mallory is not None
    assert not mallory.is_superuser
    assert mallory.roles == []


def test_guessing_passwords_is_slowed_down(gallery: Application) -> None:
    client = Client(gallery)
    data = {"username": "guessed", "password": "wrong"}
    statuses = [client.post("/admin/sign-in", data=data).status_code for _ in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_forged_forms_are_refused(gallery: Application, password: str, form_of: Any) -> None:
    browser = Client(gallery, enforce_csrf=True)
    data = {"username": "ada", "password": password}
    assert browser.post("/admin/sign-in", data=data).status_code == 403
    page = browser.get("/admin/sign-in").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = browser.post("/admin/sign-in", data=data | {"csrf_token": token})
    assert answer.status_code == 303
    for url in ("/admin/painting/add", "/admin/painting", "/admin/sign-out"):
        assert browser.post(url, data={"title": "x"}).status_code == 403
        assert browser.post(url, data={"csrf_token": token}).status_code == 403
    data = form_of(browser.get("/admin/theme/add").text) | {"word": "Sea"}
    assert browser.post("/admin/theme/add", data=data).status_code == 303


def test_an_admin_without_protection_does_not_start() -> None:
    app = Application(DEBUG=True, DATABASE_URL="sqlite://", MIDDLEWARES=[])
    app.include("lback.admin.urls", "/admin")
    with pytest.raises(
        ConfigurationError, match=r"the admin needs further MIDDLEWARES: add .*CSRF"
    ):
        app.prepare()


def test_a_project_shows_its_users_as_it_likes() -> None:
    class Mine(ModelAdmin):
        list_columns = ("username",)

    app = Application(DEBUG=True, DATABASE_URL="sqlite://")
    app.admin_registry.register(User, Mine)
    app.prepare()
    assert isinstance(app.admin_registry.registered_models["user"].options, Mine)
    assert app.admin_registry.get_registered_model(AdminUser) is not None
