"""The time zone of a reader, beside the language."""

from contextlib import AbstractContextManager
from datetime import tzinfo

from lback.time_zones import current_zone, use_zone


def get_time_zone() -> tzinfo:
    """Return the time zone that applies: of a block, of the user, or of the site.

    Example:
        >>> from lback.i18n import get_time_zone
        >>> get_time_zone()
        datetime.timezone.utc
    """
    return current_zone()


def time_zone(zone: str | tzinfo) -> AbstractContextManager[tzinfo]:
    """Use another time zone in a `with` block, such as that of the reader of an email.

    Args:
        zone: IANA name of the zone, or an object.

    Raises:
        ValueError: There is no zone of that name.

    Example:
        >>> from lback.i18n import get_time_zone, time_zone
        >>> with time_zone("Asia/Tokyo"):
        ...     print(get_time_zone())
        Asia/Tokyo
    """
    return use_zone(zone)
