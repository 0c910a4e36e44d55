"""Accounts change hands, names and passwords by rules that say what is wrong."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Config, ConfigurationError, ValidationError
from lback.database import Base, DatabaseManager, utc_now
from lback.security import PasswordPolicy, TokenSigner, passwords
from lback.users import (
    Account,
    AccountTokens,
    AdminUserManager,
    User,
    UserManager,
    define_role,
    user_model,
)
from lback.users.models import NEVER_REUSE_IDS

pytestmark = pytest.mark.usefixtures("quick_passwords")

users = UserManager()
PASSWORD = "correct horse"


class Customer(Account, Base):
    """A project's own users, with what it wants to know of them."""

    __tablename__ = "customers"
    __table_args__ = NEVER_REUSE_IDS

    company: Mapped[str] = mapped_column(String(100), default="")


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class CountingHasher:
    """The hasher that passwords are checked with, and how often it was at work."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self.count = 0

    def verify(self, *arguments: Any) -> bool:
        self.count += 1
        return self._hasher.verify(*arguments)

    def hash(self, *arguments: Any) -> str:
        self.count += 1
        return self._hasher.hash(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hasher, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> TokenSigner:
    return TokenSigner(Config(None, settings={"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"}), clock=clock)


@pytest.fixture
def tokens(signer: TokenSigner) -> AccountTokens[User]:
    return AccountTokens(users, signer)


def ada(session: Session) -> User:
    return users.register(session, "Ada", PASSWORD, "ada@example.org")


def errors_of(raised: pytest.ExceptionInfo[ValidationError]) -> dict[str, list[str]]:
    return raised.value.errors


def test_every_refusal_costs_exactly_one_hash(
    database: DatabaseManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.session() as session:
        ada(session)
        users.deactivate(session, users.register(session, "gone", PASSWORD))
        for username, password in (
            ("Ada", "wrong horse"),
            ("nobody", PASSWORD),
            ("nobody@example.org", PASSWORD),
            ("ada@example.org", "wrong horse"),
            ("Ada", ""),
            ("Ada", "x" * 2000),
            ("gone", PASSWORD),
            ("", ""),
        ):
            # As in a process that has just begun: nothing is remembered.
            passwords._dummy_hash.cache_clear()
            counting = CountingHasher(passwords._hasher)
            with monkeypatch.context() as patched:
                patched.setattr(passwords, "_hasher", counting)
                assert users.authenticate(session, username, password) is None
            assert counting.count == 1, (username, password)


def test_signing_in_works_by_username_and_by_address(database: DatabaseManager) -> None:
    with database.session() as session:
        ada(session)
        for login in ("ada", "ADA ", "ada@example.org", " Ada@Example.ORG"):
            assert users.authenticate(session, login, PASSWORD) is not None


def test_a_username_cannot_be_the_address_of_another_user(database: DatabaseManager) -> None:
    with database.session() as session:
        for email in (None, "mallory@example.org"):
            with pytest.raises(ValidationError) as raised:
                users.register(session, "ada@example.org", PASSWORD, email)
            assert errors_of(raised) == {
                "username": ["A username with an @ must be the email address of the account."]
            }
        own = users.register(session, "ada@example.org", PASSWORD, "Ada@example.org")
        assert users.find(session, "ada@example.org") is own


def test_a_weak_password_is_refused_with_the_reason(database: DatabaseManager) -> None:
    with database.session() as session:
        for password, reason in (
            ("short", "at least 12 characters"),
            ("password1234", "easy to guess"),
            ("lovelace1815", "too similar to your name"),
        ):
            with pytest.raises(ValidationError) as raised:
                users.register(session, "lovelace", password)
            assert reason in errors_of(raised)["password"][0]


def test_the_rules_for_passwords_are_the_projects_choice(database: DatabaseManager) -> None:
    strict = UserManager(policy=PasswordPolicy(min_length=20, words=("lback",)))
    with database.session() as session, pytest.raises(ValidationError) as raised:
        strict.register(session, "ada", PASSWORD)
    assert "at least 20 characters" in errors_of(raised)["password"][0]


def test_who_changes_the_password_must_know_it(database: DatabaseManager) -> None:
    with database.session() as session:
        account = ada(session)
        version = account.session_version
        with pytest.raises(ValidationError) as raised:
            users.change_password(session, account, "wrong horse", "battery staple")
        assert errors_of(raised) == {
            "current_password": ["This is not your current password. Try again."]
        }
        users.change_password(session, account, PASSWORD, "battery staple")
        assert account.session_version == version + 1
        assert users.authenticate(session, "ada", "battery staple") is account


def test_accounts_are_listed_searched_and_paged(database: DatabaseManager) -> None:
    with database.session() as session:
        for name in ("Grace", "ada", "Joan", "100%", "ABC"):
            users.register(session, name, PASSWORD, f"{name.strip('%')}@example.org")
        users.deactivate(session, users.get_by_username(session, "joan") or User())

        def names(**how: Any) -> list[str]:
            return [user.username for user in users.list(session, **how)]

        assert names() == ["100%", "ABC", "ada", "Grace", "Joan"]
        assert names(search="AD") == ["ada"]
        assert names(search="%") == ["100%"]
        assert names(search="GRACE@") == ["Grace"]
        assert names(is_active=False) == ["Joan"]
        assert names(limit=2, offset=3) == ["Grace", "Joan"]


def test_roles_say_what_someone_may_do(database: DatabaseManager) -> None:
    with database.session() as session:
        define_role(session, "editor", ["blog.edit", "blog.publish"])
        define_role(session, "author", ["blog.write", "blog.edit"])
        users.assign_roles(session, ada(session), "editor", "author")
    with database.session() as session:
        account = users.get_by_username(session, "ada")
        assert account is not None
        assert account.permissions == {"blog.edit", "blog.publish", "blog.write"}
        assert account.has_permission("blog.publish")
        assert not account.has_permission("blog.delete")
        users.remove_roles(session, account, "editor", "no such role")
        assert account.permissions == {"blog.write", "blog.edit"}
        define_role(session, "author", ["blog.write"])
        assert account.permissions == {"blog.write"}
        users.deactivate(session, account)
        assert not account.has_permission("blog.write")


def test_a_role_that_is_not_there_is_refused_with_the_nearest(database: DatabaseManager) -> None:
    with database.session() as session:
        define_role(session, "editor")
        account = ada(session)
        for name, hint in (("editr", "did you mean 'editor'?"), ("zzz", "known: editor")):
            with pytest.raises(ValidationError) as raised:
                users.assign_roles(session, account, name)
            assert errors_of(raised) == {"roles": [f"there is no role {name!r}; {hint}"]}
        assert account.roles == []


def test_deleting_an_account_or_a_role_leaves_no_trace(database: DatabaseManager) -> None:
    with database.session() as session:
        role = define_role(session, "editor", ["blog.edit"])
        account = ada(session)
        users.assign_roles(session, account, "editor")
        session.flush()
        session.delete(account)
        session.flush()
        session.delete(role)


def test_users_of_the_admin_have_roles_or_may_do_everything(database: DatabaseManager) -> None:
    admins = AdminUserManager()
    with database.session() as session:
        define_role(session, "editor", ["blog.edit"])
        root = admins.register(session, "root", PASSWORD, is_superuser=True)
        helper = admins.register(session, "helper", PASSWORD)
        admins.assign_roles(session, helper, "editor")
        assert root.has_permission("anything.at.all")
        assert helper.has_permission("blog.edit")
        assert not helper.has_permission("blog.delete")
        admins.deactivate(session, root)
        assert not root.has_permission("blog.edit")


def test_a_forgotten_password_is_replaced_once(
    database: DatabaseManager, tokens: AccountTokens[User]
) -> None:
    with database.session() as session:
        account = ada(session)
        version = account.session_version
        token, other = tokens.for_reset(account), tokens.for_reset(account)
        assert tokens.account_to_reset(session, token) is account
        with pytest.raises(ValidationError, match="Validation Error") as raised:
            tokens.reset_password(session, token, "short")
        assert set(errors_of(raised)) == {"password"}
        tokens.reset_password(session, token, "battery staple")
        assert users.authenticate(session, "ada", "battery staple") is account
        assert account.email_verified_at is not None
        assert account.session_version == version + 1
        for spent in (token, other):
            with pytest.raises(ValidationError) as raised:
                tokens.reset_password(session, spent, "another staple")
            assert "expired or was already used" in errors_of(raised)["token"][0]


def test_a_reset_dies_with_time_with_the_account_and_with_a_new_address(
    database: DatabaseManager, tokens: AccountTokens[User], clock: Clock
) -> None:
    with database.session() as session:
        account = ada(session)

        def refused(token: str) -> bool:
            try:
                tokens.account_to_reset(session, token)
            except ValidationError:
                return True
            return False

        token = tokens.for_reset(account)
        clock.now += 3600
        assert not refused(token)
        clock.now += 1
        assert refused(token)
        clock.now -= 2 * 24 * 3600
        assert refused(token)  # made in the future: a clock set back revives nothing
        clock.now += 2 * 24 * 3600
        token = tokens.for_reset(account)
        users.set_email(session, account, "new@example.org")
        assert refused(token)
        token = tokens.for_reset(account)
        users.deactivate(session, account)
        assert refused(token)
        assert refused(tokens.for_reset(account))


def altered(token: str) -> str:
    """Another character within the signature; the last one has bits that mean nothing."""
    return f"{token[:-9]}{'B' if token[-9] == 'A' else 'A'}{token[-8:]}"


def test_a_token_is_good_for_one_purpose_one_kind_and_one_key(
    database: DatabaseManager, tokens: AccountTokens[User], signer: TokenSigner
) -> None:
    admins = AdminUserManager()
    with database.session() as session:
        account = ada(session)
        root = admins.register(session, "root", PASSWORD, "root@example.org")
        root.id, root.password_hash = account.id, account.password_hash
        for_admin = AccountTokens(admins, signer).for_reset(root)
        stranger = TokenSigner(Config(None, settings={"SECRET_KEY": "x" * 40}))
        for token in (
            for_admin,
            tokens.for_email(account),
            tokens.for_sign_up("ada@example.org"),
            AccountTokens(users, stranger).for_reset(account),
            altered(tokens.for_reset(account)),
            "",
            "a.b.c",
            "\ud800",
        ):
            with pytest.raises(ValidationError):
                tokens.account_to_reset(session, token)
        session.expunge(root)


def test_an_address_is_verified_once(
    database: DatabaseManager, tokens: AccountTokens[User]
) -> None:
    with database.session() as session:
        account = ada(session)
        assert account.email_verified_at is None
        token = tokens.for_email(account)
        assert tokens.verify_email(session, token) is account
        verified = account.email_verified_at
        assert verified is not None
        assert utc_now() - verified < timedelta(minutes=1)
        with pytest.raises(ValidationError):
            tokens.verify_email(session, token)


def test_a_new_address_counts_when_its_mail_was_answered(
    database: DatabaseManager, tokens: AccountTokens[User]
) -> None:
    with database.session() as session:
        account = ada(session)
        token = tokens.for_email(account, "New@Example.org")
        assert account.email == "ada@example.org"
        tokens.verify_email(session, token)
        assert (account.email, account.username) == ("new@example.org", "Ada")
        stale = tokens.for_email(account, "newer@example.org")
        users.register(session, "grace", PASSWORD, "newer@example.org")
        with pytest.raises(ValidationError) as raised:
            tokens.verify_email(session, stale)
        assert set(errors_of(raised)) == {"email"}
        for wrong in ("nonsense", "a b@example.org", "x" * 300 + "@example.org"):
            with pytest.raises(ValidationError):
                tokens.for_email(account, wrong)


def test_who_is_named_by_the_address_is_renamed_with_it(database: DatabaseManager) -> None:
    with database.session() as session:
        account = users.register(session, "ada@example.org", PASSWORD, "ada@example.org")
        users.set_email(session, account, "new@example.org")
        assert (account.username, account.email) == ("new@example.org", "new@example.org")
        users.set_email(session, account, "new@example.org")
        with pytest.raises(ValidationError):
            users.set_email(session, account, f"{'x' * 200}@example.org")
        users.set_email(session, account, None)
        assert account.email is None


def test_an_account_is_made_by_who_reads_the_mail_and_once(
    database: DatabaseManager, tokens: AccountTokens[User], clock: Clock
) -> None:
    with database.session() as session:
        token = tokens.for_sign_up(" Ada@Example.org")
        assert tokens.email_to_sign_up(session, token) == "ada@example.org"
        with pytest.raises(ValidationError):
            tokens.sign_up(session, token, "ada@example.org")
        account = tokens.sign_up(session, token, PASSWORD)
        assert (account.username, account.email) == ("ada@example.org", "ada@example.org")
        assert account.email_verified_at is not None
        with pytest.raises(ValidationError):
            tokens.sign_up(session, token, PASSWORD)
        late = tokens.for_sign_up("grace@example.org")
        clock.now += 3 * 24 * 3600 + 1
        with pytest.raises(ValidationError):
            tokens.sign_up(session, late, PASSWORD)
        with pytest.raises(ValidationError):
            tokens.for_sign_up("nonsense")


def test_tokens_need_a_secret_key_and_outlive_its_change() -> None:
    settings = {"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"}
    old = TokenSigner(Config(None, settings=settings))
    rotated = {"SECRET_KEY": "n" * 40, "SECRET_KEY_FALLBACKS": ["kT4-q9ZpW2_xR7mL8vNc"]}
    new = TokenSigner(Config(None, settings=rotated))
    assert new.read("x", old.sign("x", [1]), 60) == [1]
    assert old.read("x", new.sign("x", [1]), 60) is None
    with pytest.raises(ConfigurationError, match="SECRET_KEY, which is empty"):
        TokenSigner(Config(None)).sign("x", 1)
    with pytest.raises(ValueError, match="each key must have 16 characters"):
        Config.validate(Config(None, settings={**settings, "SECRET_KEY_FALLBACKS": ["short"]}))


def test_a_project_may_have_users_of_its_own(database: DatabaseManager) -> None:
    customers = UserManager(Customer)
    with database.session() as session:
        define_role(session, "buyer", ["shop.buy"])
        customer: Any = customers.register(session, "ada", PASSWORD)
        customer.company = "Engines Ltd"
        customers.assign_roles(session, customer, "buyer")
    with database.session() as session:
        found: Any = customers.authenticate(session, "ada", PASSWORD)
        assert (found.company, found.permissions) == ("Engines Ltd", {"shop.buy"})
        assert users.authenticate(session, "ada", PASSWORD) is None


def test_a_setting_names_the_class_of_the_users() -> None:
    assert user_model(Config(None)) is User
    for name, message in (
        ("lback.users.NoSuch", "USER_MODEL = 'lback.users.NoSuch': "),
        ("lback.users.UserManager", "is not an account model; write class Customer"),
        ("lback.users.Account", "is not an account model"),
        ("lback.users.AdminUser", "is the model of the admin's users"),
    ):
        with pytest.raises(ConfigurationError) as raised:
            user_model(Config(None, settings={"USER_MODEL": name}))
        assert message in str(raised.value)


SUBCLASSES = """
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import DatabaseManager
from lback.users import User, UserManager, define_role


class Customer(User):
    company: Mapped[str] = mapped_column(String(100), default="")


class Member(User):
    __tablename__ = "members"
    id: Mapped[int] = mapped_column(ForeignKey("lback_users.id"), primary_key=True)
    club: Mapped[str] = mapped_column(String(100), default="")


database = DatabaseManager.from_url("sqlite:///users.sqlite3")
database.create_tables()
for model in (Customer, Member):
    users = UserManager(model)
    with database.session() as session:
        define_role(session, "buyer", ["shop.buy"])
        user = users.register(session, model.__name__, "correct horse")
        users.assign_roles(session, user, "buyer")
    with database.session() as session:
        user = users.authenticate(session, model.__name__, "correct horse")
        assert isinstance(user, model) and user.permissions == {"shop.buy"}
"""


def test_a_project_may_add_to_our_users(tmp_path: Path) -> None:
    """In a process of its own, for it adds columns to the table of all other tests."""
    subprocess.run([sys.executable, "-c", SUBCLASSES], cwd=tmp_path, check=True, timeout=60)
