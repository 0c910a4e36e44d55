"""Translated messages in templates: the tag `trans` and the function `_` (Jinja's i18n)."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from jinja2 import Environment, nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.ext import InternationalizationExtension
from jinja2.nodes import EvalContext
from jinja2.parser import Parser
from markupsafe import Markup

from lback.core.templates.writing import LONGEST_TEXT
from lback.translation import (
    CONTEXT_SEPARATOR,
    get_language,
    gettext,
    ngettext,
    npgettext,
    pgettext,
    plural_form,
    text_direction,
)

# What the tag calls. Expressions call the functions without the prefix, whose text is escaped.
_PREFIX = "_trans_"
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")
_TAG_FUNCTIONS = ("gettext", "ngettext", "pgettext", "npgettext")


class TranslationTag(InternationalizationExtension):
    """The tag `trans`, whose message is HTML of the template's author and of the translator.

    What it inserts is escaped like all output. A message given to a function, such as
    `_("Save")`, is text and escaped as a whole, so that `_(name)` never lets markup in.
    """

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Parse the tag; it calls functions of its own instead of those of expressions."""
        parsed = super().parse(parser)
        for output in parsed if isinstance(parsed, list) else [parsed]:
            # The outermost call alone: one within a placeholder is an expression of the author.
            called = output.nodes[0].node if isinstance(output, nodes.Output) else None  # type: ignore[attr-defined]
            if isinstance(called, nodes.Name) and called.name in _TAG_FUNCTIONS:
                called.name = f"{_PREFIX}{called.name}"
        return parsed


def _shown(context: EvalContext, text: str, values: dict[str, object]) -> str:
    # The tag doubles each "%" of the template.
    message = Markup(text) if context.autoescape else text  # noqa: S704  written by the author
    return message % values if "%" in text else message


@pass_eval_context
def _tag_gettext(context: EvalContext, message: str, /, **values: object) -> str:
    return _shown(context, gettext(message), values)


@pass_eval_context
def _tag_pgettext(context: EvalContext, about: str, message: str, /, **values: object) -> str:
    return _shown(context, pgettext(about, message), values)


@pass_eval_context
def _tag_ngettext(
    context: EvalContext, singular: str, plural: str, num: int, /, **values: object
) -> str:
    values.setdefault("num", num)
    return _shown(context, plural_form(singular, singular, plural, num), values)


@pass_eval_context
def _tag_npgettext(
    context: EvalContext, about: str, singular: str, plural: str, num: int, /, **values: object
) -> str:
    values.setdefault("num", num)
    key = f"{about}{CONTEXT_SEPARATOR}{singular}"
    return _shown(context, plural_form(key, singular, plural, num), values)


_TAGS: tuple[Callable[..., str], ...] = (_tag_gettext, _tag_ngettext, _tag_pgettext, _tag_npgettext)


def _checked(translate: Callable[..., str]) -> Callable[..., str]:
    """Return a function of messages whose placeholders have no width, which can make long texts."""

    @wraps(translate)
    def call(*args: Any, **values: object) -> str:
        _check_length(args, values)
        text = translate(*args)  # its own values are none, so that it is not formatted here
        rest = _PLACEHOLDER.sub("", text)
        if "%" in rest:
            raise SecurityError("a message of a template from the database may have %(name)s alone")
        if translate is _choose:
            values.setdefault("num", args[2])
        return text % values if values else text

    return call


def _checked_tag(insert: Callable[..., str]) -> Callable[..., str]:
    @wraps(insert)
    def call(*args: Any, **values: object) -> str:
        _check_length(args, values)
        return insert(*args, **values)

    return call


def _check_length(args: Iterable[object], values: Mapping[str, object]) -> None:
    count = max(text.count("%(") for text in args if isinstance(text, str))
    longest = max((len(str(value)) for value in values.values()), default=0)
    if count * longest > LONGEST_TEXT:
        raise SecurityError(f"a message would have more than {LONGEST_TEXT} characters")


def add_checked_translation(environment: Environment) -> None:
    """Add the tag `trans` and the functions of messages to the environment of rows."""
    add_translation(environment)
    environment.globals.update(
        {
            "_": _checked(gettext),
            "gettext": _checked(gettext),
            "ngettext": _checked(_choose),
            "pgettext": _checked(pgettext),
            **{
                f"{_PREFIX}{name}": _checked_tag(insert)
                for name, insert in zip(_TAG_FUNCTIONS, _TAGS, strict=True)
            },
        }
    )
    del environment.globals["npgettext"]


def _choose(singular: str, plural: str, num: int) -> str:
    return plural_form(singular, singular, plural, num)


def add_translation(environment: Environment) -> None:
    """Add the tag `trans` and the functions of messages to an environment."""
    environment.add_extension(TranslationTag)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # of the extension
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals.update(
        {
            "_": gettext,
            "gettext": gettext,
            "ngettext": ngettext,
            "pgettext": pgettext,
            "npgettext": npgettext,
            "get_language": get_language,
            "text_direction": text_direction,
            f"{_PREFIX}gettext": _tag_gettext,
            f"{_PREFIX}pgettext": _tag_pgettext,
            f"{_PREFIX}ngettext": _tag_ngettext,
            f"{_PREFIX}npgettext": _tag_npgettext,
        }
    )
