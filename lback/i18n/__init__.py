"""Languages: translated messages, and dates, numbers and zones as readers expect them.

Functions that format dates and numbers need the extra `i18n`, which is imported when the first of
them is called.
"""

from typing import TYPE_CHECKING

from lback.i18n.zones import get_time_zone, time_zone
from lback.lazy_names import lazy_names
from lback.translation import (
    LazyText,
    get_language,
    gettext,
    gettext_lazy,
    gettext_noop,
    language,
    ngettext,
    ngettext_lazy,
    npgettext,
    pgettext,
    pgettext_lazy,
    text_direction,
)

if TYPE_CHECKING:
    from lback.i18n.formatting import (
        format_currency,
        format_date,
        format_datetime,
        format_list,
        format_number,
        format_percent,
        format_relative,
        format_time,
        language_name,
    )

__all__ = [
    "LazyText",
    "format_currency",
    "format_date",
    "format_datetime",
    "format_list",
    "format_number",
    "format_percent",
    "format_relative",
    "format_time",
    "get_language",
    "get_time_zone",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "language",
    "language_name",
    "ngettext",
    "ngettext_lazy",
    "npgettext",
    "pgettext",
    "pgettext_lazy",
    "text_direction",
    "time_zone",
]

_FORMATTING = "lback.i18n.formatting"
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        name: _FORMATTING
        for name in __all__
        if name.startswith("format_") or name == "language_name"
    },
)
