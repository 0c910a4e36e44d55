"""Another machine reads nothing of a development server by calling itself localhost."""

from collections.abc import Iterator

import pytest

from lback import Application
from lback.core.http.hosts import ANY_PEER
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

STRANGERS = [
    {"REMOTE_ADDR": "192.168.1.7"},
    {"REMOTE_ADDR": "2001:db8::7"},
    {"REMOTE_ADDR": ""},  # behind a Unix socket: what stands in front of it, nobody knows
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, 203.0.113.9"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "unknown"},
    {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.9"},
    {"REMOTE_ADDR": "127.0.0.1.evil"},
]
OWNERS = [
    {"REMOTE_ADDR": "127.0.0.1"},
    {"REMOTE_ADDR": "127.8.8.8"},
    {"REMOTE_ADDR": "::1"},
    {"REMOTE_ADDR": "::ffff:127.0.0.1"},
]


@pytest.fixture(params=[[], ["localhost"]], ids=["no hosts", "localhost allowed"])
def app(request: pytest.FixtureRequest) -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        ALLOWED_HOSTS=request.param,
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    app.add_route("/broken", broken, requires_auth=False)
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", "correct horse battery", "ada@example.org")
    Client(app).post("/accounts/forgot", data={"email": "ada@example.org"})
    app.mailer.flush()
    yield app
    app.db_manager.dispose()


def broken() -> str:
    raise RuntimeError("a line of the source")


@pytest.mark.parametrize("environ", STRANGERS, ids=str)
def test_a_stranger_does_not_read_the_mail(app: Application, environ: dict[str, str]) -> None:
    page = Client(app, environ=environ).get("/accounts/mailbox", headers={"Host": "localhost"})
    assert page.status_code in (400, 404)
    assert "/accounts/reset/" not in page.text.replace("/accounts/reset/{token}", "")


@pytest.mark.parametrize("environ", STRANGERS, ids=str)
def test_a_stranger_sees_no_source_where_no_host_is_allowed(environ: dict[str, str]) -> None:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", MIDDLEWARES=[])
    app.add_route("/broken", broken, requires_auth=False)
    assert Client(app).get("/broken").status_code == 500  # does not open it for others
    client = Client(app, environ={**environ, ANY_PEER: False})
    page = client.get("/broken", headers={"Host": "localhost"})
    assert page.status_code == 400


@pytest.mark.parametrize("environ", OWNERS, ids=str)
def test_the_developer_reads_the_mail(app: Application, environ: dict[str, str]) -> None:
    page = Client(app, environ=environ).get("/accounts/mailbox", headers={"Host": "localhost"})
    assert page.status_code == 200
    assert "/accounts/reset/" in page.text
