"""Nobody locks the owner of an account out, and more workers do not mean more guesses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from lback import Application, ConfigurationError
from lback.auth import TooManyAttempts
from lback.auth.database_attempts import DatabaseAttempts
from lback.auth.throttle import LoginThrottle
from lback.database import DatabaseManager
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "correct horse"
FORM = {"username": "ada", "password": PASSWORD}
WRONG = {"username": "ada", "password": "wrong horse"}


def worker(url: str) -> Application:
    """Return an application as each worker of a server builds one."""
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL=url)
    app.include("lback.accounts.urls", "/accounts/")
    app.include("lback.admin.urls", "/admin")
    return app


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[Application]]:
    url = f"sqlite:///{tmp_path / 'db'}"
    apps = [worker(url) for _ in range(4)]
    apps[0].db_manager.create_tables()
    with apps[0].db_manager.session() as session:
        apps[0].user_manager.register(session, "ada", PASSWORD, "ada@example.org")
        apps[0].admin_user_manager.register(session, "ada", PASSWORD, is_superuser=True)
    yield apps
    for app in apps:
        app.db_manager.dispose()


def sign_in(client: Client, form: dict[str, str], url: str = "/accounts/sign-in") -> int:
    return client.post(url, data=form).status_code


def test_four_workers_take_no_more_guesses_than_one(workers: list[Application]) -> None:
    strangers = [Client(app) for app in workers]
    answers = [sign_in(client, WRONG) for _ in range(5) for client in strangers]
    assert answers.count(422) == 10
    assert answers.count(429) == 10


def test_another_spelling_of_an_address_gives_no_more_guesses(workers: list[Application]) -> None:
    app = workers[0]
    with app.db_manager.session() as session:
        app.user_manager.register(session, "lena", PASSWORD, "lena@b\xfccher.example")
    client = Client(app)
    domains = (
        "b\xfccher",
        "B\xdcCHER",
        "bu\u0308cher",
        "xn--bcher-kva",
        "XN--bcher-KVA",
        "b\xfcCHER",
    )
    spellings = [f"{name}@{domain}.example" for name in ("lena", "LENA") for domain in domains]
    guesses = [sign_in(client, {**WRONG, "username": name}) for name in spellings]
    assert guesses == [422] * 10 + [429] * 2


@pytest.mark.parametrize("url", ["/accounts/sign-in", "/admin/sign-in"])
def test_the_owner_gets_in_from_a_known_device_while_someone_guesses(
    workers: list[Application], url: str
) -> None:
    owner, stranger = Client(workers[0]), Client(workers[1])
    assert sign_in(owner, FORM, url) == 303
    owner.cookies.pop("session")
    while sign_in(stranger, WRONG, url) != 429:
        pass
    assert sign_in(Client(workers[2]), FORM, url) == 429
    assert sign_in(owner, FORM, url) == 303
    # Which opens the door to nobody else.
    assert sign_in(Client(workers[2]), FORM, url) == 429


def test_a_known_device_has_a_count_of_its_own(workers: list[Application]) -> None:
    device = Client(workers[0])
    sign_in(device, FORM)
    answers = [sign_in(device, WRONG) for _ in range(12)]
    assert answers.count(429) == 2
    assert sign_in(Client(workers[1]), FORM) == 303


def test_a_device_of_one_account_is_none_of_another(workers: list[Application]) -> None:
    with workers[0].db_manager.session() as session:
        workers[0].user_manager.register(session, "mallory", PASSWORD)
    mallory = Client(workers[0])
    sign_in(mallory, {"username": "mallory", "password": PASSWORD})
    assert "lback_device_user" in mallory.cookies
    answers = [sign_in(mallory, WRONG) for _ in range(15)]
    assert answers.count(422) == 10
    assert sign_in(mallory, FORM) == 429


def test_who_knew_the_password_keeps_no_count_of_their_own(workers: list[Application]) -> None:
    app = workers[0]
    devices = []
    for _ in range(3):
        thief = Client(app)
        sign_in(thief, FORM)
        thief.cookies.pop("session")
        devices.append(thief)
    with app.db_manager.session() as session:
        ada = app.user_manager.get_by_username(session, "ada")
        assert ada is not None
        app.user_manager.set_password(session, ada, "battery staple")
    answers = [sign_in(thief, WRONG) for thief in devices for _ in range(10)]
    assert answers.count(422) == 10


@pytest.mark.parametrize("value", ["", "x", "a.b.c", "\xfc", "=" * 500])
def test_a_forged_device_is_none(workers: list[Application], value: str) -> None:
    forger = Client(workers[0])
    forger.cookies["lback_device_user"] = value
    while sign_in(forger, WRONG) != 429:
        forger.cookies["lback_device_user"] = value
    assert sign_in(forger, FORM) == 429


def test_the_cookie_of_a_device_lets_no_one_in(workers: list[Application]) -> None:
    owner = Client(workers[0])
    answer = owner.post("/accounts/sign-in", data=FORM)
    sent = [v for n, v in answer.header_list if n == "Set-Cookie" and v.startswith("lback_device")]
    assert len(sent) == 1
    assert "HttpOnly" in sent[0]
    assert "SameSite=Lax" in sent[0]
    thief = Client(workers[1])
    thief.cookies["lback_device_user"] = owner.cookies["lback_device_user"]
    assert thief.get("/accounts/").status_code == 401


def test_programs_get_no_cookie(tmp_path: Path) -> None:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL=f"sqlite:///{tmp_path / 'db'}",
        JWT_AUDIENCE="https://example.com",
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.tokens", "/tokens")
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", PASSWORD)
    program = Client(app)
    assert program.post("/tokens/", json=FORM).status_code == 200
    assert program.cookies == {}
    app.db_manager.dispose()


# The table.


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_many_at_once_are_all_counted(database: DatabaseManager) -> None:
    attempts = DatabaseAttempts(database)
    for number in range(20):
        barrier = Barrier(4)

        def add(_: int, key: str = f"account:{number}", barrier: Barrier = barrier) -> int:
            barrier.wait()
            return attempts.add(key, 60).number

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(add, range(4))) == [1, 2, 3, 4]


def test_counting_begins_anew_after_the_time(database: DatabaseManager) -> None:
    clock = Clock()
    attempts = DatabaseAttempts(database, clock=clock)
    assert attempts.peek("a").number == 0
    assert [attempts.add("a", 60).number for _ in range(3)] == [1, 2, 3]
    assert 59 < attempts.peek("a").seconds_left <= 60
    clock.now += 61
    assert attempts.peek("a").number == 0
    assert attempts.add("a", 60).number == 1
    attempts.forget("a")
    assert attempts.peek("a").number == 0
    attempts.add("a", 60)
    clock.now -= 24 * 3600  # a clock that is set back locks nobody out for a day
    assert attempts.add("a", 60).number == 1


def test_what_is_over_is_cleaned_away(database: DatabaseManager) -> None:
    clock = Clock()
    attempts = DatabaseAttempts(database, clock=clock)
    for number in range(20):
        attempts.add(str(number), 60)
    clock.now += 3600
    attempts.add("new", 60)
    with database.connection() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM lback_attempts").scalar()
    assert rows == 1


def test_in_a_project_the_table_is_made_by_migrations(tmp_path: Path) -> None:
    database = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'db'}")
    strict = DatabaseAttempts(database, create_table=False)
    with pytest.raises(ConfigurationError, match="lback makemigrations"):
        strict.add("a", 60)
    assert DatabaseAttempts(database).add("a", 60).number == 1
    database.dispose()


def test_where_no_database_is_the_process_counts() -> None:
    from lback import Config

    throttle = LoginThrottle.of(Config(None, settings={"LOGIN_ATTEMPTS_PER_ACCOUNT": 1}))
    throttle.begin("ada", "127.0.0.1")
    with pytest.raises(TooManyAttempts):
        throttle.begin("ada", "127.0.0.1")
