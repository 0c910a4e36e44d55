"""Programs prove who they are: access tokens, refresh tokens and API keys."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwk, jwt
from sqlalchemy import inspect, select

from lback import Application, Config, ConfigurationError, Request, Unauthorized
from lback.auth import AccessTokens, ApiKey, ApiKeyManager, TokenManager, TokenPair
from lback.auth.refresh_tokens import RefreshToken
from lback.database import DatabaseManager, utc_now
from lback.testing import Client
from lback.users import User, UserManager

pytestmark = pytest.mark.usefixtures("quick_passwords")

AUDIENCE = "https://api.example.com"
SETTINGS: dict[str, Any] = {"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc", "JWT_AUDIENCE": AUDIENCE}
users = UserManager()
keys = ApiKeyManager(users)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def access(clock: Clock | None = None, **settings: Any) -> AccessTokens:
    config = Config(None, settings={**SETTINGS, **settings})
    return AccessTokens(config, clock=clock or Clock())


@pytest.fixture
def tokens(database: DatabaseManager, clock: Clock) -> TokenManager:
    return TokenManager(access(clock), users, database, lifetime=3600, clock=clock)


@pytest.fixture
def ada(database: DatabaseManager) -> User:
    with database.session() as session:
        return users.register(session, "ada", "correct horse")


def issue(database: DatabaseManager, tokens: TokenManager, user: User) -> TokenPair:
    with database.session() as session:
        return tokens.issue(session, session.merge(user))


def owner(database: DatabaseManager, tokens: TokenManager, token: str) -> str | None:
    with database.session() as session:
        account = tokens.account(session, token)
        return None if account is None else account.username


# Access tokens.


def test_a_token_says_who_made_it_for_whom_and_until_when(clock: Clock) -> None:
    tokens = access(clock, JWT_ISSUER="https://id.example.com")
    claims = tokens.read(tokens.issue("7", 3))
    assert claims is not None
    assert claims.pop("jti")
    assert claims == {
        "iss": "https://id.example.com",
        "aud": AUDIENCE,
        "sub": "7",
        "iat": clock.now,
        "nbf": clock.now,
        "exp": clock.now + 900,
        "ver": 3,
    }


def test_a_token_ends_in_time_and_a_clock_set_back_revives_none(clock: Clock) -> None:
    tokens = access(clock)
    token = tokens.issue("7", 0)
    clock.now += 899
    assert tokens.read(token)
    clock.now += 7
    assert tokens.read(token) is None
    clock.now -= 24 * 3600
    assert tokens.read(token) is None


@pytest.mark.parametrize(
    ("settings", "accepted", "refused"),
    [({}, 60, 61), ({"CLOCK_TOLERANCE": 0}, 0, 1), ({"CLOCK_TOLERANCE": 600}, 600, 601)],
)
def test_the_clock_of_the_issuer_may_be_ahead(
    clock: Clock,
    settings: dict[str, Any],
    accepted: int,
    refused: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tokens = access(clock, **settings)
    token = tokens.issue("7", 0)
    clock.now -= accepted
    assert tokens.read(token)
    clock.now -= refused - accepted
    assert tokens.read(token) is None
    assert tokens.read(token) is None
    assert [line.partition(":")[0] for line in caplog.messages] == [
        f"refused an access token from {refused} s in the future"
    ]


def test_the_tolerance_does_not_extend_the_life_of_a_token(clock: Clock) -> None:
    tokens = access(clock, CLOCK_TOLERANCE=600)
    token = tokens.issue("7", 0)
    clock.now += 906
    assert tokens.read(token) is None


def forged(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    def part(data: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}.{signature}"


def signed(clock: Clock, *, header: Any = None, key: Any = None, **changed: Any) -> str:
    """A token with the right key, in which something is different."""
    claims: dict[str, Any] = {
        "iss": AUDIENCE, "aud": AUDIENCE, "sub": "7", "ver": 0,
        "iat": int(clock.now), "nbf": int(clock.now), "exp": int(clock.now) + 900, **changed,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    own = {"alg": "HS256", "typ": "at+jwt", **(header or {})}
    key = key or access(clock)._keys()[0]
    return jwt.encode(own, claims, key, algorithms=[own["alg"]])


def test_what_is_changed_of_a_good_token_makes_it_a_bad_one(clock: Clock) -> None:
    tokens = access(clock)
    assert tokens.read(signed(clock))
    future = int(clock.now) + 600
    bad = [
        signed(clock, aud="https://other.example.com"),
        signed(clock, aud=["https://other.example.com"]),
        signed(clock, iss="https://evil.example.com"),
        signed(clock, exp=int(clock.now) - 60),
        signed(clock, nbf=future),
        signed(clock, iat=future),
        *(signed(clock, **{name: None}) for name in ("iss", "aud", "sub", "exp", "nbf", "iat")),
        signed(clock, sub=7),
        signed(clock, exp="tomorrow"),
        signed(clock, iat="today"),
        signed(clock, nbf=True),
        signed(clock, header={"typ": "JWT"}),
        signed(clock, header={"alg": "HS512"}),
        signed(clock, key=jwk.OctKey.import_key("x" * 64)),
        forged({"alg": "none", "typ": "at+jwt"}, {"sub": "7", "aud": AUDIENCE}),
        forged({"alg": "NONE", "typ": "at+jwt"}, {"sub": "7"}, "e30"),
        forged({"alg": "HS256", "typ": "at+jwt", "crit": ["x"]}, {"sub": "7"}, "e30"),
        signed(clock)[:-2] + "AA",
        signed(clock) + "." * 5000,
        "", ".", "..", "a.b.c", "\u00e4.b.c", "x" * 100_000,
    ]  # fmt: skip
    assert [tokens.read(token) for token in bad] == [None] * len(bad)


def test_a_public_key_is_not_a_secret_for_hmac(clock: Clock) -> None:
    """The algorithm is that of the configuration: the old trick of calling RS256 HS256."""
    private = jwk.RSAKey.generate_key(2048)
    tokens = access(clock, JWT_ALGORITHM="RS256", JWT_KEY=private.as_pem(private=True).decode())
    assert tokens.read(tokens.issue("7", 0))
    good = signed(clock)
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    unsigned = forged({"alg": "HS256", "typ": "at+jwt"}, claims).removesuffix(".")
    public = private.as_pem(private=False)
    digest = hmac.new(public, unsigned.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert tokens.read(f"{unsigned}.{signature}") is None


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", jwk.ECKey.generate_key("P-256")),
        ("Ed25519", jwk.OKPKey.generate_key("Ed25519")),
    ],
)
def test_two_keys_may_sign_and_verify(clock: Clock, algorithm: str, key: Any) -> None:
    tokens = access(clock, JWT_ALGORITHM=algorithm, JWT_KEY=key.as_pem(private=True).decode())
    assert tokens.read(tokens.issue("7", 0))


def test_a_replaced_secret_key_leaves_tokens_good_until_they_end(clock: Clock) -> None:
    old = access(clock)
    new = access(clock, SECRET_KEY="n" * 40, SECRET_KEY_FALLBACKS=["kT4-q9ZpW2_xR7mL8vNc"])
    assert new.read(old.issue("7", 0))
    assert old.read(new.issue("7", 0)) is None
    assert access(clock, JWT_KEY="s" * 32).read(old.issue("7", 0)) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"JWT_ALGORITHM": "RS256"},
        {"JWT_ALGORITHM": "RS256", "JWT_KEY": "no pem, but secret"},
        {"JWT_ALGORITHM": "ES256", "JWT_KEY": "-----BEGIN PRIVATE KEY-----\nsecret"},
        {"JWT_KEY": "short secret"},
    ],
)
def test_a_key_that_cannot_sign_stops_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="JWT_KEY is not a valid key for") as raised:
        access(**settings)
    assert "secret" not in str(raised.value)


def test_an_empty_secret_key_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEY, which is empty"):
        access(SECRET_KEY="").issue("7", 0)


def test_an_algorithm_that_no_one_chose_is_refused() -> None:
    with pytest.raises(ValueError, match=r"JWT_ALGORITHM = 'none' .* must be one of HS256"):
        Config.validate(Config(None, settings={**SETTINGS, "JWT_ALGORITHM": "none"}))


# Refresh tokens.


def test_a_pair_proves_who_it_is_and_is_exchanged_for_the_next(
    database: DatabaseManager, tokens: TokenManager, ada: User
) -> None:
    first = issue(database, tokens, ada)
    assert owner(database, tokens, first.access_token) == "ada"
    second = tokens.refresh(first.refresh_token)
    assert owner(database, tokens, second.access_token) == "ada"
    assert second.refresh_token != first.refresh_token
    assert second.as_dict() == {
        "access_token": second.access_token,
        "refresh_token": second.refresh_token,
        "token_type": "Bearer",
        "expires_in": 900,
    }
    assert second.refresh_token not in repr(second)


def refused(tokens: TokenManager, token: str) -> bool:
    try:
        tokens.refresh(token)
    except Unauthorized as error:
        assert 'error="invalid_token"' in error.headers["WWW-Authenticate"]
        return True
    return False


def test_a_token_that_is_used_twice_ends_all_of_its_family(
    database: DatabaseManager, tokens: TokenManager, ada: User
) -> None:
    stolen = issue(database, tokens, ada)
    elsewhere = issue(database, tokens, ada)
    second = tokens.refresh(stolen.refresh_token)
    assert refused(tokens, stolen.refresh_token)
    assert refused(tokens, second.refresh_token)
    assert not refused(tokens, elsewhere.refresh_token)


def test_of_two_who_exchange_at_once_one_gets_a_pair(
    database: DatabaseManager, tokens: TokenManager, ada: User
) -> None:
    pair = issue(database, tokens, ada)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: refused(tokens, pair.refresh_token), range(4)))
    assert answers.count(False) <= 1


def test_tokens_end_in_time_by_hand_and_with_the_account(
    database: DatabaseManager, tokens: TokenManager, clock: Clock, ada: User
) -> None:
    late, revoked, of_one_who_left = (issue(database, tokens, ada) for _ in range(3))
    with database.session() as session:
        tokens.revoke(session, revoked.refresh_token)
        tokens.revoke(session, "none of ours")
    assert refused(tokens, revoked.refresh_token)
    with database.session() as session:
        users.set_password(session, session.get_one(User, ada.id), "battery staple")
    assert refused(tokens, of_one_who_left.refresh_token)
    assert owner(database, tokens, of_one_who_left.access_token) is None
    clock.now += 3600
    assert refused(tokens, late.refresh_token)
    for nonsense in ("", "x", "\ud800", "x" * 100_000):
        assert refused(tokens, nonsense)


def test_revoking_all_ends_access_at_once(
    database: DatabaseManager, tokens: TokenManager, ada: User
) -> None:
    pair = issue(database, tokens, ada)
    with database.session() as session:
        tokens.revoke_all(session, session.get_one(User, ada.id))
    assert owner(database, tokens, pair.access_token) is None
    assert refused(tokens, pair.refresh_token)


def test_the_table_holds_no_token_and_forgets_old_ones(
    database: DatabaseManager, tokens: TokenManager, clock: Clock, ada: User
) -> None:
    pair = issue(database, tokens, ada)
    with database.session() as session:
        row = session.scalars(select(RefreshToken)).one()
        held = [str(getattr(row, column.key)) for column in inspect(RefreshToken).columns]
        assert not {pair.refresh_token, pair.access_token} & set(held)
    clock.now += 7200
    issue(database, tokens, ada)
    with database.session() as session:
        assert len(session.scalars(select(RefreshToken)).all()) == 1


# API keys.


def test_a_key_is_good_until_it_is_taken_back(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        text, row = keys.create(session, ada, "backup")
        assert text.startswith("lbk_")
        assert keys.account(session, text).username == "ada"  # type: ignore[union-attr]  # it is
        assert repr(row) == f"<ApiKey {text[:10]}… 'backup'>"
        assert row.last_used_at is not None
        assert [key.name for key in keys.keys_of(session, ada)] == ["backup"]
        assert keys.revoke(session, ada, row.id)
        assert not keys.revoke(session, ada, row.id)
        assert keys.account(session, text) is None
        assert keys.keys_of(session, ada) == []


def test_a_key_ends_in_time_and_with_its_owner(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        past, _ = keys.create(session, ada, "old", expires_at=utc_now() - timedelta(seconds=1))
        good, _ = keys.create(session, ada, "new", expires_at=utc_now() + timedelta(hours=1))
        assert keys.account(session, past) is None
        assert keys.account(session, good) is not None
        users.deactivate(session, session.get_one(User, ada.id))
        assert keys.account(session, good) is None
        assert keys.account(session, "lbk_\ud800") is None


def test_no_one_takes_back_the_key_of_another_user(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        grace = users.register(session, "grace", "correct horse")
        text, row = keys.create(session, ada, "backup")
        assert not keys.revoke(session, grace, row.id)
        assert not keys.revoke(session, grace, 99)
        assert keys.account(session, text) is not None


def test_the_use_of_a_key_is_noted_once_an_hour(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        text, row = keys.create(session, ada, "backup")
        row.last_used_at = noted = utc_now() - timedelta(minutes=59)
        keys.account(session, text)
        assert row.last_used_at == noted
        row.last_used_at = utc_now() - timedelta(minutes=61)
        keys.account(session, text)
        assert utc_now() - row.last_used_at < timedelta(minutes=1)


def test_the_table_holds_no_key(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        text, _ = keys.create(session, ada, "backup")
        row = session.scalars(select(ApiKey)).one()
        held = [str(getattr(row, column.key)) for column in inspect(ApiKey).column_attrs]
        assert text not in held
        assert text[10:] not in "".join(held)


def test_a_long_name_of_a_key_is_cut_to_its_column(database: DatabaseManager, ada: User) -> None:
    with database.session() as session:
        keys.create(session, ada, "backup " * 50)
    with database.session() as session:
        assert session.scalars(select(ApiKey.name)).one() == ("backup " * 50)[:100]


# At the door.


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(**SETTINGS, DEBUG=True, DATABASE_URL="sqlite://", LOGIN_URL="/sign-in")
    app.db_manager.create_tables()
    app.add_route("/private", private)
    app.add_route("/open", private, requires_auth=False)
    with app.db_manager.session() as session:
        for name in ("ada", "grace"):
            app.user_manager.register(session, name, "correct horse")
    yield app
    app.db_manager.dispose()


def private(request: Request) -> str:
    return "nobody" if request.user is None else str(request.user.username)


def user_of(app: Application, name: str) -> User:
    with app.db_manager.session() as session:
        user = app.user_manager.get_by_username(session, name)
        assert user is not None
        return user


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def test_a_program_enters_with_a_token_or_a_key(app: Application) -> None:
    manager: TokenManager = app.dependencies["token_manager"]
    with app.db_manager.session() as session:
        ada = session.merge(user_of(app, "ada"))
        pair = manager.issue(session, ada)
        key, _ = app.dependencies["api_key_manager"].create(session, ada, "backup")
    client = Client(app)
    for good in (bearer(pair.access_token), bearer(key), bearer(f" {key} ", "bearer")):
        answer = client.get("/private", headers=good)
        assert answer.text == "ada"
        assert "vary" not in answer.headers
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/private", "/open"])
def test_a_bad_token_is_refused_although_a_session_is_good(app: Application, path: str) -> None:
    client = Client(app)
    client.sign_in(user_of(app, "ada"))
    assert client.get(path).text == "ada"
    for bad in ("lbk_nonsense", "a.b.c", ""):
        answer = client.get(path, headers=bearer(bad))
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="users", error="invalid_token"'


def test_a_token_counts_before_a_session(app: Application) -> None:
    client = Client(app)
    client.sign_in(user_of(app, "grace"))
    with app.db_manager.session() as session:
        manager = app.dependencies["api_key_manager"]
        key, _ = manager.create(session, user_of(app, "ada"), "backup")
    assert client.get("/private", headers=bearer(key)).text == "ada"


def test_other_schemes_are_left_alone(app: Application) -> None:
    assert Client(app).get("/open", headers=bearer("YTpi", "Basic")).text == "nobody"


def test_a_new_password_and_new_tokens_fit_in_one_transaction(app: Application) -> None:
    manager: TokenManager = app.dependencies["token_manager"]
    with app.db_manager.session() as session:
        ada = session.merge(user_of(app, "ada"))
        old = manager.issue(session, ada)
        app.user_manager.set_password(session, ada, "battery staple horse")
        pair = manager.issue(session, ada)
    client = Client(app)
    assert client.get("/private", headers=bearer(old.access_token)).status_code == 401
    assert client.get("/private", headers=bearer(pair.access_token)).text == "ada"
    assert manager.refresh(pair.refresh_token).access_token


def test_a_setting_names_further_schemes() -> None:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        BEARER_SCHEMES=["Bearer", "Token"],
    )
    app.db_manager.create_tables()
    app.add_route("/private", private, ["GET", "POST"])
    with app.db_manager.session() as session:
        ada = app.user_manager.register(session, "ada", "correct horse battery")
        key, _ = app.dependencies["api_key_manager"].create(session, ada, "backup")
    client = Client(app)
    for scheme in ("Bearer", "Token", "token"):
        assert client.get("/private", headers=bearer(key, scheme)).text == "ada"
        # Without the token of a form: no other site can make a browser send this field.
        assert client.post("/private", headers=bearer(key, scheme)).text == "ada"
    assert client.get("/private", headers=bearer("lbk_nonsense", "Token")).status_code == 401
    assert client.get("/private", headers=bearer(key, "Key")).status_code == 401
    app.db_manager.dispose()


def test_programs_are_told_that_a_token_would_do(app: Application) -> None:
    answer = Client(app).get("/private")
    assert answer.headers["www-authenticate"] == 'Bearer realm="users", Session realm="users"'


def test_without_an_audience_there_are_no_access_tokens_but_keys() -> None:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL="sqlite://")
    app.db_manager.create_tables()
    app.add_route("/open", private, requires_auth=False)
    assert "token_manager" not in app.dependencies
    client = Client(app)
    assert client.get("/open", headers=bearer("a.b.c")).text == "nobody"
    assert client.get("/open", headers=bearer("lbk_nonsense")).status_code == 401
    app.db_manager.dispose()
