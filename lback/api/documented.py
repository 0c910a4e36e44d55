"""What a developer adds to the description of a view: tags, names, examples, or nothing at all."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from lback.core.routing.views import handled_methods

V = TypeVar("V", bound=Callable[..., object])

_MARK = "api_description"


@dataclass(frozen=True, slots=True)
class Description:
    """What `describe` says about a view; None for what it does not say.

    Attributes:
        operation_id: Name of the operation in generated clients.
        tags: Groups of the documentation that list the operation.
        summary: One line, instead of the first line of the docstring.
        description: Text, instead of the rest of the docstring.
        deprecated: Whether clients should stop using the operation.
        hidden: Whether the operation is left out of the document.
        errors: Statuses of errors that the view raises.
        request_example: An example of the body.
        answer_example: An example of the body of the first answer.
        mcp: Whether the operation is a tool of `mcp_endpoint`.
    """

    operation_id: str | None = None
    tags: tuple[str, ...] | None = None
    summary: str | None = None
    description: str | None = None
    deprecated: bool | None = None
    hidden: bool | None = None
    errors: tuple[int, ...] | None = None
    request_example: object = None
    answer_example: object = None
    mcp: bool | None = None

    def over(self, other: "Description") -> "Description":
        """Return this description, completed by another one."""
        names = [field.name for field in fields(self)]
        said = {n: value for n in names if (value := getattr(self, n)) is not None}
        return replace(other, **said)


def describe(
    *,
    operation_id: str | None = None,
    tags: Sequence[str] | None = None,
    summary: str | None = None,
    description: str | None = None,
    deprecated: bool | None = None,
    hidden: bool | None = None,
    errors: Collection[int] | None = None,
    request_example: object = None,
    answer_example: object = None,
    mcp: bool | None = None,
) -> Callable[[V], V]:
    """Decorate a view, a class, or a handler of one with what its documentation should say.

    What a handler says takes precedence over what its class says.

    Args:
        operation_id: Name of the operation in generated clients; unique in the application.
        tags: Groups of the documentation; by default the first part of the path.
        summary: One line; by default the first line of the docstring.
        description: Further text; by default the rest of the docstring before its sections.
        deprecated: Whether clients should stop using the operation.
        hidden: Whether to leave the operation out of the document. Its route works as before.
        errors: Statuses of errors that the view raises, besides those that Lback knows of.
        request_example: An example of the body, of types that JSON can express.
        answer_example: An example of the body of the first answer.
        mcp: Whether programs may call the operation as a tool of `mcp_endpoint`.

    Raises:
        TypeError: `tags` is a single text, or the view cannot be marked, such as a bound method.

    Example:
        >>> @describe(tags=["books"], deprecated=True)
        ... def show_book(request, book_id: int):
        ...     return {"id": book_id}
        >>> description_of(show_book).tags
        ('books',)
    """
    if isinstance(tags, str):
        raise TypeError(f"tags must be a list of names: write [{tags!r}]")
    said = Description(
        operation_id,
        None if tags is None else tuple(tags),
        summary,
        description,
        deprecated,
        hidden,
        None if errors is None else tuple(errors),
        request_example,
        answer_example,
        mcp,
    )

    def mark(view: V) -> V:
        try:
            setattr(view, _MARK, said.over(_mark_of(view)))
        except AttributeError:
            raise TypeError(
                f"{view!r} cannot be marked with describe; decorate the function or the class"
            ) from None
        return view

    return mark


def description_of(*views: object) -> Description:
    """Return what `describe` says about views; what the first one says takes precedence.

    Args:
        *views: A handler and its class, for example.
    """
    found = Description()
    for view in reversed(views):
        found = _mark_of(view).over(found)
    return found


def names_operations(view: object) -> bool:
    """Return True if `describe` gives the operations of a view, or one of a class, a name.

    Args:
        view: View of a route.
    """
    methods = handled_methods(view) if isinstance(view, type) else ()
    handlers = [getattr(view, method.lower(), None) for method in methods]
    return any(_mark_of(one).operation_id for one in (view, *handlers))


def _mark_of(view: object) -> Description:
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Description) else Description()
