"""Validators of security settings: a mistake stops the start and does not weaken a header."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lback.core.exceptions import known_names
from lback.core.http.origins import listed_origin

# Content Security Policy Level 3, without what is obsolete.
CSP_DIRECTIVES = (
    "default-src", "script-src", "script-src-elem", "script-src-attr", "style-src",
    "style-src-elem", "style-src-attr", "img-src", "font-src", "connect-src", "media-src",
    "object-src", "frame-src", "child-src", "worker-src", "manifest-src", "base-uri",
    "form-action", "frame-ancestors", "sandbox", "report-to", "report-uri",
    "require-trusted-types-for", "trusted-types", "upgrade-insecure-requests",
)  # fmt: skip
_CSP_KEYWORDS = frozenset(
    {"self", "none", "unsafe-inline", "unsafe-eval", "unsafe-hashes", "strict-dynamic",
     "report-sample", "wasm-unsafe-eval"}
)  # fmt: skip
_CSP_SOURCE = re.compile(r"[!-+\--:<-~]+")  # visible ASCII without comma and semicolon

# Allowed values by header field; an empty tuple allows any.
SECURITY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("DENY", "SAMEORIGIN"),
    "Referrer-Policy": (
        "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin",
        "same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url",
    ),
    "Cross-Origin-Opener-Policy": (
        "same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none",
    ),
    "Cross-Origin-Resource-Policy": ("same-origin", "same-site", "cross-origin"),
    "Cross-Origin-Embedder-Policy": ("require-corp", "credentialless", "unsafe-none"),
    "Permissions-Policy": (),
}  # fmt: skip

_RATE = re.compile(
    r"[1-9][0-9]{0,8} *(?:/| per ) *(?:[1-9][0-9]{0,4} *)?(?:second|minute|hour|day|month|year)s?",
    re.IGNORECASE,
)


def check_rate(text: str) -> str:
    """Return a rate limit, such as "5 per minute" or "100/15 minutes", if it is valid.

    Raises:
        ValueError: The text is not a rate limit.

    Example:
        >>> check_rate(" 5 per minute ")
        '5 per minute'
    """
    if not _RATE.fullmatch(text.strip()):
        raise ValueError(
            f"{text!r} is not a rate; write it like '5 per minute', '100/hour' or "
            "'20 per 15 minutes'"
        )
    return text.strip()


def _rates(value: list[object]) -> None:
    for rate in _texts(value):
        check_rate(rate)


def _texts(value: list[Any]) -> list[str]:
    if not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return value


def _origins(value: list[object]) -> None:
    for origin in _texts(value):
        if listed_origin(origin) is None:
            raise ValueError(
                f"{origin!r} is not an origin; write scheme and host, such as "
                "https://app.example.com, with the port unless it is the default, without a path; "
                "https://*.example.com is every subdomain"
            )


def _origins_or_star(value: list[object]) -> None:
    _origins([origin for origin in _texts(value) if origin != "*"])


def _not_negative(value: int) -> None:
    if value < 0:
        raise ValueError("must be 0 or more")


def _policy(value: dict[str, object]) -> None:
    for directive, sources in value.items():
        if directive not in CSP_DIRECTIVES:
            rule = known_names(str(directive), CSP_DIRECTIVES)
            raise ValueError(f"the directive {directive!r} {rule}")
        for source in sources_of(sources):
            _check_source(directive, source)


def sources_of(value: object) -> list[str]:
    """Return the sources of a directive: a text with spaces, a list, or `None` for none.

    Raises:
        ValueError: It is something else.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return value.split()
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    raise ValueError(
        "a directive is a text, a list of texts, or None to leave it out of the policy; "
        f"{type(value).__name__} is none of these"
    )


def _check_source(directive: str, source: str) -> None:
    if source.lower() in _CSP_KEYWORDS:
        raise ValueError(f"{source} in {directive} needs quotes of its own: \"'{source}'\"")
    if not _CSP_SOURCE.fullmatch(source):
        raise ValueError(
            f"{source!r} in {directive} is not a source: visible ASCII without spaces, ',' and ';'"
        )


def _fields(value: dict[str, object]) -> None:
    for name, text in value.items():
        if name not in SECURITY_FIELDS:
            rule = known_names(str(name), SECURITY_FIELDS)
            raise ValueError(f"the header field {name!r} {rule}")
        if text is not None:
            _check_field(name, text, SECURITY_FIELDS[name])


def _check_field(name: str, text: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(text, str) or not text.strip() or not (text.isascii() and text.isprintable()):
        raise ValueError(f"{name} must be text in visible ASCII, or None to leave the field out")
    wrong = [part.strip() for part in text.split(",") if part.strip() not in allowed]
    if allowed and wrong:
        raise ValueError(f"{wrong[0]!r} in {name} {known_names(wrong[0], allowed)}")


SECURITY_VALIDATORS: Mapping[str, Callable[[Any], None]] = {
    "CSRF_TRUSTED_ORIGINS": _origins,
    "CONTENT_SECURITY_POLICY": _policy,
    "SECURITY_HEADERS": _fields,
    "HSTS_SECONDS": _not_negative,
    "CORS_ORIGINS": _origins_or_star,
    "REALTIME_ORIGINS": _origins_or_star,
    "RATE_LIMITS": _rates,
}
