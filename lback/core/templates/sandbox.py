"""The sandbox of templates from a database, which denies everything that is not allowed."""

import datetime
import types
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.runtime import Context as RenderContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

if TYPE_CHECKING:
    from lback.core.request import Request

_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower "
    "isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind "
    "rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
_DATE = "day isocalendar isoformat isoweekday month strftime weekday year"
_TIME = "hour microsecond minute second isoformat strftime tzname utcoffset"
# Attributes of plain data that templates from the database may read, by type.
_READABLE: Mapping[type, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        str: _TEXT,
        bytes: "",
        bool: "",
        int: "",
        float: "is_integer",
        types.NoneType: "",
        Decimal: "is_finite is_nan is_signed",
        UUID: "hex",
        datetime.datetime: f"{_DATE} {_TIME} date time timestamp",
        datetime.date: _DATE,
        datetime.time: _TIME,
        datetime.timedelta: "days seconds microseconds total_seconds",
        dict: "get items keys values",
        list: "count index",
        tuple: "count index",
        set: "isdisjoint issubset issuperset",
        frozenset: "isdisjoint issubset issuperset",
        Enum: "name value",
        LoopContext: (
            "changed cycle depth depth0 first index index0 last length nextitem previtem "
            "revindex revindex0"
        ),
        Cycler: "current next reset",
        Namespace: "",
        Macro: "",
        BlockReference: "super",
    }.items()
}
_CONTAINERS = (dict, list, tuple, set, frozenset)
# Filters that reveal internals of objects, or produce large output from small input.
_REFUSED_FILTERS = ("attr", "center", "format", "pprint")
_REFUSED_GLOBALS = ("lipsum",)
_BOUNDED_FILTERS = ("batch", "indent", "slice", "wordwrap")
_LARGEST_ARGUMENT = 1000
_LARGEST_PRODUCT = 100_000


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

    A template can still use much time and memory, for example with nested loops: let only trusted
    people edit rows.

    Args:
        **options: Options of `jinja2.Environment`.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: object) -> None:
        super().__init__(**options, finalize=_checked_output)
        for name in _REFUSED_FILTERS:
            del self.filters[name]
        for name in _REFUSED_GLOBALS:
            del self.globals[name]
        for name in _BOUNDED_FILTERS:
            self.filters[name] = _bounded(self.filters[name])

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
        if isinstance(obj, (str, *_CONTAINERS)) and is_plain(obj):
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
            SecurityError: The object may not be called.
        """
        if self._is_global(obj):
            args = tuple(a._request if isinstance(a, TemplateRequest) else a for a in args)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(
        self, context: RenderContext, operator: str, left: object, right: object
    ) -> object:
        """Compute `*`, `**` and `%`, unless the result would be large.

        Args:
            context: The context of the rendering.
            operator: One of the three operators.
            left: Left operand.
            right: Right operand.

        Raises:
            SecurityError: The result would be too large, or `%` formats text.
        """
        if operator == "%" and isinstance(left, (str, bytes)):
            raise SecurityError("a template from the database may not format text with %")
        if operator == "**" and not _is_small_power(left, right):
            raise SecurityError("this power is too large for a template from the database")
        if operator == "*" and not _is_small_product(left, right):
            raise SecurityError("this product is too large for a template from the database")
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


def readable_names(obj: object) -> frozenset[str]:
    """Return the attributes that templates from the database may read of an object."""
    names: set[str] = set()
    for kind, readable in _READABLE.items():
        if isinstance(obj, kind) and (kind not in _CONTAINERS or is_plain(obj)):
            names |= readable
    fields: Collection[str] = getattr(type(obj), "_fields", ()) if isinstance(obj, tuple) else ()
    declared: Collection[str] = getattr(type(obj), "template_attributes", ())
    return frozenset(names.union(fields, declared))


def is_plain(value: object) -> bool:
    """Return True for plain data: containers of the standard library or of a request, and scalars.

    The items of a container are not checked here, but when they are read.
    """
    if isinstance(value, _CONTAINERS):
        module = type(value).__module__
        return (
            module in ("builtins", "collections")
            or hasattr(value, "_fields")
            or (module == "lback.core.http.multidict")
        )
    return isinstance(value, (*_READABLE, Markup))


def admitted(context: Mapping[str, object]) -> dict[str, object]:
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
    if is_plain(value) or _is_shown(value):
        return value
    return StrictUndefined(
        f"{name!r} is a {type(value).__name__}, which templates from the database may not use: "
        "give plain data, or name template_attributes in the class",
        exc=SecurityError,
    )


def _is_shown(value: object) -> bool:
    """Return True if the class of an object declares `template_attributes`."""
    return isinstance(value, Undefined) or hasattr(type(value), "template_attributes")


@pass_context  # so that constants are checked too; otherwise they are folded to text before
def _checked_output(_: RenderContext, value: object) -> object:
    if is_plain(value) or _is_shown(value):
        return value
    raise SecurityError(
        f"templates from the database may not write a {type(value).__name__}: give plain data, or "
        "name template_attributes in the class"
    )


def _item(obj: Any, key: object, missing: Undefined) -> object:
    try:
        return obj[key]
    except (AttributeError, TypeError, LookupError):
        return missing


def _bounded(function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a filter so that it refuses large numbers, which would produce large output."""

    @wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        numbers = [value for value in (*args, *kwargs.values()) if isinstance(value, int)]
        if any(number > _LARGEST_ARGUMENT for number in numbers):
            raise SecurityError(f"{_LARGEST_ARGUMENT} is the largest argument of this filter")
        return function(*args, **kwargs)

    return call


def _is_small_power(base: Any, exponent: object) -> bool:
    return isinstance(exponent, (int, float)) and abs(exponent) <= 64 and abs(base) <= 2**64


def _is_small_product(left: object, right: object) -> bool:
    for sequence, number in ((left, right), (right, left)):
        if isinstance(sequence, (str, bytes, list, tuple)) and isinstance(number, int):
            return len(sequence) * number <= _LARGEST_PRODUCT
    return True
