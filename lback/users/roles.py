"""Roles: named sets of permissions that accounts are given."""

from collections.abc import Collection
from difflib import get_close_matches

from sqlalchemy import Column, ForeignKey, String, Table, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback.core.exceptions import ValidationError
from lback.database import Base

ROLE_LENGTH = 150
PERMISSION_LENGTH = 150

role_permissions = Table(
    "lback_role_permissions",
    Base.metadata,
    Column("role_id", ForeignKey("lback_roles.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "permission_id", ForeignKey("lback_permissions.id", ondelete="CASCADE"), primary_key=True
    ),
)


class Permission(Base):
    """A permission, such as `"blog.publish"`."""

    __tablename__ = "lback_permissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(PERMISSION_LENGTH), unique=True)

    def __repr__(self) -> str:
        return f"<Permission {self.name}>"


class Role(Base):
    """A named set of permissions, such as `"editor"`; other frameworks call it a group."""

    __tablename__ = "lback_roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(ROLE_LENGTH), unique=True)
    permissions: Mapped[list[Permission]] = relationship(
        secondary=role_permissions, lazy="selectin", order_by=Permission.name
    )

    def __repr__(self) -> str:
        return f"<Role {self.name}>"


Group = Role


def define_role(session: Session, name: str, permissions: Collection[str] = ()) -> Role:
    """Create a role, or replace the permissions of an existing one.

    It may be called at every start of an application.

    Args:
        session: Database session; the caller commits.
        name: Name of the role, such as `"editor"`.
        permissions: Names of all permissions of the role; missing ones are created.

    Returns:
        The role.

    Example:
        >>> app = Application(DEBUG=True, DATABASE_URL="sqlite://")
        >>> app.db_manager.create_tables()
        >>> with app.db_manager.session() as session:
        ...     define_role(session, "editor", ["blog.edit", "blog.publish"]).permissions
        [<Permission blog.edit>, <Permission blog.publish>]
        >>> app.db_manager.dispose()
    """
    role = session.scalars(select(Role).where(Role.name == name)).one_or_none()
    if role is None:
        role = Role(name=name)
        session.add(role)
    role.permissions = [define_permission(session, text) for text in sorted(set(permissions))]
    session.flush()
    return role


def define_permission(session: Session, name: str) -> Permission:
    """Return the permission with a name; it is created if it is missing.

    Args:
        session: Database session; the caller commits.
        name: Name of the permission, such as `"blog.publish"`.
    """
    permission = session.scalars(select(Permission).where(Permission.name == name)).one_or_none()
    if permission is None:
        permission = Permission(name=name)
        session.add(permission)
    return permission


def roles_named(session: Session, names: Collection[str]) -> list[Role]:
    """Return the roles with some names.

    Args:
        session: Database session for the query.
        names: Names of existing roles.

    Raises:
        ValidationError: There is no role with one of the names; suggests similar names, under the
            key `roles`.
    """
    roles = {role.name: role for role in session.scalars(select(Role).where(Role.name.in_(names)))}
    missing = [name for name in names if name not in roles]
    if missing:
        known = list(session.scalars(select(Role.name).order_by(Role.name)))
        raise ValidationError({"roles": [_unknown(name, known) for name in missing]})
    return list(roles.values())


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"there is no role {name!r}; {hint}"
