"""The sandbox of templates from a database, which denies everything that is not allowed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.runtime import Context as RenderContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Joiner, Namespace

from lback.core.templates.plain_data import CONTAINERS, is_plain, is_shown, readable_names
from lback.core.templates.writing import (
    AddChecks,
    check_method,
    check_power,
    check_product,
    check_sum,
    check_time,
    checked_output,
    concatenated,
    guard_filters,
)

if TYPE_CHECKING:
    from lback.core.request import Request

# Filters that reveal internals of objects, or produce large output from small input.
_REFUSED_FILTERS = ("attr", "center", "format", "pprint")
_REFUSED_GLOBALS = ("lipsum",)


class TemplateRequest:
    """The view of a request that templates from the database get.

    Attributes:
        path: Decoded path.
        method: Method in upper case.
        is_secure: Whether the client uses HTTPS.
        query: Query parameters; the last value of each name.
        user: The signed-in user, or None. Templates read what its class names in
            `template_attributes`.
    """

    template_attributes = ("path", "method", "is_secure", "query", "user")
    __slots__ = ("_request",)

    def __init__(self, request: "Request") -> None:
        self._request = request

    @property
    def path(self) -> str:  # noqa: D102  see the class
        return self._request.path

    @property
    def method(self) -> str:  # noqa: D102
        return str(self._request.method)

    @property
    def is_secure(self) -> bool:  # noqa: D102
        return self._request.is_secure

    @property
    def query(self) -> dict[str, str]:  # noqa: D102
        held = self._request.query_params
        return {name: held.getlist(name)[-1] for name in held}

    @property
    def user(self) -> object:  # noqa: D102
        return self._request.user

    @property
    def environ(self) -> dict[str, Any]:
        """The WSGI environ, for functions of the framework; templates cannot read it."""
        return self._request.environ

    def __repr__(self) -> str:
        return f"<TemplateRequest {self.method} {self.path!r}>"


class DatabaseSandbox(ImmutableSandboxedEnvironment):
    """Jinja2 environment of templates from a database, which denies what is not allowed.

    A template reads plain data (text, numbers, dates, lists, dicts and the like, with a list of
    harmless methods), and of other objects the attributes that their class names:

        class Book(Base):
            template_attributes = ("title", "price")

    It can call methods that are listed there, macros, and the globals of the environment.
    Sessions, forms, configuration and services list nothing, so that templates cannot read them.

    What it writes is plain data, and objects whose class defines `__str__` beside
    `template_attributes`: the `__repr__` of an object may show everything that it holds. A text has
    at most ten million characters, and a rendering takes at most five seconds of processor time. A
    template can still use much memory: let only trusted people edit rows.

    Args:
        **options: Options of `jinja2.Environment`.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, finalize=checked_output)
        self.concat = concatenated  # type: ignore[method-assign]  # an attribute of the class
        for name in _REFUSED_FILTERS:
            del self.filters[name]
        for name in _REFUSED_GLOBALS:
            del self.globals[name]
        guard_filters(self)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = AddChecks().visit(super()._parse(source, name, filename))
        return tree.set_environment(self)  # type: ignore[return-value]  # the same tree

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:  # noqa: ARG002
        """Return True if the class of the object allows reading the attribute.

        Args:
            obj: The object.
            attr: Name of the attribute.
            value: Not used.
        """
        return not attr.startswith("_") and attr in readable_names(obj)

    def getattr(self, obj: object, attribute: str) -> object:
        """Return an attribute, or an item of a plain container.

        Args:
            obj: The object.
            attribute: Name of the attribute or item.

        Returns:
            The value, or an undefined value that raises `SecurityError` when it is used.
        """
        if self.is_safe_attribute(obj, attribute, None):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        missing = self.undefined(obj=obj, name=attribute)
        if isinstance(obj, dict) and is_plain(obj):
            return obj.get(attribute, missing)
        if attribute.startswith("_"):
            return self.unsafe_undefined(obj, attribute)
        if isinstance(obj, (Namespace, TemplateModule)):
            return getattr(obj, attribute, missing)
        if isinstance(obj, TemplateReference):
            return _item(obj, attribute, missing)
        return self.unsafe_undefined(obj, attribute)

    def getitem(self, obj: object, argument: Any) -> Any:
        """Return an item of text or of a plain container, or an attribute as `getattr` does.

        Args:
            obj: The object.
            argument: Index, key or name.
        """
        missing = self.undefined(obj=obj, name=argument)
        if isinstance(argument, str) and not isinstance(obj, dict):
            return self.getattr(obj, argument)
        if isinstance(obj, (str, *CONTAINERS)) and is_plain(obj):
            return _item(obj, argument, missing)
        return missing

    def is_safe_callable(self, obj: object) -> bool:
        """Return True for macros, globals of the environment, and methods that a class allows."""
        if isinstance(obj, (Macro, BlockReference, LoopContext, Joiner)) or self._is_global(obj):
            return True
        if "__call__" in getattr(type(obj), "template_attributes", ()):
            return True
        owner = getattr(obj, "__self__", None)
        name = getattr(obj, "__name__", "")
        return owner is not None and self.is_safe_attribute(owner, name, obj)

    def call(
        self, context: RenderContext, obj: object, /, *args: object, **kwargs: object
    ) -> object:
        """Call an object if that is allowed. Globals of the application receive the real request.

        Args:
            context: The context of the rendering.
            obj: The object to call.
            *args: Positional arguments.
            **kwargs: Keyword arguments.

        Raises:
            SecurityError: The object may not be called, the result would be too long, or the
                rendering has taken too long.
        """
        if self._is_global(obj):
            args = tuple(a._request if isinstance(a, TemplateRequest) else a for a in args)
        check_time()
        args = check_method(getattr(obj, "__self__", None), getattr(obj, "__name__", ""), args)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: RenderContext, operator: str, left: Any, right: Any) -> Any:
        """Compute `+`, `*`, `**` and `%`, unless the result would be large.

        Args:
            context: The context of the rendering.
            operator: One of the four operators.
            left: Left operand.
            right: Right operand.

        Raises:
            SecurityError: The result would be too large, or `%` formats text.
        """
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("a template from the database may not format text with %")
        check = {"+": check_sum, "*": check_product, "**": check_power}.get(operator)
        if check is not None:
            check(left, right)
        return super().call_binop(context, operator, left, right)

    def unsafe_undefined(self, obj: object, attribute: str) -> Undefined:
        """Return an undefined value that raises when used; the message says how to allow it.

        Args:
            obj: The object.
            attribute: Name of the attribute that may not be read.
        """
        name = type(obj).__name__
        return StrictUndefined(
            f"templates from the database may not read {attribute!r} of {name}: the class has to "
            f"name it in template_attributes",
            name=attribute,
            obj=obj,
            exc=SecurityError,
        )

    def _is_global(self, obj: object) -> bool:
        return callable(obj) and any(obj is value for value in self.globals.values())


def admitted(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a context that is safe for templates from the database.

    Args:
        context: Values by name. `request` becomes a `TemplateRequest`. A value that is neither
            plain nor of a class with `template_attributes` becomes one that raises
            `SecurityError` when it is used.
    """
    return {name: _admitted(name, value) for name, value in context.items()}


def _admitted(name: str, value: Any) -> object:
    if name == "request" and hasattr(value, "build_absolute_uri"):
        return TemplateRequest(value)
    if is_plain(value) or is_shown(value):
        return value
    return StrictUndefined(
        f"{name!r} is a {type(value).__name__}, which templates from the database may not use: "
        "give plain data, or name template_attributes in the class",
        exc=SecurityError,
    )


def _item(obj: Any, key: Any, missing: Undefined) -> Any:
    try:
        return obj[key]
    except (AttributeError, TypeError, LookupError):
        return missing
