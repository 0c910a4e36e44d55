"""The admin: pages where people look after the rows of a project."""

from lback.admin.history import AdminEntry
from lback.admin.options import Inline, ModelAdmin, action, column
from lback.admin.registry import AdminRegistry, Registration, register, site

__all__ = [
    "AdminEntry",
    "AdminRegistry",
    "Inline",
    "ModelAdmin",
    "Registration",
    "action",
    "column",
    "register",
    "site",
]
