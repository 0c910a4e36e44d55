"""A program gets tokens for a password, exchanges them, and gives them back."""

from collections.abc import Iterator
from typing import Any

import pytest

from lback import Application, ConfigurationError, Request
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

SETTINGS: dict[str, Any] = {
    "DEBUG": True,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "DATABASE_URL": "sqlite://",
    "JWT_AUDIENCE": "https://api.example.com",
}


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(**SETTINGS)
    app.db_manager.create_tables()
    app.include("lback.accounts.tokens", "/tokens/")
    app.add_route("/me", me)
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", "correct horse")
    yield app
    app.db_manager.dispose()


def me(request: Request) -> str:
    assert request.user is not None
    return str(request.user.username)


def test_the_life_of_a_pair(app: Application) -> None:
    client = Client(app, enforce_csrf=True)
    credentials = {"username": "ada", "password": "correct horse"}
    for how in ({"json": credentials}, {"data": credentials}):
        answer = client.post("/tokens/", **how)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
    assert client.cookies == {}
    pair = answer.json()
    assert set(pair) == {"access_token", "refresh_token", "token_type", "expires_in"}

    def enter(token: str) -> int:
        return client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code

    assert enter(pair["access_token"]) == 200
    following = client.post("/tokens/refresh", json={"refresh_token": pair["refresh_token"]}).json()
    assert enter(following["access_token"]) == 200
    given_back = {"refresh_token": following["refresh_token"]}
    assert client.post("/tokens/revoke", json=given_back).status_code == 204
    assert client.post("/tokens/refresh", json=given_back).status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens/", {"username": "ada", "password": "wrong"}),
        ("/tokens/", {"username": "eda", "password": "correct horse"}),
        ("/tokens/", {}),
        ("/tokens/", {"username": ["ada"], "password": 7}),
        ("/tokens/refresh", {}),
        ("/tokens/refresh", {"refresh_token": "none of ours"}),
        ("/tokens/refresh", {"refresh_token": {"a": 1}}),
    ],
)
def test_what_is_not_right_gives_nothing(app: Application, path: str, body: Any) -> None:
    answer = Client(app).post(path, json=body)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="users"')


def test_guessing_is_counted(app: Application) -> None:
    client = Client(app)
    for _ in range(10):
        client.post("/tokens/", json={"username": "ada", "password": "wrong"})
    answer = client.post("/tokens/", json={"username": "ada", "password": "correct horse"})
    assert answer.status_code == 429


def test_without_an_audience_the_start_says_what_is_missing() -> None:
    app = Application(**{**SETTINGS, "JWT_AUDIENCE": ""})
    with pytest.raises(ConfigurationError, match="nothing fills the parameter 'token_manager'"):
        app.include("lback.accounts.tokens", "/tokens/")
