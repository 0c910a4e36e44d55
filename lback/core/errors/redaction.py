"""Masks secrets in settings, header fields and query strings, also while DEBUG is on."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lback.core.settings.secret_names import is_credential, is_secret

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

MASK = "********"

_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@")
# Masking shorter values would mask unrelated text of the page.
_SHORTEST_SECRET = 6


class Redactor:
    """Masks the values of secret settings in text.

    Args:
        config: The settings; their names decide which of them are secret.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config

    def __call__(self, text: str) -> str:
        """Return the text with each secret value, and each password in a URL, masked."""
        for secret in self._secrets():
            text = text.replace(secret, MASK)
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", text)

    def _secrets(self) -> list[str]:
        # Read each time: a key may have been generated after the start.
        values = (v for k, v in vars(self._config).items() if k.isupper() and is_secret(k, v))
        items = [item for v in values for item in (v if isinstance(v, list) else [v])]
        texts = {v for v in items if isinstance(v, str) and len(v) >= _SHORTEST_SECRET}
        return sorted(texts, key=len, reverse=True)


def redacted_path(request: "Request") -> str:
    """Return the path of a request, with path variables of secret names masked."""
    path = request.path
    for name, value in request.path_params.items():
        if is_credential(name):
            path = path.replace(str(value), MASK)
    return path


def redacted_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return header fields, with credentials masked.

    Example:
        >>> redacted_fields({"Accept": "*/*", "Authorization": "Bearer abc"})
        {'Accept': '*/*', 'Authorization': '********'}
    """
    return dict(redacted_pairs(fields.items()))


def redacted_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return names and values, with values of secret names masked."""
    return [(name, MASK if is_credential(name) else value) for name, value in pairs]
