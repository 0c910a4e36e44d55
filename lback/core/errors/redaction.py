"""Redaction: what must not be shown of settings, header fields and query strings, even in DEBUG."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lback.core.settings.secret_names import is_credential, is_secret

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

MASK = "********"

_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")
# A shorter one would mask half of the page, and is none.
_SHORTEST_SECRET = 6


class Redactor:
    """Takes the values of secret settings out of text.

    Args:
        config: The settings; which of them are secret, their names tell.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config

    def __call__(self, text: str) -> str:
        """Return the text with each secret value, and each password in a URL, masked."""
        for secret in self._secrets():
            text = text.replace(secret, MASK)
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", text)

    def _secrets(self) -> list[str]:
        # Read anew: a key may have been chosen after the start.
        values = (v for k, v in vars(self._config).items() if k.isupper() and is_secret(k, v))
        items = [item for v in values for item in (v if isinstance(v, list) else [v])]
        texts = {v for v in items if isinstance(v, str) and len(v) >= _SHORTEST_SECRET}
        return sorted(texts, key=len, reverse=True)


def redacted_path(request: "Request") -> str:
    """Return the path of a request, the variables masked whose names tell that they are secret."""
    path = request.path
    for name, value in request.path_params.items():
        if is_credential(name):
            path = path.replace(str(value), MASK)
    return path


def redacted_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return header fields with the values masked that let somebody in."""
    return dict(redacted_pairs(fields.items()))


def redacted_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return names and values, the values masked where the name tells that they are secret."""
    return [(name, MASK if is_credential(name) else value) for name, value in pairs]
