"""Commands of installed packages and of the project's apps, with dependencies injected by name."""

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from lback.cli.project import find_project, open_project
from lback.core import server
from lback.core.dependencies import missing_setting
from lback.core.exceptions import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from lback.application import Application

SESSION = "db_session"


def commands_of_apps() -> dict[str, click.Command]:
    """Return the commands in `commands.py` of each installed app, by name.

    Raises:
        ConfigurationError: The settings, an app or its commands cannot be loaded.
    """
    commands: dict[str, click.Command] = {}
    find_project()
    for app in server.load_project_config().INSTALLED_APPS:
        for command in _commands_of(app):
            commands.setdefault(command.name or "", inject_dependencies(command))
    return commands


def _commands_of(app: str) -> Iterator[click.Command]:
    name = f"{app}.commands"
    try:
        # An app that is a single file has no submodules.
        if not hasattr(import_module(app), "__path__") or find_spec(name) is None:
            return
        module = import_module(name)
    except Exception as error:
        raise ConfigurationError(
            f"the commands of the app {app!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    for attribute, value in vars(module).items():
        # Imported commands belong to another module.
        own = isinstance(value, click.Command) and getattr(value.callback, "__module__", "") == name
        if own and not attribute.startswith("_"):
            yield value


def inject_dependencies(command: click.Command) -> click.Command:
    """Wrap a command and its subcommands so that parameters without an option are injected.

    A parameter named `db_session` gets a session that commits when the command returns and rolls
    back if it raises. `app` gets the application, other names its dependencies. The coroutine of
    an `async def` command runs to its end.
    """
    if isinstance(command, click.Group):
        for below in command.commands.values():
            inject_dependencies(below)
    if command.callback is not None:
        given = {parameter.name for parameter in command.params if parameter.name}
        wanted = [name for name in _required(command.callback) if name not in given]
        if inspect.iscoroutinefunction(command.callback):
            command.callback = _running(command.callback)
        if wanted:
            command.callback = _injecting(command.callback, wanted)
    return command


def _running(callback: Callable[..., Coroutine[object, None, object]]) -> Callable[..., object]:
    """Return a plain function that runs the coroutine of an `async def` command."""

    @wraps(callback)
    def call(*args: object, **kwargs: object) -> object:
        from lback.core.routing.coroutines import run_coroutine  # asyncio takes long to import

        return run_coroutine(callback(*args, **kwargs))

    return call


def _required(callback: Callable[..., object]) -> list[str]:
    """Return the names of parameters without a default, except `ctx` of `click.pass_context`."""
    parameters = inspect.signature(callback).parameters.values()
    return [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name != "ctx"
    ]


def _injecting(callback: Callable[..., object], wanted: list[str]) -> Callable[..., object]:
    @wraps(callback)
    def call(*args: object, **kwargs: object) -> object:
        app = open_project()
        with ExitStack() as stack:
            for name in wanted:
                kwargs[name] = _dependency(app, name, stack)
            return callback(*args, **kwargs)

    return call


def _dependency(app: "Application", name: str, stack: ExitStack) -> object:
    if name == SESSION:
        return stack.enter_context(app.db_manager.session())
    known: Mapping[str, object] = {"app": app, **app.app_controller.dependencies}
    if name not in known:
        setting = missing_setting(app.app_controller.dependencies, name)
        if setting is not None:
            raise ConfigurationError(
                f"the parameter {name!r} of this command needs the setting {setting}"
            )
        names = [SESSION, *known]
        near = did_you_mean(name, names) or f"; known: {', '.join(sorted(names))}"
        raise ConfigurationError(
            f"unknown dependency {name!r} in the parameters of this command{near}"
        )
    return known[name]
