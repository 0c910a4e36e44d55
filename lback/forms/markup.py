"""HTML rendering in one place, in which every value is escaped."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from markupsafe import Markup, escape

Attributes: TypeAlias = Mapping[str, Any]


class Rendered(Markup):
    """Markup that is callable: `{{ form.as_p }}` and `{{ form.as_p() }}` are the same."""

    __slots__ = ()

    def __call__(self) -> "Rendered":
        """Return itself."""
        return self


def attributes(values: Attributes) -> Markup:
    """Return HTML attributes, each with a space before it.

    Args:
        values: Attributes by name. `True` writes the name alone; `None` and `False` write nothing.

    Example:
        >>> print(attributes({"id": "a", "required": True, "min": None}))
         id="a" required
    """
    return Markup("").join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in values.items()
        if value is not None and value is not False
    )


def tag(name: str, values: Attributes, content: object = None) -> Markup:
    """Return an HTML element.

    Args:
        name: Name of the element.
        values: Attributes, as for `attributes`.
        content: Text to be escaped, or markup; `None` for a void element such as `<input>`.

    Example:
        >>> print(tag("b", {"class": "x"}, "1 < 2"))
        <b class="x">1 &lt; 2</b>
    """
    start = Markup("<{}{}>").format(name, attributes(values))
    return start if content is None else start + escape(content) + Markup("</{}>").format(name)


def text_area(values: Attributes, content: str) -> Markup:
    """Return a `<textarea>`; HTML parsers drop a leading line feed, so one is added.

    Args:
        values: Attributes, as for `attributes`.
        content: The text, not escaped.
    """
    return tag("textarea", values, Markup("\n") + escape(content))
