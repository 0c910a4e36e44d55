"""MySQL URLs as providers write them: TLS where it is asked for, and unknown options named."""

import ssl

import pytest
from sqlalchemy import make_url

from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.database.mysql import driver_options

HOST = "mysql+pymysql://ada@db.example.org/shop"


@pytest.mark.parametrize(
    ("query", "verify", "checks_host"),
    [
        ("ssl-mode=REQUIRED", ssl.CERT_NONE, False),
        ("ssl_mode=required", ssl.CERT_NONE, False),
        ("sslmode=require", ssl.CERT_NONE, False),
        ("ssl=true", ssl.CERT_NONE, False),
        ("useSSL=true", ssl.CERT_NONE, False),
        ("ssl-mode=VERIFY_CA", ssl.CERT_REQUIRED, False),
        ("sslmode=verify-ca", ssl.CERT_REQUIRED, False),
        ("ssl-mode=VERIFY_IDENTITY", ssl.CERT_REQUIRED, True),
        ("sslMode=verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_tls_as_providers_write_it(query: str, verify: ssl.VerifyMode, checks_host: bool) -> None:
    url, arguments = driver_options(make_url(f"{HOST}?{query}&charset=utf8mb4"))
    assert dict(url.query) == {"charset": "utf8mb4"}
    context = arguments["ssl"]
    assert (context.verify_mode, context.check_hostname) == (verify, checks_host)


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ("ssl-mode=DISABLED", {"ssl_disabled": True}),
        ("sslmode=disable", {"ssl_disabled": True}),
        ("ssl=0", {"ssl_disabled": True}),
        ("ssl-mode=PREFERRED", {}),
        ("connect_timeout=3", {}),
        ("", {}),
    ],
)
def test_no_tls_or_what_the_server_has(query: str, arguments: dict[str, bool]) -> None:
    assert driver_options(make_url(f"{HOST}?{query}"))[1] == arguments


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("reconnect=true", "unknown option 'reconnect'"),
        (
            "ssl-moed=REQUIRED",
            "unknown option 'ssl-moed' in the database URL; did you mean 'ssl-mode'?",
        ),
        ("pool_size=5", "unknown option 'pool_size'"),
        (
            "ssl-mode=MAYBE",
            "'ssl-mode' of the database URL cannot be 'MAYBE'; use one of DISABLED",
        ),
        ("connect_timeout=soon", "'connect_timeout' of the database URL must be a whole number"),
        ("charset=utf8&charset=utf8mb4", "'charset' of the database URL is given twice"),
        ("ssl-ca=/no/such/ca.pem", "'/no/such/ca.pem'"),
    ],
)
def test_an_option_that_cannot_be_is_named(query: str, words: str) -> None:
    manager = DatabaseManager.from_url(f"mysql://ada:s3cret@127.0.0.1/shop?{query}")
    with pytest.raises(ConfigurationError) as raised:
        _ = manager.engine
    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.mariadb
def test_a_server_without_tls_is_refused_where_tls_is_required(mariadb_url: str) -> None:
    plain = make_url(mariadb_url).update_query_dict({"ssl-mode": "DISABLED"})
    with DatabaseManager.from_url(plain.render_as_string(hide_password=False)).connection() as c:
        assert c.exec_driver_sql("SELECT 1").scalar() == 1
        has_tls = c.exec_driver_sql("SELECT @@have_ssl").scalar() == "YES"
    required = make_url(mariadb_url).update_query_dict({"ssl-mode": "REQUIRED"})
    manager = DatabaseManager.from_url(required.render_as_string(hide_password=False))
    if has_tls:
        with manager.connection() as c:
            assert c.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1]
    else:
        with pytest.raises(ConfigurationError, match="cannot connect to the database"):
            manager.engine.connect()


@pytest.mark.mariadb
def test_a_value_that_the_driver_cannot_use_is_named(mariadb_url: str) -> None:
    url = make_url(mariadb_url).update_query_dict({"charset": "no-such"})
    manager = DatabaseManager.from_url(url.render_as_string(hide_password=False))
    with pytest.raises(
        ConfigurationError, match=r"rejects an option of the database URL \(charset\)"
    ):
        manager.engine.connect()


def test_the_options_of_sqlite_are_named_too() -> None:
    with pytest.raises(
        ConfigurationError, match=r"rejects an option of the database URL \(timeout\)"
    ):
        _ = DatabaseManager.from_url("sqlite:///x.db?timeout=soon").engine
