"""The models that the admin shows, each with how it shows them."""

from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper

from lback.admin.registered_model import RegisteredModel
from lback.core.exceptions import ConfigurationError

M = TypeVar("M", bound=type[Any])
C = TypeVar("C", bound=type[Any])


@dataclass(frozen=True, slots=True)
class Registration:
    """A model, and the options it was registered with."""

    model: type[Any]
    options: Any | None = None


class AdminRegistry:
    """Knows which models the admin shows, in the order they were registered.

    Args:
        base: A registry whose models are shown as well, those first.
    """

    def __init__(self, base: "AdminRegistry | None" = None) -> None:
        inherited = [] if base is None else base._entries.maps
        self._entries: ChainMap[type[Any], Registration] = ChainMap({}, *inherited)
        self._sections: dict[str, RegisteredModel] | None = None

    @overload
    def register(self, model: None = None, options: Any | None = None) -> Callable[[C], C]: ...

    @overload
    def register(self, model: type[Any], options: None = None) -> Callable[[C], C]: ...

    @overload
    def register(self, model: M, options: Any) -> M: ...

    def register(self, model: Any = None, options: Any | None = None) -> Any:
        """Show a model.

        `register(Book)` and `register(Book, BookAdmin)` do so; `@register(Book)` decorates the
        class of the options, `@register()` the class of a model.

        Args:
            model: A mapped class.
            options: A class that inherits from `lback.admin.ModelAdmin`.

        Raises:
            ConfigurationError: It is no model with a table, or was registered already.
        """
        if model is None:

            def with_model(decorated: C) -> C:
                self._add(decorated, options)
                return decorated

            return with_model
        self._add(model, options)
        if options is not None:
            return model

        def with_options(decorated: C) -> C:
            self._entries[model] = Registration(model, decorated)
            self._sections = None
            return decorated

        return with_options

    def _add(self, model: Any, options: Any) -> None:
        _check_model(model)
        if model in self._entries:
            raise ConfigurationError(
                f"{_name(model)} is registered with the admin already; "
                "unregister it first to replace its options"
            )
        self._entries[model] = Registration(model, options)
        self._sections = None

    def unregister(self, model: type[Any]) -> None:
        """Show a model no longer.

        Raises:
            ConfigurationError: It was not registered, or with another registry.
        """
        if model not in self._entries.maps[0]:
            raise ConfigurationError(
                f"{_name(model)} cannot be unregistered: it was not registered with this registry"
            )
        del self._entries[model]
        self._sections = None

    def is_registered(self, model: type[Any]) -> bool:
        """Tell whether a model is shown."""
        return model in self._entries

    def prepare(self) -> None:
        """Check all options, so that a mistake stops the start and not a request.

        Raises:
            ConfigurationError: An option that cannot work, or two models of one slug.
        """
        sections: dict[str, RegisteredModel] = {}
        neighbours: dict[type[Any], RegisteredModel] = {}
        for entry in self:
            section = neighbours[entry.model] = RegisteredModel(entry.model, entry.options)
            section.neighbours = neighbours
            other = sections.setdefault(section.slug, section)
            if other is not section:
                raise ConfigurationError(
                    f"{section.where} and {other.where} both have the slug {section.slug!r}; "
                    "give one of them another slug"
                )
        for section in sections.values():
            section.check()
        self._sections = sections

    @property
    def sections(self) -> dict[str, RegisteredModel]:
        """Slug to section, in the order they were registered.

        Raises:
            ConfigurationError: As `prepare`.
        """
        if self._sections is None:
            self.prepare()
        return self._sections or {}

    def get_registered_model(self, model: type[Any]) -> RegisteredModel | None:
        """Return the section of a model, if it is shown."""
        return next((one for one in self.sections.values() if one.model is model), None)

    def __iter__(self) -> Iterator[Registration]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)


def _check_model(model: Any) -> None:
    if isinstance(model, type) and isinstance(inspect(model, raiseerr=False), Mapper):
        return
    raise ConfigurationError(
        f"{_name(model)} cannot be registered with the admin: it is no model with a table; "
        "register a class that inherits from lback.database.Base and has a __tablename__"
    )


def _name(model: Any) -> str:
    if isinstance(model, type):
        return f"{model.__module__}.{model.__qualname__}"
    return repr(model)


# The admin module of an installed app is imported before any application can be handed to it, so
# it registers here. An application sees these through a registry of its own, AdminRegistry(site),
# in which it may register more without the others in the process seeing it.
site = AdminRegistry()
register = site.register
