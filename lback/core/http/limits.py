"""Maximum sizes of the parts of a request."""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from lback.core.config import Config


class Limits(NamedTuple):
    """The limits of an application, in bytes or fields, from the `MAX_…` settings."""

    body_size: int = 10 * 1024 * 1024
    url_size: int = 8192
    cookie_size: int = 8192
    query_params: int = 1000

    @classmethod
    def of(cls, config: "Config") -> "Limits":
        """Read the limits from the settings."""
        return cls(
            config.MAX_REQUEST_BODY_SIZE,
            config.MAX_URL_SIZE,
            config.MAX_COOKIE_SIZE,
            config.MAX_QUERY_PARAMS,
        )


DEFAULT_LIMITS: Final = Limits()
