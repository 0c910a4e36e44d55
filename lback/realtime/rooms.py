"""Rooms, and the rules of a project that decide who may subscribe to them."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.routing.patterns import PathPattern
from lback.core.settings.app_modules import import_app_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lback.core.config import Config

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_NAME = 200
_NAME = re.compile(r"[!-~]{1,200}")
SESSION, USER, ADMIN_USER = "db_session", "user", "admin_user"
# The rooms of the framework, which no rule of a project opens.
INTERNAL = "lback:"


@dataclass(frozen=True, slots=True)
class RoomOptions:
    """How a room is kept.

    Attributes:
        presence: Whether `present` knows who is subscribed.
        history: How many messages are kept; None for the setting `REALTIME_HISTORY_MESSAGES`.
        per_viewer: Whether fragments are rendered for each viewer, not once for the room.
        on_demand: Whether nothing is published before a page has shown a fragment of the room.
    """

    presence: bool = False
    history: int | None = None
    per_viewer: bool = False
    on_demand: bool = False


DEFAULT = RoomOptions()


class RoomRule:
    """Decides who may subscribe to the rooms whose names match a pattern; made by `room`.

    Args:
        pattern: Pattern of the names.
        rule: The function.
        options: How the rooms are kept.

    Raises:
        ConfigurationError: The pattern or the function cannot be used.
    """

    def __init__(self, pattern: str, rule: Callable[..., object], options: RoomOptions) -> None:
        self.pattern = pattern
        self.rule = rule
        self.options = options
        self._path = _path_of(pattern)
        self._parameters = _parameters_of(pattern, rule)
        names = {variable.name for variable in self._path.variables}
        missing = names - set(self._parameters)
        if missing:
            raise ConfigurationError(
                f"the rule {rule.__name__!r} of the room {pattern!r} takes no parameter "
                f"{sorted(missing)[0]!r}{did_you_mean(sorted(missing)[0], self._parameters)}"
            )
        given = {USER, ADMIN_USER, *names}
        self._injected = [name for name in self._parameters if name not in given]

    def match(self, name: str) -> dict[str, object] | None:
        """Return the variables in the name of a room, or None if it does not match.

        Args:
            name: Name of the room.
        """
        return self._path.match(f"/{name}")

    def allows(
        self,
        services: Mapping[str, Any],
        user: object,
        variables: Mapping[str, object],
        admin_user: Callable[[], object] | None = None,
    ) -> bool:
        """Call the rule; a database session that it takes is one of its own.

        Args:
            services: Services of the application, by name.
            user: The user of the connection, or None.
            variables: What `match` returned.
            admin_user: Returns the user of the admin, or None; called if the rule takes it.

        Raises:
            ConfigurationError: The rule has a parameter that is neither a variable nor a service.
            Exception: Whatever the rule raised.
        """
        given: dict[str, object] = dict(variables)
        if USER in self._parameters:
            given[USER] = user
        if ADMIN_USER in self._parameters:
            given[ADMIN_USER] = None if admin_user is None else admin_user()
        with _session_if(SESSION in self._injected, services) as session:
            for name in self._injected:
                given[name] = session if name == SESSION else self._service(services, name)
            return bool(self.rule(**given))

    def _service(self, services: Mapping[str, Any], name: str) -> object:
        if name not in services:
            raise ConfigurationError(
                f"the rule {self.rule.__name__!r} of the room {self.pattern!r} has the parameter "
                f"{name!r}, which is neither 'user', nor in the pattern, nor a service"
                f"{did_you_mean(name, services)}"
            )
        return services[name]

    def __repr__(self) -> str:
        return f"<RoomRule {self.pattern}>"


# All rules of the process by pattern, filled when the modules with the functions are imported.
ROOMS: dict[str, RoomRule] = {}
# Those of the framework itself, for rooms whose names begin with `INTERNAL`.
FRAMEWORK_ROOMS: dict[str, RoomRule] = {}


def room(
    pattern: str, *, presence: bool = False, history: int | None = None, per_viewer: bool = False
) -> Callable[[F], F]:
    """Make the decorated function the rule that decides who may subscribe to rooms.

    The function is called with `user` (None for visitors), with the variables of the
    pattern, and with services such as `config` by the names of its parameters. `db_session` is a
    session of its own. It runs in a thread, and is a plain function. A room that matches no pattern
    is refused; if several match, the first one that was declared decides.

    Args:
        pattern: Pattern of the names, such as `ticket-{ticket_id:int}`.
        presence: Whether `present` knows who is subscribed.
        history: How many messages are kept; None for the setting `REALTIME_HISTORY_MESSAGES`.
        per_viewer: Whether fragments are rendered for each viewer, not once for the room.

    Raises:
        ConfigurationError: The pattern is malformed or declared twice, or the function is not
            plain or takes no parameter for a variable.

    Example:
        >>> from lback.realtime import room
        >>> @room("examples-{number:int}")
        ... def may_read(user, number):
        ...     return user is not None or number == 1
        >>> from lback.realtime import may_subscribe
        >>> may_subscribe({}, None, "examples-1"), may_subscribe({}, None, "examples-2")
        (True, False)
    """
    if history is not None and history < 1:
        raise ConfigurationError(f"history={history} of the room {pattern!r} must be at least 1")

    def declare(rule: F) -> F:
        known = ROOMS.get(pattern)
        if known is not None and _place(known.rule) != _place(rule):
            raise ConfigurationError(
                f"the room {pattern!r} has two rules: {known.rule.__module__}."
                f"{known.rule.__qualname__} and {rule.__module__}.{rule.__qualname__}"
            )
        ROOMS[pattern] = RoomRule(pattern, rule, RoomOptions(presence, history, per_viewer))
        return rule

    return declare


def _place(function: Callable[..., object]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def find_room(name: str) -> tuple[RoomRule, dict[str, object]] | None:
    """Return the rule of a room and the variables in its name, or None without one.

    Args:
        name: Name of the room.
    """
    if not _NAME.fullmatch(name):
        return None
    rules = FRAMEWORK_ROOMS if name.startswith(INTERNAL) else ROOMS
    for rule in rules.values():
        variables = rule.match(name)
        if variables is not None:
            return rule, variables
    return None


def options_of(name: str) -> RoomOptions:
    """Return how a room is kept; the defaults if no rule matches it.

    Args:
        name: Name of the room.
    """
    found = find_room(name)
    return DEFAULT if found is None else found[0].options


def may_subscribe(services: Mapping[str, Any], user: object, name: str) -> bool:
    """Return True if a user may subscribe to a room.

    Args:
        services: Services of the application, by name.
        user: The user, or None.
        name: Name of the room, as the client gave it.

    Raises:
        Exception: Whatever the rule raised.
    """
    return allows_entry(services, user, name)


def allows_entry(
    services: Mapping[str, Any],
    user: object,
    name: str,
    admin_user: Callable[[], object] | None = None,
) -> bool:
    """Return True if a user, or the user of the admin in the same session, may subscribe.

    Args:
        services: Services of the application, by name.
        user: The user, or None.
        name: Name of the room, as the client gave it.
        admin_user: Returns the user of the admin, or None; called if the rule takes it.

    Raises:
        Exception: Whatever the rule raised.
    """
    found = find_room(name)
    return found is not None and found[0].allows(services, user, found[1], admin_user)


def check_name(name: object) -> str:
    """Return the name of a room that code gave.

    Args:
        name: The name.

    Raises:
        TypeError: It is not text.
        ValueError: It is empty, too long, or has spaces or letters that are not ASCII.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a room must be text, not {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r} is not the name of a room: use 1 to {LONGEST_NAME} ASCII letters, "
            "digits and signs without spaces, such as 'ticket-42'"
        )
    return name


def import_rooms(config: "Config", modules: Iterable[str] = ()) -> list[str]:
    """Import `rooms.py` of the project and of each installed app.

    Args:
        config: The settings.
        modules: Names of further modules.

    Returns:
        The names of the imported modules.

    Raises:
        ConfigurationError: A module cannot be imported.
    """
    return import_app_modules(config, "rooms", modules)


def _path_of(pattern: str) -> PathPattern:
    try:
        path = PathPattern(f"/{pattern}")
    except ValueError as error:
        raise ConfigurationError(f"the pattern {pattern!r} of a room: {error}") from None
    literal = "".join(part for part in path.parts if isinstance(part, str))
    if not _NAME.fullmatch(literal):
        raise ConfigurationError(
            f"the pattern {pattern!r} of a room must have ASCII signs without spaces only"
        )
    return path


def _parameters_of(pattern: str, rule: Callable[..., object]) -> list[str]:
    if inspect.iscoroutinefunction(rule):
        raise ConfigurationError(
            f"the rule {rule.__name__!r} of the room {pattern!r} is an async function; rules run "
            "in a thread: write def"
        )
    parameters = inspect.signature(rule).parameters.values()
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


@contextmanager
def _session_if(wanted: bool, services: Mapping[str, Any]) -> "Iterator[Any]":
    if not wanted:
        yield None
        return
    with services["db_manager"].session() as session:
        yield session
