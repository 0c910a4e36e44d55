"""Markup: attributes and text become HTML here, and nowhere is a value left unescaped."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from markupsafe import Markup, escape

Attributes: TypeAlias = Mapping[str, Any]


class Rendered(Markup):
    """Markup that may be called or not: `{{ form.as_p }}` and `{{ form.as_p() }}` are the same."""

    __slots__ = ()

    def __call__(self) -> "Rendered":
        """Return itself."""
        return self


def attributes(values: Attributes) -> Markup:
    """Return HTML attributes, each with a space before it.

    `True` writes the name alone; `None` and `False` write nothing.
    """
    return Markup("").join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in values.items()
        if value is not None and value is not False
    )


def tag(name: str, values: Attributes, content: Any = None) -> Markup:
    """Return an element; without content it is a void one, such as `<input>`."""
    start = Markup("<{}{}>").format(name, attributes(values))
    return start if content is None else start + escape(content) + Markup("</{}>").format(name)


def text_area(values: Attributes, content: str) -> Markup:
    """Return a `<textarea>`; a parser drops the first line feed, so one is put before the text."""
    return tag("textarea", values, Markup("\n") + escape(content))
