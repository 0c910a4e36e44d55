"""Registry of the models that the admin shows."""

import warnings
from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper

from lback.admin.registered_model import RegisteredModel
from lback.core.exceptions import ConfigurationError

M = TypeVar("M", bound=type[object])
C = TypeVar("C", bound=type[object])


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered model and its options.

    Attributes:
        model: A mapped class.
        options: A `ModelAdmin` subclass, or None for the defaults.
    """

    model: type[Any]
    options: object | None = None


class AdminRegistry:
    """Models that the admin shows, in the order of registration.

    Args:
        base: Registry whose models are shown as well, before the own ones.

    Example:
        >>> from lback.admin import AdminRegistry, ModelAdmin
        >>> from lback.users import Role
        >>> registry = AdminRegistry()
        >>> registry.register(Role, ModelAdmin) is Role
        True
        >>> registry.is_registered(Role)
        True
    """

    def __init__(self, base: "AdminRegistry | None" = None) -> None:
        inherited = [] if base is None else base._entries.maps
        self._entries: ChainMap[type[object], Registration] = ChainMap({}, *inherited)
        self._registered_models: dict[str, RegisteredModel] | None = None

    @overload
    def register(self, model: None = None, options: object | None = None) -> Callable[[C], C]: ...

    @overload
    def register(self, model: type[object], options: None = None) -> Callable[[C], C]: ...

    @overload
    def register(self, model: M, options: object) -> M: ...

    def register(self, model: Any = None, options: object | None = None) -> Any:
        """Register a model with the admin.

        Call `register(Book)` or `register(Book, BookAdmin)`, or decorate: `@register(Book)` the
        options class, `@register()` the model.

        Args:
            model: A mapped class.
            options: A subclass of `lback.admin.ModelAdmin`. None uses the defaults.

        Returns:
            The model if both are given, else a decorator.

        Raises:
            ConfigurationError: The model has no table, or is registered already.
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
            self._registered_models = None
            return decorated

        return with_options

    def _add(self, model: type[object], options: object) -> None:
        _check_model(model)
        if model in self._entries:
            raise ConfigurationError(
                f"{_name(model)} is registered with the admin already; "
                "unregister it first to replace its options"
            )
        self._entries[model] = Registration(model, options)
        self._registered_models = None

    def unregister(self, model: type[object]) -> None:
        """Remove a model from the admin.

        Raises:
            ConfigurationError: The model was not registered with this registry.
        """
        if model not in self._entries.maps[0]:
            raise ConfigurationError(
                f"{_name(model)} cannot be unregistered: it was not registered with this registry"
            )
        del self._entries[model]
        self._registered_models = None

    def is_registered(self, model: type[object]) -> bool:
        """Return True if a model is registered, here or with the base."""
        return model in self._entries

    def prepare(self) -> None:
        """Check all options at start-up.

        Raises:
            ConfigurationError: An option is not valid, or two models have the same slug.
        """
        registered_models: dict[str, RegisteredModel] = {}
        by_model: dict[type[object], RegisteredModel] = {}
        for entry in self:
            registered = by_model[entry.model] = RegisteredModel(entry.model, entry.options)
            registered.by_model = by_model
            other = registered_models.setdefault(registered.slug, registered)
            if other is not registered:
                raise ConfigurationError(
                    f"{registered.where} and {other.where} both have the slug {registered.slug!r}; "
                    "give one of them another slug"
                )
        for registered in registered_models.values():
            registered.check()
        self._registered_models = registered_models

    @property
    def registered_models(self) -> dict[str, RegisteredModel]:
        """Slug to registered model, in the order of registration.

        Raises:
            ConfigurationError: An option is not valid; see `prepare`.
        """
        if self._registered_models is None:
            self.prepare()
        return self._registered_models or {}

    @property
    def sections(self) -> dict[str, RegisteredModel]:
        """Deprecated alias of `registered_models`."""
        warnings.warn(
            "AdminRegistry.sections is deprecated and will be removed in 0.3; "
            "use registered_models",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.registered_models

    def get_registered_model(self, model: type[object]) -> RegisteredModel | None:
        """Return the registered model of a class, or None if it is not registered."""
        return next(
            (
                registered
                for registered in self.registered_models.values()
                if registered.model is model
            ),
            None,
        )

    def __iter__(self) -> Iterator[Registration]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)


def _check_model(model: object) -> None:
    if isinstance(model, type) and isinstance(inspect(model, raiseerr=False), Mapper):
        return
    raise ConfigurationError(
        f"{_name(model)} cannot be registered with the admin: it is not a model with a table; "
        "register a class that inherits from lback.database.Base and has a __tablename__"
    )


def _name(model: object) -> str:
    if isinstance(model, type):
        return f"{model.__module__}.{model.__qualname__}"
    return repr(model)


# The `admin` modules of installed apps are imported before an application exists, so they
# register here. Each application has a registry of its own, AdminRegistry(site), so that further
# registrations do not affect other applications in the process.
site = AdminRegistry()
register = site.register
