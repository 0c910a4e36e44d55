"""Roles: what somebody may do, under a name that people give each other."""

from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

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
    """One thing that may be allowed, such as `"blog.publish"`."""

    __tablename__ = "lback_permissions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(PERMISSION_LENGTH), unique=True)

    def __repr__(self) -> str:
        return f"<Permission {self.name}>"


class Role(Base):
    """A name for permissions that belong together, such as `"editor"`; others call it a group."""

    __tablename__ = "lback_roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(ROLE_LENGTH), unique=True)
    permissions: Mapped[list[Permission]] = relationship(
        secondary=role_permissions, lazy="selectin", order_by=Permission.name
    )

    def __repr__(self) -> str:
        return f"<Role {self.name}>"


Group = Role
