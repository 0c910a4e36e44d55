"""The admin: pages where people look after the rows of a project."""

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

# Each is imported when it is first asked for: the table of the history is to be known wherever
# tables are made, and the pages and forms only where there is an admin.
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
