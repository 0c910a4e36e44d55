"""The messages of a language for JavaScript: a script that defines `gettext` and its relatives."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lback.core.exceptions import NotFound
from lback.core.http.conditional import precondition_status
from lback.core.response import Response
from lback.translation import CONTEXT_SEPARATOR

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.i18n.catalogues import Languages

SUFFIXES = (".js", ".mjs")
# What gettext allows in the expression of plural forms, which JavaScript computes alike.
_EXPRESSION = re.compile(r"[n0-9\s?:!=<>&|%()*/+-]+")
_DEFAULT_PLURAL = "(n != 1)"


def message_script(request: "Request", languages: "Languages", code: str) -> Response:
    """Send the messages of a language that JavaScript uses, as a script for all pages.

    Args:
        request: The request; `If-None-Match` is answered with 304.
        languages: The languages of the application.
        code: Tag of the language.

    Raises:
        NotFound: The application does not have the language.
    """
    if code not in languages.codes:
        raise NotFound
    body, etag = _script(languages, code)
    headers = {
        "ETag": etag,
        "Cache-Control": "public, max-age=300",
        "Content-Language": code,
        "X-Content-Type-Options": "nosniff",
    }
    status = precondition_status(request.environ, etag, None)
    if status is not None:
        return Response(None, status, headers)
    return Response(body, 200, headers, "text/javascript")


def _script(languages: "Languages", code: str) -> tuple[bytes, str]:
    stamps = tuple((p, p.stat().st_mtime_ns) for p in languages.sources(code) if p.is_file())
    found = languages.scripts.get(code)
    if found is None or found[0] != stamps:
        body = script_of([path for path, _ in stamps], code).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        found = languages.scripts[code] = (stamps, body, etag)
    return found[1], found[2]


def script_of(sources: list[Path], code: str) -> str:
    """Return the script for catalogues, later ones before earlier ones.

    Args:
        sources: Paths of `.po` files.
        code: Tag of the language.
    """
    messages: dict[str, Any] = {}
    plural = _DEFAULT_PLURAL
    for path in sources:
        from lback.i18n.po_files import parse_source  # it needs the extra

        catalogue = parse_source(path)
        found = _messages(catalogue)
        if found:
            messages |= found
            plural = catalogue.plural_expr
    if not _EXPRESSION.fullmatch(plural):
        plural = _DEFAULT_PLURAL
    data = json.dumps({"language": code, "messages": messages}, ensure_ascii=True, sort_keys=True)
    return _TEMPLATE.replace("PLURAL", plural).replace("DATA", data.replace("</", "<\\/"))


def _messages(catalogue: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for message in catalogue:
        is_used = any(name.endswith(SUFFIXES) for name, _ in message.locations)
        if not (message.id and is_used) or message.fuzzy or not message.string:
            continue
        plural = isinstance(message.id, (list, tuple))
        texts = list(message.string) if plural else message.string
        key = message.id[0] if plural else message.id
        if not plural or all(texts):
            found[f"{message.context}{CONTEXT_SEPARATOR}{key}" if message.context else key] = texts
    return found


_TEMPLATE = """\
(function () {
  "use strict";
  var catalogue = DATA;
  function choose(n) { return Number(PLURAL); }
  function filled(text, values) {
    if (!values) { return text; }
    return text.replace(/%\\((\\w+)\\)s|%%/g, function (all, name) {
      return name === undefined ? "%" : String(values[name]);
    });
  }
  function found(key) {
    return Object.prototype.hasOwnProperty.call(catalogue.messages, key)
      ? catalogue.messages[key] : undefined;
  }
  function one(key, message, values) {
    var text = found(key);
    return filled(typeof text === "string" ? text : message, values);
  }
  function many(key, singular, plural, num, values) {
    var forms = found(key);
    var text = Array.isArray(forms) ? forms[choose(num)] : (num === 1 ? singular : plural);
    return filled(text, Object.assign({ num: num }, values));
  }
  globalThis.gettext = function (message, values) { return one(message, message, values); };
  globalThis.pgettext = function (context, message, values) {
    return one(context + "\\u0004" + message, message, values);
  };
  globalThis.ngettext = function (singular, plural, num, values) {
    return many(singular, singular, plural, num, values);
  };
  globalThis.npgettext = function (context, singular, plural, num, values) {
    return many(context + "\\u0004" + singular, singular, plural, num, values);
  };
})();
"""
