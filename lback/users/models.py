"""Account models: the tables of users of the site and of the admin."""

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
# Case folding makes up to three characters of one.
USERNAME_KEY_LENGTH = 3 * USERNAME_LENGTH
EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
PASSWORD_HASH_LENGTH = 255

# SQLite would give the id of a deleted account to the next one, and with it all that still refers
# to that id. `_never_reuse_ids` sets this option for every account table.
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}
# Upper bound of the first `session_version`. It is random, so that sessions and tokens of a deleted
# account do not fit another one, even where ids are reused.
_FIRST_VERSIONS = 2**30


# What Unicode calls default ignorable and `str.isprintable` does not refuse, and the empty braille
# pattern: none of them is seen.
_INVISIBLE = dict.fromkeys(
    (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810),
     *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)  # fmt: skip


def clean_username(username: str) -> str:
    """Return a username as it is stored and shown: stripped, in Unicode normal form NFKC."""
    return unicodedata.normalize("NFKC", username).strip()


def clean_email(email: str | None) -> str | None:
    """Return an email address as it is stored, or `None` for an empty one.

    Addresses are stored in lower case, because no provider distinguishes case and two accounts must
    not share a mailbox. Domains are stored as Unicode (NFC), not in their `xn--` form.
    """
    text = (email or "").strip()
    if len(text) > EMAIL_LENGTH:
        return text  # not a valid address, and normalizing it would be slow
    name, at, domain = unicodedata.normalize("NFC", text.lower()).rpartition("@")
    return f"{name}{at}{readable_domain(domain)}" or None


def username_key(username: str) -> str:
    """Return the text that is equal for usernames that count as the same.

    It is the identifier caseless match of Unicode (section 3.13, D146), so that "Ada" and "ADA" in
    full-width letters are one account, and so is "Ada" with an invisible letter.

    Example:
        >>> username_key("Ada") == username_key("ADA")
        True
    """
    key = unicodedata.normalize("NFD", username)
    for _ in range(2):
        key = unicodedata.normalize("NFKD", key.casefold()).translate(_INVISIBLE)
    return unicodedata.normalize("NFKC", key).strip()


class Account:
    """The columns of an account; mixed into a model with a table of its own.

    Attributes:
        username_key: Unique form of the username; see `username_key`.
        email_verified_at: When the address was verified by a link; `None` if it was not.
        password_hash: Argon2id hash of the password.
        is_active: Whether the account may sign in.
        session_version: Sessions that began under another number have ended; the first number is
            random.
        keys_valid_from: API keys made before have ended; `None` if none have.
        roles: The roles of the account; see `has_permission`.
        signs_in_as: Name under which a request knows the account.
        template_attributes: Names that templates from the database may read.
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
        """The roles of the account, through an association table beside its own."""
        return relationship(secondary=_roles_table(cls), order_by=Role.name)

    @property
    def is_authenticated(self) -> bool:
        """Always True: the user of a request that is not signed in is `None`."""
        return True

    @property
    def permissions(self) -> frozenset[str]:
        """The names of all permissions that its roles give."""
        return frozenset(p.name for role in self.roles for p in role.permissions)

    def has_permission(self, name: str) -> bool:
        """Return True if the account is active and a role gives it a permission.

        Args:
            name: Name of the permission, such as `"blog.publish"`.
        """
        return self.is_active and name in self.permissions

    @validates("username")
    def _keep_the_key(self, _: str, username: str) -> str:
        self.username_key = username_key(username)
        return clean_username(username)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


@event.listens_for(Account, "instrument_class", propagate=True)
def _never_reuse_ids(mapper: Any, _: type[object]) -> None:
    """Give the table of every account model `AUTOINCREMENT` on SQLite."""
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
    """A user of the admin; a superuser has every permission there."""

    __tablename__ = "lback_admin_users"
    __table_args__ = NEVER_REUSE_IDS

    signs_in_as: ClassVar[str] = "admin_user"
    is_superuser: Mapped[bool] = mapped_column(default=False)

    def has_permission(self, name: str) -> bool:
        """Return True if the account is active, and is a superuser or has a role with a permission.

        Args:
            name: Name of the permission, such as `"blog.publish"`.
        """
        return self.is_active and (self.is_superuser or super().has_permission(name))
