"""Addresses of stored files on the site: plain for public files, signed for private ones."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lback.core.exceptions import ConfigurationError, Forbidden

if TYPE_CHECKING:
    from lback.core.config import Config

ROUTE = "stored-file"
_PURPOSE = "lback.storage"
_WEEK = 604_800
_ROUND = 60  # seconds; addresses made within them are equal, so that browsers can cache


class FileLinks:
    """Makes and checks the addresses of files that the site itself serves.

    Args:
        config: The settings; `MEDIA_URL` is read.
        services: Services by name, of which `router` and `token_signer` are used.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self,
        config: "Config",
        services: Mapping[str, Any],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._services = services
        self._clock = clock

    def url(self, storage: str, name: str, seconds: int | None) -> str:
        """Return the address of a file.

        Args:
            storage: Name of its storage.
            name: Name of the file.
            seconds: How long the address is valid; None for a public file.

        Raises:
            ConfigurationError: `MEDIA_URL` is empty, and `lback.storage.urls` is not included.
        """
        address = self._base(storage, name)
        if seconds is None:
            return address
        until = int(self._clock()) + seconds
        until += -until % min(_ROUND, seconds)
        token = self._services["token_signer"].sign(_PURPOSE, [storage, name, until])
        return f"{address}?token={token}"

    def _base(self, storage: str, name: str) -> str:
        if self._config.MEDIA_URL:
            return f"{self._config.MEDIA_URL}{storage}/{quote(name)}"
        try:
            address: str = self._services["router"].reverse(ROUTE, storage=storage, name=name)
        except ValueError as error:
            raise ConfigurationError(
                f"the file {name!r} has no address: add "
                'include("lback.storage.urls", "/media/") to urlpatterns, or set MEDIA_URL'
            ) from error
        return address

    def check(self, storage: str, name: str, token: str) -> None:
        """Check the token of an address.

        Args:
            storage: Name of the storage in the address.
            name: Name of the file in the address.
            token: The token; empty if there is none.

        Raises:
            Forbidden: The token is missing, altered, of another file, or has expired.
        """
        data = self._services["token_signer"].read(_PURPOSE, token, _WEEK + _ROUND)
        if not isinstance(data, list) or len(data) != 3 or data[:2] != [storage, name]:
            raise Forbidden("This link is not valid.")
        if self._clock() > data[2]:
            raise Forbidden("This link has expired. Request a new one.")
