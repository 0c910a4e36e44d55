"""The admin: web pages to view and edit the rows of registered models."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.admin.models import AdminEntry
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

# Imported lazily: code that creates tables needs only the history table, not pages and forms.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AdminEntry": "lback.admin.models",
        "AdminRegistry": "lback.admin.registry",
        "Inline": "lback.admin.options",
        "ModelAdmin": "lback.admin.options",
        "Registration": "lback.admin.registry",
        "action": "lback.admin.options",
        "column": "lback.admin.options",
        "register": "lback.admin.registry",
        "site": "lback.admin.registry",
    },
)
