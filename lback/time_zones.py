"""Time zones: which one applies, and conversion of times between it and UTC."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

__all__ = [
    "SkippedTimeError",
    "current_zone",
    "localtime",
    "start_of_day",
    "to_utc",
    "today",
    "use_zone",
    "zone_of",
]

# The zone of the current request or of a block with `use_zone`: by name, as an object, or as a
# function that returns it, for that of a user who is loaded only if a time is shown.
# AppController sets it for each request, so it is not reset afterwards: the body of a response and
# the jobs after it still need it.
CURRENT_ZONE: ContextVar[str | tzinfo | Callable[[], tzinfo] | None] = ContextVar(
    "lback_time_zone", default=None
)
# The zone outside requests: that of the project of this process.
_process: dict[str, str] = {}
_FIRST = datetime.min.replace(tzinfo=UTC)


class SkippedTimeError(ValueError):
    """A local time does not exist, because the clocks go forward at that time."""


@lru_cache(256)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name.

    Args:
        name: Name such as "Europe/Berlin". "UTC" works without time zone data.

    Raises:
        ValueError: The zone does not exist, or this system has no time zone data; the message names
            the package to install, or suggests a name.

    Example:
        >>> zone_of("Europe/Berlin")
        zoneinfo.ZoneInfo(key='Europe/Berlin')
    """
    if name == "UTC":
        return UTC
    try:
        if name:
            return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # not there, not a name, or not a file of a zone
        pass
    raise ValueError(_problem(name))


def _problem(name: str) -> str:
    known = available_timezones()
    if not known:
        return (
            f"{name!r} needs time zone data, which this system does not have; "
            "run: python -m pip install tzdata"
        )
    by_key = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), by_key, n=1)
    hint = f"; did you mean {by_key[near[0]]!r}?" if near else ""
    return f"{name!r} is not an IANA time zone such as 'Europe/Berlin'{hint}"


def current_zone() -> tzinfo:
    """Return the time zone that applies: of `use_zone`, of the request, or of the project.

    Outside requests and in threads started by a view it is that of the project that this process
    runs, or UTC if it runs none, such as in a script.
    """
    zone = CURRENT_ZONE.get() or _process.get("zone", "UTC")
    if isinstance(zone, str):
        return zone_of(zone)
    if isinstance(zone, tzinfo):
        return zone
    found = zone()
    CURRENT_ZONE.set(found)
    return found


def set_process_zone(name: str) -> None:
    """Set the zone that applies outside requests; called when a project is published.

    Args:
        name: IANA name of the zone.
    """
    _process["zone"] = name


@contextmanager
def use_zone(zone: str | tzinfo) -> Iterator[tzinfo]:
    """Use another time zone in a `with` block, such as that of the reader of an email.

    Args:
        zone: IANA name of the zone, or an object.

    Yields:
        The zone as an object.

    Raises:
        ValueError: There is no zone of that name.

    Example:
        >>> with use_zone("Asia/Tokyo"):
        ...     print(localtime(datetime(2026, 1, 2, 20, tzinfo=UTC)))
        2026-01-03 05:00:00+09:00
    """
    chosen = zone_of(zone) if isinstance(zone, str) else zone
    token = CURRENT_ZONE.set(chosen)
    try:
        yield chosen
    finally:
        CURRENT_ZONE.reset(token)


def localtime(value: datetime, zone: tzinfo | None = None) -> datetime:
    """Return a datetime in a time zone.

    Args:
        value: An aware datetime, or a naive one, which counts as UTC.
        zone: The zone; None means the current one.

    Returns:
        An aware datetime. Within a day of the years 1 and 9999 it stays as it is if it would be
        out of range in the zone.

    Example:
        >>> localtime(datetime(2026, 7, 1, 12, tzinfo=UTC), zone_of("Europe/Berlin")).isoformat()
        '2026-07-01T14:00:00+02:00'
    """
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    try:
        return aware.astimezone(current_zone() if zone is None else zone)
    except OverflowError:
        return aware


def to_utc(value: datetime, zone: tzinfo | None = None) -> datetime:
    """Return a datetime in UTC.

    Args:
        value: An aware datetime, or a naive one, which counts as local. Of a time that occurs
            twice, because the clocks go back, it is the first unless `fold` is 1.
        zone: The zone of a naive datetime; None means the current one.

    Raises:
        SkippedTimeError: The time does not exist in the zone.
        OverflowError: The result is before the year 1 or after the year 9999.

    Example:
        >>> to_utc(datetime(2026, 7, 1, 14), zone_of("Europe/Berlin"))
        datetime.datetime(2026, 7, 1, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    zone = current_zone() if zone is None else zone
    moment = value.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != value:
        raise SkippedTimeError(f"{value} does not exist in {zone}: the clocks go forward")
    return moment


def start_of_day(day: date, zone: tzinfo | None = None) -> datetime:
    """Return the moment at which a day begins in a time zone.

    A day has 23 or 25 hours where the clocks change, so compute its end as the start of the next.

    Args:
        day: The day.
        zone: The zone; None means the current one.

    Returns:
        An aware datetime in UTC; for the first day of the year 1 the first one that Python has.

    Example:
        >>> start_of_day(date(2026, 7, 1), zone_of("Europe/Berlin")).isoformat()
        '2026-06-30T22:00:00+00:00'
    """
    if day == date.min:
        return _FIRST  # nothing comes before it, in any zone
    begin = datetime.combine(day, time(), current_zone() if zone is None else zone)
    return begin.astimezone(UTC)


def today(zone: tzinfo | None = None) -> date:
    """Return the current date in a time zone.

    Args:
        zone: The zone; None means the current one.
    """
    return datetime.now(current_zone() if zone is None else zone).date()
