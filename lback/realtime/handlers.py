"""Handlers of WebSockets: what their parameters are filled with, checked when a process starts."""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.routing.annotations import resolved_or_empty
from lback.core.routing.views import view_name
from lback.core.routing.websocket_route import EVENTS, WebSocketRoute, unguarded

if TYPE_CHECKING:
    from lback.realtime.connection import Connection
    from lback.realtime.server import RealtimeServer

MESSAGE, SESSION, USER, CONNECTION = "message", "db_session", "user", "connection"
_FILLED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Call(NamedTuple):
    """A function of a handler.

    Attributes:
        function: The function; of a class, the one that takes `self`.
        is_async: Whether it is an `async def`; else it runs in a thread.
        injected: Names of the services that it takes.
        variables: Names of the path variables that it takes.
        takes: Which of connection, message and user it takes.
        type_: Type of its message; None for text or bytes.
    """

    function: Callable[..., Any]
    is_async: bool
    injected: tuple[str, ...]
    variables: tuple[str, ...]
    takes: frozenset[str]
    type_: Any


class Handler:
    """The handler of a route.

    Args:
        route: The route.
        services: Services by name.

    Raises:
        ConfigurationError: The handler cannot be called; the message says why.
    """

    def __init__(self, route: WebSocketRoute, services: Mapping[str, Any]) -> None:
        view = unguarded(route.view)
        self._route = route
        self._services = services
        self._class = view if isinstance(view, type) else None
        self._what = f"the handler {view_name(view)} of {route.path!r}"
        if self._class is not None:
            names = [name for name in EVENTS if callable(getattr(view, name, None))]
            if not names:
                raise ConfigurationError(
                    f"{self._what} has no connect, receive or disconnect: define one of them"
                )
            self._calls = {name: self._call(getattr(view, name), skip=1) for name in names}
            return
        call = self._call(view, skip=0)
        if not call.is_async:
            raise ConfigurationError(
                f"{self._what} is a plain function, which would hold a thread for each client: "
                "write async def, or a class whose methods run in threads"
            )
        # With a message it is called for each one, else once for the whole connection.
        self._calls = {("receive" if MESSAGE in call.takes else "all"): call}

    def _call(self, function: Callable[..., Any], skip: int) -> Call:
        is_async = inspect.iscoroutinefunction(function)
        parameters = list(inspect.signature(function).parameters.values())[skip:]
        named = [p for p in parameters if p.kind in _FILLED]
        if not named or (named[0].default is not inspect.Parameter.empty):
            raise ConfigurationError(
                f"{self._what} takes no connection: it is the first parameter of "
                f"{function.__name__}"
            )
        variables = {variable.name for variable in self._route.pattern.variables}
        takes, injected, taken, type_ = {CONNECTION}, [], [], None
        for parameter in named[1:]:
            name = parameter.name
            if name in variables:
                taken.append(name)
            elif name in (MESSAGE, USER):
                takes.add(name)
                type_ = _type_of(parameter, function) if name == MESSAGE else type_
            elif name == SESSION:
                self._check_session(function, is_async=is_async)
                injected.append(name)
            elif name in self._services:
                injected.append(name)
            elif parameter.default is inspect.Parameter.empty:
                known = [*variables, MESSAGE, USER, *self._services]
                raise ConfigurationError(
                    f"{self._what} has the parameter {name!r}, which nothing fills: it is neither "
                    f"a path variable nor a service{did_you_mean(name, known)}"
                )
        return Call(function, is_async, tuple(injected), tuple(taken), frozenset(takes), type_)

    def _check_session(self, function: Callable[..., Any], *, is_async: bool) -> None:
        if is_async:
            raise ConfigurationError(
                f"{self._what} takes db_session, and {function.__name__} is an async def: a query "
                "would stop all connections of the process. Put the queries into a plain function "
                "with a parameter db_session, and call: await connection.run(function)"
            )

    async def __call__(self, connection: "Connection", server: "RealtimeServer") -> None:
        """Serve a connection until it ends.

        Args:
            connection: The connection.
            server: Runs plain functions in threads.
        """
        if "all" in self._calls:
            await self._run("all", None, connection, server)
            return
        instance = None if self._class is None else self._class()
        try:
            if "connect" in self._calls:
                await self._run("connect", instance, connection, server)
            await self._receive_all(instance, connection, server)
        finally:
            if "disconnect" in self._calls:
                await self._run("disconnect", instance, connection, server)

    async def _receive_all(
        self, instance: object, connection: "Connection", server: "RealtimeServer"
    ) -> None:
        call = self._calls.get("receive")
        while True:
            # Without a receive, messages are read and dropped, and the end is noticed.
            type_: Any = None if call is None else call.type_
            message = await connection.receive(type_)
            if call is not None:
                await self._run("receive", instance, connection, server, message)

    async def _run(
        self,
        name: str,
        instance: object,
        connection: "Connection",
        server: "RealtimeServer",
        message: object = None,
    ) -> None:
        call = self._calls[name]
        args = (connection,) if instance is None else (instance, connection)
        given: dict[str, Any] = {name: connection.path_params[name] for name in call.variables}
        if MESSAGE in call.takes:
            given[MESSAGE] = message
        if USER in call.takes:
            given[USER] = connection.user
        if call.is_async:
            given |= {name: self._services[name] for name in call.injected}
            result = await call.function(*args, **given)
        else:
            result = await server.run(call.function, connection.user, *args, **given)
        if result is not None:
            await connection.send(result)


def _type_of(parameter: inspect.Parameter, function: Callable[..., Any]) -> Any:
    annotation = resolved_or_empty(parameter.annotation, function, parameter.name)
    plain = annotation is inspect.Parameter.empty or annotation in (str, bytes, str | bytes)
    return None if plain else annotation


def call_with_services(
    services: Mapping[str, Any],
    user: object,
    function: Callable[..., Any],
    args: tuple[object, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Call a plain function, and fill its other parameters by name.

    Args:
        services: Services of the application; `db_session` is a session that is committed when the
            function returns.
        user: The value of a parameter `user`.
        function: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    signature = inspect.signature(function)
    bound = signature.bind_partial(*args, **kwargs)
    wants_session = False
    for name, parameter in signature.parameters.items():
        if name in bound.arguments or parameter.kind not in _FILLED:
            continue
        if name == SESSION:
            wants_session = True
        elif name == USER:
            kwargs = {**kwargs, USER: user}
        elif name in services and parameter.default is inspect.Parameter.empty:
            kwargs = {**kwargs, name: services[name]}
    if not wants_session:
        return function(*args, **kwargs)
    with services["db_manager"].session() as session:
        return function(*args, **{**kwargs, SESSION: session})


def check_handlers(routes: "list[Any]", services: Mapping[str, Any]) -> None:
    """Raise unless the handlers of all WebSockets can be called.

    Args:
        routes: All routes of the application.
        services: Services by name.

    Raises:
        ConfigurationError: A handler cannot be called.
    """
    for route in routes:
        if isinstance(route, WebSocketRoute):
            Handler(route, services)
