"""Somebody registers, signs in, and is kept apart from everybody else."""

import logging
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, SessionTransaction

from lback.core.exceptions import ValidationError
from lback.database import DatabaseManager, utc_now
from lback.users import AdminUserManager, User, UserManager
from lback.users.models import USERNAME_KEY_LENGTH, clean_username, username_key

users = UserManager()


def register(database: DatabaseManager, username: str = "Ada", email: str | None = None) -> User:
    with database.session() as session:
        return users.register(session, username, "correct horse", email)


def refusal(
    session: Session, username: str = "Ada", password: str = "correct horse", email: str = ""
) -> dict[str, list[str]]:
    """Return the errors of a registration that must fail."""
    with pytest.raises(ValidationError) as raised:
        users.register(session, username, password, email)
    return raised.value.errors


def test_who_registered_signs_in_and_only_with_the_password(database: DatabaseManager) -> None:
    ada = register(database, email="ada@example.org")
    with database.session() as session:
        found = users.authenticate(session, "Ada", "correct horse")
        assert found is not None
        assert (found.id, found.username, found.email) == (ada.id, "Ada", "ada@example.org")
        assert found.is_authenticated
        assert found.is_active
        assert abs((utc_now() - found.created_at).total_seconds()) < 60
        assert users.authenticate(session, "Ada", "wrong") is None
        assert users.authenticate(session, "Ada", "") is None
        assert users.authenticate(session, "Grace", "correct horse") is None


@pytest.mark.parametrize("written", ["ada", "aDA", " Ada ", "\uff21\uff24\uff21"])
def test_a_username_is_the_same_however_it_is_written(
    database: DatabaseManager, written: str
) -> None:
    ada = register(database)
    with database.session() as session:
        found = users.get_by_username(session, written)
        assert found is not None
        assert found.id == ada.id
        assert refusal(session, username=written) == {
            "username": ["This username is taken. Choose another one."]
        }


def test_names_in_any_script_come_back_as_written(database: DatabaseManager) -> None:
    for name in ("Grüße", "李小龍", "Ѐлена", "😀", "Ada Lovelace"):
        ada = register(database, name)
        with database.session() as session:
            found = users.get(session, ada.id)
            assert found is not None
            assert found.username == name


def test_accents_make_another_name(database: DatabaseManager) -> None:
    assert register(database, "José").id != register(database, "Jose").id


def test_an_email_address_belongs_to_one_account_and_may_be_missing(
    database: DatabaseManager,
) -> None:
    register(database, "ada", "Ada@Example.org")
    register(database, "grace")
    register(database, "joan", "  ")
    with database.session() as session:
        errors = refusal(session, username="ada", email="ada@example.ORG ")
        assert set(errors) == {"username", "email"}
        assert set(refusal(session, username="mary", email="ada@example.org")) == {"email"}
        assert session.scalar(select(func.count()).select_from(User)) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "   "),
        ("username", "\u3000"),
        ("username", "x" * 151),
        ("username", "\ufdfa" * 100),
        ("username", "a\0b"),
        ("username", "a\u200bb"),
        ("username", "a\nb"),
        ("username", "\ud800"),
        ("password", ""),
        ("password", "x" * 1025),
        ("email", "ada"),
        ("email", "@example.org"),
        ("email", "ada@"),
        ("email", "a da@example.org"),
        ("email", "ada@exam\0ple.org"),
        ("email", "ada@exam\nple.org"),
        ("email", "\ud800@example.org"),
        ("email", "x" * 250 + "@example.org"),
    ],
)
def test_values_that_cannot_be_are_refused_before_the_database(
    database: DatabaseManager, field: str, value: str
) -> None:
    with database.session() as session:
        assert set(refusal(session, **{field: value})) == {field}
        assert users.get_by_username(session, "\0" + value[:1]) is None


def test_all_that_is_wrong_is_said_at_once(database: DatabaseManager) -> None:
    with database.session() as session:
        errors = refusal(session, username="", password="", email="x")
        assert set(errors) == {"username", "password", "email"}


def test_a_race_for_a_username_has_one_winner(database: DatabaseManager) -> None:
    barrier = Barrier(2)

    def race(_: int) -> str:
        with database.session() as session:
            session.scalars(select(User)).all()
            barrier.wait()
            try:
                users.register(session, "Ada", "correct horse", "ada@example.org")
            except ValidationError as error:
                # The rest of the transaction is not lost with it.
                assert session.scalar(select(1)) == 1
                return ",".join(error.errors)
            return "won"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, range(2))) == ["email,username", "won"]


def test_a_name_that_another_transaction_holds_is_refused_once_that_commits(
    database: DatabaseManager,
) -> None:
    """The slower one has looked and seen nothing; only the database can tell."""
    looked = Barrier(2)

    class Slow(Session):
        def begin_nested(self) -> SessionTransaction:
            looked.wait(5)
            looked.wait(5)
            return super().begin_nested()

    def register_slowly() -> str:
        with Slow(database.engine) as session:
            try:
                users.register(session, "ada", "correct horse")
            except ValidationError as error:
                return ",".join(error.errors)
            return "won"

    with ThreadPoolExecutor() as pool:
        slower = pool.submit(register_slowly)
        looked.wait(5)
        register(database)
        looked.wait(5)
        assert slower.result(timeout=5) == "username"


def test_another_broken_rule_of_the_table_is_not_a_taken_name(database: DatabaseManager) -> None:
    class Forgetful(UserManager):
        def _new(self, username: str, password: str, email: str | None) -> User:
            account = super()._new(username, password, email)
            account.id = grace.id
            return account

    grace = register(database, "grace")
    with database.session() as session, pytest.raises(IntegrityError), session.no_autoflush:
        Forgetful().register(session, "ada", "correct horse")


def test_who_is_deactivated_cannot_sign_in_until_activated(database: DatabaseManager) -> None:
    with database.session() as session:
        ada = users.register(session, "ada", "correct horse")
        users.deactivate(session, ada)
        assert users.authenticate(session, "ada", "correct horse") is None
        users.activate(session, ada)
        assert users.authenticate(session, "ada", "correct horse") is ada


def test_a_new_password_replaces_the_old_one(database: DatabaseManager) -> None:
    register(database)
    with database.session() as session:
        ada = users.get_by_username(session, "ada")
        assert ada is not None
        users.set_password(session, ada, "battery staple")
        with pytest.raises(ValidationError):
            users.set_password(session, ada, "")
    with database.session() as session:
        assert users.authenticate(session, "ada", "correct horse") is None
        assert users.authenticate(session, "ada", "battery staple") is not None


def test_signing_in_renews_a_hash_with_older_parameters(database: DatabaseManager) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("correct horse")
    with database.session() as session:
        ada = users.register(session, "ada", "correct horse")
        ada.password_hash = old
    with database.session() as session:
        users.authenticate(session, "ada", "wrong")
        assert users.authenticate(session, "ada", "correct horse") is not None
    with database.session() as session:
        found = users.get(session, ada.id)
        assert found is not None
        assert found.password_hash != old
        assert users.authenticate(session, "ada", "correct horse") is not None


def test_an_id_is_never_given_twice(database: DatabaseManager) -> None:
    ada = register(database)
    with database.session() as session:
        session.delete(session.get_one(User, ada.id))
    assert register(database, "grace").id != ada.id


def test_users_of_the_admin_are_others(database: DatabaseManager) -> None:
    admins = AdminUserManager()
    register(database, "ada")
    with database.session() as session:
        root = admins.register(session, "ada", "battery staple", is_superuser=True)
        helper = admins.register(session, "grace", "battery staple")
    with database.session() as session:
        assert users.authenticate(session, "ada", "battery staple") is None
        found = admins.authenticate(session, "ada", "battery staple")
        assert found is not None
        assert (found.id, found.is_superuser, found.is_authenticated) == (root.id, True, True)
        again = admins.get(session, helper.id)
        assert again is not None
        assert not again.is_superuser


def test_neither_texts_nor_logs_tell_a_secret(
    database: DatabaseManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), database.session() as session:
        ada = users.register(session, "Ada", "correct horse", "ada@example.org")
        users.authenticate(session, "Ada", "wrong horse")
        users.authenticate(session, "Mallory", "wrong horse")
        assert repr(ada) == f"<User {ada.id}>"
    assert caplog.messages == [
        f"account registered: <User {ada.id}>",
        f"login failed: <User {ada.id}>",
        "login failed: unknown user",
    ]


@given(st.text(max_size=150))
def test_a_key_does_not_change_when_its_name_is_written_otherwise(name: str) -> None:
    key = username_key(name)
    for other in (key, name.casefold(), clean_username(name)):
        assert username_key(other) == key
    assert username_key(unicodedata.normalize("NFD", name)) == key


@given(st.text(max_size=150))
def test_the_key_of_a_name_that_fits_fits_as_well(name: str) -> None:
    assert len(username_key(clean_username(name)[:150])) <= USERNAME_KEY_LENGTH
