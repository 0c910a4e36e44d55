"""Translation of messages into the current language; see `lback.i18n`, which exports all of this.

It needs the standard library alone and lies below all other packages, so that each of them can
mark its texts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, ClassVar

__all__ = [
    "LazyText",
    "Translations",
    "get_language",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "language",
    "ngettext",
    "ngettext_lazy",
    "npgettext",
    "pgettext",
    "pgettext_lazy",
    "text_direction",
]

# Between the context and the message in a key, as in .mo files.
CONTEXT_SEPARATOR = "\x04"
SOURCE_LANGUAGE = "en"  # of the messages in the code of the framework
# Key of the environ: the part of the path of a request that was its language, such as "/de".
PREFIX = "lback.language_prefix"

# Languages that are written from right to left, and scripts where a tag names one (BCP 47).
_RTL_LANGUAGES = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
)
_RTL_SCRIPTS = frozenset({"adlm", "arab", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"})

Forms = tuple[Callable[[int], int], tuple[str, ...]]


class Translations:
    """The messages of one language.

    Args:
        code: The language as a tag such as "de" or "pt-BR" (BCP 47).
        messages: Translations by message; the key of one with a context is the context,
            `CONTEXT_SEPARATOR` and the message.
        plurals: The function that chooses the form of a number, and the forms, by the key of the
            singular.
    """

    def __init__(
        self,
        code: str,
        messages: Mapping[str, str] | None = None,
        plurals: Mapping[str, Forms] | None = None,
    ) -> None:
        self.code = code
        self.messages: Mapping[str, str] = messages or {}
        self.plurals: Mapping[str, Forms] = plurals or {}
        # Of templates, by the message as it stands there: escaped text, and HTML of tags.
        self.escaped: dict[str, str] = {}
        self.tags: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code!r}>"


# The language of the current request or of a block with `language`. AppController sets it for
# each request of an application with languages, as it does with the time zone.
CURRENT: ContextVar[Translations | None] = ContextVar("lback_language", default=None)
_current = CURRENT.get  # a name of the module is found faster than an attribute


class _Process:
    """What applies outside requests: that of the project of this process."""

    translations: ClassVar[Translations | None] = None
    find: ClassVar[Callable[[str], Translations]] = Translations


def set_process_language(
    find: Callable[[str], Translations], translations: Translations | None
) -> None:
    """Set the languages that apply outside requests; called when a project is published.

    Args:
        find: Returns the translations of a language by its code.
        translations: Those of the default language; None if there is nothing to translate.
    """
    _Process.find = staticmethod(find)
    _Process.translations = translations


def find_translations(code: str) -> Translations:
    """Return the translations of a language in the project of this process.

    Args:
        code: Tag of the language, such as "de".

    Raises:
        ValueError: The project does not have this language; the message lists those it has.
    """
    current = CURRENT.get()
    find: Callable[[str], Translations] = getattr(current, "find", None) or _Process.find
    return find(code)


def gettext(message: str, /, **values: object) -> str:
    """Translate a message into the current language.

    Args:
        message: The message in the language of the code; a literal, so that
            `lback messages extract` finds it.
        **values: Replace the placeholders `%(name)s`. Without values, the message stays as it is,
            also a `%` in it.

    Returns:
        The translation; the message itself if there is none.

    Raises:
        KeyError: A placeholder has no value.

    Example:
        >>> gettext("Hello %(name)s", name="Ada")
        'Hello Ada'
    """
    current = _current()
    if current is None:
        current = _Process.translations
    if current is not None:
        message = current.messages.get(message, message)
    return message % values if values else message


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """Translate a message whose form depends on a number.

    Args:
        singular: The message for one.
        plural: The message for other numbers in the language of the code.
        num: The number that decides; `%(num)s` in the message shows it.
        **values: Further placeholders; `num` shows the number in another form.

    Raises:
        KeyError: A placeholder has no value.

    Example:
        >>> ngettext("%(num)s book", "%(num)s books", 3)
        '3 books'
    """
    return _plural(singular, singular, plural, num, values)


def pgettext(context: str, message: str, /, **values: object) -> str:
    """Translate a message that has another meaning in another place.

    Args:
        context: Tells the meanings apart, such as "month" for "May".
        message: The message in the language of the code.
        **values: Replace the placeholders `%(name)s`.

    Raises:
        KeyError: A placeholder has no value.

    Example:
        >>> pgettext("month", "May")
        'May'
    """
    current = current_translations()
    if current is not None:
        message = current.messages.get(f"{context}{CONTEXT_SEPARATOR}{message}", message)
    return message % values if values else message


def npgettext(context: str, singular: str, plural: str, num: int, /, **values: object) -> str:
    """Translate a message with a context whose form depends on a number.

    Args:
        context: As in `pgettext`.
        singular: The message for one.
        plural: The message for other numbers in the language of the code.
        num: The number that decides; `%(num)s` in the message shows it.
        **values: Further placeholders.

    Raises:
        KeyError: A placeholder has no value.
    """
    return _plural(f"{context}{CONTEXT_SEPARATOR}{singular}", singular, plural, num, values)


def _plural(key: str, singular: str, plural: str, num: int, values: dict[str, object]) -> str:
    values.setdefault("num", num)
    return plural_form(key, singular, plural, num) % values


def plural_form(key: str, singular: str, plural: str, num: int) -> str:
    """Return the form of a message for a number, with its placeholders.

    Args:
        key: The key in the translations: the singular, after the context if it has one.
        singular: The message for one.
        plural: The message for other numbers in the language of the code.
        num: The number that decides.
    """
    current = current_translations()
    found = None if current is None else current.plurals.get(key)
    if found is None:
        return singular if num == 1 else plural
    choose, forms = found
    return forms[choose(num)]


class LazyText(str):
    """Text that is translated each time it is shown, in the language that is current then.

    It is made by `gettext_lazy` and its relatives, for labels and messages of classes, which
    exist before any request. Comparison, hash and what C code reads of it, such as `str.join`,
    use the message in the language of the code; `str(text)` is the translation.
    """

    __slots__ = ("_arguments", "_function")
    _function: Callable[..., str]
    _arguments: tuple[tuple[Any, ...], dict[str, object]]

    def __new__(
        cls, shown: str, function: Callable[..., str], *args: object, **values: object
    ) -> "LazyText":
        """Return text in the language of the code, and what translates it."""
        text = super().__new__(cls, shown)
        text._function = function
        text._arguments = (args, values)
        return text

    def __str__(self) -> str:
        args, values = self._arguments
        return self._function(*args, **values)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __mod__(self, values: object) -> str:
        return str(self) % values

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)

    def __reduce__(self) -> tuple[object, ...]:
        args, values = self._arguments
        return _lazy, (str.__str__(self), self._function, args, values)


def _lazy(
    shown: str, function: Callable[..., str], args: tuple[object, ...], values: dict[str, object]
) -> LazyText:
    return LazyText(shown, function, *args, **values)


def _translated(name: str) -> Callable[..., Any]:
    method = getattr(str, name)

    def call(self: LazyText, *args: object, **kwargs: object) -> Any:
        return method(str(self), *args, **kwargs)

    call.__name__, call.__doc__ = name, f"As `str.{name}`, of the translation."
    return call


# What gives a text made of this one, or looks into it, does so with the translation.
_TRANSLATED = (
    "__contains__ __getitem__ __iter__ __len__ capitalize casefold center count encode endswith "
    "expandtabs find format format_map index isdigit islower isspace isupper ljust lower lstrip "
    "partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title translate upper zfill"
)
for _name in _TRANSLATED.split():
    setattr(LazyText, _name, _translated(_name))


def gettext_lazy(message: str, /, **values: object) -> str:
    """Return text that is translated when it is shown; for labels of forms, models and choices.

    Args:
        message: The message in the language of the code; a literal.
        **values: Replace the placeholders `%(name)s` when it is shown.

    Example:
        >>> label = gettext_lazy("Title")
        >>> str(label)
        'Title'
    """
    return LazyText(message, gettext, message, **values)


def gettext_noop(message: str) -> str:
    """Return a message as it is, marked so that `lback messages extract` finds it.

    For text that is stored or logged in the language of the code, and translated by `gettext` of a
    variable when a reader sees it.

    Args:
        message: The message in the language of the code; a literal.

    Example:
        >>> gettext_noop("Sold out")
        'Sold out'
    """
    return message


def pgettext_lazy(context: str, message: str, /, **values: object) -> str:
    """Return text with a context that is translated when it is shown.

    Args:
        context: As in `pgettext`.
        message: The message in the language of the code; a literal.
        **values: Replace the placeholders `%(name)s` when it is shown.
    """
    return LazyText(message, pgettext, context, message, **values)


def ngettext_lazy(singular: str, plural: str, num: int, /, **values: object) -> str:
    """Return text that is translated when it is shown, in the form of a number.

    Args:
        singular: The message for one.
        plural: The message for other numbers in the language of the code.
        num: The number that decides; `%(num)s` in the message shows it.
        **values: Further placeholders.
    """
    shown = singular if num == 1 else plural
    return LazyText(shown, ngettext, singular, plural, num, **values)


def current_translations() -> Translations | None:
    """Return the messages of the current language; None if there is nothing to translate."""
    current = _current()
    return _Process.translations if current is None else current


def get_language() -> str:
    """Return the tag of the current language, such as "de" or "pt-BR".

    It is that of the block with `language`, of the request, or of the project of this process;
    "en" if nothing sets one.
    """
    current = current_translations()
    return SOURCE_LANGUAGE if current is None else current.code


@contextmanager
def language(code: str) -> Iterator[str]:
    """Use another language in a `with` block, such as that of the reader of an email.

    Args:
        code: Tag of one of `LANGUAGES`, such as "de". "en" always works.

    Yields:
        The tag.

    Raises:
        ValueError: The project does not have this language.

    Example:
        >>> with language("en"):
        ...     gettext("Save")
        'Save'
    """
    translations = find_translations(code)
    token = CURRENT.set(translations)
    try:
        yield translations.code
    finally:
        CURRENT.reset(token)


def text_direction(code: str = "") -> str:
    """Return the direction in which a language is written, for the attribute `dir` of HTML.

    Args:
        code: Tag of a language; empty means the current one.

    Returns:
        "rtl" or "ltr".

    Example:
        >>> text_direction("ar"), text_direction("az-Arab"), text_direction("de")
        ('rtl', 'rtl', 'ltr')
    """
    return _direction(code or get_language())


@lru_cache(64)
def _direction(code: str) -> str:
    subtags = code.lower().replace("_", "-").split("-")
    script = next((part for part in subtags[1:] if len(part) == 4 and part.isalpha()), "")
    if script:
        return "rtl" if script in _RTL_SCRIPTS else "ltr"
    return "rtl" if subtags[0] in _RTL_LANGUAGES else "ltr"
