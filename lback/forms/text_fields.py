"""Fields for text, email addresses, URLs, slugs, UUIDs and JSON."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import isfinite
from typing import Any, ClassVar, Unpack
from urllib.parse import urlsplit
from uuid import UUID

from lback.core.http.mail_address import mailed_address
from lback.forms.errors import CountedMessage
from lback.forms.field import Field, FieldOptions, Messages
from lback.forms.widgets import EmailInput, JSONInput, Textarea, TextInput, URLInput, Widget
from lback.translation import gettext
from lback.translation import gettext_lazy as _

EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
URL_LENGTH = 2048
JSON_LENGTH = 100_000
JSON_DEPTH = 200
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
# Python neither writes nor reads whole numbers of more than 4,300 digits.
_TOO_LARGE = 10**4300
_TOO_DEEP = _("it is nested more than %(limit)s levels deep", limit=JSON_DEPTH)
_TOO_MANY_DIGITS = _("a whole number has more than 4,300 digits")
# What the parser of Python says, with a small letter at the start; marked for translation.
JSON_PROBLEMS = (
    _("expecting value"),
    _("expecting property name enclosed in double quotes"),
    _("expecting ':' delimiter"),
    _("expecting ',' delimiter"),
    _("extra data"),
    _("unterminated string starting at"),
    _("invalid control character at"),
    _("invalid \\escape"),
    _("invalid \\uXXXX escape"),
    _("illegal trailing comma before end of object"),
    _("illegal trailing comma before end of array"),
    _("unexpected UTF-8 BOM (decode using utf-8-sig)"),
)

_SURROGATE = re.compile("[\ud800-\udfff]")
# RFC 5322 §3.2.3 without quoted strings, which no provider offers, and all letters of RFC 6531.
_HOST_LABEL = re.compile(r"\w(?:[\w-]{0,61}\w)?")
_SLUG = re.compile(r"[A-Za-z0-9_-]+")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def with_line_feeds(text: str) -> str:
    r"""Return text with `\n` as line ends; browsers submit `\r\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class TextOptions(FieldOptions, total=False):
    """Options of `CharField` except `max_length`, for fields with a default of their own for it."""

    min_length: int | None
    strip: bool
    empty_value: object


class CharField(Field):
    """Text.

    Args:
        min_length: Minimum number of characters.
        max_length: Maximum number of characters.
        strip: Whether blanks around the text are removed.
        empty_value: Value of an empty text.
        **options: See `Field`.

    Example:
        >>> CharField(max_length=10).clean(" Ada ")
        'Ada'
    """

    widget_class: ClassVar[type[Widget]] = TextInput
    messages: ClassVar[Messages] = {
        "invalid": _("Please write text."),
        "characters": _("This contains characters that cannot be stored. Please remove them."),
        "min_length": CountedMessage(
            "Please write at least {limit} characters; you wrote {length}.", by="limit"
        ),
        "max_length": CountedMessage(
            "Please write at most {limit} characters; you wrote {length}.", by="limit"
        ),
    }

    def __init__(
        self,
        *,
        min_length: int | None = None,
        max_length: int | None = None,
        strip: bool = True,
        empty_value: object = "",
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(**options)
        self.min_length = min_length
        self.max_length = max_length
        self.strip = strip
        self.empty_value = empty_value

    def is_empty(self, raw: object) -> bool:
        """Return True if nothing was entered; blanks count unless they are removed."""
        return raw is None or raw == "" or (self.strip and super().is_empty(raw))

    def to_python(self, raw: object) -> str:
        """Return the text, stripped unless `strip` is false, with line feeds as line ends.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not text, or has characters that databases cannot store.
        """
        if not isinstance(raw, str):
            raise self.invalid("invalid")
        text = with_line_feeds(str(raw))
        # Databases cannot store these: PostgreSQL rejects NUL, and UTF-8 has no lone surrogates.
        if "\0" in text or _SURROGATE.search(text):
            raise self.invalid("characters")
        return text.strip() if self.strip else text

    def check(self, value: str) -> None:
        """Validate the length.

        Args:
            value: The converted value.

        Raises:
            Invalid: The text is too short or too long.
        """
        length = len(value)
        if self.min_length is not None and length < self.min_length:
            raise self.invalid("min_length", limit=self.min_length, length=length)
        if self.max_length is not None and length > self.max_length:
            raise self.invalid("max_length", limit=self.max_length, length=length)

    def attributes(self) -> dict[str, object]:
        """Return the attributes `minlength` and `maxlength`."""
        return {"minlength": self.min_length, "maxlength": self.max_length}

    def has_changed(self, initial: object, raw: object) -> bool:
        """Return True if another text was entered; line ends do not count.

        Args:
            initial: The text that the control showed.
            raw: The submitted text.
        """
        if isinstance(initial, str) and isinstance(raw, str):
            return with_line_feeds(initial) != with_line_feeds(raw)
        return super().has_changed(initial, raw)


class TextField(CharField):
    """Text of several lines."""

    widget_class = Textarea


class EmailField(CharField):
    """An email address that `lback.mail` can send to; only a delivered message shows that it works.

    The part before the @ is ASCII (RFC 5322), the domain may be an internationalised one.

    Args:
        max_length: Maximum number of characters (RFC 5321 section 4.5.3.1.3).
        **options: See `CharField`.

    Example:
        >>> EmailField().clean("ada@example.org")
        'ada@example.org'
    """

    widget_class = EmailInput
    messages: ClassVar[Messages] = {
        "invalid_email": _("Please write an email address such as ada@example.org.")
    }

    def __init__(
        self, *, max_length: int | None = EMAIL_LENGTH, **options: Unpack[TextOptions]
    ) -> None:
        super().__init__(max_length=max_length, **options)

    def check(self, value: str) -> None:
        """Validate the length and the form of the address.

        Args:
            value: The converted value.

        Raises:
            Invalid: The text is not an email address.
        """
        super().check(value)
        if mailed_address(value) is None or not is_host(value.rpartition("@")[2]):
            raise self.invalid("invalid_email")

    def attributes(self) -> dict[str, object]:
        """Return the lengths, and `autocomplete` for address books."""
        return {**super().attributes(), "autocomplete": "email"}


def is_host(text: str) -> bool:
    """Return True if a text is a host name of at least two labels (RFC 1123, RFC 5891)."""
    labels = text.split(".")
    fine = len(text) <= 253 and len(labels) > 1 and "_" not in text
    return fine and all(_HOST_LABEL.fullmatch(label) for label in labels)


class SlugField(CharField):
    """A slug: ASCII letters, digits, hyphens and underscores, as used in URLs."""

    messages: ClassVar[Messages] = {
        "invalid_slug": _("Please use letters a to z, digits, hyphens and underscores only.")
    }

    def check(self, value: str) -> None:
        """Validate the length and the characters.

        Args:
            value: The converted value.

        Raises:
            Invalid: The text has other characters.
        """
        super().check(value)
        if not _SLUG.fullmatch(value):
            raise self.invalid("invalid_slug")

    def attributes(self) -> dict[str, object]:
        """Return the lengths and the pattern."""
        return {**super().attributes(), "pattern": "[-A-Za-z0-9_]+", "autocapitalize": "off"}


def slug_of(text: str) -> str:
    """Return text as a slug: "Crème brûlée" becomes "creme-brulee".

    Example:
        >>> slug_of("Crème brûlée")
        'creme-brulee'
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")


class URLField(CharField):
    """An absolute URL.

    Args:
        schemes: Accepted schemes; never include one that runs scripts, such as `javascript`.
        max_length: Maximum number of characters.
        **options: See `CharField`.
    """

    widget_class = URLInput
    messages: ClassVar[Messages] = {
        "invalid_url": _("Please write a whole address such as https://example.org/page.")
    }

    def __init__(
        self,
        *,
        schemes: Iterable[str] = ("http", "https"),
        max_length: int | None = URL_LENGTH,
        **options: Unpack[TextOptions],
    ) -> None:
        super().__init__(max_length=max_length, **options)
        self.schemes = frozenset(schemes)

    def check(self, value: str) -> None:
        """Validate length, scheme and host.

        Args:
            value: The converted value.

        Raises:
            Invalid: The text is not an absolute URL with an accepted scheme.
        """
        super().check(value)
        # Browsers drop control characters and read a backslash as a slash, so that they would
        # open another URL than the one that was validated.
        if not value.isprintable() or " " in value or "\\" in value:
            raise self.invalid("invalid_url")
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise self.invalid("invalid_url") from None
        if parts.scheme.lower() not in self.schemes or not host or not _has_labels(host):
            raise self.invalid("invalid_url")


def _has_labels(host: str) -> bool:
    """Return True for an IP address, or a name without empty labels and hyphens around them."""
    labels = host.removesuffix(".").split(".")
    fine = all(label and label.strip("-") == label and len(label) <= 63 for label in labels)
    return ":" in host or fine


class UUIDField(Field):
    """A UUID (RFC 9562)."""

    messages: ClassVar[Messages] = {
        "invalid": _("Please write a UUID such as 5f1c9a3e-7d24-4a8e-9b1f-0c2d4e6f8a9b.")
    }

    def to_python(self, raw: object) -> UUID:
        """Return the UUID.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not a UUID.
        """
        if isinstance(raw, UUID):
            return raw
        text = self.token(raw)
        if not _UUID.fullmatch(text):
            raise self.invalid("invalid")
        return UUID(text)

    def attributes(self) -> dict[str, object]:
        """Return attributes that turn off corrections by phones."""
        return {"autocapitalize": "off", "spellcheck": "false"}


class JSONField(Field):
    """A JSON value (RFC 8259); NaN and infinity are not accepted.

    Args:
        max_length: Maximum number of characters.
        **options: See `Field`.

    Example:
        >>> JSONField().clean('{"a": [1, 2]}')
        {'a': [1, 2]}
    """

    widget_class = JSONInput
    messages: ClassVar[Messages] = {
        "invalid": _("This is not valid JSON: {reason}."),
        "characters": _("This contains characters that cannot be stored. Please remove them."),
        "max_length": CountedMessage(
            "Please write at most {limit} characters; you wrote {length}.", by="limit"
        ),
    }

    def __init__(self, *, max_length: int = JSON_LENGTH, **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        self.max_length = max_length

    def to_python(self, raw: object) -> Any:
        """Return the value; text is parsed, other values are validated as they are.

        Args:
            raw: The submitted value, as the widget reads it.

        Raises:
            Invalid: It is not valid JSON, or is too long or nested too deeply.
        """
        if not isinstance(raw, str):
            value = raw
        elif len(raw) > self.max_length:
            raise self.invalid("max_length", limit=self.max_length, length=len(raw))
        else:
            value = self._parsed(raw)
        if _depth(value) > JSON_DEPTH:
            raise self.invalid("invalid", reason=_TOO_DEEP)
        for scalar in _scalars(value):
            self._check_scalar(scalar)
        return value

    def _check_scalar(self, value: object) -> None:
        if isinstance(value, str) and ("\0" in value or _SURROGATE.search(value)):
            raise self.invalid("characters")
        if isinstance(value, float) and not isfinite(value):
            raise self.invalid("invalid", reason=gettext("a number is too large or not finite"))
        if isinstance(value, int) and abs(value) >= _TOO_LARGE:
            raise self.invalid("invalid", reason=_TOO_MANY_DIGITS)

    def _parsed(self, raw: str) -> object:
        # Before it is parsed: how deep Python's parser gets depends on its version.
        if _depth_of_text(raw) > JSON_DEPTH:
            raise self.invalid("invalid", reason=_TOO_DEEP)
        try:
            return json.loads(raw.removeprefix("\ufeff"), parse_constant=_refuse)
        except json.JSONDecodeError as error:
            problem = f"{error.msg[:1].lower()}{error.msg[1:]}"
            reason = gettext(
                "%(problem)s, line %(line)s", problem=gettext(problem), line=error.lineno
            )
            raise self.invalid("invalid", reason=reason) from None
        except _NotANumber as error:
            raise self.invalid("invalid", reason=str(error)) from None
        except ValueError:  # Python's limit for the digits of a whole number
            raise self.invalid("invalid", reason=_TOO_MANY_DIGITS) from None

    def prepare(self, value: object) -> object:
        """Return the value; the widget renders `None` as an empty text."""
        return value

    def has_changed(self, initial: object, raw: object) -> bool:
        """Return True if another value was entered; whitespace does not count.

        Args:
            initial: The value that the control showed.
            raw: The submitted text or value.
        """
        if self.is_empty(raw):
            return initial is not None
        try:
            return bool(json.dumps(self.to_python(raw)) != json.dumps(initial))
        except (ValueError, TypeError):
            return True


class _NotANumber(ValueError):
    """NaN or an infinity, which JSON does not have."""


def _refuse(constant: str) -> None:
    raise _NotANumber(gettext("%(constant)s is not a JSON number", constant=constant))


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _scalars(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (dict, list)):
            waiting.extend(_inside(item))
        else:
            yield item


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while any(isinstance(item, (dict, list)) for item in level):
        depth += 1
        level = [inner for item in level for inner in _inside(item)]
    return depth


def _depth_of_text(raw: str) -> int:
    brackets = (letter for letter in _STRING.sub("", raw) if letter in "[{]}")
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)
