"""The view of stored files: public ones for everyone, private ones by signed addresses."""

from urllib.parse import urlsplit

from lback.core.config import Config
from lback.core.exceptions import NotFound
from lback.core.request import Request
from lback.storage.exceptions import InvalidFileName
from lback.storage.named import Storages
from lback.storage.names import clean_name, is_unguessable
from lback.storage.serving import StoredFileResponse

_YEAR = 31_536_000
_MINUTE = 60


def send_file(
    request: Request, storage: str, name: str, storages: Storages, config: Config
) -> StoredFileResponse:
    """Send a file of a public storage, or one whose address is signed and has not expired.

    Args:
        request: The current request.
        storage: Name of the storage.
        name: Name of the file.
        storages: The storages of the application.
        config: The settings; `MEDIA_URL` is read.

    Raises:
        NotFound: The storage or file does not exist, or files are served on another host.
        Forbidden: The token is missing or altered, or has expired.
        StorageUnavailable: The server of the storage does not answer.
    """
    _check_host(request, config.MEDIA_URL)
    try:
        is_clean = clean_name(name) == name
    except InvalidFileName as error:
        raise NotFound from error
    if storage not in storages or not is_clean:
        raise NotFound
    found = storages[storage]
    if found.public:
        age = _YEAR if is_unguessable(name) else _MINUTE
        return StoredFileResponse(found, name, max_age=age, public=True)
    if storages.links is None:
        raise NotFound
    storages.links.check(storage, name, request.query_params.get("token", ""))
    return StoredFileResponse(found, name)


def _check_host(request: Request, media_url: str) -> None:
    """Refuse the host of the site if files have one of their own, so that cookies stay apart."""
    wanted = urlsplit(media_url).netloc
    if wanted and request.get_host.lower() != wanted.lower():
        raise NotFound
