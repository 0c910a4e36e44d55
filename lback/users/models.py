"""The accounts that are kept: who somebody is, and the hash of what only they know."""

import secrets
import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, ForeignKey, String, Table, event
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship, validates

from lback.core.http.mail_address import readable_domain
from lback.database import Base, utc_now
from lback.users.roles import Role

USERNAME_LENGTH = 150
# Folding makes up to three letters of one.
USERNAME_KEY_LENGTH = 3 * USERNAME_LENGTH
EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
PASSWORD_HASH_LENGTH = 255

# SQLite alone would give the id of a deleted account to the next one, and with it whatever still
# names that id. Every table of accounts is given this by `_never_reuse_ids`.
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}
# Sessions and tokens hold the number. It starts at random, so that those of a deleted account do
# not fit another one, even where the ids of a table do come back.
_FIRST_VERSIONS = 2**30


def clean_username(username: str) -> str:
    """Return a username as it is shown: without outer blanks, in normal form NFKC."""
    return unicodedata.normalize("NFKC", username).strip()


def clean_email(email: str | None) -> str | None:
    """Return an email address as it is kept, `None` for an empty one.

    No provider tells addresses apart by case, and two accounts must not share a mailbox. The
    letters of a domain are composed (NFC), and take the place of their `xn--` form.
    """
    text = (email or "").strip()
    if len(text) > EMAIL_LENGTH:
        return text  # no address, and its normal form would take long
    name, at, domain = unicodedata.normalize("NFC", text.lower()).rpartition("@")
    return f"{name}{at}{readable_domain(domain)}" or None


def username_key(username: str) -> str:
    """Return what two usernames have in common that count as the same.

    The caseless compatibility match of Unicode (§3.13, D145), so that "Ada" and "ADA" in
    full-width letters are one account.
    """
    key = unicodedata.normalize("NFD", username)
    for _ in range(2):
        key = unicodedata.normalize("NFKD", key.casefold())
    return unicodedata.normalize("NFKC", key).strip()


class Account:
    """The columns of somebody who can sign in; mixed into a model with a table of its own.

    Attributes:
        email_verified_at: When a mail to the address was answered; `None` where that is open.
        session_version: Sessions that were begun under another number have ended; the first
            number is random.
        keys_valid_from: API keys that were made before have ended; `None` where none have.
        roles: What it may do; see `has_permission`.
        signs_in_as: The name under which a request knows it.
        template_attributes: What templates from the database may read.
    """

    signs_in_as: ClassVar[str] = "user"
    template_attributes: ClassVar[Collection[str]] = ("username",)

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(USERNAME_LENGTH))
    username_key: Mapped[str] = mapped_column(String(USERNAME_KEY_LENGTH), unique=True)
    email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH), unique=True)
    email_verified_at: Mapped[datetime | None]
    password_hash: Mapped[str] = mapped_column(String(PASSWORD_HASH_LENGTH))
    is_active: Mapped[bool] = mapped_column(default=True)
    session_version: Mapped[int] = mapped_column(default=lambda: secrets.randbelow(_FIRST_VERSIONS))
    keys_valid_from: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    @declared_attr
    def roles(cls) -> Mapped[list[Role]]:  # noqa: N805  SQLAlchemy passes the class
        """The roles, kept in a table beside that of the accounts."""
        return relationship(secondary=_roles_table(cls), order_by=Role.name)

    @property
    def is_authenticated(self) -> bool:
        """Always true: who is not signed in is no account, but `None`."""
        return True

    @property
    def permissions(self) -> frozenset[str]:
        """The names of all that its roles permit."""
        return frozenset(p.name for role in self.roles for p in role.permissions)

    def has_permission(self, name: str) -> bool:
        """Tell whether one of its roles permits this, such as `"blog.publish"`."""
        return self.is_active and name in self.permissions

    @validates("username")
    def _keep_the_key(self, _: str, username: str) -> str:
        self.username_key = username_key(username)
        return clean_username(username)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


@event.listens_for(Account, "instrument_class", propagate=True)
def _never_reuse_ids(mapper: Any, _: type[Any]) -> None:
    """Give the table of every model of accounts `AUTOINCREMENT` on SQLite."""
    mapper.local_table.kwargs.update(NEVER_REUSE_IDS)


def _roles_table(model: Any) -> Table:
    name = model.__tablename__
    return Table(
        f"{name}_roles",
        model.metadata,
        Column("account_id", ForeignKey(f"{name}.id", ondelete="CASCADE"), primary_key=True),
        Column("role_id", ForeignKey("lback_roles.id", ondelete="CASCADE"), primary_key=True),
    )


class User(Account, Base):
    """A user of the site."""

    __tablename__ = "lback_users"
    __table_args__ = NEVER_REUSE_IDS


class AdminUser(Account, Base):
    """A user of the admin; a superuser may do everything there."""

    __tablename__ = "lback_admin_users"
    __table_args__ = NEVER_REUSE_IDS

    signs_in_as: ClassVar[str] = "admin_user"
    is_superuser: Mapped[bool] = mapped_column(default=False)

    def has_permission(self, name: str) -> bool:
        """Tell whether it is a superuser, or one of its roles permits this."""
        return self.is_active and (self.is_superuser or super().has_permission(name))
